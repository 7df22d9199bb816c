"""Kinds of releases that a generated journal is made of: what is said of each, with marks for what varies.

Every story is said in the types of the engines, so a row of it is the row that the journal would write; the
marks in it, `@release@` and instants of the year 2001, are replaced in whole columns by `bench.sql_journal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.effects import Effect, Said
from schemas.judgements import Suspicion, Verdict, VerdictKind
from schemas.keys import (
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    TemplateHash,
)
from schemas.observations import LogPosition, OutcomeReported, ReleaseOpened, VerdictReached
from schemas.orders import (
    Command,
    CommandKind,
    Decision,
    Denied,
    Guard,
    Held,
    Outcome,
    OutcomeKind,
    Playbook,
    Suspect,
)
from schemas.releases import Release, Target, TargetKind

_YEAR = datetime(2001, 1, 1, tzinfo=UTC)
STARTED, FIRST_BAD, DECIDED, ORDERED, ENDED = (_YEAR + timedelta(seconds=second) for second in range(1, 6))
"""Marks of instants: start of the release, first bad interval, verdict and decision, order, outcome."""

_RELEASE, _SERVICE, _ENVIRONMENT = (
    ReleaseId("@release@"),
    ServiceName("@service@"),
    EnvironmentName("@environment@"),
)
_OLD, _NEW = TemplateHash("@old@"), TemplateHash("@new@")
_TARGET = Target(kind=TargetKind.DEPLOYMENT, cluster="eu-1", namespace="@environment@", workload="@service@")
_NUMBERS = "@level@ % of @requests@ on 2 canary pods against 0.21 % of 48,000 on 8 stable pods"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One kind of release.

    Attributes:
        share: Of all releases, in (0, 1).
        effects: What the engines say of it, in order.
    """

    share: float
    effects: tuple[Effect, ...]


def stories() -> tuple[Story, ...]:
    """Return all kinds; their shares add up to one, and each has one decision.

    The shares are a guess at a quiet firm: 84 of 100 releases are promoted, 9 are harmful.
    """
    healthy, harmful = VerdictKind.HEALTHY, VerdictKind.HARMFUL
    nodata, unclear = VerdictKind.NODATA, VerdictKind.INCONCLUSIVE
    return (
        _story(0.78, healthy, Playbook.PROMOTE),
        _story(0.04, healthy, Playbook.PROMOTE, held=Guard.APPROVAL),
        _story(0.02, healthy, Playbook.PROMOTE, denied=Guard.FREEZE),
        _story(0.05, harmful, Playbook.ROLLBACK),
        _story(0.02, harmful, Playbook.ROLLBACK, held=Guard.APPROVAL),
        _story(0.005, harmful, Playbook.ROLLBACK, held=Guard.BUDGET),
        _story(0.005, harmful, Playbook.ROLLBACK, denied=Guard.SHADOW),
        _story(0.01, harmful, Playbook.PAGE, held=Guard.AMBIGUOUS_BLAME),
        _story(0.04, unclear, Playbook.PAGE, acts=False),
        _story(0.03, nodata, Playbook.PAGE, acts=False),
    )


def _story(
    share: float,
    verdict: VerdictKind,
    playbook: Playbook,
    *,
    held: Guard | None = None,
    denied: Guard | None = None,
    acts: bool = True,
) -> Story:
    acts = acts and denied is None and held not in (Guard.BUDGET, Guard.AMBIGUOUS_BLAME)
    release = _release()
    said: list[tuple[str, Said]] = [
        ("@environment@/@service@", ReleaseOpened(release=release)),
        ("@environment@/@service@", _verdict(verdict, release)),
        ("@environment@", _decision(verdict, playbook, held or denied)),
    ]
    if held is not None:
        said.append(("@environment@", _held(held)))
    if denied is not None:
        said.append(("@environment@", _denied(denied)))
    if acts:
        said += [("@environment@", one) for one in _action(playbook, approved=held is not None)]
    return Story(share=share, effects=_caused(said))


