"""Service level objectives as Keptn has them: criteria, points, key indicators, comparison with the past.

Source: keptn/spec, "Service Level Objectives" 0.1.1 and 1.0: criteria of one entry must all hold,
entries are alternatives; a pass earns the weight and a warning half of it; an objective without pass
criteria only reports; a broken key objective fails everything. Relative criteria hold where there is no
earlier result.

One departure: an indicator without a value holds the result instead of failing it. Not to know is no
pass, and no defect either.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from schemas.errors import SettingsError
from schemas.quality import (
    Aggregate,
    CompareWith,
    Comparison,
    GateOutcome,
    IncludeResults,
    Objective,
    ObjectiveResult,
    Objectives,
    PastBuild,
)

_CRITERION = re.compile(r"(<=|>=|<|>|=)\s*([+-])?\s*(\d+(?:\.\d+)?|\.\d+)\s*(%)?")
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}

ALIASES = {
    "response_time_p50": "load_p50_ms",
    "response_time_p90": "load_p90_ms",
    "response_time_p95": "load_p95_ms",
    "error_rate": "load_error_ratio",
    "throughput": "load_requests_per_s",
    "security_vulnerabilities": "findings",
}
"""Names that Keptn's own examples use, and which of ours they mean where nobody gives a value for them."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One comparison, such as `<600`, `<=+10%` or `>=-5`.

    Attributes:
        comparison: `<`, `<=`, `=`, `>=` or `>`.
        amount: The limit, or the change from the compared value: signed, and relative when `is_percent`.
        is_relative: The limit is the compared value, changed by `amount`.
    """

    text: str
    comparison: str
    amount: float
    is_relative: bool
    is_percent: bool

    def limit(self, compared: float | None) -> float | None:
        """Return what a value is held against; None when there is nothing to compare with."""
        if not self.is_relative:
            return self.amount
        if compared is None:
            return None
        return compared * (1 + self.amount / 100) if self.is_percent else compared + self.amount

    def holds(self, value: float, compared: float | None) -> bool:
        """Return whether the value keeps it; without a value to compare with, a relative one holds."""
        limit = self.limit(compared)
        return limit is None or _HOLDS[self.comparison](value, limit)


def read_criterion(text: str) -> Criterion:
    """Return the comparison that a criterion describes.

    Raises:
        SettingsError: it is none; says what was expected.

    >>> read_criterion("<=+10%").limit(200.0), read_criterion("<800").limit(None)
    (220.00000000000003, 800.0)
    """
    found = _CRITERION.fullmatch(text.strip())
    if found is None:
        raise SettingsError(
            f"criterion {text[:60]!r} is not understood, expected such as <600, <=+10% or >=-5"
        )
    sign, percent = found[2], found[4] is not None
    if percent and sign is None:
        raise SettingsError(
            f"criterion {text[:60]!r} has a percentage without a sign, expected such as <=+10% for a change"
        )
    amount = float(found[3])
    return Criterion(
        text.strip(),
        found[1],
        -amount if sign == "-" else amount,
        is_relative=sign is not None,
        is_percent=percent,
    )


def compared_builds(history: Sequence[PastBuild], comparison: Comparison) -> tuple[PastBuild, ...]:
    """Return the builds that relative criteria look back to, newest first.

    Args:
        history: Oldest first. A build that a human invalidated counts nowhere.
        comparison: How many, and with which outcome.
    """
    match comparison.include_result_with_score:
        case IncludeResults.ALL:
            wanted: tuple[GateOutcome, ...] = tuple(GateOutcome)
        case IncludeResults.PASS_OR_WARN:
            wanted = (GateOutcome.PASS, GateOutcome.WARN)
        case IncludeResults.PASS:
            wanted = (GateOutcome.PASS,)
    found = [build for build in history if build.result is not None and build.outcome in wanted]
    single = comparison.compare_with is CompareWith.SINGLE_RESULT
    return tuple(reversed(found[-(1 if single else comparison.number_of_comparison_results) :]))


def assess(
    objectives: Objectives, values: Mapping[str, float], history: Sequence[PastBuild]
) -> tuple[ObjectiveResult, ...]:
    """Return what becomes of each objective, in their order.

    Args:
        objectives: What is asked for.
        values: Indicators of the build by name.
        history: Earlier builds with their results, oldest first.

    Raises:
        SettingsError: a criterion is not understood.
    """
    past = compared_builds(history, objectives.comparison)
    before = [indicator_values(build) for build in past]
    return tuple(
        _assess(
            objective,
            value_of(values, objective.sli),
            _aggregate(before, objective.sli, objectives.comparison.aggregate_function),
        )
        for objective in objectives.objectives
    )


def total_score(results: Sequence[ObjectiveResult]) -> float | None:
    """Return the points earned in percent; None when no objective can earn any."""
    total = sum(result.weight for result in results if result.outcome is not None)
    return 100 * sum(result.points for result in results) / total if total > 0 else None


def indicator_values(build: PastBuild) -> dict[str, float]:
    """Return the indicators of a build's result by name."""
    if build.result is None:
        return {}
    return {indicator.name: indicator.value for indicator in build.result.indicators}


