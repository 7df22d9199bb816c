"""What the quiet time says of two sides' error rates: how they differ for long, and how they wobble.

A lasting ratio of the two sides, the wobble of a pod's rate beyond chance, and how long a wobble lasts have
priors on grids. The likelihoods are beta-binomial, given both sides' events, over the canary's own past
beside its twins, and over one half of the stable pods beside the other. How far a pod that nobody has seen
may differ is learnt from how far the stable pods differ from each other. A wobble that lasts is learnt from
normal likelihoods of a chain AR(1), and then counts as a larger wobble of independent intervals.

Source: A. Gelman, "Prior distributions for variance parameters in hierarchical models", Bayesian Analysis 1
(2006), for scales that few groups tell. The priors' weights were set by simulated releases, and by no
recording.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from detectors.likelihood_kernels import beta_binomial_table, burst_log_likelihoods
from detectors.mixtures import log_sums
from detectors.pairings import LEAST_WOBBLE, Floats, Pairing, Twin

WOBBLES: Floats = LEAST_WOBBLE * 3.0 ** np.arange(9, dtype=np.float64)
"""Squared CVs that a pod's rate may wobble by; each is three times the one before."""

WOBBLE_PRIOR = np.array([0.50, 0.20, 0.10, 0.08, 0.05, 0.04, 0.02, 0.008, 0.002])
"""Their weights. More on large ones takes longer to see a doubling; less trusts a calm hour too far."""

LASTING = np.array([0.0, 0.5, 0.8, 27.0 / 29.0])
"""How wobbles may last: correlations of neighbouring minutes, such that sums of many minutes wobble 1, 3, 9
and 28 times as much as if each wobbled by itself: steps of `WOBBLES`."""

LASTING_PRIOR = np.array([0.97, 0.018, 0.009, 0.003])
"""Their weights. A rise that lasts looks like a burst that lasts: more on these costs much power, and the
quiet time finds out those who do burst all the same."""

OWN_OFFSETS = ((0.02, 0.77), (0.08, 0.20), (0.3, 0.03))
"""How two sides that both were there before may differ for long, in logarithms, with prior weights."""

FRESH_OFFSETS = ((0.04, 0.80), (0.12, 0.17), (0.35, 0.03))
"""How a pod that nobody has seen before may differ from its twins."""

COUNTS_AS = np.minimum(np.arange(len(WOBBLES))[:, None] + np.arange(len(LASTING))[None, :], len(WOBBLES) - 1)
"""Which of `WOBBLES` a wobble counts as that lasts, (wobbles, lasting)."""

