"""E-processes for counts: errors out of requests, on the canary against the stable pods of the same minutes.

Given that both sides together had k events, the canary's part of them is binomial with a chance that only
depends on the exposures and the ratio of the two rates: the rate itself, with its tides, cancels. The null
is that the ratio is at most 1 + margin; the alternative is a mixture over larger ratios. Minutes that wobble
more than chance are allowed for by a beta-binomial with the dispersion of the quiet time.

Sources: M. Lindon, A. Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 35 (2022);
H. Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", Annals of Mathematical
Statistics 41 (1970). Departure: the beta-binomial null, whose dispersion is estimated and not known.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, betaln, gammaln

from detectors.mixtures import grid, log_sum

Floats = NDArray[np.float64]

PRIOR_DISPERSION = 0.05
"""Squared coefficient of variation that a pod's rate is taken to wobble by before the quiet time has spoken.
Smaller convicts lucky minutes of services that never erred; larger needs more minutes to see a doubling."""

PRIOR_WEIGHT = 20.0
"""How much squared expectation the prior is worth: about 20 pod-intervals with one expected event."""

LARGEST_RATIO = 64.0
"""Largest ratio of rates that is thought of; a larger one convicts all the same, hardly later."""


def dispersion(events: Floats, exposure: Floats) -> float:
    """Return how much a pod's rate wobbles from interval to interval beyond chance: a squared CV, at least 0.

    The moment estimator of a negative binomial's dispersion against the rate of all pods in the same
    interval, drawn towards `PRIOR_DISPERSION` where there are few events.

    Args:
        events: (pods, intervals).
        exposure: (pods, intervals), 0 where nothing was said.
    """
    total = exposure.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(total > 0, events.sum(axis=0) / total, 0.0)
    expected = exposure * rate
    # Each pod is part of the rate that it is held against, which hides a share of its wobble.
    own = np.where(total > 0, 1.0 - exposure / np.where(total > 0, total, 1.0), 0.0)
    excess = float((((events - expected) ** 2) - expected * own).sum())
    weight = float((expected**2 * own).sum())
    estimate = (excess + PRIOR_WEIGHT * PRIOR_DISPERSION) / (weight + PRIOR_WEIGHT)
    return max(estimate, 1e-6)


def two_sample_log_e(
    canary: tuple[Floats, Floats], stable: tuple[Floats, Floats], ratio: float, wobble: Floats
) -> Floats:
    """Return per interval what it adds to the log-likelihood ratio, (alternatives, intervals).

    Args:
        canary: Events and exposure of the canary, (intervals,) each.
        stable: Events and exposure of the stable pods, (intervals,) each.
        ratio: Largest rate ratio that is no damage, at least 1.
        wobble: Squared CV of the two sides' rates against each other, (intervals,).
    """
    x, n = canary
    y, m = stable
    is_told = (n > 0) & (m > 0) & (x + y > 0)
    n, m = np.where(is_told, n, 1.0), np.where(is_told, m, 1.0)
    alternatives, _ = grid(ratio * 1.1, max(LARGEST_RATIO, ratio * 10), 24)

    def log_likelihood(times: Floats) -> Floats:
        # Kept off 0 and 1, which exposures of wildly different size round to.
        chance = np.clip(n * times[:, None] / (n * times[:, None] + m), 1e-12, 1.0 - 1e-12)
        precision = np.maximum(1.0 / (chance * (1.0 - chance) * wobble) - 1.0, 1e-3)
        a, b = chance * precision, (1.0 - chance) * precision
        return np.asarray(betaln(x + a, y + b) - betaln(a, b))

    gained = log_likelihood(alternatives) - log_likelihood(np.array([ratio]))
    return np.where(is_told, gained, 0.0)


def rate_log_e(canary: tuple[Floats, Floats], bound: float, wobble: Floats) -> Floats:
    """Return what each interval adds against a known bound, (alternatives, intervals), in logarithms.

    Args:
        canary: Events and exposure, (intervals,) each.
        bound: Largest rate, in events per exposure, that is no damage; above 0.
        wobble: Squared CV of the rate from interval to interval, (intervals,).
    """
    x, n = canary
    is_told = n > 0
    n = np.where(is_told, n, 1.0)
    alternatives, _ = grid(1.1, LARGEST_RATIO, 24)
    size = 1.0 / wobble

    def log_likelihood(times: Floats) -> Floats:
        mean = n * bound * times[:, None]
        return np.asarray(
            gammaln(x + size)
            - gammaln(size)
            + size * np.log(size / (size + mean))
            + x * np.log(mean / (size + mean))
        )

    gained = log_likelihood(alternatives) - log_likelihood(np.array([1.0]))
    return np.where(is_told, gained, 0.0)


def upper_rate(events: float, exposure: float, chance: float = 1e-3) -> float:
    """Return a rate that the true one exceeds with that chance at most: Clopper-Pearson's upper limit.

    >>> round(upper_rate(0.0, 1000.0), 4)
    0.0069
    """
    if exposure <= 0:
        return 1.0
    return float(betaincinv(events + 1.0, max(exposure - events, 0.0) + 1e-9, 1.0 - chance))


def without_worst(gained: Floats) -> tuple[float, int]:
    """Return the log e-value that stands when the interval that says most is left out, and that interval.

    One interval alone convicts nobody: a blip at start-up is no release.

    Args:
        gained: (alternatives, intervals).
    """
    steps = gained.shape[0]
    if gained.shape[1] == 0:
        return 0.0, -1
    total = gained.sum(axis=1)
    full = log_sum(total - np.log(steps))
    best = int(np.argmax(total))
    worst = int(np.argmax(gained[best]))
    rest = log_sum(total - gained[:, worst] - np.log(steps))
    return min(full, rest), worst
