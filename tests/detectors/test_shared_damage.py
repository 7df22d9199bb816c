"""Damage that old and new pods share: no evidence against the release, and no control once they went."""

import numpy as np

from detectors.defaults import pod_minute_signals
from detectors.panels import Panel
from detectors.shared_damage import comparable, hits_both

FAILURES = pod_minute_signals()[0]
CALM = Panel(np.zeros((2, 10)), np.ones((2, 10)))


def of(*rows: list[float | None]) -> Panel:
    """Return a panel of one reading an interval, None for silence."""
    events = np.array([[value or 0.0 for value in row] for row in rows])
    return Panel(events, np.array([[float(value is not None) for value in row] for row in rows]))


def test_a_canary_that_fails_as_its_twins_do_shares_their_damage() -> None:
    stable = of([60.0, 40.0, 55.0], [40.0, 60.0, 45.0])
    assert hits_both(FAILURES, of([50.0, 60.0, 50.0]), stable, CALM)


def test_a_canary_that_fails_beside_twins_that_do_not_has_its_own_damage() -> None:
    assert not hits_both(FAILURES, of([50.0, 60.0]), of([0.0, 0.0], [0.0, 1.0]), CALM)


def test_a_canary_that_fails_far_more_than_failing_twins_has_its_own_damage() -> None:
    assert not hits_both(FAILURES, of([90.0, 95.0]), of([10.0, 20.0], [15.0, 10.0]), CALM)


def test_only_intervals_in_which_both_spoke_are_held_against_each_other() -> None:
    canary = of([None, None, 50.0, 50.0])
    assert hits_both(FAILURES, canary, of([0.0, 0.0, 50.0, 55.0]), CALM)


def test_the_quiet_time_is_no_control_after_the_stable_pods_left_it_and_went() -> None:
    canary, stable = of([50.0, 50.0, 60.0]), of([50.0, 55.0, None])
    assert comparable(FAILURES, canary, stable, CALM).exposure.tolist() == [[1.0, 1.0, 0.0]]


def test_the_quiet_time_is_the_control_after_healthy_stable_pods_went() -> None:
    canary, stable = of([0.0, 50.0, 60.0]), of([0.0, None, None])
    assert comparable(FAILURES, canary, stable, CALM) is canary
