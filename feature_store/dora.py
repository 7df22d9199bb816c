"""DORA's measures of delivery over some weeks: by service, and by week.

A median of weeks' medians is no median, so what is asked of several weeks is counted from their deployments.

Source: dora.dev, "DORA's software delivery performance metrics": change lead time, deployment frequency,
failed deployment recovery time, change fail rate. Its fifth, the rework rate, needs to know which deployments
were unplanned, which no event says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from feature_store.views import Connection

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured of some deployments.

    Attributes:
        deployments: How many there were.
        per_week: The same by week; a week that is not over counts as far as it has come, from a day on.
        lead_time_s_median: From the newest commit to the deployment; None where no commit's time is known.
        lead_time_s_p90: Nine of ten took no longer.
        lead_times_known: Of how many deployments it is known.
        failed: Deployments that were taken back or labelled bad.
        change_failure_ratio: Failed, of all.
        recovery_s_median: From damage to recovery; None where none is known.
        recovery_s_p90: Nine of ten took no longer.
        recoveries_known: Of how many failed deployments it is known.
    """

    deployments: int
    per_week: float
    lead_time_s_median: float | None
    lead_time_s_p90: float | None
    lead_times_known: int
    failed: int
    change_failure_ratio: float
    recovery_s_median: float | None
    recovery_s_p90: float | None
    recoveries_known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMeasures:
    """The measures of one service in one environment, while one team owned it."""

    environment: str
    service: str
    team: str
    measures: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekMeasures:
    """The measures of one environment in the week that begins on a Monday, UTC."""

    environment: str
    week: datetime
    measures: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Dora:
    """Measures from a Monday on.

    Attributes:
        since: That Monday at midnight, UTC.
        until: The end, not included.
        services: By environment, service and team.
        weeks: By environment and week, oldest first; weeks without a deployment are left out.
    """

    since: datetime
    until: datetime
    services: tuple[ServiceMeasures, ...]
    weeks: tuple[WeekMeasures, ...]


_MEASURES = """
count(*), quantile_cont(lead_time_s, 0.5), quantile_cont(lead_time_s, 0.9), count(lead_time_s),
count(*) FILTER (has_failed), quantile_cont(recovery_s, 0.5), quantile_cont(recovery_s, 0.9),
count(recovery_s)
"""
_CHOSEN = """
FROM deployments
WHERE started_at >= $1 AND started_at < $2
  AND ($3 IS NULL OR environment = $3) AND ($4 IS NULL OR service = $4) AND ($5 IS NULL OR team = $5)
"""


def measure(
    connection: Connection,
    *,
    until: datetime,
    weeks: int,
    environment: str | None = None,
    service: str | None = None,
    team: str | None = None,
) -> Dora:
    """Return the measures of so many weeks, the one that is under way among them.

    Args:
        connection: From `feature_store.views.connect`.
        until: The end, not included, UTC.
        weeks: At least 1.
        environment: Only of this one.
        service: Only of this one.
        team: Only of releases that it owned; "" for those of nobody.

    Raises:
        ValueError: `weeks` is below 1.
    """
    if weeks < 1:
        raise ValueError(f"weeks is {weeks}, expected 1 or more")
    since = monday(until) - (weeks - 1) * _WEEK
    asked = [since, until, environment, service, team]
    by_service = connection.execute(
        f"SELECT environment, service, team, {_MEASURES} {_CHOSEN} GROUP BY ALL ORDER BY ALL",
        asked,
    ).fetchall()
    by_week = connection.execute(
        f"SELECT environment, week, {_MEASURES} {_CHOSEN} GROUP BY ALL ORDER BY ALL",
        asked,
    ).fetchall()
    return Dora(
        since=since,
        until=until,
        services=tuple(
            ServiceMeasures(
                environment=row[0], service=row[1], team=row[2], measures=_measures(row[3:], until - since)
            )
            for row in by_service
        ),
        weeks=tuple(
            WeekMeasures(
                environment=row[0], week=row[1], measures=_measures(row[2:], min(_WEEK, until - row[1]))
            )
            for row in by_week
        ),
    )


def monday(instant: datetime) -> datetime:
    """Return the midnight, UTC, with which the instant's week begins.

    >>> from datetime import UTC
    >>> monday(datetime(2026, 11, 29, 23, 59, tzinfo=UTC))
    datetime.datetime(2026, 11, 23, 0, 0, tzinfo=datetime.timezone.utc)
    """
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())


def _measures(row: tuple[Any, ...], over: timedelta) -> Measures:
    count, lead, lead_p90, leads, failed, recovery, recovery_p90, recoveries = row
    return Measures(
        deployments=count,
        # An hour after Monday's midnight one deployment is not 168 a week.
        per_week=count / (max(over, timedelta(days=1)) / _WEEK),
        lead_time_s_median=lead,
        lead_time_s_p90=lead_p90,
        lead_times_known=leads,
        failed=failed,
        change_failure_ratio=failed / count,
        recovery_s_median=recovery,
        recovery_s_p90=recovery_p90,
        recoveries_known=recoveries,
    )
