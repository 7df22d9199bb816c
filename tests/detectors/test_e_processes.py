"""The tests themselves: what they convict, what they let pass; one interval alone convicts nobody."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.counts import dispersion, two_sample_log_e, without_worst
from detectors.levels import Noise, quiet_noise, shift_log_e
from detectors.presence import Habit, habit, silence

CALM = Noise(pod_spread=0.02, pod_freedom=8.0, noise=0.05, noise_freedom=8.0, lag=0.0)


def test_ten_times_the_errors_convict_in_a_few_minutes() -> None:
    canary = (np.full(4, 30.0), np.full(4, 300.0))
    stable = (np.full(4, 9.0), np.full(4, 900.0))
    log_e, _ = without_worst(two_sample_log_e(canary, stable, 1.25, np.full(4, 0.05)))
    assert log_e > 10


def test_equal_errors_say_nothing() -> None:
    canary = (np.full(30, 3.0), np.full(30, 300.0))
    stable = (np.full(30, 9.0), np.full(30, 900.0))
    log_e, _ = without_worst(two_sample_log_e(canary, stable, 1.25, np.full(30, 0.05)))
    assert log_e < 0


def test_one_terrible_interval_alone_convicts_nobody() -> None:
    errors = np.zeros(10)
    errors[4] = 300.0
    exposure = np.full(10, 300.0)
    quiet = (np.full(10, 3.0), np.full(10, 900.0))
    log_e, worst = without_worst(two_sample_log_e((errors, exposure), quiet, 1.25, np.full(10, 0.05)))
    assert (log_e < 1, worst) == (True, 4)
    apart = np.zeros(10)
    apart[4] = 50.0
    log_e, worst = shift_log_e(apart, np.ones(10), 0.1, CALM)
    assert (log_e < 1, worst) == (True, 4)


def test_intervals_without_exposure_change_nothing() -> None:
    some = two_sample_log_e(
        (np.array([5.0, 0.0]), np.array([100.0, 0.0])),
        (np.array([1.0, 4.0]), np.array([100.0, 100.0])),
        1.25,
        np.full(2, 0.05),
    )
    assert not some[:, 1].any()


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(0.01, 2.0))
def test_a_larger_shift_never_says_less(shift: float, more: float) -> None:
    apart = np.linspace(-0.05, 0.05, 8)
    small, _ = shift_log_e(apart + shift, np.ones(8), 0.1, CALM)
    large, _ = shift_log_e(apart + shift + more, np.ones(8), 0.1, CALM)
    assert large >= small - 0.3  # the grid of alternatives ripples by less than this


def test_correlated_noise_is_known_for_what_it_is() -> None:
    random = np.random.default_rng(3)
    noise = np.zeros((3, 240))
    for minute in range(1, 240):
        noise[:, minute] = 0.8 * noise[:, minute - 1] + 0.6 * random.normal(0, 0.1, 3)
    found = quiet_noise(noise, 1.0)
    assert 0.7 < found.lag < 0.9
    assert 0.07 < found.noise < 0.13


def test_overdispersed_errors_are_known_for_what_they_are() -> None:
    random = np.random.default_rng(3)
    exposure = np.full((3, 240), 1000.0)
    rates = 0.02 * random.gamma(1 / 0.3, 0.3, (3, 240))
    events = random.poisson(exposure * rates).astype(float)
    assert 0.2 < dispersion(events, exposure) < 0.4
    steady = random.poisson(exposure * 0.02).astype(float)
    assert dispersion(steady, exposure) < 0.02


def test_a_canary_that_never_spoke_beside_steady_twins_is_evidence() -> None:
    usual = habit(np.ones((3, 60), dtype=bool), np.ones((3, 60), dtype=bool))
    found = silence(np.zeros(4), np.ones((2, 4)), usual)
    assert (found.intervals, found.since) == (4, 0)
    assert found.log_e > 6


def test_silence_where_pods_are_often_silent_for_long_says_little() -> None:
    spoke = np.ones((3, 60), dtype=bool)
    spoke[0, 20:50] = False
    spoke[1, 5:9] = False
    found = silence(np.zeros(4), np.ones((2, 4)), habit(spoke, np.ones_like(spoke)))
    assert found.log_e < 5


def test_silence_while_nobody_speaks_is_no_silence() -> None:
    found = silence(np.zeros(5), np.zeros((2, 5)), Habit(falls=0.01, stays=0.5))
    assert (found.intervals, found.log_e) == (0, 0.0)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(0.0, 1.0))
def test_a_canary_that_is_better_than_its_twins_is_never_suspected(better: float, margin: float) -> None:
    log_e, _ = shift_log_e(np.linspace(-0.05, 0.05, 8) - better, np.ones(8), margin, CALM)
    assert log_e <= 0.1
