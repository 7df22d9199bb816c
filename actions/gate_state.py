"""What the gate of one environment remembers: plain data that a snapshot holds and restores exactly."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from schemas.keys import CommandId, EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import Answer
from schemas.orders import CommandKind, Held, Playbook
from schemas.releases import Target
from schemas.verbs import PausedSync

KEEP = timedelta(days=7)
"""How long the gate remembers what is over. Shorter forgets rollbacks that must not be rolled back."""


@dataclass(slots=True, kw_only=True)
class OpenHold:
    """A hold that nobody has answered.

    Attributes:
        playbook: What approval would carry out.
        command_life_s: Seconds that the command lives from its approval on.
        recovery_s: Seconds after that within which its outcome is due.
        approved_by: Who agreed so far, as name to "name via channel", where more than one must.
        handed_to: Who was asked in somebody's place.
        is_escalated: More people are asked by now.
    """

    held: Held
    playbook: Playbook
    command_life_s: float
    recovery_s: float
    approved_by: dict[str, str] = field(default_factory=dict)
    handed_to: list[str] = field(default_factory=list)
    is_escalated: bool = False


@dataclass(slots=True, kw_only=True)
class ClosedHold:
    """A hold that is over, kept to tell a late answer what became of it.

    Attributes:
        end: What became of it, in words.
        by: Who ended it; "" when nobody did.
        answer: The answer that ended it; None when no answer did.
    """

    service: ServiceName
    release: ReleaseId
    end: str
    at: AwareDatetime
    by: str = ""
    answer: Answer | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """A command that was issued.

    Attributes:
        due_at: Without an outcome by then a human is paged.
        is_reported: Its outcome came in.
        is_cooling: It counts for the cooldown: under way, or done; not when it failed.
        changed_at: When it was issued, or later, when its outcome came in.
        remedy: Name and version of the playbook that it is a step of; "" for none.
        is_rehearsal: It changes nothing, and counts for nothing.
    """

    id: CommandId
    kind: CommandKind
    release: ReleaseId
    service: ServiceName
    template: TemplateHash
    replaced: TemplateHash
    issued_at: AwareDatetime
    due_at: AwareDatetime
    changed_at: AwareDatetime
    is_reported: bool = False
    is_cooling: bool = True
    remedy: str = ""
    is_rehearsal: bool = False


@dataclass(slots=True, kw_only=True)
class Restored:
    """The template that an undo brought back to a service.

    Attributes:
        since: When the undo was issued.
        until: When it was reported done.
    """

    template: TemplateHash
    since: AwareDatetime
    until: AwareDatetime


@dataclass(slots=True, kw_only=True)
class Lease:
    """An owner that was told to leave an undone object alone.

    Attributes:
        paused: What was paused.
        command: The undo that it was paused for.
        length_s: Seconds from one look to the next.
        next_at: When its owner is looked at next.
        asked: How often it was.
        order: The newest order to look; "" before the first.
    """

    paused: PausedSync
    command: CommandId
    release: ReleaseId
    service: ServiceName
    target: Target
    length_s: float
    next_at: AwareDatetime
    asked: int = 0
    order: str = ""


@dataclass(slots=True, kw_only=True)
class GateState:
    """The gate's memory of one environment.

    Attributes:
        frozen_until: No action before; None without a freeze.
        window_until: End of the newest freeze window that was begun: a human may have lifted it since.
        holds: Open holds by id.
        closed: Answered, expired and withdrawn holds by id.
        orders: Commands issued, by id, oldest first.
        settled: Decision id to when its last word was said; it is not said again.
        paged: Page id to when it was sent.
        restored: Service to what our last undo brought back there.
        undone: `service template` to when an undo took that template away.
        remedied: Service to when a playbook for it ended.
        leases: Owners that were paused, by derived id.
        keep_s: Seconds that memory goes back: `KEEP`, or the longest budget window seen.
        swept_at: When memory was last swept.
    """

    environment: EnvironmentName
    is_killed: bool = False
    killed_by: str = ""
    killed_why: str = ""
    frozen_until: AwareDatetime | None = None
    frozen_by: str = ""
    frozen_why: str = ""
    window_until: AwareDatetime | None = None
    holds: dict[str, OpenHold] = field(default_factory=dict)
    closed: dict[str, ClosedHold] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    settled: dict[str, AwareDatetime] = field(default_factory=dict)
    paged: dict[str, AwareDatetime] = field(default_factory=dict)
    restored: dict[str, Restored] = field(default_factory=dict)
    undone: dict[str, AwareDatetime] = field(default_factory=dict)
    remedied: dict[str, AwareDatetime] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    keep_s: float = KEEP.total_seconds()
    swept_at: AwareDatetime | None = None

    def remembers_for(self, window: timedelta) -> None:
        """Make memory go back at least so far."""
        self.keep_s = max(self.keep_s, window.total_seconds())

    def frozen_at(self, now: datetime) -> bool:
        """Return whether a freeze is on."""
        return self.frozen_until is not None and now < self.frozen_until

    def undos_since(self, since: datetime) -> list[Order]:
        """Return the undo commands issued after an instant, oldest first."""
        return [
            order
            for order in self.orders.values()
            if order.kind is CommandKind.UNDO and order.issued_at > since and not order.is_rehearsal
        ]

    def interventions_since(self, since: datetime) -> list[Order]:
        """Return the undos and steps of playbooks that were issued after an instant, oldest first."""
        return [
            order
            for order in self.orders.values()
            if (order.kind is CommandKind.UNDO or order.remedy)
            and order.issued_at > since
            and not order.is_rehearsal
        ]

    def sweep(self, now: datetime) -> None:
        """Forget what is over and older than memory goes back: the state stays bounded."""
        if self.swept_at is not None and now - self.swept_at < timedelta(minutes=10):
            return
        self.swept_at = now
        since = now - timedelta(seconds=self.keep_s)
        self.closed = {key: hold for key, hold in self.closed.items() if hold.at > since}
        self.orders = {key: order for key, order in self.orders.items() if order.changed_at > since}
        self.settled = {key: at for key, at in self.settled.items() if at > since}
        self.paged = {key: at for key, at in self.paged.items() if at > since}
        self.restored = {key: mark for key, mark in self.restored.items() if mark.until > since}
        self.undone = {key: at for key, at in self.undone.items() if at > since}
        self.remedied = {key: at for key, at in self.remedied.items() if at > since}
