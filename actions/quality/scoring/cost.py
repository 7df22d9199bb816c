"""The cost part: growth of the monthly cost. Money is nobody's defect: much of it asks a human."""

from collections.abc import Sequence

from actions.quality.builds import Build, build_of
from actions.quality.limits import Limits
from actions.quality.scoring.bands import between, in_band
from schemas.quality import GateOutcome, Part, PastBuild
from schemas.reports import CostReport, Indicator


def score_cost(
    build: Build, good: Sequence[PastBuild], limits: Limits
) -> tuple[Part, tuple[Indicator, ...]] | None:
    """Return what the cost says, or None without a report that names an amount.

    Compared with what the tool itself says of before, else with the last good build's report of the same
    name; never across currencies.

    Args:
        build: The build to judge.
        good: Earlier builds that passed, newest first.
        limits: Weights and limits.
    """
    judged = []
    monthly, growth = 0.0, 0.0
    compared = False
    for name, report in build.costs:
        if report.monthly is None:
            continue
        past, source = _before(name, report, good)
        monthly += report.monthly
        if past is not None:
            compared = True
            growth += report.monthly - past
        judged.append(_judged(name, report, report.monthly, past, source, limits))
    if not judged:
        return None
    score, outcome, reason, source = min(judged, key=lambda found: found[0])
    reasons = (reason, *(other[2] for other in judged if other[2] != reason))
    indicators = []
    if len({report.currency for _, report in build.costs}) == 1:
        indicators.append(Indicator(name="cost_monthly", value=monthly))
        if compared:
            indicators.append(Indicator(name="cost_monthly_delta", value=growth))
    part = Part(
        name="cost",
        score=score,
        weight=limits.weights.cost,
        outcome=outcome,
        reasons=reasons,
        decides=True,
        compared_with=source,
    )
    return part, tuple(indicators)


def _before(name: str, report: CostReport, good: Sequence[PastBuild]) -> tuple[float | None, str]:
    if report.past_monthly is not None:
        return report.past_monthly, "the tool's own baseline"
    for past in good:
        for known, found in build_of(past.reports).costs:
            if known == name and found.currency == report.currency and found.monthly is not None:
                return found.monthly, f"version {past.version}"
    return None, ""


def _judged(
    name: str, report: CostReport, monthly: float, past: float | None, source: str, limits: Limits
) -> tuple[float, GateOutcome, str, str]:
    """Return score, outcome, a sentence and what it was compared with."""
    blind = f"; {report.unsupported} resources have no price" if report.unsupported else ""
    if past is None:
        said = f"{name}: {monthly:.2f} {report.currency} a month, nothing to compare with{blind}"
        return 100.0, GateOutcome.PASS, said, ""
    growth = monthly - past
    said = f"{name}: {growth:+.2f} {report.currency} a month, {past:.2f} to {monthly:.2f}{blind}"
    # What cost nothing before has no ratio: the floor alone says whether its growth is worth a word.
    ratio = growth / past if past > 0 else float("inf")
    if growth <= limits.cost_floor or ratio <= limits.cost_ratio_pass:
        return 100.0, GateOutcome.PASS, said, source
    if ratio <= limits.cost_ratio_hold:
        badness = between(ratio, limits.cost_ratio_pass, limits.cost_ratio_hold)
        return in_band(GateOutcome.WARN, badness), GateOutcome.WARN, said, source
    badness = between(ratio, limits.cost_ratio_hold, 4 * limits.cost_ratio_hold)
    return in_band(GateOutcome.HOLD, badness), GateOutcome.HOLD, said, source
