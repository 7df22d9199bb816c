"""Why: everything that was said of one release, found by id, by prefix, or by service and version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, TypeVar

from feature_store.kinds import Kind, said_from_body
from feature_store.releases import ReleaseRow, release_row
from feature_store.views import Connection
from schemas.effects import Said
from schemas.errors import SutureError
from schemas.judgements import Verdict
from schemas.keys import ReleaseId
from schemas.observations import LogPosition, VerdictReached
from schemas.topics import Topic

S = TypeVar("S")

_NEAREST = 5
_LISTED = 1_000
"""So many of the newest releases are searched for names like the one that was not found."""


class ReleaseNotFoundError(SutureError):
    """No release goes by that name: names the nearest, so that the asker can choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One effect of a story.

    Attributes:
        at: When, by the time of the log.
        position: Where the observation that caused it stands in the log.
        index: Which of that observation's effects.
    """

    at: datetime
    kind: Kind
    said: Said
    position: LogPosition
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is known of one release.

    Attributes:
        entries: Everything that was said of it, in order of time; never empty.
        others: Other releases that the question fits, newest first.
    """

    row: ReleaseRow
    entries: tuple[Entry, ...]
    others: tuple[ReleaseId, ...] = ()

    @property
    def started_at(self) -> datetime:
        """Return the release's start, or the first thing known when the journal begins later."""
        return self.row.started_at or self.entries[0].at

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Return the verdicts, newest last."""
        return tuple(
            sorted((each.verdict for each in self.of(VerdictReached)), key=lambda each: each.ordinal)
        )

    def of(self, kind: type[S]) -> tuple[S, ...]:
        """Return what was said of one kind, in order of time."""
        return tuple(_of(self.entries, kind))


def _of(entries: Sequence[Entry], kind: type[S]) -> Iterator[S]:
    return (entry.said for entry in entries if isinstance(entry.said, kind))


def why(connection: Connection, question: str) -> Story:
    """Return the story of the release that a question names; of the newest when it fits several.

    Args:
        connection: From `feature_store.views.connect`.
        question: A release id, the beginning of one, `service`, `service version` or
            `environment service version`; `environment/service version` will do, too.

    Raises:
        ReleaseNotFoundError: nothing fits; names the nearest.
        SchemaError: the journal holds a body that its kind does not promise.
    """
    found = _find_any(connection, question)
    row = release_row(connection, found[0])
    if row is None:
        raise AssertionError(f"release {found[0]} was found and has no row")
    return Story(row=row, entries=_entries(connection, found[0]), others=tuple(found[1:]))


def find_release(connection: Connection, question: str) -> ReleaseId:
    """Return the release that a question names, as `why` reads it; the newest when it fits several.

    Raises:
        ReleaseNotFoundError: nothing fits; names the nearest.
    """
    return _find_any(connection, question)[0]


def _find_any(connection: Connection, question: str) -> list[ReleaseId]:
    found = _find(connection, question.strip())
    if not found:
        raise ReleaseNotFoundError(_not_found(connection, question.strip()))
    return found


def _find(connection: Connection, question: str) -> list[ReleaseId]:
    """Return the releases that a question fits, newest first; an exact id fits alone."""
    words = question.replace("/", " ").split()
    if not words or len(words) > 3:
        return []
    environment = words[0] if len(words) == 3 else None
    service = words[1] if len(words) == 3 else words[0]
    version = words[-1] if len(words) > 1 else None
    rows = connection.execute(
        """
        SELECT release, release = $1
        FROM releases
        WHERE starts_with(release, $1)
           OR (service = $3 AND ($2 IS NULL OR environment = $2) AND ($4 IS NULL OR version = $4))
        ORDER BY release = $1 DESC, started_at DESC NULLS LAST, release
        """,
        [question, environment, service, version],
    ).fetchall()
    if rows and rows[0][1]:
        rows = rows[:1]
    return [ReleaseId(release) for release, _ in rows]


def _not_found(connection: Connection, question: str) -> str:
    rows = connection.execute(
        "SELECT release, service, version FROM releases ORDER BY started_at DESC NULLS LAST LIMIT $1",
        [_LISTED],
    ).fetchall()
    if not rows:
        return f"no release matches {question!r}: the journal has none"
    names = {
        name: release for release, service, version in rows for name in (release, f"{service} {version}")
    }
    near = get_close_matches(question, names, n=_NEAREST, cutoff=0.3) or list(names)[:_NEAREST]
    # A release may be near by both of its names.
    nearest = dict.fromkeys(names[name] for name in near)
    return f"no release matches {question!r}, nearest: {', '.join(nearest)}"


def _entries(connection: Connection, release: ReleaseId) -> tuple[Entry, ...]:
    """Return all effects about a release in order of time, with answers to its holds and its failures.

    A failure names no release: those of its service count that were told between its start and an hour
    after the last that was said of it, and not of another version or template. Service and environment
    may both tell one; it is told once.
    """
    rows = connection.execute(
        """
        WITH story AS (
            SELECT min(happened_at) AS first_at, max(happened_at) AS last_at, max(environment) AS environment,
                   max(service) AS service, max(version) AS version,
                   max(template) FILTER (kind = 'release_opened') AS template
            FROM effects
            WHERE release = $1
        ),
        failed AS (
            SELECT min_by(effect_id, (log_partition, log_offset)) AS effect_id, about
            FROM effects, story
            WHERE kind IN ('failure_seen', 'failure_cleared')
              AND effects.environment = story.environment
              AND effects.service = story.service
              AND happened_at BETWEEN first_at AND last_at + INTERVAL 1 HOUR
            GROUP BY kind, id, about
        ),
        other AS (
            SELECT about
            FROM effects, story
            WHERE kind = 'failure_seen'
              AND (nullif(effects.version, '') <> story.version
                   OR nullif(effects.template, '') <> nullif(story.template, ''))
        )
        SELECT happened_at, kind, body, cause_topic, cause_partition, cause_offset, effect_index
        FROM effects
        WHERE release = $1
           OR (kind = 'approval'
               AND about IN (SELECT id FROM effects WHERE kind = 'held' AND release = $1))
           OR effect_id IN (SELECT effect_id FROM failed WHERE about NOT IN (SELECT about FROM other))
        ORDER BY happened_at, kind = 'release_closed', cause_topic = $2, log_partition, log_offset
        """,
        # A service speaks on its own topic, and its environment answers at the same instant on another.
        [release, Topic.ENVIRONMENT_OBSERVATIONS.value],
    ).fetchall()
    return _read(rows)


def entries_about_failure(connection: Connection, failure: str) -> tuple[Entry, ...]:
    """Return all effects about a failure and what was done about it, in order of time."""
    rows = connection.execute(
        """
        SELECT happened_at, kind, body, cause_topic, cause_partition, cause_offset, effect_index
        FROM effects
        WHERE release = $1
           OR (kind IN ('failure_seen', 'failure_cleared') AND about = $1)
           OR (kind = 'approval'
               AND about IN (SELECT id FROM effects WHERE kind = 'held' AND release = $1))
        ORDER BY happened_at, log_partition, log_offset
        """,
        [failure],
    ).fetchall()
    return _read(rows)


def _read(rows: Sequence[tuple[Any, ...]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            at=happened_at.astimezone(UTC),
            kind=Kind(kind),
            said=said_from_body(Kind(kind), body),
            position=LogPosition(topic=topic, partition=partition, offset=offset),
            index=index,
        )
        for happened_at, kind, body, topic, partition, offset, index in rows
    )
