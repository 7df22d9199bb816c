"""What silence is worth: a pause, an idle pod, a dead one."""

from math import log

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.presence import MOVED, Habit, habit, silence

ALWAYS = np.ones((3, 60), dtype=bool)
NEEDED = log(300.0)


def test_a_canary_that_never_spoke_in_the_place_of_a_steady_pod_convicts_within_two_intervals() -> None:
    found = silence(np.zeros((1, 2)), np.ones((2, 2)), np.ones((3, 60)), habit(ALWAYS, ALWAYS), NEEDED)
    assert (found.intervals, found.since, found.lost) == (2, 0, 1.0)
    assert found.log_e > NEEDED
    assert found.more == 0


def test_one_silent_interval_after_a_quarter_of_an_hour_convicts_nobody() -> None:
    usual = habit(ALWAYS[:, :15], ALWAYS[:, :15])
    found = silence(np.zeros((1, 1)), np.ones((2, 1)), np.ones((3, 15)), usual, NEEDED)
    assert found.log_e < NEEDED
    assert found.more == 1


@given(st.integers(1, 60))
def test_silence_beside_as_many_speakers_as_before_is_worth_no_more_than_they_witness(length: int) -> None:
    usual = habit(ALWAYS[:2], ALWAYS[:2])
    found = silence(np.zeros((1, length)), np.ones((2, length)), np.ones((2, 60)), usual, NEEDED)
    assert found.log_e <= log(2.0 * 3.0)
    assert found.more is None


def test_a_canary_that_spoke_and_fell_silent_is_a_speaker_fewer() -> None:
    canary = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    found = silence(canary, np.ones((3, 8)), np.ones((3, 60)), habit(ALWAYS, ALWAYS), NEEDED)
    assert (found.intervals, found.since, found.lost) == (5, 3, 1.0)
    assert found.log_e > NEEDED


def test_a_twin_that_takes_the_calls_over_leaves_no_speaker_fewer() -> None:
    quiet = np.ones((3, 60))
    quiet[2] = 0.0
    live = np.array([[0.0] * 6, [1.0] * 6, [1.0] * 6])
    found = silence(np.zeros((1, 6)), live, quiet, habit(ALWAYS, ALWAYS), NEEDED)
    assert found.lost == 0.0
    assert found.log_e < NEEDED


def test_silence_where_pods_are_often_silent_for_long_says_little() -> None:
    spoke = ALWAYS.copy()
    spoke[0, 20:50] = False
    spoke[1, 5:9] = False
    found = silence(np.zeros((1, 4)), np.ones((2, 4)), np.ones((3, 60)), habit(spoke, ALWAYS), NEEDED)
    assert found.log_e < NEEDED


def test_silence_while_nobody_speaks_is_no_silence() -> None:
    usual = Habit(falls=0.01, lasted=1.0, ended=4.0, speakers=2, idle=0)
    found = silence(np.zeros((1, 5)), np.zeros((2, 5)), np.zeros((2, 9)), usual, NEEDED)
    assert (found.intervals, found.log_e) == (0, 0.0)


def test_however_long_silence_lasts_it_proves_no_more_than_callers_moving_away_allows() -> None:
    found = silence(np.zeros((1, 600)), np.ones((2, 600)), np.ones((3, 60)), habit(ALWAYS, ALWAYS), NEEDED)
    assert found.log_e <= -log(MOVED)


def test_a_canary_with_a_request_a_minute_may_pause_beside_busy_twins() -> None:
    canary = np.array([[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    told = (canary, np.ones((3, 9)), np.ones((3, 60)), habit(ALWAYS, ALWAYS), NEEDED)
    assert silence(*told).log_e > NEEDED
    assert silence(*told, requests=canary[0]).log_e < NEEDED
    assert silence(*told, requests=600.0 * canary[0]).log_e > NEEDED
