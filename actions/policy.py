"""From a verdict to a decision: the table that says what is done about what is known."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from actions.playbook_choice import PlaybookChoice
from schemas.failures import Failure
from schemas.judgements import Verdict, VerdictKind
from schemas.keys import decision_id
from schemas.orders import Decision, Playbook, Suspect
from schemas.policy import Autonomy, Rule
from schemas.releases import Release
from schemas.smoke_tests import SmokeTested, Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """A playbook with the words that go with it."""

    playbook: Playbook
    why: str
    needs_approval: bool = False
    alternatives: tuple[str, ...] = ()


def decide(
    *,
    verdict: Verdict,
    release: Release,
    ranking_suspects: tuple[Suspect, ...],
    is_clear: bool,
    ranking_why: str,
    rule_name: str,
    rule: Rule,
    settings: str,
    at: datetime | None = None,
    smoke: SmokeTested | None = None,
) -> Decision:
    """Return what to do about a verdict; the guardrails of `actions.gate` come after it.

    A page that carries suspects is a page about ambiguous blame: the gate holds a rollback for it. The
    id is derived from release, playbook and, for what changes nothing, the kind of verdict: deciding
    twice gives the same id.

    Args:
        verdict: The release's newest verdict.
        release: The release that the verdict is on.
        ranking_suspects: Blame among concurrent releases, most to blame first; empty when none is.
        is_clear: The first suspect stands out from the second; True also for an empty ranking that is
            sure that no release is to blame.
        ranking_why: The ranking in a sentence.
        rule_name: Key of the rule in the policy.
        rule: The rule of this service in this environment.
        settings: Digest of the policy.
        at: When it was decided; the verdict's instant when that is None.
        smoke: The newest smoke test of the release; None while there is none.
    """
    choice = _choose(verdict, release, ranking_suspects, is_clear, ranking_why, rule_name, rule, smoke)
    changes_something = choice.playbook in (Playbook.ROLLBACK, Playbook.PROMOTE)
    name = choice.playbook.value if changes_something else f"{choice.playbook}:{verdict.kind}"
    return Decision(
        id=decision_id(release.id, name),
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        verdict=verdict.id,
        playbook=choice.playbook,
        at=at or verdict.at,
        why=choice.why,
        rule=rule_name,
        needs_approval=choice.needs_approval,
        confidence=verdict.confidence,
        suspects=ranking_suspects if verdict.kind is VerdictKind.HARMFUL else (),
        alternatives=choice.alternatives,
        settings=settings,
        verdict_kind=verdict.kind,
        first_bad_at=verdict.first_bad_at,
        started_at=release.started_at,
    )


def decide_failure(
    failure: Failure,
    choice: PlaybookChoice,
    release: Release,
    rule_name: str,
    rule: Rule,
    settings: str,
    at: datetime,
) -> Decision:
    """Return the decision to take a release back because its own pods fail.

    Its confidence is 0: what was seen is a fact and no test, and how often a release is wrongly blamed for
    such a fact is not known. Who acts is what the policy says of rollbacks and of remedies: both must agree.
    """
    assert choice.playbook is not None, "only what was chosen is decided"
    asked = [
        f"{rule_name} says {what} {autonomy}"
        for what, autonomy in (("rollback", rule.gate.rollback), ("remedy", rule.gate.remedy))
        if autonomy in (Autonomy.ASK, Autonomy.SHADOW)
    ]
    return Decision(
        id=decision_id(release.id, f"{Playbook.ROLLBACK}:{failure.id}"),
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        verdict=failure.id,
        playbook=Playbook.ROLLBACK,
        at=at,
        why=f"the release's own pods fail: {failure.pattern}: {failure.detail or failure.target.key}",
        rule=rule_name,
        needs_approval=bool(asked),
        confidence=0.0,
        alternatives=(
            f"rollback alone: not chosen, {'; '.join(asked)}"
            if asked
            else f"ask a human: not needed by {rule_name}",
            *choice.alternatives,
        ),
        settings=settings,
        remedy=choice.playbook.label,
        failure=failure.id,
        first_bad_at=failure.since,
        started_at=release.started_at,
    )


def decide_smoke(smoke: SmokeTested, release: Release, rule_name: str, rule: Rule, settings: str) -> Decision:
    """Return the decision to take a release back because its smoke test failed, whatever the judge says.

    Its confidence is 0: a test that failed is a fact, and how often it fails for no fault of the release is
    the pipeline's to know.
    """
    asked = (
        f"{rule_name} says rollback {rule.gate.rollback}"
        if rule.gate.rollback in (Autonomy.ASK, Autonomy.SHADOW)
        else ""
    )
    return Decision(
        id=decision_id(release.id, f"{Playbook.ROLLBACK}:smoke"),
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        verdict="",
        playbook=Playbook.ROLLBACK,
        at=smoke.at,
        why=f"the smoke test of {smoke.by} failed{f': {smoke.detail}' if smoke.detail else ''}",
        rule=rule_name,
        needs_approval=asked != "",
        confidence=0.0,
        alternatives=(
            f"rollback alone: not chosen, {asked}" if asked else f"ask a human: not needed by {rule_name}",
            f"wait for the verdict: not chosen, {rule_name} takes either as enough",
        ),
        settings=settings,
        started_at=release.started_at,
    )


def _choose(
    verdict: Verdict,
    release: Release,
    suspects: tuple[Suspect, ...],
    is_clear: bool,
    ranking_why: str,
    rule_name: str,
    rule: Rule,
    smoke: SmokeTested | None,
) -> _Choice:
    reason = verdict.reasons[0]
    match verdict.kind:
        case VerdictKind.HARMFUL:
            return _about_harm(verdict, release, suspects, is_clear, ranking_why, rule_name, rule, smoke)
        case VerdictKind.HEALTHY if verdict.is_final:
            return _promote(verdict, rule_name, rule)
        case VerdictKind.NODATA | VerdictKind.BROKEN if verdict.is_final:
            what = "no data" if verdict.kind is VerdictKind.NODATA else "the instrument is broken"
            return _Choice(
                playbook=Playbook.PAGE,
                why=f"{what}: {reason}",
                alternatives=(
                    f"promote: not chosen, {what} is not a pass",
                    f"rollback: not chosen, {what} is no evidence of harm",
                ),
            )
        case VerdictKind.INCONCLUSIVE if verdict.is_final:
            return _Choice(
                playbook=Playbook.PAGE,
                why=f"not enough evidence when the watch ended: {reason}",
                alternatives=(
                    "promote: not chosen, not enough evidence is not a pass",
                    "rollback: not chosen, nothing was found against it",
                ),
            )
        case VerdictKind.HEALTHY | VerdictKind.INCONCLUSIVE | VerdictKind.NODATA | VerdictKind.BROKEN:
            return _Choice(
                playbook=Playbook.NOTHING,
                why=f"{verdict.kind} so far, the watch goes on: {reason}",
                alternatives=(
                    "promote: not chosen, the watch is not over",
                    "rollback: not chosen, no evidence of harm",
                ),
            )
        case _:
            assert_never(verdict.kind)


def _about_harm(
    verdict: Verdict,
    release: Release,
    suspects: tuple[Suspect, ...],
    is_clear: bool,
    ranking_why: str,
    rule_name: str,
    rule: Rule,
    smoke: SmokeTested | None,
) -> _Choice:
    reason = verdict.reasons[0]
    others = tuple(
        f"blame {suspect.release} (score {suspect.score:.4g}): {suspect.why}"
        for suspect in suspects
        if suspect.release != release.id
    )
    if not is_clear:
        return _Choice(
            playbook=Playbook.PAGE,
            why=f"harmful, but who is to blame is ambiguous: {ranking_why}; {reason}",
            needs_approval=True,
            alternatives=("rollback: held for a human, blame is ambiguous", *others),
        )
    if not suspects:
        return _Choice(
            playbook=Playbook.PAGE,
            why=f"harmful, but no release is to blame: {ranking_why}; {reason}",
            alternatives=("rollback: not chosen, it would not take the damage back",),
        )
    if suspects[0].release != release.id:
        return _Choice(
            playbook=Playbook.NOTHING,
            why=f"damage here is blamed on {suspects[0].release}: {ranking_why}; {reason}",
            alternatives=(f"rollback: not chosen, {suspects[0].release} is to blame", *others),
        )
    asked = _why_ask_before_rollback(verdict.confidence, rule, rule_name, smoke)
    return _Choice(
        playbook=Playbook.ROLLBACK,
        why=f"harmful: {reason}; {ranking_why}",
        needs_approval=asked != "",
        alternatives=(
            f"rollback alone: not chosen, {asked}" if asked else f"ask a human: not needed by {rule_name}",
            "nothing: not chosen, the evidence crossed its threshold",
            *others,
        ),
    )


def _promote(verdict: Verdict, rule_name: str, rule: Rule) -> _Choice:
    asked = _why_ask(rule.gate.promote, 1.0, 0.0, rule_name)
    return _Choice(
        playbook=Playbook.PROMOTE,
        why=f"healthy: {verdict.reasons[0]}",
        needs_approval=asked != "",
        alternatives=(
            f"promote alone: not chosen, {asked}" if asked else f"ask a human: not needed by {rule_name}",
            "rollback: not chosen, no evidence of harm",
        ),
    )


def _why_ask_before_rollback(confidence: float, rule: Rule, rule_name: str, smoke: SmokeTested | None) -> str:
    """Return why a human is needed before a rollback, "" when none is."""
    gate = rule.gate
    if gate.rollback in (Autonomy.ASK, Autonomy.ALONE):
        if gate.stages is Stages.BOTH and (smoke is None or smoke.has_passed):
            test = "no smoke test has spoken" if smoke is None else f"the smoke test of {smoke.by} passed"
            return f"{rule_name} wants the verdict and a failed smoke test, and {test}"
        if gate.approval.clear_harm is not None and confidence >= gate.approval.clear_harm:
            return ""
    return _why_ask(gate.rollback, confidence, gate.min_confidence, rule_name)


def _why_ask(autonomy: Autonomy, confidence: float, min_confidence: float, rule_name: str) -> str:
    """Return why a human is needed, "" when none is."""
    match autonomy:
        case Autonomy.SHADOW:
            return f"{rule_name} is in shadow mode"
        case Autonomy.DRY_RUN:
            return ""
        case Autonomy.ASK:
            return f"{rule_name} asks a human"
        case Autonomy.ALONE:
            if confidence < min_confidence:
                return f"confidence is {confidence:.4f}, {rule_name} acts alone from {min_confidence:g}"
            return ""
        case _:
            assert_never(autonomy)
