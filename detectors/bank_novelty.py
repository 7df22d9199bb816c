"""Novelty of what a series just did: the distance to the most similar thing that it did before.

The last eight values are compared with every eight values in a row that are remembered, as shapes of four
and of eight, as a mean, and, with the time of day as a further coordinate, as "this at this hour".

Source: E. Burnaev, V. Ishimtsev, "Conformalized density- and distance-based anomaly detection in
time-series data", arXiv:1608.04585 (KNN-CAD). Departures: the single nearest neighbour, plain distance and
no training part, so that a series is watched from its first minutes; the chances come from `bank_tails`.
"""

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REMEMBERED = 2048
"""How many values are remembered. Fewer forget a day's shape; cost and state grow with it."""

ROOM = REMEMBERED + 512
"""Values are written one behind the other, and moved to the front when the room is full."""

SHORT, LONG = 4, 8
HOUR_WEIGHT = 3.0
"""Weight of the time of day against the values: an hour is worth 0.8 usual deviations."""

SHAPE, LONG_SHAPE, AT_HOUR, MEAN = range(4)
KINDS = 4


@njit(cache=True, fastmath={"nnan", "ninf", "nsz"})
def nearest(past: Floats, hours: Floats, count: int, unit: float, found: Floats) -> None:
    """Write the distance of the newest window to its nearest neighbours, in units of the usual deviation.

    Args:
        past: The values remembered, oldest first, the newest at `count - 1`, (ROOM,).
        hours: Cosine and sine of each value's time of day, (2, ROOM).
        count: How many values there are.
        unit: The series' usual deviation, above 0.
        found: Where the distances go, (KINDS,).
    """
    found[:] = 0.0
    first, newest = max(count - 1 - REMEMBERED, 0) + LONG - 1, count - 1
    if newest - first < LONG:
        return
    shape = long_shape = at_hour = mean = np.inf
    weight = (HOUR_WEIGHT * unit) ** 2
    w0, w1, w2, w3 = past[newest], past[newest - 1], past[newest - 2], past[newest - 3]
    w4, w5, w6, w7 = past[newest - 4], past[newest - 5], past[newest - 6], past[newest - 7]
    cosine, sine = hours[0, newest], hours[1, newest]
    for at in range(first, newest):
        d0, d1, d2, d3 = past[at] - w0, past[at - 1] - w1, past[at - 2] - w2, past[at - 3] - w3
        d4, d5, d6, d7 = past[at - 4] - w4, past[at - 5] - w5, past[at - 6] - w6, past[at - 7] - w7
        short = d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        long = short + d4 * d4 + d5 * d5 + d6 * d6 + d7 * d7
        c, s = hours[0, at] - cosine, hours[1, at] - sine
        hourly = short + weight * (c * c + s * s)
        level = abs(d0 + d1 + d2 + d3 + d4 + d5 + d6 + d7)
        shape = min(shape, short)
        long_shape = min(long_shape, long)
        at_hour = min(at_hour, hourly)
        mean = min(mean, level)
    found[SHAPE] = sqrt(shape) / unit
    found[LONG_SHAPE] = sqrt(long_shape) / unit
    found[AT_HOUR] = sqrt(at_hour) / unit
    found[MEAN] = mean / LONG / unit


@njit(cache=True)
def remember(past: Floats, hours: Floats, count: int, value: float, cosine: float, sine: float) -> int:
    """Write a value behind the others, and return how many there are now."""
    if count >= ROOM:
        kept = REMEMBERED + LONG
        past[:kept] = past[ROOM - kept :].copy()
        hours[:, :kept] = hours[:, ROOM - kept :].copy()
        count = kept
    past[count] = value
    hours[0, count] = cosine
    hours[1, count] = sine
    return count + 1
