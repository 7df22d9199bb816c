"""What the gateway answers about releases and holds: forms of `/v1`, to which fields may only be added."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime

from schemas.cloudevents import read_instant
from schemas.orders import CommandKind, Held, OutcomeKind, Playbook
from schemas.releases import Target
from streams.release_board import KnownRelease
from streams.release_verdicts import OpenHold, ReleaseVerdict, Standing, open_hold

LONGEST_PAGE = 200
"""Releases in one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSummary:
    """One release in a list.

    Attributes:
        release: Its id.
        started_at: When its deploy event says it began.
        verdict: What is held of it; inconclusive before the first verdict.
        is_final: The watch is over.
        confidence: For harmful, in [0, 1); else 0.
        decision: The playbook that was chosen last; "" for none.
        open_holds: How many questions about it wait for a human.
        outcome: How the last order for it ended; "" for none.
    """

    release: str
    environment: str
    service: str
    version: str
    started_at: AwareDatetime
    template: str
    commit: str
    is_rollback: bool
    verdict: Standing
    is_final: bool
    confidence: float
    decision: str
    open_holds: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePage:
    """Releases, newest first.

    Attributes:
        next: What `before` has to be for the page behind this one; "" at the end.
    """

    releases: tuple[ReleaseSummary, ...]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTold:
    """What was decided about a release, and why.

    Attributes:
        alternatives: What else was considered and why not.
        rule: Which line of the policy decided.
        needs_approval: A human must agree before anything changes.
        denied_by: What stood in the way of carrying it out; "" for nothing.
        denied_because: The same as a sentence.
    """

    id: str
    playbook: Playbook
    at: AwareDatetime
    why: str
    rule: str
    needs_approval: bool
    alternatives: tuple[str, ...]
    denied_by: str
    denied_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTold:
    """What was done about a release, as it was read back.

    Attributes:
        detail: One sentence: what was changed, or what stood in the way.
    """

    command: str
    what: CommandKind
    how: OutcomeKind
    target: Target
    at: AwareDatetime
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTold:
    """All that the gateway knows of one release.

    Attributes:
        decision: The newest; None before the first.
        holds: Questions about it that wait for a human, oldest first.
        outcomes: What was done, oldest first; the last 20.
    """

    release: str
    environment: str
    service: str
    version: str
    started_at: AwareDatetime
    template: str
    rollback_template: str
    target: Target | None
    commit: str
    chain: str
    is_rollback: bool
    one_way: str
    verdict: ReleaseVerdict
    decision: DecisionTold | None
    holds: tuple[OpenHold, ...]
    outcomes: tuple[OutcomeTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldList:
    """What waits for a human, oldest first."""

    holds: tuple[OpenHold, ...]


def summary(known: KnownRelease, holds: list[Held]) -> ReleaseSummary:
    """Return a release as a list shows it.

    Args:
        known: The release.
        holds: What waits for a human about it.
    """
    release, verdict, decision = known.release, known.verdict, known.decision
    return ReleaseSummary(
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        started_at=release.started_at,
        template=release.template,
        commit=release.commit,
        is_rollback=release.is_rollback,
        verdict=Standing.INCONCLUSIVE if verdict is None else Standing(verdict.kind.value),
        is_final=verdict is not None and verdict.is_final,
        confidence=0.0 if verdict is None else verdict.confidence,
        decision="" if decision is None else decision.playbook.value,
        open_holds=len(holds),
        outcome=known.outcomes[-1].kind.value if known.outcomes else "",
    )


def told(known: KnownRelease, verdict: ReleaseVerdict, holds: list[Held]) -> ReleaseTold:
    """Return all that is known of a release.

    Args:
        known: The release.
        verdict: What is held of it.
        holds: What waits for a human about it.
    """
    release = known.release
    return ReleaseTold(
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        started_at=release.started_at,
        template=release.template,
        rollback_template=release.rollback_template,
        target=release.target,
        commit=release.commit,
        chain=release.chain,
        is_rollback=release.is_rollback,
        one_way=release.one_way,
        verdict=verdict,
        decision=_decision(known),
        holds=tuple(open_hold(hold) for hold in holds),
        outcomes=tuple(
            OutcomeTold(
                command=one.command,
                what=one.command_kind,
                how=one.kind,
                target=one.target,
                at=one.at,
                detail=one.detail,
            )
            for one in known.outcomes
        ),
    )


def _decision(known: KnownRelease) -> DecisionTold | None:
    said = known.decision
    if said is None:
        return None
    denied = known.denied if known.denied is not None and known.denied.decision == said.id else None
    return DecisionTold(
        id=said.id,
        playbook=said.playbook,
        at=said.at,
        why=said.why,
        rule=said.rule,
        needs_approval=said.needs_approval,
        alternatives=said.alternatives,
        denied_by="" if denied is None else denied.guard.value,
        denied_because="" if denied is None else denied.reason,
    )


def cursor(known: KnownRelease) -> str:
    """Return what `before` has to be for what stands behind a release."""
    instant = known.release.started_at.isoformat().replace("+00:00", "Z")
    return f"{instant}~{known.release.id}"


def read_cursor(text: str) -> tuple[datetime, str] | None:
    """Return the instant and the id that a page begins behind; None for the first page.

    Raises:
        SchemaError: it is neither an instant nor the `next` of an answer.

    >>> read_cursor("2026-11-20T14:00:00Z")
    (datetime.datetime(2026, 11, 20, 14, 0, tzinfo=datetime.timezone.utc), '')
    """
    if not text:
        return None
    instant, _, release = text.partition("~")
    return (read_instant("before", instant), release)
