"""E-process for the level of a pod that was there before: its difference to its twins, before and after.

A pod that was upgraded in place under the same name needs no guess at how pods differ: the quiet time says
how far it lies from its twins and how that difference behaves. Quiet and live differences are one
regression, on a lasting offset and a shift at the release. Whatever else is unknown is integrated, and
learnt from all minutes together: the offset and the size of the noise in closed form, which gives Student's
tails; the noise's memory, its share of white noise and how much the live minutes may be noisier over a list
of structures. Long memory with little white noise stands for pods that drift. Null: the shift is at most
the margin, whatever fits best. Alternative: a mixture over larger shifts.

Sources: M. Perez-Ortiz, T. Lardy, R. de Heide, P. Grunwald, "E-Statistics, Group Invariance and Anytime
Valid Testing", Annals of Statistics 52 (2024), for the offset and the size; D. R. Cox, "Long-range
dependence", 1984, for why short memory alone convicts too easily. Departure: the list of structures is
weighed by a prior, so that the bound holds on average over it and not for the worst of them.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.blips import capped
from detectors.expected_sizes import expecting
from detectors.levels import LEAST_PAST, PRIOR_NOISE
from detectors.likelihood_kernels import whitened_sums
from detectors.mixtures import log_sum

Floats = NDArray[np.float64]

PRIOR_FREEDOM = 4.0
"""How many observations the guess at the noise is worth."""

SHIFTS = np.exp(np.linspace(np.log(0.02), np.log(3.0), 20))
"""Shifts beyond the margin that are thought of, relative to the level."""

_SWELLS = ((1.0, 0.75), (1.6, 0.2), (2.6, 0.05))
"""By what the live minutes' noise may be multiplied, with its prior weight."""

_STRUCTURES = (
    # memory, white share, prior weight
    (0.0, 0.0, 0.45),
    (0.3, 0.0, 0.14),
    (0.5, 0.0, 0.11),
    (0.7, 0.0, 0.08),
    (0.8, 0.0, 0.06),
    (0.9, 0.0, 0.04),
    (0.95, 0.0, 0.02),
    (0.98, 0.0, 0.01),
    (0.8, 0.5, 0.03),
    (0.95, 0.8, 0.02),
    (0.99, 0.6, 0.01),
    (0.99, 0.9, 0.03),
)
"""How noise may remember; long memory beside much white noise is a pod that drifts."""

# Noise that swells is told from a shift only where it forgets: with long memory the one looks like the other.
_GRID = [
    (memory, white, swell, weight * part / sum(p for s, p in _SWELLS if s == 1.0 or memory < 0.6))
    for memory, white, weight in _STRUCTURES
    for swell, part in _SWELLS
    if swell == 1.0 or memory < 0.6
]
_MEMORIES, _NUGGETS, _SWELL = (np.array(column) for column in tuple(zip(*_GRID, strict=True))[:3])
_PRIOR = np.log([weight for *_, weight in _GRID])


def lasting_shift_log_e(
    before: Floats,
    after: Floats,
    sizes: tuple[float, Floats],
    margin: float,
    scale: float,
    expected: float | None = None,
) -> tuple[float, int] | None:
    """Return the log e-value of a lasting shift beyond the margin, and the live interval that says most.

    None where the pod and its twins shared too few quiet intervals.

    Args:
        before: Canary minus stable, transformed, damage positive, (quiet intervals,), NaN where unsaid.
        after: The same since the release, (live intervals,).
        sizes: Deviation of such a difference in units of one pod's: before, and in each live interval.
        margin: Largest lasting shift that is no damage, transformed, at least 0.
        scale: Size of the level on the transformed axis, which priors and shifts are relative to.
        expected: The shift that damage is thought to make, above 0; None thinks of all sizes alike.
    """
    y = np.concatenate((before, after))
    told = np.isfinite(y)
    live = np.arange(len(y)) >= len(before)
    if int((told & ~live).sum()) < LEAST_PAST:
        return None
    if not (told & live).any():
        return 0.0, -1
    size = np.concatenate((np.full(len(before), sizes[0]), sizes[1]))

    def log_e(kept: NDArray[np.bool_]) -> float:
        at = np.flatnonzero(kept).astype(np.float64)
        return _log_e(y[kept], live[kept], size[kept], at, margin, scale, expected)

    worst = int(np.argmax(np.where(told & live, y, -np.inf)))
    full = log_e(told)
    if full <= 0 or int((told & live).sum()) == 1:
        return min(full, 0.0), worst - len(before)
    told[worst] = False
    return capped(full, log_e(told)), worst - len(before)


def _log_e(
    y: Floats,
    live: NDArray[np.bool_],
    size: Floats,
    at: Floats,
    margin: float,
    scale: float,
    expected: float | None,
) -> float:
    sums = whitened_sums(y, live, size, at, _MEMORIES, _NUGGETS, _SWELL)
    yy, y1, yd, one, shared, dd, determinant = sums.T
    # The offset, of which nothing is known beforehand, is fitted and integrated out.
    yy = yy - y1**2 / one
    yd = yd - y1 * shared / one
    dd = np.maximum(dd - shared**2 / one, 1e-12)
    freedom = len(y) - 1 + PRIOR_FREEDOM
    prior = PRIOR_FREEDOM * (PRIOR_NOISE * scale) ** 2
    common = _PRIOR - 0.5 * determinant - 0.5 * np.log(one)

    def marginal(shift: Floats) -> Floats:
        rest = np.maximum(yy - 2.0 * shift * yd + shift**2 * dd, 0.0)
        return np.asarray(common - 0.5 * freedom * np.log(prior + rest))

    # Of all shifts that are no damage, the one that fits best speaks for the null.
    null = marginal(np.minimum(margin, yd / dd))
    other = marginal((margin + scale * SHIFTS)[:, None])
    if expected is None:
        return log_sum(other.ravel()) - float(np.log(len(SHIFTS))) - log_sum(null)
    even = np.full(len(SHIFTS), -np.log(len(SHIFTS)))
    beyond = max((expected - margin) / scale, float(SHIFTS[0]))
    weights = expecting(even, np.log(SHIFTS), float(np.log(beyond)))
    return log_sum((other + weights[:, None]).ravel()) - log_sum(null)
