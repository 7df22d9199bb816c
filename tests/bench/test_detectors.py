"""The benchmark of the detectors: every one of them does its work, and says what it took."""

import numpy as np
import pytest

from bench.detectors import STEPS


@pytest.mark.parametrize("name", sorted(STEPS))
def test_every_detector_takes_samples_and_time(name: str) -> None:
    cost = STEPS[name](np.random.default_rng(1))

    assert cost.samples > 0
    assert cost.cpu_s > 0.0
