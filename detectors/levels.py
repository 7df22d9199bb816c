"""E-processes for means and levels: the canary's level against the stable pods' in the same minutes.

The difference of the two sides is modelled as an offset of the pod, plus noise that remembers the minute
before (AR(1)). Spread of the pods, size of the noise and its correlation are estimated on the quiet time.
The live minutes are whitened with them; true noise and spread are not known, so the likelihoods are
Student's, integrated on a grid. The null: offset of an ordinary pod plus at most the margin, whatever fits
best. The alternative: a mixture over larger shifts.

Sources: M. Perez-Ortiz, T. Lardy, R. de Heide, P. Grunwald, "E-Statistics, Group Invariance and Anytime
Valid Testing", Annals of Statistics 52 (2024), for the t-mixture; L. Wasserman, A. Ramdas, S. Balakrishnan,
"Universal Inference", PNAS 117 (2020), for the best fit under the null; H. Robbins (1970), see `counts`. The
whitening is Cochrane and Orcutt's, JASA 44 (1949). Departure: quiet minutes enter as a prior for size.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.expected_sizes import expecting
from detectors.memo import by_content
from detectors.mixtures import grid, log_sum

Floats = NDArray[np.float64]

PRIOR_POD_SPREAD = 0.04
"""How far pods are taken to differ, relative to the level, before the quiet time has spoken."""

PRIOR_PODS = 6.0
"""How many pods that guess is worth: few stable pods alone could never convict, however bad the canary."""

PRIOR_NOISE = 0.03
"""How far two minutes are taken to differ, relative to the level, before the quiet time has spoken."""

MOST_FREEDOM = 8.0
"""However long the quiet time, the noise keeps a Student's tails, with so many degrees of freedom: latency
has spikes that no hour shows."""

LEAST_PAST = 10
"""Quiet intervals that a pod must share with its twins before its own past is believed."""

LARGEST_SHIFT = 100.0
"""Largest shift that is thought of, in deviations of the quiet time."""

_STEPS = 2.0 ** np.arange(-1.5, 6.5, 0.5)
"""Noise and spread may be so many times what the quiet time says; a sick pod is noisier, too."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How the difference of one pod to its twins behaves when nothing is wrong.

    Attributes:
        pod_spread: Standard deviation of the pods' lasting offsets.
        pod_freedom: How many observations that estimate is worth.
        noise: Standard deviation of an interval around its pod's offset.
        noise_freedom: How many observations that estimate is worth.
        lag: Correlation of neighbouring intervals, in [0, 0.95].
    """

    pod_spread: float
    pod_freedom: float
    noise: float
    noise_freedom: float
    lag: float


@by_content(4096)
def quiet_noise(levels: Floats, scale: float) -> Noise:
    """Return how pods differ from their twins in the quiet time.

    Args:
        levels: Transformed levels, (pods, intervals), NaN where nothing was said.
        scale: Size of the level on the transformed axis, which the priors are relative to.
    """
    offsets, residuals = _split(differences(levels))
    noise, readings = _deviation(residuals, scale)
    spread2 = float(np.var(offsets, ddof=1)) if len(offsets) > 1 else 0.0
    freedom = max(len(offsets) - 1, 0)
    pod2 = (freedom * spread2 + PRIOR_PODS * (PRIOR_POD_SPREAD * scale) ** 2) / (freedom + PRIOR_PODS)
    return Noise(
        pod_spread=float(np.sqrt(pod2)),
        pod_freedom=freedom + PRIOR_PODS,
        noise=noise,
        noise_freedom=min(readings, MOST_FREEDOM),
        lag=_lag(residuals),
    )


@by_content(4096)
def own_past(apart: Floats, weight: float, scale: float) -> tuple[float, Noise] | None:
    """Return a canary's lasting difference to its twins before the release, and the noise around it.

    A pod that was there before, under the old version, needs no guess at how pods differ: its own offset
    is known, but for the error of its estimate. None where it was there for too few intervals.

    Args:
        apart: Its levels minus the twins' mean, transformed, (quiet intervals,), NaN where unsaid.
        weight: Variance of such a difference in units of one pod's variance.
        scale: Size of the level on the transformed axis, which the priors are relative to.
    """
    told = np.isfinite(apart)
    count = int(told.sum())
    if count < LEAST_PAST:
        return None
    offset = float(np.nanmean(apart))
    residuals = (apart - offset)[None, :] / np.sqrt(weight)
    noise, readings = _deviation(residuals, scale)
    lag = _lag(residuals)
    error = noise * np.sqrt((1.0 + lag) / (1.0 - lag) / count)
    return offset, Noise(
        pod_spread=float(error),
        pod_freedom=min(readings, MOST_FREEDOM),
        noise=noise,
        noise_freedom=min(readings, MOST_FREEDOM),
        lag=lag,
    )


def _deviation(residuals: Floats, scale: float) -> tuple[float, float]:
    """Return the deviation of an interval and how many observations that is worth."""
    freedom = max(int(np.isfinite(residuals).sum()) - residuals.shape[0], 0)
    prior = 4.0
    square = float(np.nansum(residuals**2)) + prior * (PRIOR_NOISE * scale) ** 2
    return float(np.sqrt(square / (freedom + prior))), freedom + prior


def _lag(residuals: Floats) -> float:
    """Return the correlation of neighbouring intervals, in [0, 0.95].

    The estimate from few pairs is too low, by about (1 + 3 lag) / pairs (M. G. Kendall, Biometrika 41,
    1954); few pairs are drawn towards a cautious 0.5.
    """
    spoke = np.isfinite(residuals)
    both = spoke[:, 1:] & spoke[:, :-1]
    product = float(np.where(both, residuals[:, 1:] * residuals[:, :-1], 0.0).sum())
    power = float(np.where(both, residuals[:, 1:] ** 2 + residuals[:, :-1] ** 2, 0.0).sum()) / 2.0
    pairs = int(both.sum())
    lag = product / power if power > 0 else 0.0
    length = pairs / max(len(residuals), 1)
    if length > 4:
        lag += (1.0 + 3.0 * lag) / length
    return float(np.clip((lag * pairs + 0.5 * 10.0) / (pairs + 10.0), 0.0, 0.95))


def differences(levels: Floats) -> Floats:
    """Return each pod's level minus the mean of its twins in the same interval, (pods, intervals).

    A lone pod is held against its own mean instead.
    """
    spoke = np.isfinite(levels)
    values = np.where(spoke, levels, 0.0)
    count = spoke.sum(axis=0)
    others = count - spoke
    with np.errstate(divide="ignore", invalid="ignore"):
        twins = np.where(others > 0, (values.sum(axis=0) - values) / others, np.nan)
    apart = np.where(spoke, levels - twins, np.nan)
    if not np.isfinite(apart).any() and spoke.any():
        return np.where(spoke, levels - np.nanmean(levels), np.nan)
    # A difference to the mean of k twins has 1 + 1/k times one pod's variance.
    return np.asarray(apart / np.sqrt(1.0 + 1.0 / np.maximum(others, 1)))


def _split(twins: Floats) -> tuple[Floats, Floats]:
    told = twins[np.isfinite(twins).sum(axis=1) >= 2]
    if not len(told):
        return np.zeros(0), np.zeros((0, twins.shape[1]))
    offsets = np.nanmean(told, axis=1)
    return offsets, told - offsets[:, None]


def shift_log_e(
    apart: Floats, weight: Floats, margin: float, noise: Noise, expected: float | None = None
) -> tuple[float, int]:
    """Return the log e-value of a shift beyond the margin, and the interval that says most.

    What counts is what stands when the interval that says most is left out: one interval alone convicts
    nobody.

    Args:
        apart: Canary minus stable, damage positive, (intervals,), NaN where one side said nothing.
        weight: Variance of each interval's difference in units of one pod's variance, (intervals,).
        margin: Largest lasting shift that is no damage, at least 0.
        noise: The quiet time's.
        expected: The shift that damage is thought to make, above 0; None thinks of all sizes alike.
    """
    told = np.flatnonzero(np.isfinite(apart))
    if not len(told):
        return 0.0, -1
    # What is unsaid at the end changes nothing, and a silent canary's minutes are known again without it.
    end = int(told[-1]) + 1
    return _shift_log_e(apart[:end], weight[:end], margin, noise, expected)


@by_content(4096)
def _shift_log_e(
    apart: Floats, weight: Floats, margin: float, noise: Noise, expected: float | None
) -> tuple[float, int]:
    told = np.flatnonzero(np.isfinite(apart))
    worst = int(np.argmax(apart[told]))
    full = _log_e(
        *_whitened(apart, weight, told, noise.lag), margin, noise, float(np.mean(weight[told])), expected
    )
    if len(told) == 1:
        return min(full, 0.0), int(told[0])
    kept = np.delete(told, worst)
    rest = _log_e(
        *_whitened(apart, weight, kept, noise.lag), margin, noise, float(np.mean(weight[kept])), expected
    )
    return min(full, rest), int(told[worst])


def _whitened(apart: Floats, weight: Floats, told: NDArray[np.int64], lag: float) -> tuple[Floats, Floats]:
    """Return independent innovations of unit pod variance and how the mean enters each."""
    size = np.sqrt(weight[told])
    memory = np.concatenate(([0.0], lag ** np.diff(told).astype(np.float64)))
    fresh = np.sqrt(1.0 - memory**2) * size
    before = np.concatenate(([0.0], apart[told][:-1]))
    return (apart[told] - memory * before) / fresh, (1.0 - memory) / fresh


def _log_e(
    z: Floats, design: Floats, margin: float, noise: Noise, weight: float, expected: float | None
) -> float:
    """Return the log of the ratio of the two marginal likelihoods."""
    sizes = noise.noise * _STEPS
    spreads = noise.pod_spread * np.sqrt(weight) * _STEPS
    prior = _log_priors(noise.noise_freedom, noise.pod_freedom)
    unit = float(np.sqrt(noise.noise**2 + noise.pod_spread**2 * weight))
    shifts, weights = grid(0.5 * unit, LARGEST_SHIFT * unit, 12)
    if expected is not None:
        beyond = max(expected - margin, float(shifts[0]))
        weights = expecting(weights, np.log(shifts), float(np.log(beyond)))
    # Of all shifts that are no damage, the one that fits best speaks for the null: else a canary that is
    # better than its twins would be as unlikely under it as one that is worse.
    fitted = float((z * design).sum()) / float((design**2).sum())
    means = np.concatenate(([min(margin, fitted)], margin + shifts))
    # Each alternative is a bell as wide as the gap to the next, so that none falls between them.
    widths = np.concatenate(([0.0], 0.3 * shifts))
    both = _marginal(z, design, means, widths, sizes, spreads)
    both += prior
    null, other = both[0], both[1:]
    other += weights[:, None, None]
    return log_sum(other.ravel()) - log_sum(null.ravel())


@lru_cache(maxsize=256)
def _log_priors(noise_freedom: float, pod_freedom: float) -> Floats:
    """Return the prior of both deviations, (noise sizes, pod spreads)."""
    known = _log_prior(noise_freedom)[:, None] + _log_prior(pod_freedom)[None, :]
    known.flags.writeable = False
    return known


@lru_cache(maxsize=256)
def _log_prior(freedom: float) -> Floats:
    """Return the posterior of a deviation estimated with so many degrees of freedom, on the grid.

    Scaled inverse chi-squared: its tail is what makes the likelihoods Student's.
    """
    prior = -freedom * np.log(_STEPS) - freedom / (2.0 * _STEPS**2)
    known = np.asarray(prior - log_sum(prior))
    known.flags.writeable = False
    return known


def _marginal(
    z: Floats, design: Floats, means: Floats, widths: Floats, sizes: Floats, spreads: Floats
) -> Floats:
    """Return log marginal likelihoods up to a constant, (means, noise sizes, pod spreads).

    The mean is normal around each of `means`, with the pods' spread and each of `widths` as deviation.
    """
    information = float((design**2).sum())
    crossed = float((z * design).sum())
    along = (crossed - means * information)[:, None, None]
    square = (float((z**2).sum()) - 2.0 * means * crossed + means**2 * information)[:, None, None]
    variance = spreads[None, None, :] ** 2 + widths[:, None, None] ** 2
    noise = sizes[None, :, None] ** 2
    k = variance / noise
    told = k * information
    quadratic = k / (1.0 + told)
    quadratic *= along**2
    np.subtract(square, quadratic, out=quadratic)
    quadratic /= noise
    np.maximum(quadratic, 0.0, out=quadratic)
    quadratic *= -0.5
    freedom = np.log1p(told, out=told)
    freedom *= 0.5
    quadratic -= freedom
    quadratic -= len(z) * np.log(sizes)[None, :, None]
    return np.asarray(quadratic)
