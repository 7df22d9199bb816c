"""The load part: p95 latency and errors of a load test against those of the last good builds.

Latency is compared with the median of the builds, and its limit widens where they spread themselves: a
test whose p95 moves by a third from run to run cannot fail a build at a quarter. Errors are counts, so
their ratio has exact bounds: only a ratio that is surely above the past one fails.

Sources: C. J. Clopper, E. S. Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case
of the Binomial", Biometrika 26 (1934); the spread is the median absolute deviation, scaled to a normal's
standard deviation (F. R. Hampel, JASA 69, 1974).
"""

from collections.abc import Sequence
from statistics import median

from actions.quality.builds import Build, build_of
from actions.quality.limits import Limits
from actions.quality.scoring.bands import between, in_band
from schemas.quality import GateOutcome, Part, PastBuild
from schemas.reports import Indicator, LoadReport

_SPREADS = 3.0
_TO_NORMAL = 1.4826
_FEWEST_FOR_SPREAD = 3


def score_load(
    build: Build, good: Sequence[PastBuild], limits: Limits
) -> tuple[Part, tuple[Indicator, ...]] | None:
    """Return what load tests say, or None without a report of one that sent a request.

    Args:
        build: The build to judge.
        good: Earlier builds that passed, newest first.
        limits: Weights and limits.
    """
    loads = [(name, report) for name, report in build.loads if report.requests > 0]
    if not loads:
        return None
    judged = [_judged(name, report, _past(name, good), limits) for name, report in loads]
    judged.sort(key=lambda found: (_order(found[1]), found[0]))
    score, outcome, _ = judged[0]
    versions = [past.version for past in good if build_of(past.reports).loads]
    part = Part(
        name="load",
        score=score,
        weight=limits.weights.load,
        outcome=outcome,
        reasons=tuple(reason for _, _, reasons in judged for reason in reasons),
        decides=True,
        compared_with=f"versions {', '.join(versions)}" if versions else "",
    )
    return part, _indicators([report for _, report in loads])


def _past(name: str, good: Sequence[PastBuild]) -> list[LoadReport]:
    return [
        report
        for past in good
        for known, report in build_of(past.reports).loads
        if known == name and report.requests > 0
    ]


def _judged(
    name: str, report: LoadReport, past: Sequence[LoadReport], limits: Limits
) -> tuple[float, GateOutcome, list[str]]:
    found = [_latency(name, report, past, limits), _errors(name, report, past, limits)]
    if report.broken_thresholds:
        said = f"{name} broke its own thresholds: {', '.join(report.broken_thresholds)}"
        found.append((in_band(GateOutcome.FAIL, 0.5), GateOutcome.FAIL, said))
    found.sort(key=lambda entry: (_order(entry[1]), entry[0]))
    return found[0][0], found[0][1], [said for _, _, said in found if said]


def _latency(
    name: str, report: LoadReport, past: Sequence[LoadReport], limits: Limits
) -> tuple[float, GateOutcome, str]:
    before = [entry.p95_ms for entry in past if entry.p95_ms is not None and entry.p95_ms > 0]
    if report.p95_ms is None:
        return 100.0, GateOutcome.PASS, f"{name} does not say its p95"
    if not before:
        return 100.0, GateOutcome.PASS, f"{name}: p95 {report.p95_ms:.1f} ms, nothing to compare with"
    middle = median(before)
    spread = 0.0
    if len(before) >= _FEWEST_FOR_SPREAD:
        spread = _SPREADS * _TO_NORMAL * median(abs(value - middle) for value in before) / middle
    growth = report.p95_ms / middle - 1
    passes, fails = max(limits.latency_ratio_pass, spread), max(limits.latency_ratio_fail, spread)
    said = (
        f"{name}: p95 {report.p95_ms:.1f} ms, {growth:+.0%} on the median of {len(before)}, {middle:.1f} ms"
    )
    if growth <= passes:
        return 100.0, GateOutcome.PASS, said
    if growth <= fails:
        return in_band(GateOutcome.WARN, between(growth, passes, fails)), GateOutcome.WARN, said
    return in_band(GateOutcome.FAIL, between(growth, fails, 4 * fails)), GateOutcome.FAIL, said


def _errors(
    name: str, report: LoadReport, past: Sequence[LoadReport], limits: Limits
) -> tuple[float, GateOutcome, str]:
    ratio = report.failed_requests / report.requests
    said = f"{name}: {report.failed_requests} of {report.requests} requests failed ({ratio:.2%})"
    if not past:
        return 100.0, GateOutcome.PASS, f"{said}, nothing to compare with"
    requests = sum(entry.requests for entry in past)
    before = sum(entry.failed_requests for entry in past) / requests
    said += f", {before:.2%} before"
    if ratio <= before + limits.error_margin:
        return 100.0, GateOutcome.PASS, said
    surely = lower_bound(report.failed_requests, report.requests, limits.error_level)
    if surely > before + limits.error_margin:
        return in_band(GateOutcome.FAIL, surely), GateOutcome.FAIL, f"{said}, surely above {surely:.2%}"
    return in_band(GateOutcome.WARN, 0.5), GateOutcome.WARN, f"{said}, which may be chance"


def lower_bound(failed: int, total: int, level: float) -> float:
    """Return the one-sided lower Clopper-Pearson bound of a ratio.

    >>> round(lower_bound(10, 1000, 0.975), 5)
    0.00481
    """
    # Every command of ours would wait for this import otherwise.
    from scipy.special import betaincinv

    return 0.0 if failed == 0 else float(betaincinv(failed, total - failed + 1, 1 - level))


def _order(outcome: GateOutcome) -> int:
    return (GateOutcome.FAIL, GateOutcome.HOLD, GateOutcome.WARN, GateOutcome.PASS).index(outcome)


def _indicators(loads: Sequence[LoadReport]) -> tuple[Indicator, ...]:
    """Return numbers over all load tests: requests and errors together, durations of the slowest."""
    requests = sum(load.requests for load in loads)
    found = [
        Indicator(name="load_requests", value=requests),
        Indicator(name="load_error_ratio", value=sum(load.failed_requests for load in loads) / requests),
    ]
    for name in ("p50_ms", "p90_ms", "p95_ms"):
        durations = [value for load in loads if (value := getattr(load, name)) is not None]
        if durations:
            found.append(Indicator(name=f"load_{name}", value=max(durations)))
    seconds = sum(load.seconds or 0.0 for load in loads)
    if seconds > 0 and all(load.seconds for load in loads):
        found.append(Indicator(name="load_requests_per_s", value=requests / seconds))
    return tuple(found)
