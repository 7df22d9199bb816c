"""What the gateway has heard of each release: its verdict, what was decided, what waits, what was done.

Read from the public topics, whose messages come more than once and, between topics, in any order. Nothing
here is decided: the engine's own state stands behind it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from schemas.approvals import HoldChanged
from schemas.judgements import Verdict
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.observations import ReleaseStarted
from schemas.orders import Command, Decision, Denied, Guard, Held, Outcome
from schemas.releases import Release

MOST_RELEASES = 10_000
"""Releases that are remembered; those that were heard of first are forgotten first."""

MOST_HOLDS = 10_000
_MOST_CHANGES = 100
"""Of one hold; the newest. Only who is not asked can make many."""

_MOST_OUTCOMES = 20
"""Of one release; the newest. A rollback and a playbook's steps are a handful."""

Fact = ReleaseStarted | Verdict | Decision | Held | HoldChanged | Denied | Command | Outcome
"""What a release is known by."""

VersionKey = tuple[EnvironmentName, ServiceName, str]
"""Environment, service and version."""

NOT_AGREED = (Guard.REJECTED, Guard.EXPIRED)
"""How a question ends to which a human did not say yes."""


@dataclass(slots=True, kw_only=True)
class KnownRelease:
    """One release, as far as it is known.

    Attributes:
        release: As its deploy event announced it; what a verdict or decision told where that is not kept.
        answered: Id of the decision that the gate answered last: let through, held or denied.
        denied: The newest denial; None after a later hold or order.
        outcomes: What was done, oldest first.
    """

    release: Release
    verdict: Verdict | None = None
    decision: Decision | None = None
    answered: str = ""
    denied: Denied | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def is_decided(self) -> bool:
        """Return whether it is known what the policy makes of the newest verdict, and whether it asks."""
        if self.verdict is None or self.decision is None or self.decision.verdict != self.verdict.id:
            return False
        # Behind a decision that asks a human follows the question.
        return not self.decision.needs_approval or self.answered == self.decision.id


