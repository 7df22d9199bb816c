"""Statistics of Kayenta's judge: the Mann-Whitney interval, and sizes of an effect.

Written after the description of `NetflixACAJudge` (spinnaker/kayenta, Apache-2.0) and R's `wilcox.test`; no
code was taken over.
"""

from dataclasses import dataclass
from math import erfc, inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_HAIR = 1e-9
"""Deviation of the noise that orders equal values, relative to the smallest difference of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far the experiment lies above the control, by ranks.

    Attributes:
        lower: Lower limit of the confidence interval, in the metric's unit.
        upper: Upper limit.
        estimate: Hodges and Lehmann's estimate: the median of all differences between the two.
        p_value: Two-sided, of no shift, in (0, 1].
    """

    lower: float
    upper: float
    estimate: float
    p_value: float


def mann_whitney(control: Floats, experiment: Floats, confidence: float) -> Shift:
    """Return the shift between two samples with its confidence interval.

    The interval holds the shifts that the rank-sum test, in its normal approximation with a correction for
    continuity, does not refute. R and Kayenta look for its limits with a root finder; the test's statistic
    only steps at a difference of two observations, so the limits are order statistics of the differences
    and are found exactly. With so few observations that the test can refute nothing, the limits are the
    smallest and the largest difference, as in R: the interval is then narrower than its name.

    Kayenta breaks ties by adding normal noise of 1e-5. What is done here is the expectation of that noise as
    it goes to nothing: ties count half, the variance is that of samples without ties, and a limit that falls
    among differences of zero lies above or below it by a hair, as the noise's quantile does.

    Args:
        control: Finite, (observations,), at least one.
        experiment: Finite, (observations,), at least one.
        confidence: Level of the interval, in (0, 1).

    Raises:
        ValueError: a sample is empty.

    Source: M. Hollander, D. A. Wolfe, "Nonparametric Statistical Methods", 1973, section 4; R Core Team,
    `wilcox.test`, for the normal approximation of the interval.

    >>> mann_whitney(np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0]), 0.8).estimate
    10.0
    """
    if not len(control) or not len(experiment):
        raise ValueError("a sample is empty, expected at least one observation on each side")
    apart = np.sort((experiment[:, None] - control[None, :]).ravel())
    pairs = len(apart)
    sigma = sqrt(pairs * (len(control) + len(experiment) + 1) / 12.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    # Of a shift that exceeds `k` differences, pairs - k lie above: it is refuted while those are many.
    k = int(np.ceil(pairs / 2.0 - 0.5 - z * sigma)) - 1
    k = min(max(k, 0), pairs - 1)
    above = float((apart > 0).sum()) + 0.5 * float((apart == 0).sum())
    excess = max(abs(above - pairs / 2.0) - 0.5, 0.0)
    return Shift(
        lower=_ranked(apart, k),
        upper=_ranked(apart, pairs - 1 - k),
        estimate=(_ranked(apart, (pairs - 1) // 2) + _ranked(apart, pairs // 2)) / 2.0,
        p_value=max(erfc(excess / sigma / sqrt(2.0)), 1e-300),
    )


def _ranked(apart: Floats, rank: int) -> float:
    """Return the difference of a rank; among differences of zero, a hair beside it as noise would order them.

    Args:
        apart: All differences, rising.
        rank: From 0.
    """
    value = float(apart[rank])
    if value != 0.0:
        return value
    first, end = np.searchsorted(apart, 0.0, "left"), np.searchsorted(apart, 0.0, "right")
    smallest = min(
        (float(abs(apart[i])) for i in (first - 1, end % len(apart)) if apart[i] != 0), default=1.0
    )
    return _HAIR * smallest * NormalDist().inv_cdf((rank - int(first) + 0.5) / int(end - first))


def mean_ratio(control: Floats, experiment: Floats) -> float:
    """Return the experiment's mean over the control's; 1 where both are zero, infinite where control is.

    >>> mean_ratio(np.array([1.0, 3.0]), np.array([5.0])), mean_ratio(np.array([0.0]), np.array([1.0]))
    (2.5, inf)
    """
    below, above = float(control.mean()), float(experiment.mean())
    if below == 0.0:
        return 1.0 if above == 0.0 else inf
    return above / below


def common_language(control: Floats, experiment: Floats) -> float:
    """Return the chance that an observation of the experiment exceeds one of the control; ties count half.

    Source: K. O. McGraw, S. P. Wong, "A common language effect size statistic", Psychological Bulletin 111
    (1992).

    >>> common_language(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    apart = experiment[:, None] - control[None, :]
    return float(((apart > 0) + 0.5 * (apart == 0)).mean())


def without_outliers(values: Floats, factor: float) -> Floats:
    """Return the values that lie within so many interquartile ranges of the quartiles.

    Quartiles as Apache Commons Math takes them by default, which Kayenta uses: Weibull's, position p (n + 1).

    >>> without_outliers(np.array([1.0, 2.0, 3.0, 4.0, 99.0, 2.0, 3.0, 1.0]), 3.0).max()
    4.0
    """
    if len(values) == 0:
        return values
    low, high = np.quantile(values, [0.25, 0.75], method="weibull")
    reach = factor * (high - low)
    near: Floats = values[(values >= low - reach) & (values <= high + reach)]
    return near
