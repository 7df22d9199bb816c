"""Releases as a list: what `suture releases` shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feature_store.views import Connection
from schemas.keys import EnvironmentName, ReleaseId, ServiceName


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """One release with the latest of everything that was said of it.

    The fields are columns of the view `releases`, documented there.
    """

    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    version: str
    started_at: datetime | None
    state: str
    verdict: str | None
    confidence: float | None
    reason: str | None
    playbook: str | None
    guard: str | None
    guard_reason: str | None
    action: str | None
    outcome: str | None
    outcome_detail: str | None
    recovery: str | None
    seconds_to_undo: float | None
    seconds_from_damage_to_undo: float | None
    labels: str | None = None


_SELECT = """
SELECT release, environment, service, version, started_at, state, verdict, confidence, reason, playbook,
       guard, guard_reason, action, outcome, outcome_detail, recovery, seconds_to_undo,
       seconds_from_damage_to_undo,
       (SELECT says || CASE WHEN is_disputed THEN ', disputed' ELSE '' END
        FROM release_labels AS told WHERE told.release = releases.release) AS labels
FROM releases
"""
_NEWEST_FIRST = "ORDER BY started_at DESC NULLS LAST, release"


def list_releases(
    connection: Connection,
    environment: str | None = None,
    service: str | None = None,
    limit: int = 50,
) -> list[ReleaseRow]:
    """Return releases, newest first.

    Args:
        connection: From `feature_store.views.connect`.
        environment: Only of this environment.
        service: Only of this service.
        limit: At most so many; at least 1.

    Raises:
        ValueError: `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}, expected 1 or more")
    rows = connection.execute(
        f"{_SELECT} WHERE ($1 IS NULL OR environment = $1) AND ($2 IS NULL OR service = $2) "
        f"{_NEWEST_FIRST} LIMIT $3",
        [environment, service, limit],
    ).fetchall()
    return [_row(row) for row in rows]


def release_row(connection: Connection, release: ReleaseId) -> ReleaseRow | None:
    """Return one release, or None when the journal does not know it."""
    row = connection.execute(f"{_SELECT} WHERE release = $1", [release]).fetchone()
    return None if row is None else _row(row)


def _row(cells: tuple[Any, ...]) -> ReleaseRow:
    values = dict(zip(ReleaseRow.__slots__, cells, strict=True))
    for name in ("environment", "service", "version"):
        values[name] = values[name] or ""
    return ReleaseRow(**values)
