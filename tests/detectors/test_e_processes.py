"""The tests themselves: what they convict, what they let pass; one interval alone convicts nobody."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.count_ratios import ratio_log_e
from detectors.counts import rate_log_e
from detectors.levels import Noise, quiet_noise, shift_log_e
from detectors.pairings import Pairing, pairing
from detectors.panels import Floats

CALM = Noise(pod_spread=0.02, pod_freedom=8.0, noise=0.05, noise_freedom=8.0, lag=0.0)


MARGIN = float(np.log(1.25))


def beside(errors: float, minutes: int = 4, requests: float = 300.0, pods: int = 3) -> Pairing:
    """Return a canary with so many errors a minute beside pods of three errors each in 300 requests."""
    ones = np.ones(minutes)
    return pairing(
        (errors * ones, requests * ones), (3.0 * pods * ones, 300.0 * pods * ones), (ones, pods * ones)
    )


def test_ten_times_the_errors_convict_in_a_few_minutes() -> None:
    assert ratio_log_e(beside(30.0), beside(3.0, 60), None, MARGIN)[0] > 10
    assert ratio_log_e(beside(30.0), None, beside(3.0, 60), MARGIN)[0] > 8


def test_equal_errors_say_nothing() -> None:
    assert ratio_log_e(beside(3.0, 30), beside(3.0, 60), None, MARGIN)[0] < 0


def test_one_terrible_interval_alone_convicts_nobody() -> None:
    errors, ones = np.zeros(10), np.ones(10)
    errors[4] = 300.0
    blip = pairing((errors, 300 * ones), (3 * ones, 900 * ones), (ones, 3 * ones))
    log_e, worst, _ = ratio_log_e(blip, beside(3.0, 60), None, MARGIN)
    assert (log_e < 1, worst) == (True, 4)
    log_e, worst = rate_log_e((errors, 300 * ones), 0.01, np.full(10, 0.05))
    assert (log_e < 1, worst) == (True, 4)
    apart = np.zeros(10)
    apart[4] = 50.0
    log_e, worst = shift_log_e(apart, np.ones(10), 0.1, CALM)
    assert (log_e < 1, worst) == (True, 4)


def test_intervals_without_exposure_change_nothing() -> None:
    canary, stable = (np.array([5.0, 0.0]), np.array([100.0, 0.0])), (np.array([1.0, 4.0]), np.full(2, 100.0))
    assert len(pairing(canary, stable, (np.ones(2), np.ones(2))).x) == 1


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
    exposure, ones = np.full(240, 1000.0), np.ones(240)

    def wobble(rates: Floats) -> float:
        x, y = random.poisson(exposure * rates).astype(float)
        nothing = pairing((x[:0], x[:0]), (y[:0], y[:0]), (ones[:0], ones[:0]))
        past = pairing((x, exposure), (y, exposure), (ones, ones))
        return ratio_log_e(nothing, past, None, MARGIN)[2]

    assert 0.15 < wobble(0.02 * random.gamma(1 / 0.3, 0.3, (2, 240))) < 0.5
    assert wobble(np.full((2, 240), 0.02)) < 0.02


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(0.0, 1.0))
def test_a_canary_that_is_better_than_its_twins_is_never_suspected(better: float, margin: float) -> None:
    log_e, _ = shift_log_e(np.linspace(-0.05, 0.05, 8) - better, np.ones(8), margin, CALM)
    assert log_e <= 0.1
