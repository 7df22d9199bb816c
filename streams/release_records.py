"""How releases went so far, and what is known before the next, from the journal: for the gate's risk."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from feature_store.features import features_of_next
from feature_store.releases import ReleaseRow, list_releases
from feature_store.risk_training import used_model
from feature_store.stores import bucket_of
from feature_store.views import connect
from schemas.keys import EnvironmentName, ServiceName
from schemas.models import ModelChanged
from schemas.quality import Record

_MOST = 200
_TAKEN_BACK = "harmful"


def read_records(
    journal: Path, environment: EnvironmentName, service: ServiceName, authored: Iterable[str]
) -> tuple[Record, Record]:
    """Return the record of a service, and of the versions of it that one author wrote.

    Without a journal both are empty: nothing is known, which is not that nothing failed.

    Args:
        journal: The journal's folder or bucket.
        environment: Where.
        service: Of what.
        authored: Versions of the author's.
    """
    if not _is_there(journal):
        return Record(), Record()
    with connect(journal) as connection:
        rows = list_releases(connection, environment, service, _MOST)
    judged = [row for row in rows if row.verdict in (_TAKEN_BACK, "healthy")]
    versions = frozenset(authored)
    return _record(judged), _record([row for row in judged if row.version in versions])


def read_risk(
    journal: Path, environment: EnvironmentName, service: ServiceName, version: str, author: str, at: datetime
) -> tuple[ModelChanged | None, dict[str, float]]:
    """Return the model of risk that the log names, and what it may ask for; nothing without a model.

    Args:
        journal: The journal's folder or bucket.
        environment: Where the build is meant for.
        service: Of what.
        version: That the build will have.
        author: Who wrote the change; "" when nobody says.
        at: When it would begin.
    """
    if not _is_there(journal):
        return None, {}
    with connect(journal) as connection:
        model = used_model(connection)
        if model is None:
            return None, {}
        return model, features_of_next(connection, environment, service, version, author, at)


def _is_there(journal: Path) -> bool:
    return bucket_of(journal) is not None or journal.is_dir()


def _record(rows: list[ReleaseRow]) -> Record:
    failures = sum(1 for row in rows if row.verdict == _TAKEN_BACK)
    return Record(releases=len(rows), failures=failures)
