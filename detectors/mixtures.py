"""What the e-processes share: grids of alternatives with their prior weights, and sums of logarithms."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_sum(values: Floats) -> float:
    """Return the logarithm of a sum, given the logarithms of its parts, at least one of them finite."""
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum()))


def log_sums(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Return the same along some axes, which vanish."""
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis))


def log_mean_pair(first: float, second: float) -> float:
    """Return the log of the mean of two e-values: an e-value again, whatever their dependence.

    Source: V. Vovk, R. Wang, "E-values: Calibration, combination and applications", Annals of
    Statistics 49 (2021), section 3.
    """
    return float(np.logaddexp(first, second) - np.log(2.0))


def grid(low: float, high: float, steps: int) -> tuple[Floats, Floats]:
    """Return alternatives spaced evenly in logarithm from `low` to `high`, and the logs of equal weights."""
    points = np.exp(np.linspace(np.log(low), np.log(high), steps))
    return points, np.full(steps, -np.log(steps))
