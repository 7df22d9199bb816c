"""One-step forecasts of a series: least squares over its last values, its levels, its day and its week.

What predicts a series best is learnt from it: the value before, a short mean, the mean of the same quarter
of an hour on other days, or of the same hour of the week. Surprises are clipped before they are learnt
from, so that an anomaly does not become the model.

Source: S. Haykin, *Adaptive Filter Theory*, ch. 10 (recursive least squares); P. J. Huber, *Robust
Statistics*, for the clipping.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S, HOUR_S = 86_400.0, 3600.0
DAY_PARTS, WEEK_PARTS = 96, 168
FEATURES = 8

FORGETTING = 0.999
SLOW, FAST = 0.0005, 0.25
"""Shares that a reading has of the slow level, whose deviation is the unit, and of the fast one."""

SEASON = 0.1
"""Share of a day in its quarter of an hour, and of a week in its hour."""

# Places of one series' numbers.
READINGS, LEVEL, DEVIATION, NEAR, BEFORE, BEFORE_THAT, DAY_BEFORE, WEEK_BEFORE, ERROR = range(9)
NUMBERS = 9
SEASON_ROOM = 2 * (DAY_PARTS + WEEK_PARTS)
FILTER_ROOM = FEATURES + FEATURES * FEATURES


@njit(cache=True)
def begin(numbers: Floats, filter_: Floats) -> None:
    """Set a series' numbers to what they are before its first reading."""
    numbers[:] = 0.0
    filter_[:] = 0.0
    filter_[1], filter_[3] = 0.7, 0.3
    for row in range(FEATURES):
        filter_[FEATURES + row * FEATURES + row] = 1.0


@njit(cache=True)
def forecast_error(numbers: Floats, season: Floats, filter_: Floats, time_s: float, value: float) -> float:
    """Return how far a reading is from its forecast, in units of the usual error, and learn from it.

    Args:
        numbers: (NUMBERS,), changed in place like the next two.
        season: Means and counts of the day's parts, then of the week's, (SEASON_ROOM,).
        filter_: Weights, then the inverse correlation matrix, (FILTER_ROOM,).
        time_s: Unix time.
        value: Finite.
    """
    if numbers[READINGS] == 0.0:
        numbers[LEVEL] = numbers[NEAR] = numbers[BEFORE] = numbers[BEFORE_THAT] = value
    numbers[READINGS] += 1.0
    readings, level = numbers[READINGS], numbers[LEVEL]
    unit = max(numbers[DEVIATION], 1e-9 * abs(level) + 1e-12)
    part = int((time_s % DAY_S) / DAY_S * DAY_PARTS)
    hour = int(time_s // HOUR_S) % WEEK_PARTS
    days, weeks = DAY_PARTS, 2 * DAY_PARTS + WEEK_PARTS
    by_day = season[part] if season[days + part] > 0 else numbers[NEAR]
    by_week = season[2 * DAY_PARTS + hour] if season[weeks + hour] > 0 else by_day

    known = np.empty(FEATURES)
    known[0] = 1.0
    known[1] = (numbers[BEFORE] - level) / unit
    known[2] = (numbers[BEFORE_THAT] - level) / unit
    known[3] = (numbers[NEAR] - level) / unit
    known[4] = (by_day - level) / unit
    known[5] = numbers[DAY_BEFORE]
    known[6] = (by_week - level) / unit
    known[7] = numbers[WEEK_BEFORE]
    expected = 0.0
    for index in range(FEATURES):
        known[index] = min(max(known[index], -8.0), 8.0)
        expected += filter_[index] * known[index]
    expected = min(max(expected, -8.0), 8.0)
    error = (value - level) / unit - expected if readings > 3.0 else 0.0
    usual = max(numbers[ERROR], 0.3 if readings < 20.0 else 1e-4)

    if readings > 3.0:
        most = 2.5 * usual if readings > 20.0 else 3.0
        _learn(filter_, known, min(max(error, -most), most))
        numbers[ERROR] += max(0.01, 1.0 / readings) * (min(abs(error), 5.0 * usual) - numbers[ERROR])
    numbers[DAY_BEFORE], numbers[WEEK_BEFORE] = (by_day - level) / unit, (by_week - level) / unit
    numbers[BEFORE_THAT], numbers[BEFORE] = numbers[BEFORE], value
    numbers[NEAR] += FAST * (value - numbers[NEAR])
    share, most = max(SLOW, 1.0 / readings), 5.0 * unit if readings > 20.0 else np.inf
    numbers[LEVEL] += share * min(max(value - level, -most), most)
    numbers[DEVIATION] += share * (min(abs(value - level), most) - numbers[DEVIATION])
    _season(season, part, days + part, value)
    _season(season, 2 * DAY_PARTS + hour, weeks + hour, value)
    return float(error / usual)


@njit(cache=True)
def _season(season: Floats, at: int, count: int, value: float) -> None:
    season[count] += 1.0
    season[at] += max(SEASON, 1.0 / season[count]) * (value - season[at])


@njit(cache=True)
def _learn(filter_: Floats, known: Floats, error: float) -> None:
    gains = np.empty(FEATURES)
    scale = FORGETTING
    for row in range(FEATURES):
        gain = 0.0
        for column in range(FEATURES):
            gain += filter_[FEATURES + row * FEATURES + column] * known[column]
        gains[row] = gain
        scale += known[row] * gain
    trace = 0.0
    for row in range(FEATURES):
        filter_[row] += gains[row] / scale * error
        for column in range(FEATURES):
            at = FEATURES + row * FEATURES + column
            filter_[at] = (filter_[at] - gains[row] * gains[column] / scale) / FORGETTING
        trace += filter_[FEATURES + row * FEATURES + row]
    # A series that stops moving teaches nothing, and forgetting would let the matrix grow without end.
    if trace > 2.0 * FEATURES:
        for at in range(FEATURES, FEATURES + FEATURES * FEATURES):
            filter_[at] *= 2.0 * FEATURES / trace
