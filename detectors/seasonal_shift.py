"""A shift that the season does not explain: one series after a change, against its own earlier days.

There is no control that runs beside the change. How a series moves in the minutes after the change, away from
the hour before it, is held against how it moved in the same minutes of earlier days: a difference of
differences, so neither the level of today nor the daily tide counts. How large the rest may be is not taken
from a model. The change is pretended to have happened at many earlier moments of the same series, and what
rest is usual there is the yardstick: a placebo test. Moments near the same time of day weigh most, for nights
are quieter than noons.

Good at: level shifts, ramps and bursts in either direction, as soon as they stand out. Blind to: a change of
spread that leaves every mean where it was, a flat line inside the usual band, what also happens at the same
minute of most earlier days, and damage that creeps slower than the series drifts anyway. It cannot tell the
change from another event that strikes in the same minutes.

Sources: A. Abadie, A. Diamond, J. Hainmueller, "Synthetic Control Methods for Comparative Case Studies",
JASA 105 (2010), section 2.4, for the placebo test; S. Zhang et al., "Funnel: Assessing Software Changes in
Web-Based Services", IEEE Transactions on Services Computing 11 (2018), for the difference of differences
against earlier days of the same series. Departure: the yardstick is a weighted quantile of the placebos'
largest rest for each length of window, and later minutes are discounted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAD = 60
"""Minutes before a change that its level is taken from. Shorter follows noise, longer follows the tide."""

SMOOTHED = 7
"""Minutes on either side that the earlier days' movement is averaged over, for few days are kept. Wider blurs
what a job does at its minute every day."""

WINDOWS = (1, 3, 10, 30)
"""Minutes that a shift is averaged over, from one that leaps to one that lasts."""

QUIETLY = 0.8
"""Quantile of the placebos that is the yardstick. Higher follows the incidents of the past."""

MARGIN = 0.02
"""Part of the level that no shift is worth mentioning below, added to the yardstick."""

OFFSET = 0.02
"""Part of the level that is added before the logarithm is taken, so that nothing near zero explodes."""

NEAR = 120.0
"""Minutes around the same time of day within which a placebo says much: the deviation of a normal kernel."""

FAR_WEIGHT = 0.1
"""Weight of a placebo at any other time of day."""

FADES = 20.0
"""Minutes after which damage must be twice as large: what a change breaks, it breaks soon, and the
longer the wait, the likelier it is something else."""

STRIDE = 17
"""Minutes from one placebo to the next; it divides no hour, so that regular jobs are met in every phase."""

LEAST_PLACEBOS = 20
"""With fewer of them nothing is said."""

CALM = 0.5
"""Part of the usual noise that is added to the noise of a lead before rests are divided by it, so that a
still hour does not make a whisper loud."""

THRESHOLD = 1.45
"""Score that convicts: amid those that do equally well on the 136 series of the Kontrast set (dev half). 98 %
of their placebos stay below it throughout their 90 minutes, which needs no label."""


@dataclass(frozen=True, slots=True, eq=False)
class SeasonalYardstick:
    """What a series has to be held against after a change, all of it known when the change happens.

    Attributes:
        level: Transformed level of the lead, NaN when nothing was said in it.
        movement: How the series usually moves from there, transformed, (horizon,).
        usual: Largest rest of a usual day in noise as of now, for each of `WINDOWS`, (windows,); infinite
            when unknown.
        offset: Added before the logarithm; NaN when the series is taken as it is.
        placebos: Largest score of each pretended change, newest first, (placebos,).
    """

    level: float
    movement: Floats
    usual: Floats
    offset: float
    placebos: Floats

    def scores(self, live: Floats) -> Floats:
        """Return at each minute how many times the usual rest the largest so far is, (minutes,).

        Every number depends on nothing later than its own minute, so it may be read as the minutes come.

        Args:
            live: The series from the change on, a reading a minute, NaN where missing, (minutes,); what
                comes after the horizon is left out.
        """
        live = live[: len(self.movement)]
        if not np.isfinite(self.level):
            return np.zeros(len(live))
        rest = _transformed(live, self.offset) - self.level - self.movement[: len(live)]
        means = np.abs(_window_means(rest[None, :])[:, 0]) * fading(len(live))
        return np.maximum.accumulate((means / self.usual[:, None]).max(axis=0, initial=0.0))


def fading(minutes: int) -> Floats:
    """Return the weight of each minute after a change, (minutes,), 1 at first."""
    return np.asarray(1.0 / (1.0 + np.arange(minutes) / FADES))


def seasonal_yardstick(past: Floats, horizon: int, day: int = 1440) -> SeasonalYardstick:
    """Return the yardstick for a change that happens at the end of a series.

    Args:
        past: The series up to the change, a reading a minute, NaN where missing, (minutes,).
        horizon: Minutes after the change that will be judged.
        day: Minutes of a season.
    """
    offset, margin = _axis(past)
    values = _transformed(past, offset)
    starts = np.append(np.arange(len(values) - horizon - 1, LEAD, -STRIDE), len(values))
    padded = np.concatenate((np.full(LEAD, np.nan), values, np.full(horizon, np.nan)))
    leads = _paths(padded, starts, LEAD)
    padded = padded[LEAD:]
    levels = _median(leads, axis=1)
    movement = _usual_movement(values, starts, horizon, day)
    rest = _paths(padded, starts[:-1], horizon) - levels[:-1, None] - movement[:-1]
    heard = np.isfinite(rest).any(axis=1)
    if int(heard.sum()) < LEAST_PLACEBOS:
        unknown = np.full(len(WINDOWS), np.inf)
        return SeasonalYardstick(float(levels[-1]), movement[-1], unknown, offset, np.zeros(0))
    apart = (len(values) - starts[:-1][heard]) % day
    apart = np.minimum(apart, day - apart) * (1440.0 / day)
    weight = np.exp(-0.5 * (apart / NEAR) ** 2) + FAR_WEIGHT
    noise = _noise(leads, levels)
    noise_then, noise_now = noise[:-1][heard], float(noise[-1])
    calm = CALM * float(np.average(noise_then, weights=weight)) + 1e-12
    # Volatile hours come in clusters: a placebo's rest is taken as it would be in the noise of now.
    restless = (noise_now + calm) / (noise_then + calm)
    largest = (np.abs(_window_means(rest[heard])) * fading(horizon)).max(axis=2) * restless
    usual = np.maximum(_weighted_quantile(largest, weight, QUIETLY) + margin, 1e-9)
    placebos = (largest / usual[:, None]).max(axis=0)
    return SeasonalYardstick(float(levels[-1]), movement[-1], usual, offset, placebos)


def _noise(leads: Floats, levels: Floats) -> Floats:
    """Return the mean distance of each lead's minutes from its level, (starts,); 0 where nothing was said."""
    told = np.isfinite(leads)
    apart = np.abs(np.where(told, leads - levels[:, None], 0.0)).sum(axis=1)
    return np.asarray(apart / np.maximum(told.sum(axis=1), 1))


