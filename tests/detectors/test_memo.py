"""Remembered results: the same bytes give the same result, anything else is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.memo import by_content


def test_equal_arrays_are_computed_once_and_others_anew() -> None:
    asked: list[float] = []

    @by_content(8)
    def total(values: NDArray[np.float64], scale: float = 1.0) -> float:
        asked.append(scale)
        return scale * float(values.sum())

    assert total(np.array([1.0, 2.0])) == total(np.array([1.0, 2.0])) == 3.0
    assert len(asked) == 1
    assert total(np.array([1.0, 2.0]), scale=2.0) == 6.0
    assert total(np.array([[1.0, 2.0]])) == 3.0
    assert len(asked) == 3


def test_a_negative_zero_is_not_a_zero() -> None:
    @by_content(8)
    def sign(values: NDArray[np.float64]) -> bool:
        return bool(np.signbit(values[0]))

    assert not sign(np.array([0.0]))
    assert sign(np.array([-0.0]))


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    asked: list[int] = []

    @by_content(2)
    def square(number: int) -> int:
        asked.append(number)
        return number * number

    for number in (1, 2, 1, 3, 1, 2):
        assert square(number) == number * number
    assert asked == [1, 2, 3, 2]
