"""Weighing: one signal of one edge, canary against stable pods, as an e-value with both sides' numbers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.count_ratios import ratio_log_e
from detectors.counts import rate_log_e, upper_rate
from detectors.lasting_shifts import lasting_shift_log_e
from detectors.levels import LEAST_PAST, Noise, own_past, quiet_noise, shift_log_e
from detectors.mixtures import log_mean_pair
from detectors.pairings import Pairing, Twin, pairing, twin_of
from detectors.panels import Panel
from schemas.judgements import Side
from schemas.signals import Direction, Signal, SignalKind

Floats = NDArray[np.float64]

LARGEST_LOG_E = 700.0
"""Larger evidence is written as this: beyond it, exp would overflow in a reader."""

MOST_TWINS = 8
"""Stable pods whose lasting differences are looked at; more say little more."""

DRIFT = 3.0
"""Against its own past, and not twins, a service may have drifted by so many deviations of its minutes."""


GUESSED_DAYS = 2.0
"""How many days that tell how far it drifted `DRIFT` is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What one signal of one edge says.

    Attributes:
        log_e: Log e-value, finite.
        first_bad: Index of the first live interval that counts against the canary; -1 for none.
        margin: Largest change in the signal's unit that is no damage.
        quiet: The stable pods before the release.
        is_before_after: Some of it was held against the past, for want of stable pods.
        predates: The stable pods are as bad as the canary, or were before the release.
    """

    detector: str
    log_e: float
    canary: Side
    control: Side
    quiet: Side
    margin: float
    first_bad: int
    is_before_after: bool
    predates: bool


def side_of(panel: Panel) -> Side:
    """Return one side's numbers."""
    spoke = panel.exposure > 0
    exposure = float(panel.exposure.sum())
    return Side(
        pods=int(spoke.any(axis=1).sum()),
        intervals=int(spoke.sum()),
        exposure=exposure,
        level=float(panel.events.sum()) / exposure if exposure > 0 else None,
    )


def missing(panel: Panel) -> Panel:
    """Return the exposure that had no event, as events."""
    return Panel(np.maximum(panel.exposure - panel.events, 0.0), panel.exposure)


def weigh(
    signal: Signal,
    canary: Panel,
    stable: Panel,
    quiet: Panel,
    earlier: NDArray[np.bool_] | None = None,
    drift: tuple[float, int] | None = None,
) -> Weighed:
    """Return what a signal says of a canary.

    Args:
        signal: What is weighed, which way is bad and how much nobody minds.
        canary: The release's pods since it began, (pods, intervals).
        stable: The other pods in the same intervals, (pods, intervals).
        quiet: The other pods before the release, (pods, quiet intervals).
        earlier: Which rows of `quiet` are the canary's own pods under the old version, (pods,).
        drift: How far the service's level drifts from what was expected, as a log ratio, and how many earlier
            days or releases tell; None to guess. For intervals without a stable pod.
    """
    match signal.kind:
        case SignalKind.COUNTS:
            if signal.direction is Direction.UP:
                return _weigh_counts(signal, canary, stable, quiet, earlier)
            # Fewer of what is good is more of what is missing from it: orders of visits, answers in time.
            weighed = _weigh_counts(signal, missing(canary), missing(stable), missing(quiet), earlier)
            before, beside = side_of(quiet), side_of(stable)
            control = beside if beside.exposure > 0 else before
            return replace(weighed, canary=side_of(canary), control=control, quiet=before)
        case SignalKind.MEANS | SignalKind.LEVELS:
            return _weigh_levels(signal, canary, stable, quiet, earlier, drift)


def _weigh_counts(
    signal: Signal, canary: Panel, stable: Panel, quiet: Panel, earlier: NDArray[np.bool_] | None
) -> Weighed:
    x, n = canary.totals()
    y, m = stable.totals()
    before_y, before_m = float(quiet.events.sum()), float(quiet.exposure.sum())
    y_all, m_all = before_y + float(y.sum()), before_m + float(m.sum())
    level = y_all / m_all if m_all > 0 else 0.0
    margin = max(signal.margin_ratio * level, signal.margin_floor)
    paired, alone = (n > 0) & (m > 0), (n > 0) & (m <= 0)
    pods = _pods(canary)
    past, halves = _known_pairs(quiet, stable, earlier)
    twins = _twins(quiet) if past is None else ()
    expected = signal.expected_ratio
    live = pairing((x, n), (y, m), (pods, _pods(stable)))
    log_e, worst, wobble = ratio_log_e(
        live, past, halves, float(np.log1p(signal.margin_ratio)), twins, expected
    )
    worst = int(live.at[worst]) if worst >= 0 else -1
    wobbles = wobble / np.maximum(pods, 1)

    def against(bound: float, mask: NDArray[np.bool_], times: float = 1.0) -> tuple[float, int]:
        told = np.where(mask, x, 0.0), np.where(mask, n, 0.0)
        return rate_log_e(told, max(bound, 1e-9), times * wobbles, expected)

    if log_e > 0 and (signal.margin_floor > 0 or level <= 0):
        # The null is the larger of two margins: both must be refuted, so the smaller e-value counts.
        log_e = min(log_e, against(upper_rate(y_all, m_all) + signal.margin_floor, paired)[0])
    is_alone = bool(alone.any()) and before_m > 0
    if is_alone:
        past_rate = max(upper_rate(before_y, before_m), level) * (1.0 + signal.margin_ratio)
        gained, most = against(past_rate + signal.margin_floor, alone, DRIFT)
        log_e, worst = (log_mean_pair(log_e, gained), worst) if paired.any() else (gained, most)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = np.where(m > 0, y / np.maximum(m, 1e-12), level)
        bad = (n > 0) & (x / np.maximum(n, 1e-12) > told + margin)
    quiet_side, stable_side, canary_side = side_of(quiet), side_of(stable), side_of(canary)
    before = quiet_side.level if quiet_side.level is not None else 0.0
    return Weighed(
        detector="gamma-poisson" if is_alone else "beta-binomial",
        log_e=_bounded(log_e),
        canary=canary_side,
        control=stable_side if stable_side.exposure > 0 else quiet_side,
        quiet=quiet_side,
        margin=margin,
        first_bad=_first(bad, worst),
        is_before_after=is_alone,
        predates=_as_bad(canary_side, stable_side, before, margin, 1.0),
    )


