"""One training: the journal read as it stood at an instant, and what it teaches."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from feature_store.lessons import Lesson
from feature_store.lessons_read import read_lessons
from feature_store.registry import Registry, read_registry
from feature_store.training import Learnt, learn
from feature_store.views import Connection
from schemas.policy import Policy

SINCE = timedelta(days=90)
"""How far back releases are learnt from: services change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a training saw and what came of it.

    Attributes:
        as_of: Nothing that was known later had a say.
        learnt: None where there was nothing to learn from.
    """

    as_of: datetime
    lessons: tuple[Lesson, ...]
    registry: Registry
    learnt: Learnt | None


def journal_time(connection: Connection) -> datetime:
    """Return the newest instant that the journal knows of; 1970 for an empty one."""
    row = connection.execute("SELECT max(happened_at) FROM effects").fetchone()
    found: datetime | None = row[0] if row else None
    return found or datetime(1970, 1, 1, tzinfo=UTC)


def train(
    connection: Connection, policy: Policy, as_of: datetime | None = None, since: timedelta = SINCE
) -> Training:
    """Return what the journal teaches.

    Args:
        connection: From `feature_store.views.connect`.
        policy: The rules as people wrote them.
        as_of: Nothing that was said later is read; None for the journal's newest instant.
        since: How far back releases are read.
    """
    at = as_of or journal_time(connection)
    registry = read_registry(connection, as_of=at)
    lessons = read_lessons(connection, at, at - since)
    learnt = learn(lessons, policy, at, parent=registry.champion, profiles=registry.profiles)
    return Training(as_of=at, lessons=tuple(lessons), registry=registry, learnt=learnt)
