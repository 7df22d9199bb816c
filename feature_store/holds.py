"""Holds as a list: what waits for a human, and what a beginning of an id means."""

from dataclasses import dataclass
from datetime import datetime

from feature_store.views import Connection
from schemas.approvals import HoldChanged
from schemas.codec import from_json
from schemas.orders import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """A decision that waits for an answer.

    Attributes:
        expires_at: No answer by then means no action.
    """

    hold: str
    environment: str
    service: str
    guard: str
    reason: str
    expires_at: datetime


def find_holds(connection: Connection, beginning: str, now: datetime | None = None) -> list[OpenHold]:
    """Return holds that can be answered and were not, oldest first.

    Args:
        connection: From `feature_store.views.connect`.
        beginning: Only holds whose id begins so; "" for all.
        now: Only holds that have not expired by then; None for all.
    """
    rows = connection.execute(
        "SELECT hold, environment, service, guard, reason, expires_at FROM holds "
        "WHERE starts_with(hold, $1) AND expires_at IS NOT NULL AND ended IS NULL "
        "AND ($2 IS NULL OR expires_at > $2) ORDER BY happened_at",
        [beginning, now],
    ).fetchall()
    return [
        OpenHold(
            hold=hold,
            environment=environment,
            service=service,
            guard=guard,
            reason=reason,
            expires_at=expires_at,
        )
        for hold, environment, service, guard, reason, expires_at in rows
    ]


def read_holds(connection: Connection, holds: list[OpenHold]) -> list[tuple[Held, tuple[HoldChanged, ...]]]:
    """Return questions as they were put, each with what changed about it since, in the order of the log.

    Args:
        connection: From `feature_store.views.connect`.
        holds: Which; the answer is in their order.

    Raises:
        SchemaError: the journal's file is of a version that holds other fields.
    """
    told: dict[str, Held] = {}
    changes: dict[str, dict[str, HoldChanged]] = {}
    rows = connection.execute(
        "SELECT kind, body FROM effects WHERE (kind = 'held' AND list_contains($1, id)) "
        "OR (kind = 'hold_changed' AND list_contains($1, about)) "
        "ORDER BY happened_at, cause_offset, effect_index",
        [[hold.hold for hold in holds]],
    ).fetchall()
    for kind, body in rows:
        if kind == "held":
            held = from_json(Held, body)
            told[held.id] = held
        else:
            change = from_json(HoldChanged, body)
            changes.setdefault(change.hold, {})[change.id] = change
    return [
        (told[hold.hold], tuple(changes.get(hold.hold, {}).values())) for hold in holds if hold.hold in told
    ]
