"""A release's effects as the journal holds them, with their causes: what an audit runs again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from feature_store.views import Connection
from schemas.keys import ReleaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEffect:
    """One effect as the journal holds it.

    Attributes:
        key: Key of the state that said it.
        at: When, by the time of the log.
        topic, partition, offset: Where the observation stands that caused it.
        index: Which of that observation's effects.
        body: What was said, as JSON.
        settings: Digest of the settings it was said under; "" where it does not name one.
        code: Digest of the code that said it; "" where nobody wrote it down.
        cause_digest: Digest of the observation; likewise.
    """

    kind: str
    key: str
    at: datetime
    topic: str
    partition: int
    offset: int
    index: int
    body: str
    settings: str = ""
    code: str = ""
    cause_digest: str = ""


def effects_of_release(connection: Connection, release: ReleaseId) -> Sequence[KeptEffect]:
    """Return all that was said of a release, and answers to its questions, in the order of the log's time.

    Evidence, verdicts and what else a service says come before what its environment makes of them.
    """
    rows = connection.execute(
        """
        SELECT kind, key, happened_at, cause_topic, cause_partition, cause_offset, effect_index, body,
            coalesce(settings, ''), coalesce(code, ''), coalesce(cause_digest, '')
        FROM effects
        WHERE release = $1
           OR (release IS NULL AND about IN (SELECT id FROM effects WHERE release = $1))
        ORDER BY happened_at, cause_topic DESC, cause_partition, cause_offset, effect_index
        """,
        [release],
    ).fetchall()
    names = (
        "kind key at topic partition offset index body settings code cause_digest".split()  # noqa: SIM905
    )
    return tuple(KeptEffect(**dict(zip(names, row, strict=True))) for row in rows)
