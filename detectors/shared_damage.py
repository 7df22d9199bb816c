"""Damage that a release shares with what was there before it: it comes from elsewhere, often a neighbour.

Two consequences. Where the stable pods have left their quiet level and the canary is no worse than they are,
the damage is not the release's. And where the stable pods had left it when the last of them went, the quiet
time is no control any more for a canary that stands alone: what ails it may be what ailed them.
"""

import numpy as np

from detectors.panels import Panel
from detectors.weighing import side_of
from schemas.signals import Direction, Signal


def beside(canary: Panel, stable: Panel) -> Panel:
    """Return the canary's panel of the intervals in which a stable pod spoke as well."""
    shared = (stable.exposure > 0).any(axis=0)
    return canary.only(np.broadcast_to(shared, canary.exposure.shape))


def comparable(signal: Signal, canary: Panel, stable: Panel, quiet: Panel) -> Panel:
    """Return the canary's panel without the intervals that nothing sound can be held against.

    Args:
        signal: What is weighed.
        canary: The release's pods since it began, (pods, intervals).
        stable: The other pods in the same intervals, (pods, intervals).
        quiet: The other pods before the release, (pods, quiet intervals).
    """
    shared = (stable.exposure > 0).any(axis=0)
    if shared.all() or not _has_moved(signal, stable, quiet):
        return canary
    return beside(canary, stable)


def hits_both(signal: Signal, canary: Panel, stable: Panel, quiet: Panel) -> bool:
    """Return whether the stable pods have left the quiet level as far as the canary has, in shared intervals.

    As far: within the margin around where the stable pods are now. Takes what `comparable` takes.
    """
    if not _has_moved(signal, stable, quiet):
        return False
    both = (stable.exposure > 0).any(axis=0) & (canary.exposure > 0).any(axis=0)
    ours = side_of(canary.only(np.broadcast_to(both, canary.exposure.shape))).level
    theirs = side_of(stable.only(np.broadcast_to(both, stable.exposure.shape))).level
    if ours is None or theirs is None:
        return False
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    return sign * (ours - theirs) <= _margin(signal, theirs)


def _has_moved(signal: Signal, stable: Panel, quiet: Panel) -> bool:
    now, before = side_of(stable).level, side_of(quiet).level
    if now is None or before is None:
        return False
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    return sign * (now - before) > _margin(signal, before)


def _margin(signal: Signal, level: float) -> float:
    return max(signal.margin_ratio * abs(level), signal.margin_floor)
