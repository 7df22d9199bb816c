"""Intervals for the figures of benchmarks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench.intervals import bootstrap, wilson


@given(of=st.integers(1, 500), data=st.data())
def test_wilsons_interval_is_scipys(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    expected = binomtest(hits, of).proportion_ci(method="wilson")

    assert wilson(hits, of) == pytest.approx((expected.low, expected.high), abs=1e-3)


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error() -> None:
    values = list(np.random.default_rng(1).normal(10, 2, 100))

    limits = bootstrap(lambda cases: float(np.mean(cases)), values, seed=1)

    assert limits is not None
    assert limits[1] - limits[0] == pytest.approx(2 * 1.96 * np.std(values) / 10, rel=0.15)


def test_equal_seeds_give_equal_intervals() -> None:
    values = [1.0, 2.0, 5.0]

    assert bootstrap(sum, values, seed=3) == bootstrap(sum, values, seed=3)
    assert bootstrap(lambda _: None, values, seed=3) is None
