"""Intervals for the figures of benchmarks: the bootstrap by whole cases, and Wilson's for shares."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Figure = Callable[[Sequence[Any]], float | None]


def bootstrap(
    figure: Figure, cases: Sequence[Any], seed: int, rounds: int = 1000, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile interval of a figure under resampling of whole cases with replacement.

    Args:
        figure: Returns the figure of some cases, None where they have none.
        cases: Whatever is exchangeable; what lies within one of them is not.
        seed: What the resampling is drawn from; equal seeds and counts draw the same cases.
        rounds: How often it is resampled.
        level: Of the interval.

    Returns:
        The limits; None where the figure is seldom defined.

    Source: B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979).
    """
    random = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        value = figure([cases[i] for i in random.integers(0, len(cases), len(cases))])
        if value is not None:
            found.append(value)
    if len(found) < rounds / 2:
        return None
    tail = (1.0 - level) / 2.0
    limits: NDArray[np.float64] = np.quantile(found, [tail, 1.0 - tail])
    return round(float(limits[0]), 4), round(float(limits[1]), 4)


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927).

    >>> wilson(0, 100)
    (0.0, 0.037)
    """
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return round(max(middle - half, 0.0), 4), round(min(middle + half, 1.0), 4)
