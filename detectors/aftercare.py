"""Aftercare: a release that ended its watch healthy is watched on, for damage that begins later.

It goes on in short rounds. Each holds the minutes since it began against an hour before it, in which the
release's own pods are known by now: beside stable pods of the same minutes where any are left, as where a
canary was never promoted, and against that hour alone where the release runs everywhere. The round before it
is left out of that hour: damage that began in its middle must not pass for what is usual. Evidence over all
minutes since the release began would be thinned by the good ones, and ask for a longer memory.

The rounds share what is left of the release's false-rollback budget, evenly. Of every signal's part some was
kept for edges that might come during the watch (`edge_budget`); what they did not take was spent on nothing.
The parts of watch and rounds add up to the budget, so the bound on false rollbacks holds over both, however
often they are looked at. The price is a threshold that is higher by some five nats: an interval or two.

Silence convicts nobody here: a service may be scaled to nothing at night.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from pydantic import AwareDatetime

from detectors.case import Case, Span
from detectors.edge_budget import part_left
from detectors.log_counts import is_of_templates
from detectors.panels import edges_of, routes_of
from detectors.sides import Sides
from detectors.windows import ServiceWindow
from schemas.policy import JudgeMethod, Rule

ROUND = timedelta(minutes=10)
"""Length of a round. In a longer one the good minutes before the damage hide it for longer; shorter ones are
more, and each gets less of the budget."""

LEAST_INTERVALS = 10
"""A round has so many intervals at least, if the window keeps as many."""


@dataclass(slots=True, kw_only=True)
class Aftercare:
    """State of the time after a watch that ended healthy.

    Attributes:
        began: Index of its first interval.
        until: When it ends.
        alpha: What is left of the release's false-rollback budget, for each round.
    """

    began: int
    until: AwareDatetime
    alpha: float


def aftercare_of(case: Case) -> Aftercare | None:
    """Return the aftercare that follows a watch; None where the rule asks for none, or nothing is left.

    Args:
        case: The last look of the watch.
    """
    judge = case.rule.judge
    left = budget_left(case)
    if not judge.after or judge.method is not JudgeMethod.ANYTIME or left <= 0:
        return None
    return Aftercare(
        began=case.span.end,
        until=case.release.started_at + judge.watch + judge.after,
        alpha=left / ceil(judge.after / (_intervals(case.rule) * judge.interval)),
    )


def _intervals(rule: Rule) -> int:
    """Return the length of a round: the window keeps two of them beside the quiet time."""
    longest = (rule.judge.watch + rule.gate.recovery) // (2 * rule.judge.interval)
    return max(min(max(ROUND // rule.judge.interval, LEAST_INTERVALS), longest), 1)


def budget_left(case: Case) -> float:
    """Return how much of the release's false-rollback budget no edge and no route was given so far."""
    window, found = case.window, case.found
    pods = (*found.canary, *found.stable)
    left = 0.0
    for signal in case.rule.signals:
        if signal.share <= 0 or signal.bound_share is not None or is_of_templates(signal):
            continue
        edges, routes = edges_of(window, pods, signal), routes_of(window, pods, signal)
        left += signal.share * part_left(window, pods, signal, edges, case.span, routes)
    return case.rule.judge.alpha * left / case.shares


def round_of(aftercare: Aftercare, window: ServiceWindow, rule: Rule, end: int) -> Span:
    """Return the span of the round under way.

    Args:
        aftercare: Whose round.
        window: The service's window.
        rule: The rule that holds for it.
        end: First interval that is not known yet.
    """
    length = _intervals(rule)
    start = max(aftercare.began + max(end - 1 - aftercare.began, 0) // length * length, window.floor)
    quiet_end = max(start - length, window.floor)
    quiet = max(quiet_end - rule.judge.quiet // rule.judge.interval, window.floor)
    return Span(quiet=quiet, start=start, end=max(end, start), gap=start - quiet_end)


def sides_of(found: Sides, window: ServiceWindow, span: Span) -> Sides:
    """Return the sides of a round: the release's pods have a past now, and who is gone is left out."""

    def spoke(key: str, first: int, end: int) -> bool:
        return bool(window.pods[key].spoken.between(first, end)[1].any())

    return replace(
        found,
        stable=tuple(key for key in found.stable if spoke(key, span.quiet, span.end)),
        past=tuple(key for key in found.canary if spoke(key, span.quiet, span.quiet_end)),
    )
