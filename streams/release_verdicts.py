"""What is held of each release right now: the newest verdicts, kept for whoever asks over HTTP.

A redeploy of a version is another release: until it is judged, the verdict of the earlier one says
nothing about it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.keys import EnvironmentName, ServiceName
from schemas.observations import ReleaseStarted
from schemas.orders import CommandKind, Guard, Held
from schemas.releases import Target
from streams.release_board import (
    MOST_RELEASES,
    NOT_AGREED,
    Fact,
    KnownRelease,
    ReleaseBoard,
    VersionKey,
)

_NOTHING_YET = ("the watch has begun, nothing is held of it yet",)


class Standing(StrEnum):
    """A verdict's kinds, and `unknown` where no release is known that it could be about."""

    HEALTHY = "healthy"
    HARMFUL = "harmful"
    INCONCLUSIVE = "inconclusive"
    NODATA = "nodata"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """A question that waits for a human.

    Attributes:
        id: What it is answered by.
        guard: What holds.
        at: Since when it waits, in the log's time.
        expires_at: No answer by then means no action.
        command: What approval would order.
        target: What that would change.
        approvers: Whose answers count, as the policy names them; empty for whoever may answer at all.
    """

    id: str
    release: str
    environment: str
    service: str
    guard: Guard
    reason: str
    at: datetime
    expires_at: datetime | None
    command: CommandKind | None
    target: Target | None
    approvers: tuple[str, ...] = ()


def open_hold(held: Held) -> OpenHold:
    """Return a hold as it is told."""
    return OpenHold(
        id=held.id,
        release=held.release,
        environment=held.environment,
        service=held.service,
        guard=held.guard,
        reason=held.reason,
        at=held.at,
        expires_at=held.expires_at,
        command=None if held.command is None else held.command.kind,
        target=None if held.command is None else held.command.target,
        approvers=() if held.asked is None else held.asked.approvers,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVerdict:
    """The answer about one version of one service in one environment.

    Attributes:
        verdict: What is held of it. Before the first verdict of a known release: inconclusive.
        is_final: The watch is over.
        reasons: Sentences, strongest first.
        release: Id of the release; "" when none is known.
        template: Hash of its pod template; "" when the deploy event did not say.
        ordinal: 1 for its first verdict, 0 before.
        confidence: For harmful, in [0, 1); else 0.
        at: Instant of the verdict, in the log's time.
        first_bad_at: Start of the first interval that counts against it, for harmful.
        is_decided: What the policy makes of this verdict is known, and whether a human is asked.
        holds: Questions about the release that wait for a human, oldest first.
        refusal: Why a human did not agree to the last of them; "" where none was refused or went unanswered.
    """

    verdict: Standing
    is_final: bool
    reasons: tuple[str, ...]
    environment: str
    service: str
    version: str
    release: str = ""
    template: str = ""
    ordinal: int = 0
    confidence: float = 0.0
    at: datetime | None = None
    first_bad_at: datetime | None = None
    is_decided: bool = False
    holds: tuple[OpenHold, ...] = ()
    refusal: str = ""

    @property
    def is_settled(self) -> bool:
        """Return whether nothing is gained by waiting: it is harmful, or its watch is over."""
        return self.is_final or self.verdict is Standing.HARMFUL


class ReleaseVerdicts:
    """What is held of the newest release of each version.

    Args:
        most: How many releases are remembered.
        board: What is known of every release; none makes its own.
    """

    def __init__(self, most: int = MOST_RELEASES, board: ReleaseBoard | None = None) -> None:
        self.board = board or ReleaseBoard(most)
        self._is_current = False
        self._listener: Callable[[VersionKey | None], None] | None = None

    @property
    def is_current(self) -> bool:
        """Return whether everything that stands in the log was learned; what is behind answers `unknown`."""
        return self._is_current

    @is_current.setter
    def is_current(self, is_current: bool) -> None:
        is_news = is_current != self._is_current
        self._is_current = is_current
        if is_news and self._listener is not None:
            self._listener(None)

    def tell(self, listener: Callable[[VersionKey | None], None]) -> None:
        """Call the listener with the version whose answer may have changed, with None when all may have."""
        self._listener = listener

    def learn(self, fact: Fact) -> None:
        """Take in what a topic told; a repeat changes nothing."""
        self.board.learn(fact)
        known = self.board.find(fact.release.id if isinstance(fact, ReleaseStarted) else fact.release)
        if self._listener is not None and known is not None:
            release = known.release
            self._listener((release.environment, release.service, release.version))

    def answer(
        self, environment: EnvironmentName, service: ServiceName, version: str, template: str = ""
    ) -> ReleaseVerdict:
        """Return what is held of a version.

        Args:
            environment: Where.
            service: Of what.
            version: Which.
            template: Hash of the pod template that is asked about; "" for any.
        """
        known = self.board.of_version(environment, service, version)
        because = ""
        if not self.is_current:
            because = "verdicts cannot be read at the moment"
        elif known is None:
            because = "no deploy of this version to this environment is known"
        elif template and known.release.template and template != known.release.template:
            because = (
                f"the newest deploy of this version that is known is of template {known.release.template}"
            )
        if because or known is None:
            return unknown(environment, service, version, because)
        return self.standing(known)

    def standing(self, known: KnownRelease) -> ReleaseVerdict:
        """Return what is held of one release."""
        release, verdict, denied = known.release, known.verdict, known.denied
        return ReleaseVerdict(
            verdict=Standing.INCONCLUSIVE if verdict is None else Standing(verdict.kind.value),
            is_final=verdict is not None and verdict.is_final,
            reasons=_NOTHING_YET if verdict is None else verdict.reasons,
            environment=release.environment,
            service=release.service,
            version=release.version,
            release=release.id,
            template=release.template,
            ordinal=0 if verdict is None else verdict.ordinal,
            confidence=0.0 if verdict is None else verdict.confidence,
            at=None if verdict is None else verdict.at,
            first_bad_at=None if verdict is None else verdict.first_bad_at,
            is_decided=known.is_decided,
            holds=tuple(open_hold(hold) for hold in self.board.holds_of(release.id)),
            refusal=denied.reason if denied is not None and denied.guard in NOT_AGREED else "",
        )


def unknown(environment: str, service: str, version: str, because: str) -> ReleaseVerdict:
    """Return the answer about a version of which no release is known that it could be about."""
    return ReleaseVerdict(
        verdict=Standing.UNKNOWN,
        is_final=False,
        reasons=(because,),
        environment=environment,
        service=service,
        version=version,
    )