class ReleaseBoard:
    """Releases and holds, as the public topics tell of them.

    Args:
        most: How many releases are remembered.
        now: The clock that holds are held against: one that is over is not open, told so or not. None waits
            until it is told.
    """

    def __init__(self, most: int = MOST_RELEASES, now: Callable[[], datetime] | None = None) -> None:
        self._most = most
        self._now = now
        self._known: dict[ReleaseId, KnownRelease] = {}
        self._of: dict[tuple[EnvironmentName, ServiceName], dict[ReleaseId, None]] = {}
        self._newest: dict[VersionKey, ReleaseId] = {}
        self._holds: dict[str, Held] = {}
        self._held: dict[ReleaseId, set[str]] = {}
        self._ends: dict[str, str] = {}
        self._changes: dict[str, dict[str, HoldChanged]] = {}

    def learn(self, fact: Fact) -> None:
        """Take in what a topic told; a repeat of all of it, in order, changes nothing."""
        match fact:
            case ReleaseStarted(release=release):
                self._start(release)
            case Verdict():
                known = self._entry(_from(fact, fact.at))
                # Its deploy is not kept any more, or comes later. Where another one of the version is known,
                # this one is not the newest: a deploy is read before what is held of it.
                self._newest.setdefault(version_key(known.release), known.release.id)
                if known.verdict is None or known.verdict.ordinal <= fact.ordinal:
                    # The evidence is most of a verdict, and not asked for here.
                    known.verdict = replace(fact, evidence=())
            case Decision():
                known = self._entry(_from(fact, fact.at))
                if known.decision is None or known.decision.at <= fact.at:
                    known.decision = fact
            case Held():
                self._wait(fact)
            case HoldChanged():
                self._change(fact)
            case Denied():
                self._deny(fact)
            case Command():
                self._order(fact)
            case Outcome():
                self._done(fact)

    def find(self, release: ReleaseId) -> KnownRelease | None:
        """Return what is known of a release; None for nothing."""
        return self._known.get(release)

    def of_version(
        self, environment: EnvironmentName, service: ServiceName, version: str
    ) -> KnownRelease | None:
        """Return the newest deploy of a version; None where none is known.

        A redeploy of a version is another release, about which the verdict of the earlier one says nothing.
        """
        found = self._newest.get((environment, service, version))
        return None if found is None else self._known[found]

    def newest_first(
        self, environment: str = "", service: str = "", before: tuple[datetime, str] | None = None
    ) -> Iterator[KnownRelease]:
        """Yield releases by when they began and, of one instant, by id; newest first.

        Args:
            environment: Only of this one; "" for all.
            service: Only of this one; "" for all.
            before: Instant and id that those returned stand behind; None for all.
        """
        found = [
            self._known[one]
            for (place, name), ids in self._of.items()
            if environment in ("", place) and service in ("", name)
            for one in ids
        ]
        found.sort(key=_place, reverse=True)
        return (known for known in found if before is None or _place(known) < before)

    def newest(self, environment: EnvironmentName, service: ServiceName) -> KnownRelease | None:
        """Return the newest release of a service; None where none is known."""
        ids = self._of.get((environment, service), {})
        return max((self._known[one] for one in ids), key=_place, default=None)

    def services(self) -> Iterator[tuple[EnvironmentName, ServiceName]]:
        """Yield where what was released, in the order of names."""
        return iter(sorted(self._of))

    def holds(self, environment: str = "", service: str = "") -> list[Held]:
        """Return what waits for a human, oldest first."""
        found = [
            hold
            for hold in self._holds.values()
            if self._is_open(hold) and environment in ("", hold.environment) and service in ("", hold.service)
        ]
        return sorted(found, key=lambda hold: (hold.at, hold.id))

    def holds_of(self, release: ReleaseId) -> list[Held]:
        """Return what waits for a human about a release, oldest first."""
        found = [self._holds[hold] for hold in self._held.get(release, ())]
        return sorted((hold for hold in found if self._is_open(hold)), key=lambda hold: (hold.at, hold.id))

    def find_hold(self, hold: str) -> Held | None:
        """Return a question that waits for a human, by its id; None where none does."""
        found = self._holds.get(hold)
        return found if found is not None and self._is_open(found) else None

    def changes_of(self, hold: str) -> tuple[HoldChanged, ...]:
        """Return what changed about a question that waits, in the order of the log; none once it is over."""
        return tuple(self._changes.get(hold, {}).values())

    def _is_open(self, hold: Held) -> bool:
        return hold.expires_at is not None and (self._now is None or self._now() < hold.expires_at)

    def _wait(self, hold: Held) -> None:
        self._answered(hold.release, hold.decision, hold.at)
        if hold.command is None:
            # There is nothing to approve: it was said and is over.
            return
        self._holds[hold.id] = hold
        self._held.setdefault(hold.release, set()).add(hold.id)
        self._ends[_denial_of(hold)] = hold.id
        while len(self._holds) > MOST_HOLDS:
            self._end(next(iter(self._holds)))

    def _change(self, change: HoldChanged) -> None:
        if change.hold not in self._holds:
            return
        if change.change.is_end:
            self._end(change.hold)
            return
        changes = self._changes.setdefault(change.hold, {})
        changes.pop(change.id, None)
        changes[change.id] = change
        if len(changes) > _MOST_CHANGES:
            del changes[next(iter(changes))]

    def _deny(self, denied: Denied) -> None:
        if (ended := self._ends.get(denied.id)) is not None:
            self._end(ended)
        known = self._known.get(denied.release)
        if known is None:
            return
        known.answered = denied.decision
        if known.denied is None or known.denied.at <= denied.at:
            known.denied = denied

    def _order(self, command: Command) -> None:
        for hold in [self._holds[one] for one in sorted(self._held.get(command.release, ()))]:
            if hold.command is not None and hold.command.id == command.id and hold.at <= command.issued_at:
                self._end(hold.id)
        self._answered(command.release, command.decision, command.issued_at)

    def _answered(self, release: ReleaseId, decision: str, at: datetime) -> None:
        """Note that a decision was held or let through, which an earlier denial says nothing about."""
        known = self._known.get(release)
        if known is None:
            return
        known.answered = decision
        if known.denied is not None and known.denied.at <= at:
            known.denied = None

    def _end(self, name: str) -> None:
        hold = self._holds.pop(name)
        self._changes.pop(name, None)
        del self._ends[_denial_of(hold)]
        left = self._held[hold.release]
        left.discard(name)
        if not left:
            del self._held[hold.release]

    def _done(self, outcome: Outcome) -> None:
        known = self._known.get(outcome.release)
        if known is None or any(one.id == outcome.id for one in known.outcomes):
            return
        # A Job's last lines are for who may read the journal.
        known.outcomes.append(replace(outcome, log_tail=()))
        known.outcomes.sort(key=lambda one: (one.at, one.id))
        del known.outcomes[:-_MOST_OUTCOMES]

    def _start(self, release: Release) -> None:
        self._entry(release).release = release
        newest = self._newest.setdefault(version_key(release), release.id)
        if self._known[newest].release.started_at <= release.started_at:
            self._newest[version_key(release)] = release.id

    def _entry(self, release: Release) -> KnownRelease:
        """Return what is known of a release, which from here on is something."""
        known = self._known.get(release.id)
        if known is not None:
            return known
        known = self._known[release.id] = KnownRelease(release=release)
        self._of.setdefault((release.environment, release.service), {})[release.id] = None
        while len(self._known) > self._most:
            self._forget(next(iter(self._known)))
        return known

    def _forget(self, release: ReleaseId) -> None:
        gone = self._known.pop(release).release
        if self._newest.get(version_key(gone)) == release:
            del self._newest[version_key(gone)]
        ids = self._of[gone.environment, gone.service]
        del ids[release]
        if not ids:
            del self._of[gone.environment, gone.service]


def _from(said: Verdict | Decision, at: datetime) -> Release:
    """Return a release as what was said about it names it, where its deploy event is not kept any more."""
    return Release(
        id=said.release,
        environment=said.environment,
        service=said.service,
        version=said.version,
        started_at=at,
    )


def _denial_of(hold: Held) -> str:
    """Return the id of the denial that would end a hold, as the gate derives it."""
    return derived_id("denied", hold.id)


def version_key(release: Release) -> VersionKey:
    """Return what a release is asked for by."""
    return (release.environment, release.service, release.version)


def _place(known: KnownRelease) -> tuple[datetime, str]:
    return (known.release.started_at, known.release.id)
