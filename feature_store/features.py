"""Features of releases: what was known of each before it began, for models of their risk.

The view `features` holds what the log says by itself; here come the records by labels, which are an estimate
(`feature_store.label_posteriors`). They are taken once a week at most, as they were known at that instant,
and hold for the releases that began after it: an estimate for each release would cost their number squared.
"""

from datetime import datetime, timedelta
from itertools import zip_longest
from math import isfinite, nan
from typing import Any

import numpy as np
import pyarrow as pa

from feature_store.label_model import Floats
from feature_store.label_posteriors import label_posteriors
from feature_store.views import Connection
from schemas.keys import EnvironmentName, ServiceName
from schemas.risk_prior import smoothed_rate

OF_THE_LOG = (
    "service_releases",
    "service_rate",
    "service_taken_back_lately",
    "hours_since_last",
    "is_first",
    "is_rollback",
    "author_releases",
    "author_rate",
    "environment_releases_today",
    "failures_lately",
    "incidents_lately",
    "last_healthy_log_e",
    "hour",
    "weekday",
    "hours_since_commit",
    "change_lines",
    "change_files",
    "change_dependency_files",
    "tests_run",
    "tests_failed",
    "tests_failed_weighed",
    "tests_flaky",
    "coverage_ratio",
    "coverage_changed_ratio",
    "findings",
    "findings_new",
    "findings_critical",
    "load_error_ratio",
    "load_p95_ms",
    "cost_monthly_delta",
)
"""Columns of the view `features` that are numbers, documented there."""

OF_LABELS = ("service_bad_rate", "author_bad_rate")
"""Share of the service's and of the author's releases that were bad by their labels, as if one of ten more
had been; each counts as far as it was known by then."""

FEATURES = (*OF_THE_LOG, *OF_LABELS)

MOST_LOOKS = 26
"""Instants at which labels are estimated. More are fresher for early releases and take longer."""

_SHORTEST_STEP = timedelta(days=7)
_KNOWN = ("release", "p_bad", "weight")


def features(connection: Connection, as_of: datetime | None = None) -> pa.Table:
    """Return the features of every release that began by an instant; what nobody knew is null.

    What is told of a release is the same whenever one asks: nothing that happened after its start has a say.

    Args:
        connection: From `feature_store.views.connect`.
        as_of: Releases that began later are left out; None for all.

    Returns:
        A table of release, environment, service, version, started_at, author and `FEATURES`, oldest first.
    """
    table = _arrow(
        connection,
        f"SELECT release, environment, service, version, started_at, author, {', '.join(OF_THE_LOG)} "  # noqa: S608  # names are ours
        "FROM features WHERE $1 IS NULL OR started_at <= $1 ORDER BY started_at, release",
        [as_of],
    )
    for name, rates in zip(OF_LABELS, _rates_by_labels(connection, table), strict=True):
        table = table.append_column(name, pa.array(rates, mask=np.isnan(rates)))
    return table


def features_of_next(
    connection: Connection,
    environment: EnvironmentName,
    service: ServiceName,
    version: str,
    author: str,
    at: datetime,
) -> dict[str, float]:
    """Return what is known before a release that would begin at an instant; what nobody knows is left out."""
    table = _arrow(
        connection,
        f"SELECT release, service, environment, started_at, author, {', '.join(OF_THE_LOG)} "  # noqa: S608  # likewise
        "FROM release_features($1, $2, $3, $4, $5) WHERE release = '' OR started_at < $5",
        [environment, service, version, author, at],
    )
    rows = table.to_pylist()
    (asked,) = [row for row in rows if not row["release"]]
    values = {name: _number(asked[name]) for name in OF_THE_LOG}
    known = _known_bad(connection, at)
    before = [row for row in rows if row["release"]]
    mine = [row for row in before if (row["environment"], row["service"]) == (environment, service)]
    values["service_bad_rate"] = _rate(known, [row["release"] for row in mine])
    if author:
        theirs = [row["release"] for row in before if row["author"] == author]
        values["author_bad_rate"] = _rate(known, theirs)
    return {name: value for name, value in values.items() if isfinite(value)}


def as_rows(table: pa.Table, names: tuple[str, ...] = FEATURES) -> Floats:
    """Return features as float64, (releases, names), NaN where nobody knew."""
    columns = [np.asarray(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)) for name in names]
    rows: Floats = np.column_stack(columns).astype(np.float64)
    return rows


def _rates_by_labels(connection: Connection, table: pa.Table) -> tuple[Floats, Floats]:
    """Return the records by labels, of services and of authors, NaN where no estimate was made before."""
    started: list[Any] = table["started_at"].to_pylist()
    of_service, of_author = np.full(len(started), nan), np.full(len(started), nan)
    releases: list[Any] = table["release"].to_pylist()
    authors: list[Any] = table["author"].to_pylist()
    places = list(
        zip(table["environment"].to_pylist(), table["service"].to_pylist(), strict=True),
    )
    looks = _looks(started[0], started[-1]) if started else []
    for begin, end in zip_longest(looks, looks[1:]):
        within = [row for row, at in enumerate(started) if at > begin and (end is None or at <= end)]
        if not within:
            continue
        known = _known_bad(connection, begin)
        by_place: dict[Any, list[str]] = {}
        by_author: dict[Any, list[str]] = {}
        for row, at in enumerate(started):
            if at > begin:
                break
            by_place.setdefault(places[row], []).append(releases[row])
            by_author.setdefault(authors[row], []).append(releases[row])
        service_rates = {place: _rate(known, mine) for place, mine in by_place.items()}
        author_rates = {author: _rate(known, mine) for author, mine in by_author.items()}
        for row in within:
            of_service[row] = service_rates.get(places[row], smoothed_rate(0, 0))
            if authors[row] is not None:
                of_author[row] = author_rates.get(authors[row], smoothed_rate(0, 0))
    return of_service, of_author


def _looks(first: datetime, last: datetime) -> list[datetime]:
    """Return the instants at which labels are estimated: at whole steps since the first release.

    A step is a week, or a power of two of weeks, so that most instants stay where they are as time passes.
    """
    step = _SHORTEST_STEP
    while (last - first) / step > MOST_LOOKS:
        step *= 2
    return [first + number * step for number in range(1, int((last - first) / step) + 1)]


def _known_bad(connection: Connection, at: datetime) -> dict[str, tuple[float, float]]:
    """Return of each release how likely it was bad and how much of that is known, as of an instant."""
    table = label_posteriors(connection, as_of=at)
    found = {}
    for release, bad, weight in zip(*(table[name].to_pylist() for name in _KNOWN), strict=True):
        found[str(release)] = (float(bad or 0.0), float(weight or 0.0))
    return found


def _rate(known: dict[str, tuple[float, float]], releases: list[str]) -> float:
    told = [known[release] for release in releases if release in known]
    return smoothed_rate(sum(bad * weight for bad, weight in told), sum(weight for _, weight in told))


def _number(value: Any) -> float:
    return nan if value is None else float(value)


def _arrow(connection: Connection, query: str, parameters: list[Any]) -> pa.Table:
    found = connection.sql(query, params=parameters).to_arrow_table()
    return pa.table({}) if found is None else found
