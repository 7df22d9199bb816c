"""Turning points: what would have changed a verdict, by weighing other numbers until the evidence turns.

The canary's numbers are changed along one line, and all else is kept: fewer or more events in the same
exposure, spread as the exposure is; a higher or lower level in every interval; the same intervals all over
again. The e-value at hand is inverted by bisection, so that the answer is the judge's own and no guess at it.
"""

from collections.abc import Callable

import numpy as np

from detectors.panels import Panel
from detectors.sentences import counted, quantity
from detectors.weighing import Weighed, missing
from schemas.signals import Direction, Signal, SignalKind

Weighing = Callable[[Panel, Panel], float]
"""Log e-value of a canary's panel beside the stable pods' panel of the same intervals."""

_HALVINGS = 12
_DOUBLINGS = 14
_AGAIN = (2, 3, 4, 6)
"""How often the intervals at hand are repeated to tell how many more of them are needed."""


def turning_point(
    signal: Signal, weighed: Weighed, canary: Panel, stable: Panel, threshold: float, weighing: Weighing
) -> str:
    """Return what would have changed the verdict on a signal, in words; "" when there is nothing to say.

    Args:
        signal: What was weighed.
        weighed: What came of it.
        canary: The panel that was weighed, (pods, intervals).
        stable: The stable pods' panel beside it, (pods, intervals).
        threshold: Log e-value that convicts.
        weighing: Weighs other panels in the same way.
    """
    if not canary.exposure.sum() > 0:
        return ""
    is_convicted = weighed.log_e >= threshold
    noun = "event"
    if signal.kind is SignalKind.COUNTS and signal.direction is Direction.DOWN:
        canary, noun, heard = missing(canary), "missing event", weighing

        def weighing(changed: Panel, beside: Panel) -> float:
            return heard(missing(changed), beside)

    def convicts(change: float) -> bool:
        return weighing(_changed(signal, canary, change), stable) >= threshold

    size = _turn(convicts, -_first_step(signal, weighed) if is_convicted else _first_step(signal, weighed))
    if signal.kind is SignalKind.COUNTS:
        words = _of_counts(canary, size, is_convicted, noun)
    else:
        words = _of_levels(signal, canary, size, is_convicted)
    if is_convicted or weighed.log_e <= 0:
        return words
    return "; ".join(part for part in (words, _of_time(canary, stable, threshold, weighing)) if part)


def _changed(signal: Signal, canary: Panel, change: float) -> Panel:
    """Return the canary with a change for the worse: so many more events in all, or so much of level."""
    if signal.kind is SignalKind.COUNTS:
        total = float(canary.events.sum())
        if change < 0:
            return Panel(canary.events * max(1.0 + change / total, 0.0), canary.exposure)
        part = canary.exposure / canary.exposure.sum()
        return Panel(np.minimum(canary.events + change * part, canary.exposure), canary.exposure)
    worse = change if signal.direction is Direction.UP else -change
    moved = canary.events + worse * canary.exposure
    # A level that never was negative stays so: its logarithm is what is weighed.
    floor = 0.0 if (canary.events >= 0).all() else -np.inf
    return Panel(np.maximum(moved, floor), canary.exposure)


def _first_step(signal: Signal, weighed: Weighed) -> float:
    if signal.kind is SignalKind.COUNTS:
        return 1.0
    return max(weighed.margin, 0.01 * abs(weighed.canary.level or 0.0), 1e-9)


def _turn(convicts: Callable[[float], bool], step: float) -> float | None:
    """Return the smallest change along a step's direction that turns the verdict; None when none does."""
    before = convicts(0.0)
    low, high = 0.0, step
    for _ in range(_DOUBLINGS):
        if convicts(high) != before:
            break
        low, high = high, 2.0 * high
    else:
        return None
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if convicts(middle) == before else (low, middle)
    return high


def _of_counts(canary: Panel, size: float | None, is_convicted: bool, noun: str) -> str:
    total, exposure = float(canary.events.sum()), float(canary.exposure.sum())
    if is_convicted:
        if size is None:
            return ""
        most = int(np.floor(max(total + size, 0.0)))
        return f"with at most {counted(most, noun)} instead of {total:,.0f} it would not have convicted"
    if size is None or total + size > exposure:
        return f"no number of {noun}s in {exposure:,.0f} could convict yet"
    return f"{counted(np.ceil(size), noun)} more in these {exposure:,.0f} would have convicted"


def _of_levels(signal: Signal, canary: Panel, size: float | None, is_convicted: bool) -> str:
    level = float(canary.events.sum() / canary.exposure.sum())
    unit = "" if signal.unit == "1" else f" {signal.unit}"
    if size is None:
        return "" if is_convicted else "no level in these intervals could convict yet"
    turned = level + (size if signal.direction is Direction.UP else -size)
    if not is_convicted:
        return f"at {quantity(turned)}{unit} it would have convicted"
    return f"at {quantity(turned)}{unit} it would not have convicted"


def _of_time(canary: Panel, stable: Panel, threshold: float, weighing: Weighing) -> str:
    """Return how many more intervals like these would convict; "" when not even many would."""
    length = canary.exposure.shape[1]
    for times in _AGAIN:
        if weighing(_again(canary, times), _again(stable, times)) >= threshold:
            return f"{counted((times - 1) * length, 'more interval')} like these would have convicted"
    return ""


def _again(panel: Panel, times: int) -> Panel:
    return Panel(np.tile(panel.events, times), np.tile(panel.exposure, times))
