"""What moved the chance of a release most, in words."""

from collections.abc import Mapping
from math import isnan

from schemas.risk_models import RiskModel

LEAST_MOVED = 0.1
"""Log-odds below which a feature is not worth a word: a chance of 0.10 is then 0.11 at most."""

_MOST_NAMED = 3

_WORDS = {
    "service_rate": ("the service's record of rollbacks", "share"),
    "service_bad_rate": ("the service's record by its labels", "share"),
    "author_rate": ("the author's record of rollbacks", "share"),
    "author_bad_rate": ("the author's record by labels", "share"),
    "service_releases": ("releases of the service so far", "count"),
    "service_taken_back_lately": ("rollbacks of the service in four weeks", "count"),
    "author_releases": ("releases of the author so far", "count"),
    "change_lines": ("changed lines", "count"),
    "change_files": ("changed files", "count"),
    "change_dependency_files": ("changed files with dependencies", "count"),
    "hours_since_last": ("since the service's last release", "hours"),
    "hours_since_commit": ("since the commit", "hours"),
    "hour": ("the hour of the day, UTC", "number"),
    "weekday": ("the day of the week, 1 for Monday", "number"),
    "environment_releases_today": ("other releases in the environment within a day", "count"),
    "failures_lately": ("failures of the service in a week", "count"),
    "incidents_lately": ("alerts and incidents on the service in a week", "count"),
    "last_healthy_log_e": ("strongest evidence against the last healthy release", "number"),
    "is_rollback": ("it takes a version back", "flag"),
    "is_first": ("first release of the service", "flag"),
    "tests_run": ("tests that ran", "count"),
    "tests_failed": ("failed tests", "count"),
    "tests_failed_weighed": ("failed tests that are real", "number"),
    "tests_flaky": ("tests that passed only when repeated", "count"),
    "coverage_ratio": ("coverage", "share"),
    "coverage_changed_ratio": ("coverage of changed lines", "share"),
    "findings": ("findings of scanners", "count"),
    "findings_new": ("new findings of scanners", "count"),
    "findings_critical": ("critical findings", "count"),
    "load_error_ratio": ("errors of the load test", "share"),
    "load_p95_ms": ("p95 of the load test in ms", "number"),
    "cost_monthly_delta": ("more cost a month", "number"),
}
"""Of each feature what it is and how its value is written; another is told by its name."""


def moved_most(model: RiskModel, values: Mapping[str, float]) -> tuple[str, ...]:
    """Return what raised and what lowered the chance most, as at most two sentences."""
    moved = sorted(model.moved_by(values).items(), key=lambda item: -abs(item[1]))
    told = []
    for verb, sign in (("raised", 1.0), ("lowered", -1.0)):
        names = [name for name, odds in moved if odds * sign >= LEAST_MOVED and _is_own(model, name)]
        if names:
            told.append(f"{verb} by {', '.join(_told(name, values) for name in names[:_MOST_NAMED])}")
    return tuple(told)


def _is_own(model: RiskModel, name: str) -> bool:
    """Return whether a feature moves the chance, instead of being where it starts from."""
    return not (model.kind == "prior" and name == "service_rate")


def _told(name: str, values: Mapping[str, float]) -> str:
    """Return a feature with its value.

    >>> _told("change_lines", {"change_lines": 1240.0}), _told("coverage_ratio", {})
    ('changed lines: 1240', 'coverage: unknown')
    """
    about, form = _WORDS.get(name, (name, "number"))
    value = values.get(name)
    if value is None or isnan(value):
        return f"{about}: unknown"
    match form:
        case "share":
            return f"{about}: {100 * value:.3g} %"
        case "hours":
            return f"{about}: {value:.3g} h"
        case "flag":
            return about if value else f"{about}: no"
        case "count":
            return f"{about}: {value:.0f}"
        case _:
            return f"{about}: {value:.4g}"