def _known_pairs(
    quiet: Panel, stable: Panel, earlier: NDArray[np.bool_] | None
) -> tuple[Pairing | None, Pairing | None]:
    """Return the canary's own past beside its twins, and what tells how rates wobble beside that.

    The latter is one half of the stable pods against the other. Where one pod stands alone, each minute is
    held against the next: the tide then counts as wobble, which errs on the side of caution.
    """
    own = np.zeros(len(quiet.events), dtype=bool) if earlier is None else earlier
    past = None
    if own.any() and not own.all():
        past = _pair(_rows(quiet, own), _rows(quiet, ~own))
        past = past if len(past.x) >= LEAST_PAST else None
    twins = _rows(quiet, ~own) if not own.all() else quiet
    if (_pods(twins) > 1).sum() < LEAST_PAST:
        twins = _rows(stable, ~own[: len(stable.events)]) if (_pods(stable) > 1).any() else twins
    spoke = np.flatnonzero((twins.exposure > 0).any(axis=1))
    if len(spoke) > 1:
        return past, _pair(_rows(twins, spoke[::2]), _rows(twins, spoke[1::2]))
    if past is not None:
        return past, None
    even = twins.exposure.shape[1] // 2 * 2
    first, second = (Panel(twins.events[:, k:even:2], twins.exposure[:, k:even:2]) for k in (0, 1))
    return None, _pair(first, second)


def _twins(quiet: Panel) -> tuple[Twin, ...]:
    """Return how each stable pod compared with the others before the release, for the first few of them."""
    spoke = np.flatnonzero((quiet.exposure > 0).sum(axis=1) >= LEAST_PAST)
    pairs = [
        _pair(_rows(quiet, spoke[place : place + 1]), _rows(quiet, np.delete(spoke, place)))
        for place in range(min(len(spoke), MOST_TWINS))
        if len(spoke) > 1
    ]
    return tuple(twin_of(pair) for pair in pairs if len(pair.x))


def _pair(one: Panel, other: Panel) -> Pairing:
    return pairing(one.totals(), other.totals(), (_pods(one), _pods(other)))


def _rows(panel: Panel, which: NDArray[np.bool_] | NDArray[np.int64]) -> Panel:
    """Return the panel of some pods only, by mask or by number."""
    return Panel(panel.events[which], panel.exposure[which])


def _pods(panel: Panel) -> Floats:
    """Return how many pods spoke, (intervals,)."""
    return np.asarray((panel.exposure > 0).sum(axis=0), dtype=np.float64)