def _axis(past: Floats) -> tuple[float, float]:
    """Return the offset of the logarithm (NaN for none) and the margin on the axis that it gives.

    What is never negative is judged by its ratios. Where most readings are zero, one reading of the usual
    size is no damage: it doubles the offset.
    """
    known = np.abs(past[np.isfinite(past)])
    spoken = known[known > 0]
    if not len(spoken):
        return 1.0, float(np.log(2.0))
    if float(np.nanmin(past)) < 0:
        return float("nan"), MARGIN * float(np.median(known))
    usual = float(np.median(spoken))
    if len(spoken) < 0.5 * len(known):
        return usual, MARGIN + float(np.log(2.0))
    return OFFSET * usual, MARGIN


def _transformed(values: Floats, offset: float) -> Floats:
    return values if np.isnan(offset) else np.asarray(np.log(np.maximum(values, 0.0) + offset))


def _usual_movement(values: Floats, starts: NDArray[np.int64], horizon: int, day: int) -> Floats:
    """Return the median over the other days of the movement away from their lead, (starts, horizon).

    Days after a placebo count as well, as long as they lie before the change. 0 where no other day is known.
    """
    reach = len(values) // day + 1
    days = []
    for apart in (number for number in range(-reach, reach + 1) if number):
        begin = starts + apart * day
        known = (begin >= LEAD) & (begin + horizon <= len(values))
        if not known.any():
            continue
        paths = np.full((len(starts), horizon), np.nan)
        lead = _median(_paths(values, begin[known] - LEAD, LEAD), axis=1)
        paths[known] = _paths(values, begin[known], horizon) - lead[:, None]
        days.append(paths)
    if not days:
        return np.zeros((len(starts), horizon))
    middle = _median(np.stack(days), axis=0)
    told = np.isfinite(middle)
    total = _centred_sums(np.where(told, middle, 0.0))
    count = _centred_sums(told.astype(np.float64))
    return np.where(count > 0, total / np.maximum(count, 1.0), 0.0)


def _centred_sums(values: Floats) -> Floats:
    """Return sums over `SMOOTHED` minutes on either side, (rows, minutes)."""
    summed = np.cumsum(np.pad(values, ((0, 0), (SMOOTHED + 1, SMOOTHED))), axis=1)
    return np.asarray(summed[:, 2 * SMOOTHED + 1 :] - summed[:, : -2 * SMOOTHED - 1])


def _paths(values: Floats, begin: NDArray[np.int64], length: int) -> Floats:
    return np.asarray(values[begin[:, None] + np.arange(length)])


def _window_means(rest: Floats) -> Floats:
    """Return the mean over each of `WINDOWS` up to each minute, (windows, rows, minutes).

    A missing minute counts as no shift; before a window is full there is none.
    """
    summed = np.cumsum(np.pad(np.nan_to_num(rest), ((0, 0), (1, 0))), axis=1)
    means = np.zeros((len(WINDOWS), *rest.shape))
    for place, width in enumerate(WINDOWS):
        if width <= rest.shape[1]:
            means[place, :, width - 1 :] = (summed[:, width:] - summed[:, :-width]) / width
    return means


def _median(values: Floats, axis: int) -> Floats:
    """Return the median of what is known along an axis, NaN where nothing is."""
    ordered = np.sort(values, axis=axis)
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis)
    return np.where(count > 0, 0.5 * (low + high), np.nan).squeeze(axis)


def _weighted_quantile(values: Floats, weight: Floats, share: float) -> Floats:
    """Return the smallest value that `share` of the weight lies at or below, for each row, (rows,)."""
    order = np.argsort(values, axis=1, kind="stable")
    reached = np.cumsum(weight[order], axis=1) / weight.sum()
    place = np.minimum((reached < share).sum(axis=1), values.shape[1] - 1)
    return np.asarray(np.take_along_axis(np.sort(values, axis=1), place[:, None], axis=1)[:, 0])
