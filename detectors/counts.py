"""E-process for counts against a known bound: errors out of requests where no stable pod speaks.

The events of an interval are negative binomial around exposure times rate; the null is a rate of at most
the bound, the alternative a mixture over multiples of it.

Sources: H. Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", Annals of
Mathematical Statistics 41 (1970), for the mixture; C. J. Clopper, E. S. Pearson, Biometrika 26 (1934), for
the bound.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaln

from detectors.blips import capped
from detectors.expected_sizes import expecting
from detectors.mixtures import grid, log_sum

Floats = NDArray[np.float64]

LARGEST_RATIO = 64.0
"""Largest ratio of rates that is thought of; a larger one convicts all the same, hardly later."""


def rate_log_e(
    canary: tuple[Floats, Floats], bound: float, wobble: Floats, expected: float | None = None
) -> tuple[float, int]:
    """Return the log e-value of a rate above a known bound, and the interval that says most; -1 for none.

    Args:
        canary: Events and exposure, (intervals,) each.
        bound: Largest rate, in events per exposure, that is no damage; above 0.
        wobble: Squared CV of the rate from interval to interval, (intervals,).
        expected: By how many times damage is thought to raise the rate; None thinks of all sizes alike.
    """
    x, n = canary
    is_told = n > 0
    n = np.where(is_told, n, 1.0)
    alternatives, even = grid(1.1, LARGEST_RATIO, 24)
    size = 1.0 / wobble

    def log_likelihood(times: Floats) -> Floats:
        mean = n * bound * times[:, None]
        return np.asarray(
            gammaln(x + size)
            - gammaln(size)
            + size * np.log(size / (size + mean))
            + x * np.log(mean / (size + mean))
        )

    gained = np.where(is_told, log_likelihood(alternatives) - log_likelihood(np.array([1.0])), 0.0)
    if not is_told.any():
        return 0.0, -1
    total = gained.sum(axis=1)
    worst = int(np.argmax(gained[int(np.argmax(total))]))
    if expected is not None:
        weights = expecting(even, np.log(alternatives), float(np.log(expected)))
        return capped(log_sum(total + weights), log_sum(total - gained[:, worst] + weights)), worst
    steps = float(np.log(len(alternatives)))
    return capped(log_sum(total) - steps, log_sum(total - gained[:, worst]) - steps), worst


def upper_rate(events: float, exposure: float, chance: float = 1e-3) -> float:
    """Return a rate that the true one exceeds with that chance at most: Clopper-Pearson's upper limit.

    >>> round(upper_rate(0.0, 1000.0), 4)
    0.0069
    """
    if exposure <= 0:
        return 1.0
    return float(betaincinv(events + 1.0, max(exposure - events, 0.0) + 1e-9, 1.0 - chance))
