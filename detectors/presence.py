"""Silence as evidence: a canary that says nothing while its stable twins speak.

Each interval in which the twins spoke and the canary did not is weighed by how seldom pods of this service
were silent in the quiet time. The alternative is that the canary fell silent for good at some interval; its
start is not known, so all starts share the prior.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.mixtures import log_sum

Floats = NDArray[np.float64]

MOST_PER_INTERVAL = 4.0
"""Log of the odds that one silent interval may add: silences come in runs, so none speaks for many."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long the canary has been silent and what that is worth.

    Attributes:
        intervals: Length of the silence that still lasts, in intervals in which twins spoke.
        since: Index of its first interval, counted from the first one given; -1 without silence.
        log_e: Log e-value of it.
    """

    intervals: int
    since: int
    log_e: float


def silence(canary: Floats, stable: Floats, quiet: Floats) -> Silence:
    """Return what the canary's silence up to now is worth.

    Args:
        canary: Samples an interval of all canary pods together since they should speak, (intervals,).
        stable: Samples an interval of each stable pod, (pods, intervals).
        quiet: The same in the quiet time, (pods, quiet intervals).
    """
    is_told: NDArray[np.bool_] = np.asarray((stable > 0).any(axis=0))
    # A pod that was not yet or no more there was not silent: count between its first and last word.
    spoke = quiet > 0
    lived = (
        np.logical_or.accumulate(spoke, axis=1) & np.logical_or.accumulate(spoke[:, ::-1], axis=1)[:, ::-1]
    )
    silent = int((lived & ~spoke).sum())
    chance = (silent + 0.5) / (int(lived.sum()) + 1.0) if spoke.size else 0.5
    step = min(-float(np.log(chance)), MOST_PER_INTERVAL)
    steps = np.where(is_told, np.where(canary > 0, -np.inf, step), 0.0)
    length, since = 0, -1
    for index in range(len(steps) - 1, -1, -1):
        if is_told[index] and canary[index] > 0:
            break
        if is_told[index]:
            length, since = length + 1, index
    if not length:
        return Silence(0, -1, 0.0)
    ends = np.cumsum(np.where(np.isfinite(steps), steps, 0.0)[since:][::-1])
    starts = max(int(is_told.sum()), 1)
    return Silence(length, since, max(log_sum(ends) - float(np.log(starts)), 0.0))