# Around here, and so wide, the grid of lasting ratios lies; the priors above weigh it.
_TIGHT = 0.05
_KNOWN_STEPS = np.linspace(-3.6, 3.6, 31)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What the quiet time says.

    Attributes:
        offsets: Logs of the lasting ratio that are thought of, (offsets,).
        weights: Log weights of offset, given wobble as it counts, (offsets, wobbles).
        wobbles: Log weights of a wobble and how it lasts, (wobbles, lasting).
    """

    offsets: Floats
    weights: Floats
    wobbles: Floats


def _learn(past: Pairing | None, halves: Pairing | None, twins: tuple[Twin, ...]) -> Known:
    """Return what is known of the lasting ratio and the wobble; the arguments are those of `learnt`."""
    wobbles = np.log(WOBBLE_PRIOR)[:, None] + np.log(LASTING_PRIOR)[None, :]
    if halves is not None and len(halves.x):
        wobbles = wobbles + _told_by_halves(halves)
    center, spread = 0.0, FRESH_OFFSETS[0][0]
    scales = _as_twins_differ(twins, counts_as(wobbles))
    if past is not None:
        scales = OWN_OFFSETS
        center, spread = likely_offset(past)
    offsets = center + spread * np.sinh(_KNOWN_STEPS)
    density = sum(weight / scale * np.exp(-0.5 * (offsets / scale) ** 2) for scale, weight in scales)
    prior = np.log(np.maximum(density * np.cosh(_KNOWN_STEPS), 1e-300))
    prior = prior - log_sums(prior, 0)
    weights = np.repeat(prior[:, None], len(WOBBLES), axis=1)
    if past is not None and len(past.x):
        told = beta_binomial_table(past.x, past.y, past.logit, past.share, offsets, WOBBLES).sum(axis=0)
        weights = weights + told
        evidence = log_sums(weights, 0)
        weights = weights - evidence
        wobbles = wobbles + evidence[:, None] + _burst_gain(past)
    return Known(offsets, weights, wobbles - log_sums(wobbles, (0, 1)))


def likely_offset(past: Pairing) -> tuple[float, float]:
    """Return where the lasting ratio of two sides most likely lies, as a logarithm, and its error."""
    guess, error = past.center()
    part = _TIGHT**2 / (_TIGHT**2 + error**2)
    return part * guess, float(np.sqrt(part) * error)


def _told_by_halves(halves: Pairing) -> Floats:
    """Return log-likelihoods of wobbles and how they last, (wobbles, lasting)."""
    steps = np.linspace(-2.5, 2.5, 15)
    guess, error = halves.center()
    ratios = guess + error * np.sinh(steps)
    told = beta_binomial_table(halves.x, halves.y, halves.logit, halves.share, ratios, WOBBLES).sum(axis=0)
    return log_sums(told + np.log(np.cosh(steps))[:, None], 0)[:, None] + _burst_gain(halves)


def _as_twins_differ(twins: tuple[Twin, ...], wobble: float) -> tuple[tuple[float, float], ...]:
    """Return the fresh pod's scales with weights as the stable pods' lasting differences support them."""
    if len(twins) < 2:
        return FRESH_OFFSETS
    guess, error, share = np.array(twins).T
    logs = []
    for scale, weight in FRESH_OFFSETS:
        # Each pod is part of what the others are held against: of so many differences one is no news.
        variance = scale**2 * len(twins) / (len(twins) - 1) + error**2 + wobble * share
        told = -0.5 * (np.log(variance) + guess**2 / variance).sum() * (len(twins) - 1) / len(twins)
        logs.append(np.log(weight) + told)
    weights = np.exp(np.array(logs) - log_sums(np.array(logs), 0))
    return tuple((scale, float(weight)) for (scale, _), weight in zip(FRESH_OFFSETS, weights, strict=True))


def counts_as(wobbles: Floats) -> float:
    """Return the mean squared CV that a pod's rate is taken to wobble by, given log weights."""
    weights = np.exp(wobbles - log_sums(wobbles, (0, 1)))
    return float((weights * WOBBLES[COUNTS_AS]).sum())


def _burst_gain(past: Pairing) -> Floats:
    """Return how much likelier a wobble is that lasts than one that does not, in logs, (wobbles, lasting)."""
    logit = past.logit + past.center()[0]
    told = burst_log_likelihoods(past.x, past.x + past.y, logit, past.at, past.share, WOBBLES, LASTING)
    return np.asarray(told - told[:, :1])


def learnt(past: Pairing | None, halves: Pairing | None, twins: tuple[Twin, ...]) -> Known:
    """Return what the quiet time says; it is remembered, because every look asks again.

    Args:
        past: The same two sides before the release; None where the canary is new.
        halves: Stable pods against stable pods, for their wobble; None without.
        twins: Each stable pod beside the others before the release; not asked where there is a past.
    """
    keys = (past.key() if past is not None else None, halves.key() if halves is not None else None)
    return _remembered(*keys, () if past is not None else twins)


@lru_cache(maxsize=256)
def _remembered(
    past: tuple[bytes, ...] | None, halves: tuple[bytes, ...] | None, twins: tuple[Twin, ...]
) -> Known:
    return _learn(_restored(past), _restored(halves), twins)


def _restored(key: tuple[bytes, ...] | None) -> Pairing | None:
    return None if key is None else Pairing(*(np.frombuffer(part) for part in key))
