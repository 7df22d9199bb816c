"""From surprises to a score: what is worth an alarm, given what was alarmed about before.

A score in 0 to 1 has three floors, so that one threshold for all series means one thing, and a reader who
wants few alarms and one who wants many each find theirs:

from 0.5: an alarm. The sharp statistics object, for the first time in long, or strongly enough to interrupt;
from 0.25: a vague one. Only all statistics together object, and nothing was said for long;
below: everything else, repeats of an alarm among it.

How long "long" is grows with the history of the series: an alarm about a series known for days silences
others for hours. Within a floor the score rises with the surprise.

The settings below were chosen on NAB's 58 files and on generated series, among 144 that differ little: NAB's
score is 66.2 with these, 67.3 with the best for it, and 64.6 where each half of the files has the settings
and the threshold that were best on the other half.
"""

from math import log10

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARP = 1.8
"""Surprise (-log10 of a chance) of the sharp statistics that is an alarm. Lower: more alarms, more of them
false."""

INTERRUPTING = 3.0
"""Sharp surprise that is an alarm soon after another. Lower: an anomaly that goes on is told again and
again."""

SLOW = 1.8
"""Surprise of all statistics together that is a vague alarm."""

QUIET_SHARE, QUIET_LEAST, QUIET_MOST = 0.03, 50.0, 400.0
"""How many readings an alarm silences others: a share of the history, within bounds."""

PAUSE = 20.0
"""How many readings even a sharp alarm waits after one that was told."""

ALARM, VAGUE = 0.5, 0.25
ALARM_SCALE, SCALE = 20.0, 40.0
"""Surprises end at 9: a half or a quarter of the scale holds every one."""

ALARMED, TOLD = range(2)
NUMBERS = 2


@njit(cache=True)
def together(surprises: Floats, first: int, last: int) -> float:
    """Return the surprise of several statistics together: the log of their mean evidence, at least 0.

    Each `10^surprise` is about one over a p-value, and averages of such are again evidence, whatever the
    dependence between them.

    Source: V. Vovk, R. Wang, "Combining p-values via averaging", Biometrika 107 (2020): the harmonic mean.
    """
    evidence = 0.0
    for index in range(first, last):
        evidence += 10.0 ** surprises[index]
    return max(log10(evidence / (last - first)), 0.0)


@njit(cache=True)
def score(memory: Floats, readings: float, sharp: float, broad: float) -> float:
    """Return the score of a reading, in [0, 1), and remember the alarm if it is one.

    Args:
        memory: When the last alarms were, (NUMBERS,), changed in place; -1e18 for never.
        readings: How many readings the series had.
        sharp: Surprise of the sharp statistics together.
        broad: Surprise of all statistics together.
    """
    quiet = min(max(QUIET_SHARE * readings, QUIET_LEAST), QUIET_MOST)
    is_first = readings - memory[ALARMED] > quiet
    if sharp >= SHARP and is_first:
        memory[ALARMED] = memory[TOLD] = readings
        return ALARM + sharp / ALARM_SCALE
    if sharp >= INTERRUPTING and readings - memory[TOLD] > PAUSE:
        memory[TOLD] = readings
        return ALARM + sharp / ALARM_SCALE
    if broad >= SLOW and is_first:
        memory[ALARMED] = readings
        return VAGUE + broad / SCALE
    return sharp / SCALE
