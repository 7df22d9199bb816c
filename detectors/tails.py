"""Tails: above which bound a service's requests count as slow, learnt from what its stable pods did before.

A release that makes three requests in a hundred take a hundred times as long hardly moves the mean, and not
the median at all. The share of requests above a bound moves threefold, and is a count, which is weighed as
errors are.

The bound must not depend on what the release did, or it would be picked for the damage it shows. So it is
told by the quiet time; without one, by the stable pods of the same minutes.

Source: exceedances of a fixed threshold as binomial counts, S. Coles, "An Introduction to Statistical
Modeling of Extreme Values" (2001), chapter 4. Departure: no tail is fitted beyond the threshold.
"""

from collections.abc import Sequence
from dataclasses import replace

from detectors.panels import panel
from detectors.weighing import side_of
from detectors.windows import ServiceWindow
from schemas.policy import Rule
from schemas.signals import TAIL_BOUNDS_S, Signal


def with_bounds(rule: Rule, window: ServiceWindow, pods: Sequence[str], *spans: tuple[int, int]) -> Rule:
    """Return the rule with every bound learnt that can be; a signal whose bound cannot says nothing.

    Args:
        rule: The rule that holds for the service.
        window: The service's window.
        pods: Keys of the pods that tell; none of the release's.
        spans: First interval and the one after the last; the first span in which anything was said tells.
    """
    if not any(signal.bound_share is not None for signal in rule.signals):
        return rule
    signals = tuple(
        signal if signal.bound_share is None else _learnt(signal, signal.bound_share, window, pods, spans)
        for signal in rule.signals
    )
    return replace(rule, signals=signals)


def _learnt(
    signal: Signal, share: float, window: ServiceWindow, pods: Sequence[str], spans: Sequence[tuple[int, int]]
) -> Signal:
    fixed = [replace(signal, bound=bound, bound_share=None) for bound in TAIL_BOUNDS_S]
    for first, end in spans:
        shares = [side_of(panel(window, pods, one, None, first, end)).level for one in fixed]
        if any(level is not None for level in shares):
            told = zip(fixed, shares, strict=True)
            return next((one for one, level in told if level is not None and level <= share), signal)
    return signal
