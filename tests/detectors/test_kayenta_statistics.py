"""The statistics of Kayenta's judge against R's algorithm and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import mannwhitneyu, norm, rankdata

from detectors.kayenta_statistics import common_language, mann_whitney, mean_ratio, without_outliers

Floats = NDArray[np.float64]
values = st.floats(-1e3, 1e3).map(lambda value: round(value, 2))
samples = arrays(np.float64, st.integers(1, 12), elements=values)


def limits_by_root_finding(control: Floats, experiment: Floats, confidence: float) -> tuple[float, float]:
    """Return the interval as R's `wilcox.test` finds it, for samples without ties."""
    n, m = len(experiment), len(control)
    sigma = np.sqrt(n * m * (n + m + 1) / 12)
    low, high = float(experiment.min() - control.max()), float(experiment.max() - control.min())

    def away(shift: float, z: float) -> float:
        ranks = rankdata(np.concatenate((experiment - shift, control)))
        excess = ranks[:n].sum() - n * (n + 1) / 2 - n * m / 2
        return float((excess - np.sign(excess) * 0.5) / sigma - z)

    def root(z: float) -> float:
        if away(low, z) <= 0:
            return low
        if away(high, z) >= 0:
            return high
        return float(brentq(away, low, high, args=(z,), xtol=1e-10))

    z = float(norm.ppf(0.5 + confidence / 2))
    return root(z), root(-z)


@pytest.mark.parametrize("seed", range(40))
def test_the_interval_is_that_of_rs_wilcox_test(seed: int) -> None:
    """Order statistics of the differences are what R's root finder looks for."""
    random = np.random.default_rng(seed)
    control = random.normal(10, 2, random.integers(2, 25))
    experiment = random.normal(11, 3, random.integers(2, 25))

    shift = mann_whitney(control, experiment, 0.98)

    assert (shift.lower, shift.upper) == pytest.approx(
        limits_by_root_finding(control, experiment, 0.98), abs=1e-6
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_p_value_is_scipys_for_samples_without_ties(seed: int) -> None:
    """Normal approximation with a correction for continuity."""
    random = np.random.default_rng(seed)
    control, experiment = random.normal(0, 1, 14), random.normal(0.5, 1, 11)
    expected = mannwhitneyu(experiment, control, method="asymptotic", use_continuity=True).pvalue

    assert mann_whitney(control, experiment, 0.95).p_value == pytest.approx(expected)


@given(control=samples, experiment=samples)
def test_exchanging_the_sides_turns_the_shift_around(control: Floats, experiment: Floats) -> None:
    """Neither side is preferred."""
    there, back = mann_whitney(control, experiment, 0.95), mann_whitney(experiment, control, 0.95)

    assert (there.lower, there.upper) == pytest.approx((-back.upper, -back.lower))
    assert there.p_value == pytest.approx(back.p_value)
    assert common_language(control, experiment) == pytest.approx(1.0 - common_language(experiment, control))


@given(control=samples, experiment=samples)
def test_the_interval_holds_its_estimate(control: Floats, experiment: Floats) -> None:
    """However few and however tied the observations are."""
    shift = mann_whitney(control, experiment, 0.95)

    assert shift.lower <= shift.estimate <= shift.upper
    assert 0.0 < shift.p_value <= 1.0


def test_differences_of_zero_are_ordered_as_noise_would() -> None:
    """Of many ties with a few rises beside them the interval's limit lies above zero by a hair."""
    control, experiment = np.zeros(200), np.concatenate((np.zeros(160), np.ones(40)))

    shift = mann_whitney(control, experiment, 0.95)

    assert 0.0 < shift.lower < 1e-6
    assert mann_whitney(control, np.zeros(200), 0.95).lower < 0.0


def test_an_empty_sample_is_refused() -> None:
    """There is nothing to compare with."""
    with pytest.raises(ValueError, match="empty"):
        mann_whitney(np.array([]), np.array([1.0]), 0.95)


def test_a_ratio_to_nothing_is_infinite_and_of_nothing_to_nothing_one() -> None:
    """A control of zero has no size to compare with."""
    assert mean_ratio(np.zeros(3), np.ones(3)) == np.inf
    assert mean_ratio(np.zeros(3), np.zeros(3)) == 1.0
    assert mean_ratio(np.ones(3), np.zeros(3)) == 0.0


@given(kept=arrays(np.float64, st.integers(8, 30), elements=st.floats(0, 1)))
def test_a_reading_far_beyond_the_quartiles_is_left_out(kept: Floats) -> None:
    """And one that lies within them never is."""
    left = without_outliers(np.append(kept, 1e6), 3.0)

    assert 1e6 not in left
    assert float(np.median(kept)) <= left.max()
    assert len(without_outliers(np.array([]), 3.0)) == 0
