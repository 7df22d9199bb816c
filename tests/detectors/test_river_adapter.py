import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.river_adapter import RiverDetector, RiverKind

KINDS = list(RiverKind)


def noise(samples: int) -> list[float]:
    return [float(x) for x in 50 + np.random.default_rng(4).standard_normal(samples)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_series_is_no_alarm(kind: RiverKind) -> None:
    detector = RiverDetector(kind)
    assert max(detector.score(7.0) for _ in range(300)) < 0.25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_changes_nothing(kind: RiverKind, poison: float) -> None:
    values = noise(250)
    clean, poisoned = RiverDetector(kind), RiverDetector(kind)
    first = [clean.score(value) for value in values]
    second = []
    for index, value in enumerate(values):
        if index % 50 == 0:
            assert poisoned.score(poison) == 0.0
        second.append(poisoned.score(value))
    assert first == second


@settings(deadline=None, max_examples=10)
@given(
    kind=st.sampled_from(KINDS),
    values=st.lists(
        st.one_of(st.floats(), st.sampled_from([0.0, 1e308, -1e308, 5e-324, 1.0])), min_size=1, max_size=60
    ),
)
def test_nothing_that_a_sender_says_poisons_a_model(kind: RiverKind, values: list[float]) -> None:
    detector = RiverDetector(kind)
    scores = [detector.score(value) for value in values + noise(120)]
    assert np.isfinite(scores).all()
    assert all(0 <= score < 1 for score in scores)


@pytest.mark.parametrize("kind", [RiverKind.HALF_SPACE_TREES, RiverKind.GAUSSIAN, RiverKind.HOLT])
def test_a_spike_is_an_alarm(kind: RiverKind) -> None:
    detector = RiverDetector(kind)
    for value in noise(600):
        detector.score(value)
    assert detector.score(80.0) >= 0.5


@pytest.mark.parametrize("kind", [RiverKind.ADWIN, RiverKind.PAGE_HINKLEY])
def test_a_level_that_moves_is_an_alarm(kind: RiverKind) -> None:
    detector = RiverDetector(kind)
    for value in noise(600):
        detector.score(value)
    assert max(detector.score(value + 6.0) for value in noise(100)) >= 0.5


def test_the_same_seed_gives_the_same_scores() -> None:
    one, other = (RiverDetector(RiverKind.HALF_SPACE_TREES, seed=9) for _ in range(2))
    assert [one.score(v) for v in noise(200)] == [other.score(v) for v in noise(200)]