def _weigh_levels(
    signal: Signal,
    canary: Panel,
    stable: Panel,
    quiet: Panel,
    earlier: NDArray[np.bool_] | None,
    drift: tuple[float, int] | None,
) -> Weighed:
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    c, s, q = canary.levels, stable.levels, quiet.levels
    known = q if np.isfinite(q).any() else s
    level = _median(known) if np.isfinite(known).any() else 0.0
    margin = max(signal.margin_ratio * abs(level), signal.margin_floor)
    # A logarithm for what can rise without end; its offset keeps levels near zero from exploding.
    offset = max(margin, 0.01 * abs(level), 1e-12)
    is_log = sign > 0 and all(not (v[np.isfinite(v)] < 0).any() for v in (c, s, q))

    def transformed(values: Floats) -> Floats:
        return np.log(values + offset) if is_log else sign * values

    step = float(np.log((level + margin + offset) / (level + offset))) if is_log else margin
    scale = 1.0 if is_log else max(abs(level), margin, 1e-12)
    expected = None
    if signal.expected_ratio is not None:
        # Of the level with its margin beside it, so that a ratio means something near zero.
        ratio = signal.expected_ratio
        expected = float(np.log(ratio)) if is_log else scale * (ratio - 1.0)
    tc, ts, tq = transformed(c), transformed(s), transformed(q)
    pods_c, pods_s = np.isfinite(tc).sum(axis=0), np.isfinite(ts).sum(axis=0)
    mean_c, mean_s = _means(tc), _means(ts)
    weight = 1.0 / np.maximum(pods_c, 1) + 1.0 / np.maximum(pods_s, 1)
    apart = mean_c - mean_s
    found = None
    if earlier is not None and earlier.any() and not earlier.all():
        before = _means(tq[earlier]) - _means(tq[~earlier])
        size = np.sqrt(1.0 / int(earlier.sum()) + 1.0 / int((~earlier).sum()))
        found = lasting_shift_log_e(before, apart, (float(size), np.sqrt(weight)), step, scale, expected)
    if found is None:
        found = shift_log_e(apart, weight, step, quiet_noise(transformed(known), scale), expected)
    log_e, worst = found
    alone = np.isfinite(mean_c) & ~np.isfinite(mean_s)
    past = _means(tq)
    is_alone = bool(alone.any()) and bool(np.isfinite(past).any())
    if is_alone:
        is_same = earlier is not None and bool(earlier.all())
        noise = quiet_noise(transformed(known), scale)
        then = np.isfinite(tq).sum(axis=0)
        fewer = 1.0 / float(pods_c[alone].mean()) + 1.0 / float(then[then > 0].mean())
        pods = 0.0 if is_same else noise.pod_spread * float(np.sqrt(fewer))
        apart = np.where(alone, mean_c, np.nan)
        single = _against_past(apart, past, step, scale, noise, pods, drift, expected)
        log_e = log_mean_pair(log_e, single) if np.isfinite(mean_c - mean_s).any() else single
    reference = np.where(np.isfinite(mean_s), mean_s, np.nanmean(past) if np.isfinite(past).any() else np.nan)
    bad = np.isfinite(mean_c) & (mean_c > reference + step)
    canary_side, stable_side, quiet_side = side_of(canary), side_of(stable), side_of(quiet)
    return Weighed(
        detector="t-mixture",
        log_e=_bounded(log_e),
        canary=canary_side,
        control=stable_side if stable_side.exposure > 0 else quiet_side,
        quiet=quiet_side,
        margin=margin,
        first_bad=_first(bad, worst),
        is_before_after=is_alone,
        predates=_as_bad(canary_side, stable_side, level, margin, sign),
    )


def _against_past(
    alone: Floats,
    past: Floats,
    step: float,
    scale: float,
    noise: Noise,
    pods: float,
    drift: tuple[float, int] | None = None,
    expected: float | None = None,
) -> float:
    """Return the log e-value of a shift against the service's own quiet time.

    Args:
        alone: The canary's mean where no stable pod spoke, (intervals,), NaN elsewhere.
        past: The mean of whoever spoke in the quiet time, (quiet intervals,).
        step: Margin, transformed.
        scale: Size of the level, transformed.
        noise: How pods differ from their twins.
        pods: How far the pods of now and of then differ on average, as a deviation; 0 when they are the same.
        drift: How far it was carried on earlier days beyond what was expected, as a log ratio, and how many
            days tell; None where none do.
        expected: As in `shift_log_e`.
    """
    known = own_past(past, 1.0, scale)
    if known is None:
        apart = alone - np.nanmean(past)
        return shift_log_e(apart, np.full(len(alone), DRIFT**2), step, noise, expected)[0]
    offset, own = known
    carried = DRIFT * own.noise
    if drift is not None:
        told, days = drift
        square = days * (told * scale) ** 2 + GUESSED_DAYS * carried**2
        carried = float(np.sqrt(square / (days + GUESSED_DAYS)))
    drifting = replace(own, pod_spread=float(np.hypot(carried, pods)))
    return shift_log_e(alone - offset, np.ones(len(alone)), step, drifting, expected)[0]


def _means(values: Floats) -> Floats:
    """Return the mean over pods, (intervals,), NaN where none spoke."""
    spoke = np.isfinite(values)
    count = spoke.sum(axis=0)
    total = np.where(spoke, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _median(values: Floats) -> float:
    """Return the median of what is no NaN, at least one number, as `numpy.nanmedian` does."""
    told = np.sort(values[~np.isnan(values)])
    middle = len(told) // 2
    return float(told[middle] if len(told) % 2 else (told[middle - 1] + told[middle]) / 2.0)


def _as_bad(canary: Side, stable: Side, before: float, margin: float, sign: float) -> bool:
    """Return whether the stable pods have left their quiet level as far as the canary has."""
    if canary.level is None or stable.level is None:
        return False
    moved = sign * (stable.level - before)
    return moved > margin and sign * (canary.level - stable.level) <= margin


def _first(bad: NDArray[np.bool_], worst: int) -> int:
    found = np.flatnonzero(bad)
    return int(found[0]) if len(found) else worst


def _bounded(log_e: float) -> float:
    # Numbers beyond what floats can add up weigh nothing, rather than ending every judging to come.
    if np.isnan(log_e):
        return 0.0
    return float(np.clip(log_e, -LARGEST_LOG_E, LARGEST_LOG_E))
