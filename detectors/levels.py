"""E-processes for means and levels: the canary's level against the stable pods' in the same minutes.

The difference of the two sides is modelled as an offset of the pod, plus noise that remembers the minute
before (AR(1)). Spread of the pods, size of the noise and its correlation are estimated on the quiet time.
The live minutes are whitened with them; the noise's true size is unknown, so the likelihoods are
multivariate t. The null: offset of an ordinary pod plus at most the margin. The alternative: a mixture over
larger shifts.

Sources: M. Perez-Ortiz, T. Lardy, R. de Heide, P. Grunwald, "E-Statistics, Group Invariance and Anytime
Valid Testing", Annals of Statistics 52 (2024), for the t-mixture; H. Robbins (1970), see `counts`. The
whitening is Cochrane and Orcutt's, JASA 44 (1949). Departure: quiet minutes enter as a prior for size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.mixtures import grid, log_sum

Floats = NDArray[np.float64]

PRIOR_POD_SPREAD = 0.03
"""How far pods are taken to differ, relative to the level, before the quiet time has spoken."""

PRIOR_NOISE = 0.03
"""How far two minutes are taken to differ, relative to the level, before the quiet time has spoken."""

_SPREAD_STEPS = np.array([0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66, 8.0])


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


def quiet_noise(levels: Floats, scale: float) -> Noise:
    """Return how pods differ from their twins in the quiet time.

    Args:
        levels: Transformed levels, (pods, intervals), NaN where nothing was said.
        scale: Size of the level on the transformed axis, which the priors are relative to.
    """
    twins = differences(levels)
    offsets, residuals = _split(twins)
    spoke = np.isfinite(residuals)
    readings = int(spoke.sum())
    prior = 4.0
    noise2 = (np.nansum(residuals**2) + prior * (PRIOR_NOISE * scale) ** 2) / (
        max(readings - len(offsets), 0) + prior
    )
    both = spoke[:, 1:] & spoke[:, :-1]
    product = np.where(both, residuals[:, 1:] * residuals[:, :-1], 0.0).sum()
    power = np.where(both, residuals[:, 1:] ** 2 + residuals[:, :-1] ** 2, 0.0).sum() / 2.0
    pairs = int(both.sum())
    lag = float(product / power) if power > 0 else 0.0
    # The estimate of a correlation from few pairs is too low by about (1 + 3 lag) / pairs (Kendall 1954);
    # few pairs are drawn towards a cautious 0.5.
    length = pairs / max(len(offsets), 1)
    if length > 4:
        lag += (1.0 + 3.0 * lag) / length
    lag = (lag * pairs + 0.5 * 10.0) / (pairs + 10.0)
    spread2 = float(np.var(offsets, ddof=1)) if len(offsets) > 1 else 0.0
    freedom = max(len(offsets) - 1, 0)
    pod_prior = 3.0
    pod2 = (freedom * spread2 + pod_prior * (PRIOR_POD_SPREAD * scale) ** 2) / (freedom + pod_prior)
    return Noise(
        pod_spread=float(np.sqrt(pod2)),
        pod_freedom=freedom + pod_prior,
        noise=float(np.sqrt(noise2)),
        noise_freedom=min(max(readings - len(offsets), 0) + prior, 30.0),
        lag=float(np.clip(lag, 0.0, 0.95)),
    )


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


def shift_log_e(apart: Floats, weight: Floats, margin: float, noise: Noise) -> tuple[float, int]:
    """Return the log e-value of a shift beyond the margin, and the interval that says most.

    Args:
        apart: Canary minus stable, damage positive, (intervals,), NaN where one side said nothing.
        weight: Variance of each interval's difference in units of one pod's variance, (intervals,).
        margin: Largest lasting shift that is no damage, at least 0.
        noise: The quiet time's.
    """
    told = np.flatnonzero(np.isfinite(apart))
    if not len(told):
        return 0.0, -1
    z, design = _whitened(apart, weight, told, noise.lag)
    full = _log_e(z, design, margin, noise, float(np.mean(weight[told])))
    if len(told) == 1:
        return min(full, 0.0), int(told[0])
    worst = int(np.argmax(apart[told]))
    kept = np.delete(told, worst)
    z, design = _whitened(apart, weight, kept, noise.lag)
    rest = _log_e(z, design, margin, noise, float(np.mean(weight[kept])))
    return min(full, rest), int(told[worst])


def _whitened(apart: Floats, weight: Floats, told: NDArray[np.int64], lag: float) -> tuple[Floats, Floats]:
    """Return independent innovations of unit pod variance and how the mean enters each."""
    values = apart[told]
    z = np.empty(len(told))
    design = np.empty(len(told))
    for i, at in enumerate(told.tolist()):
        size = float(np.sqrt(weight[at]))
        gap = at - int(told[i - 1]) if i else 0
        memory = lag**gap if i else 0.0
        fresh = np.sqrt(1.0 - memory**2) * size
        z[i] = (values[i] - memory * values[i - 1]) / fresh if i else values[i] / size
        design[i] = (1.0 - memory) / fresh if i else 1.0 / size
    return z, design


def _log_e(z: Floats, design: Floats, margin: float, noise: Noise, weight: float) -> float:
    """Return the log of the ratio of the two marginal likelihoods."""
    spreads = noise.pod_spread * np.sqrt(weight) * _SPREAD_STEPS
    # Posterior of a spread estimated with f degrees of freedom, on the grid: scaled inverse chi-squared.
    f = noise.pod_freedom
    prior = -f * np.log(_SPREAD_STEPS) - f / (2.0 * _SPREAD_STEPS**2)
    prior = prior - log_sum(prior)
    unit = float(np.sqrt(noise.noise**2 + noise.pod_spread**2 * weight))
    shifts, weights = grid(0.5 * unit, 50.0 * unit, 20)
    null = _marginal(z, design, np.array([margin]), spreads, noise) + prior
    other = _marginal(z, design, margin + shifts, spreads, noise) + prior + weights[:, None]
    return log_sum(other.ravel()) - log_sum(null.ravel())


def _marginal(z: Floats, design: Floats, means: Floats, spreads: Floats, noise: Noise) -> Floats:
    """Return log marginal likelihoods up to a constant, (means, spreads)."""
    k = (spreads / noise.noise) ** 2
    information = float((design**2).sum())
    residual = z[None, :] - design[None, :] * means[:, None]
    square = (residual**2).sum(axis=1) / noise.noise**2
    along = (residual * design).sum(axis=1) / noise.noise
    quadratic = square[:, None] - (k / (1.0 + k * information))[None, :] * along[:, None] ** 2
    freedom = noise.noise_freedom
    return np.asarray(
        -0.5 * np.log1p(k * information)[None, :]
        - 0.5 * (freedom + len(z)) * np.log1p(np.maximum(quadratic, 0.0) / freedom)
    )
