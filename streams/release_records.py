"""How releases went so far, from the journal: the gate's risk takes its intercept from it."""

from collections.abc import Iterable
from pathlib import Path

from feature_store.releases import ReleaseRow, list_releases
from feature_store.views import connect
from schemas.keys import EnvironmentName, ServiceName
from schemas.quality import Record

_MOST = 200
_TAKEN_BACK = "harmful"


def read_records(
    journal: Path, environment: EnvironmentName, service: ServiceName, authored: Iterable[str]
) -> tuple[Record, Record]:
    """Return the record of a service, and of the versions of it that one author wrote.

    Without a journal both are empty: nothing is known, which is not that nothing failed.

    Args:
        journal: The journal's folder.
        environment: Where.
        service: Of what.
        authored: Versions of the author's.
    """
    if not journal.is_dir():
        return Record(), Record()
    with connect(journal) as connection:
        rows = list_releases(connection, environment, service, _MOST)
    judged = [row for row in rows if row.verdict in (_TAKEN_BACK, "healthy")]
    versions = frozenset(authored)
    return _record(judged), _record([row for row in judged if row.version in versions])


def _record(rows: list[ReleaseRow]) -> Record:
    failures = sum(1 for row in rows if row.verdict == _TAKEN_BACK)
    return Record(releases=len(rows), failures=failures)
