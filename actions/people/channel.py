"""A channel: somewhere people are asked, told what became of the question, and listened to.

Every method blocks for seconds at most, and may be called again with the same arguments after a failure or
a crash: twice is once, as far as the vendor allows. Each raises TransientActionError where trying again may
help, and PermanentActionError where it cannot.
"""

from dataclasses import dataclass
from typing import Protocol

from pydantic import AwareDatetime

from schemas.approvals import HoldChanged
from schemas.judgements import Recovery
from schemas.keys import EnvironmentName, ServiceName
from schemas.orders import Held, Outcome, Page
from schemas.releases import Release
from schemas.replies import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Where a question stands on a channel.

    Attributes:
        id: The vendor's identity of it, as replies name it: an incident's id, `channel/timestamp`.
        url: Where a human finds it; "" where the vendor gives none.
    """

    id: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Something that was done to a service without a question: what a timeline of changes shows.

    Attributes:
        id: Derived, so that telling it twice is telling it once.
        text: One line.
    """

    id: str
    environment: EnvironmentName
    service: ServiceName
    at: AwareDatetime
    text: str
    url: str = ""


class Channel(Protocol):
    """One vendor."""

    name: str

    def ask(self, held: Held) -> Thread:
        """Put a question to people; return where. Asked again, it finds the question that stands."""

    def change(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Tell what changed about a question that stays open."""

    def end(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Tell that a question is over, and take the means to answer away."""

    def outcome(self, thread: Thread, held: Held, outcome: Outcome | None, recovery: Recovery | None) -> None:
        """Tell what came of what was granted: as soon as the one is known, again when the other is."""

    def poll(self, thread: Thread, held: Held) -> tuple[Reply, ...]:
        """Return the answers that stand there by now, old ones included; none where answers only come in."""

    def notify(self, page: Page) -> None:
        """Call somebody about something that is no question."""

    def started(self, release: Release) -> None:
        """Tell of a release that began, where the vendor keeps a timeline of changes."""

    def done(self, done: Done) -> None:
        """Tell of something that was done, likewise."""
