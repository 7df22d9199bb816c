"""A change without a control is judged by earlier days: seasons pass, shifts on top of them do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.seasonal_shift import THRESHOLD, SeasonalYardstick, seasonal_yardstick

DAY, HORIZON, DAYS = 1440, 90, 3


def tide(days: int, seed: int, noise: float = 1.0) -> NDArray[np.float64]:
    """Return minutes that double within the two hours around noon, with noise."""
    minute = np.arange(days * DAY + DAY // 2 + HORIZON) % DAY
    level = 100.0 + 100.0 / (1.0 + np.exp(-(minute - DAY // 2) / 15.0)) * (minute < 1200)
    return np.asarray(level + noise * np.random.default_rng(seed).normal(size=len(minute)))


def parted(series: NDArray[np.float64]) -> tuple[SeasonalYardstick, NDArray[np.float64]]:
    """Return the yardstick and the live minutes of a change at noon, on the steepest of the tide."""
    return seasonal_yardstick(series[:-HORIZON], HORIZON, DAY), series[-HORIZON:]


@pytest.mark.parametrize("seed", range(5))
def test_a_tide_that_doubles_the_level_is_no_shift(seed: int) -> None:
    yardstick, live = parted(tide(DAYS, seed))
    assert live.mean() > 1.4 * tide(DAYS, seed)[-HORIZON - 60 : -HORIZON].mean()
    assert yardstick.scores(live)[-1] < THRESHOLD


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_shift_on_top_of_the_tide_is_seen_within_five_minutes(factor: float) -> None:
    yardstick, live = parted(tide(DAYS, 1))
    assert yardstick.scores(live * factor)[5] > THRESHOLD


def test_a_burst_of_three_minutes_is_seen() -> None:
    yardstick, live = parted(tide(DAYS, 2))
    live[8:11] *= 1.5
    scores = yardstick.scores(live)
    assert scores[7] < THRESHOLD < scores[10]


def test_a_burst_in_the_last_minutes_needs_to_be_larger_than_one_in_the_first() -> None:
    yardstick, live = parted(tide(DAYS, 2, noise=0.0) * 0.0 + 100.0 + np.tile([0.5, -0.5], 2565))
    early, late = live.copy(), live.copy()
    early[5] += 8.0
    late[80] += 8.0
    assert yardstick.scores(early)[-1] > THRESHOLD > yardstick.scores(late)[-1]


@settings(max_examples=25, deadline=None)
@given(known=st.integers(1, HORIZON - 1), seed=st.integers(0, 1000))
def test_a_score_hangs_on_nothing_later_than_its_minute(known: int, seed: int) -> None:
    yardstick, live = parted(tide(2, 3))
    changed = live.copy()
    changed[known:] = np.random.default_rng(seed).uniform(0, 1e6, HORIZON - known)
    np.testing.assert_array_equal(yardstick.scores(live)[:known], yardstick.scores(changed)[:known])
    np.testing.assert_array_equal(yardstick.scores(live)[:known], yardstick.scores(live[:known]))


@settings(max_examples=10, deadline=None)
@given(unit=st.floats(1e-6, 1e6))
def test_the_unit_of_a_positive_series_does_not_matter(unit: float) -> None:
    series = tide(2, 4)
    yardstick, live = parted(series)
    scaled, scaled_live = parted(series * unit)
    np.testing.assert_allclose(scaled.scores(scaled_live), yardstick.scores(live), rtol=1e-6, atol=1e-6)


def test_restless_hours_are_judged_by_their_own_noise() -> None:
    series = tide(DAYS, 5) * 0.0 + 100.0 + np.random.default_rng(5).normal(size=len(tide(DAYS, 5)))
    series[-HORIZON - 120 :] += 6.0 * np.random.default_rng(6).normal(size=HORIZON + 120)
    yardstick, live = parted(series)
    assert yardstick.scores(live)[-1] < THRESHOLD


def test_what_happens_at_that_minute_every_day_is_no_shift() -> None:
    series = tide(DAYS, 7)
    for day in range(DAYS + 1):
        series[day * DAY + DAY // 2 + 10 : day * DAY + DAY // 2 + 40] *= 1.6
    yardstick, live = parted(series)
    assert yardstick.scores(live)[-1] < THRESHOLD


def test_rare_readings_of_the_usual_size_are_no_shift_and_a_flood_is() -> None:
    series = np.zeros(DAYS * DAY)
    series[::333] = 2.0
    yardstick = seasonal_yardstick(series, HORIZON, DAY)
    live = np.zeros(HORIZON)
    live[50] = 2.0
    assert yardstick.scores(live)[-1] < THRESHOLD
    live[6:9] = 300.0
    assert yardstick.scores(live)[8] > THRESHOLD


@pytest.mark.parametrize(
    "past", [np.full(3 * DAY, np.nan), np.zeros(0), np.ones(30), np.full(3 * DAY, 7.0), np.zeros(3 * DAY)]
)
def test_nothing_is_said_of_a_flat_missing_or_short_past_that_goes_on(past: NDArray[np.float64]) -> None:
    yardstick = seasonal_yardstick(past, HORIZON, DAY)
    live = np.full(HORIZON, past[-1] if len(past) else 5.0)
    assert (yardstick.scores(live) == 0.0).all()
    assert (yardstick.scores(np.full(HORIZON, np.nan)) == 0.0).all()


def test_missing_minutes_leave_tide_and_shift_apart() -> None:
    series = tide(DAYS, 8)
    series[np.random.default_rng(8).random(len(series)) < 0.2] = np.nan
    yardstick, live = parted(series)
    assert yardstick.scores(live)[-1] < THRESHOLD < yardstick.scores(live * 1.3)[-1]


def test_most_placebos_stay_below_the_threshold() -> None:
    yardstick, _ = parted(tide(DAYS, 9))
    assert (yardstick.placebos > THRESHOLD).mean() < 0.1
