"""What a human is shown with a question, in words: the same on every channel, bounded, without log lines."""

from datetime import datetime

from schemas.approvals import Brief
from schemas.judgements import Evidence, Verdict
from schemas.orders import Command, Decision
from schemas.outward_words import outward_sentence
from schemas.releases import Release

_MOST_LINES = 5
_LONGEST_LINE = 400


def brief_of(
    decision: Decision,
    command: Command,
    expires_at: datetime | None,
    release: Release | None = None,
    verdict: Verdict | None = None,
) -> Brief:
    """Return what a human is shown before they answer.

    Args:
        decision: What waits.
        command: What approval would order.
        expires_at: When the question ends; None for never.
        release: The release that it is about; None for a step of a playbook.
        verdict: The judge's newest word on it; None where a failure led here.
    """
    evidence = sorted(verdict.evidence, key=_weight) if verdict else []
    return Brief(
        what=_line(_what(decision, command)),
        against=_line(
            evidence[0].comparison if evidence else "nothing: it follows from what was seen to fail"
        ),
        certainty=_line(_certainty(decision, verdict)),
        if_nothing=_line(_if_nothing(decision, expires_at)),
        suspects=tuple(
            _line(f"{suspect.release} (score {suspect.score:.3g}): {suspect.why}")
            for suspect in decision.suspects[:_MOST_LINES]
        ),
        signals=_signals(decision, release, verdict, evidence),
    )


def _weight(evidence: Evidence) -> tuple[bool, float, str, str]:
    return (not evidence.convicts, -evidence.log_e, evidence.signal, evidence.edge)


def _what(decision: Decision, command: Command) -> str:
    to = f" to template {command.template}" if command.template else ""
    rehearsal = "rehearse: " if command.is_rehearsal else ""
    order = command.kind.replace("_", " ")
    where = f"{command.target.kind} {command.target.key}"
    return f"{rehearsal}{order} {decision.service} {decision.version} in {decision.environment}: {where}{to}"


def _certainty(decision: Decision, verdict: Verdict | None) -> str:
    if verdict is None:
        return f"it was seen, and is no test's result: {decision.why}"
    if verdict.confidence <= 0.0:
        return f"judged {verdict.kind} at {verdict.at:%H:%M:%S} UTC"
    return (
        f"judged {verdict.kind} with confidence {verdict.confidence:.4f}; of releases without fault at most "
        f"{100 * verdict.alpha:g} % are judged so"
    )


def _if_nothing(decision: Decision, expires_at: datetime | None) -> str:
    by = f" by {expires_at:%Y-%m-%d %H:%M:%S} UTC" if expires_at else ""
    return (
        f"without an answer{by} nothing is changed and {decision.service} {decision.version} stays as it is"
    )


def _signals(
    decision: Decision, release: Release | None, verdict: Verdict | None, evidence: list[Evidence]
) -> tuple[str, ...]:
    lines = [outward_sentence(one) for one in evidence if one.text][:_MOST_LINES]
    if not lines:
        lines = [decision.why if verdict is None else f"the verdict is {verdict.kind}"]
    if verdict and verdict.first_bad_at and release:
        since = (verdict.first_bad_at - release.started_at).total_seconds()
        lines.append(f"bad from {verdict.first_bad_at:%H:%M:%S} UTC on, {since:.0f} s after the deploy event")
    return tuple(_line(line) for line in lines)


def _line(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST_LINE else plain[: _LONGEST_LINE - 1] + "…"
