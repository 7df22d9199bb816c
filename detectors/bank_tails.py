"""Tail probabilities of a statistic, learnt on its own stream: how rare is a reading, given the past.

Past readings are counted in bins of their logarithm, with forgetting. The chance of a reading is the weight
of the bins at or above it, and of each bin below it a share that falls as a power of the ratio of the two:
where no reading has been, the tail is taken to be a Pareto tail that begins at the largest ones.

Sources: R. Laxhammar, G. Falkman, "Online Learning and Sequential Anomaly Detection in Trajectories", IEEE
TPAMI 36 (2014), for conformal p-values against the stream's own past; A. Siffer et al., "Anomaly Detection
in Streams with Extreme Value Theory", KDD 2017, for the tail. Departure: one fixed exponent with a smooth
kernel, not a fitted Pareto, which costs nothing to update and does not fail on ties.
"""

from math import log, log10

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 120
LOWEST, HIGHEST = -6.0, 9.0
"""Logarithms between which readings are told apart, in units of the series' usual deviation."""

EXPONENT = 8.0
"""How fast chances fall beyond what was seen: to 2^-8 at twice the largest reading. Smaller is slower to
alarm on spiky series; larger calls every record an anomaly."""

FORGETTING = 0.9995
"""Weight of a reading after each later one: about 2,000 readings are remembered."""

PRIOR_READINGS = 5.0
LARGEST = 9.0
"""Chances are not told apart below 10^-9."""

WIDTH = (HIGHEST - LOWEST) / BINS
KERNEL = np.exp(-EXPONENT * WIDTH * np.arange(BINS))


@njit(cache=True)
def surprise(counts: Floats, weight: float, reading: float, is_scored: bool) -> float:
    """Return -log10 of the chance of a reading at least as large, and count the reading.

    Args:
        counts: Weights of the bins, (bins + 2,): then the total and the weight of the next reading, changed
            in place.
        weight: Forgetting per reading, in (0, 1].
        reading: At least 0.
        is_scored: False to learn only; then 0 comes back.
    """
    place = (log(max(reading, 1e-12)) - LOWEST) / WIDTH
    at = int(min(max(place, 0.0), BINS - 1.0))
    total, gain = counts[BINS], counts[BINS + 1]
    if gain <= 0.0:
        gain = 1.0
    said = 0.0
    if is_scored:
        beyond = 0.0
        for index in range(at, BINS):
            beyond += counts[index]
        for index in range(at):
            beyond += counts[index] * KERNEL[at - index]
        chance = (beyond / gain + 1e-9) / (total + PRIOR_READINGS)
        said = min(-log10(min(max(chance, 1e-12), 1.0)), LARGEST)
    # Old weights stay as they are and each new one is larger: forgetting costs one multiplication.
    gain /= weight
    counts[at] += gain
    counts[BINS] = total * weight + 1.0
    if gain > 1e100:
        for index in range(BINS):
            counts[index] /= gain
        gain = 1.0
    counts[BINS + 1] = gain
    return said