def _caused(said: Sequence[tuple[str, Said]]) -> tuple[Effect, ...]:
    return tuple(
        Effect(
            key=key,
            cause=LogPosition(
                topic="observations" if "/" in key else "environment-observations", partition=0, offset=place
            ),
            index=0,
            said=one,
        )
        for place, (key, one) in enumerate(said)
    )


def _release() -> Release:
    return Release(
        id=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        version="@version@",
        started_at=STARTED,
        template=_NEW,
        rollback_template=_OLD,
        target=_TARGET,
        commit="@commit@",
        event="ci @run@",
        repository="https://git.example/shop/@service@",
    )


def _verdict(kind: VerdictKind, release: Release) -> VerdictReached:
    is_harm = kind is VerdictKind.HARMFUL
    verdict = Verdict(
        id="@verdict@",
        release=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        version="@version@",
        ordinal=2,
        kind=kind,
        at=DECIDED,
        is_final=not is_harm,
        confidence=0.9999 if is_harm else 0.0,
        alpha=0.01,
        reasons=(f"errors {_NUMBERS}", f"latency {_NUMBERS}"),
        first_bad_at=FIRST_BAD if is_harm else None,
        settings="0f3a9c21d77e",
    )
    suspicion = Suspicion(
        release=_RELEASE, service=_SERVICE, environment=_ENVIRONMENT, at=DECIDED, started_at=STARTED
    )
    return VerdictReached(verdict=verdict, suspicion=suspicion, release=release)


def _decision(verdict: VerdictKind, playbook: Playbook, guard: Guard | None) -> Decision:
    is_harm = verdict is VerdictKind.HARMFUL
    return Decision(
        id=DecisionId("@decision@"),
        release=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        version="@version@",
        verdict="@verdict@",
        playbook=playbook,
        at=DECIDED,
        why=f"{verdict}: errors {_NUMBERS}; @service@: its own pods",
        rule="@environment@/*",
        needs_approval=guard is Guard.APPROVAL,
        confidence=0.9999 if is_harm else 0.0,
        suspects=(Suspect(release=_RELEASE, service=_SERVICE, score=9.3, why="own pods are worse"),)
        if is_harm
        else (),
        alternatives=("ask a human: not needed by @environment@/*", "nothing: not chosen"),
        settings="0f3a9c21d77e",
        verdict_kind=verdict,
        first_bad_at=FIRST_BAD if is_harm else None,
        started_at=STARTED,
        guard=guard,
    )


def _held(guard: Guard) -> Held:
    return Held(
        id="@hold@",
        decision=DecisionId("@decision@"),
        release=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        guard=guard,
        reason=f"{guard}: errors {_NUMBERS}",
        at=DECIDED,
        expires_at=ORDERED,
    )


def _denied(guard: Guard) -> Denied:
    return Denied(
        id="@denial@",
        decision=DecisionId("@decision@"),
        release=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        guard=guard,
        reason=f"{guard}: errors {_NUMBERS}",
        at=DECIDED,
    )


def _action(playbook: Playbook, *, approved: bool) -> tuple[Said, ...]:
    is_undo = playbook is Playbook.ROLLBACK
    kind = CommandKind.UNDO if is_undo else CommandKind.PROMOTE
    after, before = (_OLD, _NEW) if is_undo else (_NEW, _OLD)
    command = Command(
        id=CommandId("@command@"),
        kind=kind,
        decision=DecisionId("@decision@"),
        release=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        target=_TARGET,
        template=after,
        expected_template=before,
        issued_at=ORDERED,
        expires_at=ENDED,
        approved_by="ann via slack" if approved else "",
    )
    outcome = Outcome(
        id="@outcome@",
        command=command.id,
        kind=OutcomeKind.DONE,
        command_kind=kind,
        release=_RELEASE,
        environment=_ENVIRONMENT,
        service=_SERVICE,
        target=_TARGET,
        started_at=ORDERED,
        at=ENDED,
        detail="@environment@/@service@: template @old@ -> @new@",
        template_before=before,
        template_after=after,
    )
    return command, OutcomeReported(outcome=outcome)