def value_of(values: Mapping[str, float], sli: str) -> float | None:
    """Return an indicator's value, by Keptn's name for it where nobody gave it under that name."""
    found = values.get(sli)
    return found if found is not None else values.get(ALIASES.get(sli, ""))


def _assess(objective: Objective, value: float | None, compared: float | None) -> ObjectiveResult:
    outcome: GateOutcome | None
    broken: tuple[str, ...] = ()
    if not objective.passes:
        outcome = None
    elif value is None:
        outcome = GateOutcome.HOLD
    elif _any_holds(objective.passes, value, compared):
        outcome = GateOutcome.PASS
    else:
        outcome = GateOutcome.WARN if _any_holds(objective.warns, value, compared) else GateOutcome.FAIL
        broken = _broken(objective, value, compared)
    earned = {GateOutcome.PASS: 1.0, GateOutcome.WARN: 0.5}.get(outcome, 0.0) if outcome is not None else 0.0
    return ObjectiveResult(
        sli=objective.sli,
        value=value,
        outcome=outcome,
        points=objective.weight * earned,
        weight=objective.weight,
        is_key=objective.is_key,
        broken=broken,
        compared_value=compared,
        title=objective.title,
    )


def _any_holds(alternatives: Sequence[Sequence[str]], value: float, compared: float | None) -> bool:
    return any(
        all(read_criterion(text).holds(value, compared) for text in criteria) for criteria in alternatives
    )


def _broken(objective: Objective, value: float, compared: float | None) -> tuple[str, ...]:
    told = []
    for criteria in objective.passes:
        for text in criteria:
            criterion = read_criterion(text)
            limit = criterion.limit(compared)
            if limit is not None and not criterion.holds(value, compared):
                told.append(
                    f"{criterion.text} of {compared:.6g} is {limit:.6g}"
                    if criterion.is_relative
                    else criterion.text
                )
    return tuple(dict.fromkeys(told))


def _aggregate(before: Sequence[Mapping[str, float]], sli: str, function: Aggregate) -> float | None:
    found = sorted(value for values in before if (value := value_of(values, sli)) is not None)
    if not found:
        return None
    match function:
        case Aggregate.AVG:
            return fmean(found)
        case Aggregate.P50:
            return _percentile(found, 50)
        case Aggregate.P90:
            return _percentile(found, 90)
        case Aggregate.P95:
            return _percentile(found, 95)


def _percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of rising values, between the two nearest.

    >>> _percentile([1.0, 2.0, 4.0], 50), _percentile([1.0, 2.0, 4.0], 75)
    (2.0, 3.0)
    """
    place = (len(values) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
