"""What is computed in fewer steps equals the plain formula, to the last bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.echoes import _differ, _shared
from detectors.levels import _marginal
from detectors.tracks import Track
from detectors.weighing import _median

_LEVELS = st.lists(st.floats(0.0, 1e6) | st.just(float("nan")), min_size=1, max_size=40)
_READINGS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.5]), st.integers(0, 2)), max_size=6)


@given(_LEVELS, st.floats(0.0, 1e6))
def test_the_median_of_what_was_said_is_numpys(levels: list[float], one: float) -> None:
    values = np.array([*levels, one])
    assert _median(values) == np.nanmedian(values)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_a_marginal_likelihood_is_the_plain_formulas(seed: int, length: int) -> None:
    random = np.random.default_rng(seed)
    z, design = random.normal(size=length), random.uniform(0.1, 1.0, length)
    means, widths = random.uniform(0.0, 2.0, 13), random.uniform(0.0, 0.5, 13)
    sizes, spreads = random.uniform(0.01, 3.0, 16), random.uniform(0.01, 3.0, 16)
    information, crossed = float((design**2).sum()), float((z * design).sum())
    along = (crossed - means * information)[:, None, None]
    square = (float((z**2).sum()) - 2.0 * means * crossed + means**2 * information)[:, None, None]
    noise = sizes[None, :, None] ** 2
    k = (spreads[None, None, :] ** 2 + widths[:, None, None] ** 2) / noise
    quadratic = (square - k / (1.0 + k * information) * along**2) / noise
    plain = (
        -0.5 * np.maximum(quadratic, 0.0)
        - 0.5 * np.log1p(k * information)
        - length * np.log(sizes)[None, :, None]
    )
    assert np.array_equal(_marginal(z, design, means, widths, sizes, spreads), plain)
    # Null and alternatives are looked up in one table; alone, each has the same likelihood.
    assert np.array_equal(_marginal(z, design, means[:1], widths[:1], sizes, spreads), plain[:1])


@given(_READINGS, _READINGS, st.integers(-3, 3), st.integers(-3, 8))
def test_two_tracks_differ_where_both_were_read_and_not_elsewhere(
    one: list[tuple[float, int]], other: list[tuple[float, int]], apart: int, begin: int
) -> None:
    here = Track(first=0, sums=[value for value, _ in one], readings=[count for _, count in one])
    there = Track(first=apart, sums=[value for value, _ in other], readings=[count for _, count in other])
    plain = any(told != said for _, told, said in _shared(here, there, begin, 6))
    assert _differ(here, there, begin, 6) is plain
