"""Good releases of the past: their records, their expiry, and what they excuse."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detectors.history import (
    BY_VERDICT,
    EXPIRES,
    MOST_RELEASES,
    WARMING,
    GoodRelease,
    ReleaseHistory,
    moved_since,
    warming_of,
    without_warming,
)
from detectors.history_expectation import expectation, warmed
from detectors.history_memory import PastMemory
from detectors.panels import Panel
from schemas.codec import from_json, to_json
from schemas.signals import default_signals

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATENCY = next(signal for signal in default_signals() if signal.name == "latency")
KEY = "latency|"
AGES = np.tile(np.arange(30), (2, 1))


def a_record(
    number: int, moved: list[float | None] | None = None, warming: list[float | None] | None = None
) -> GoodRelease:
    return GoodRelease(
        release=f"r{number}",
        version=f"1.{number}",
        started_at=NOW + timedelta(days=number, minutes=-30),
        verified_at=NOW + timedelta(days=number),
        verified_by=BY_VERDICT,
        intervals=30,
        moved={KEY: moved or []},
        warming={KEY: warming or []},
    )


def past_of(*records: GoodRelease) -> PastMemory:
    past = PastMemory()
    for record in records:
        past.history.keep(record)
    return past


def test_the_newest_good_releases_are_kept_until_they_expire() -> None:
    history = ReleaseHistory()
    for number in range(8):
        history.keep(a_record(number))
    assert [record.version for record in history.releases] == [f"1.{n}" for n in range(3, 8)]
    assert len(history.releases) == MOST_RELEASES
    history.expire(NOW + timedelta(days=5) + EXPIRES)
    assert [record.version for record in history.releases] == ["1.6", "1.7"]
    assert from_json(ReleaseHistory, to_json(history)) == history


def test_a_release_that_turns_out_bad_is_taken_out() -> None:
    history = ReleaseHistory(releases=[a_record(1), a_record(2)])
    assert history.forget("r1") == a_record(1)
    assert history.forget("r1") is None
    assert [record.release for record in history.releases] == ["r2"]


def test_one_good_release_is_no_habit_and_two_are() -> None:
    path: list[float | None] = [0.4] * 30
    span = (0, 60, 90)
    assert expectation(past_of(a_record(1, path)), LATENCY, "", span, 60_000) is None
    usual = expectation(past_of(a_record(1, path), a_record(2, path)), LATENCY, "", span, 60_000)
    assert usual is not None
    np.testing.assert_allclose(usual.live, np.exp(0.4))
    assert usual.text == "its quiet time moved on by the last 2 verified good releases up to 1.2"
    assert usual.drift == (0.0, 2)


def test_only_intervals_without_a_stable_pod_are_held_against_the_past() -> None:
    path: list[float | None] = [float(np.log(2.0))] * 4
    usual = expectation(past_of(a_record(1, path), a_record(2, path)), LATENCY, "", (0, 60, 64), 60_000)
    assert usual is not None
    canary = Panel(np.full((1, 4), 6.0), np.full((1, 4), 2.0))
    stable = Panel(np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([[1.0, 1.0, 0.0, 0.0]]))
    still, _ = usual.without_tide(canary, stable, Panel(np.ones((1, 60)), np.ones((1, 60))))
    np.testing.assert_allclose(still.levels, [[3.0, 3.0, 1.5, 1.5]])


def test_intervals_that_are_told_again_have_the_same_expectation_again() -> None:
    path: list[float | None] = [0.0, float(np.log(2.0))]
    usual = expectation(past_of(a_record(1, path), a_record(2, path)), LATENCY, "", (0, 60, 62), 60_000)
    assert usual is not None
    twice, none = Panel(np.full((1, 4), 2.0), np.ones((1, 4))), Panel(np.zeros((1, 4)), np.zeros((1, 4)))
    still, _ = usual.without_tide(twice, none, Panel(np.ones((1, 60)), np.ones((1, 60))))
    np.testing.assert_allclose(still.levels, [[2.0, 1.0, 2.0, 1.0]])


def test_where_a_level_went_is_recorded_without_what_was_never_said() -> None:
    assert moved_since(2.0, np.array([4.0, np.nan, 2.0]), None) == [0.6931, None, 0.0]
    assert moved_since(0.0, np.array([4.0]), None) == []


def test_fresh_pods_that_start_slow_leave_their_warm_up_as_record() -> None:
    levels = np.full((2, 30), 5.0)
    levels[:, :3] *= [4.0, 3.0, 2.0]
    record = warming_of(levels, np.full(30, 1.0), AGES)
    assert len(record) == WARMING
    assert record[:4] == [round(float(np.log(times)), 4) for times in (4.0, 3.0, 2.0)] + [0.0]
    cooled = without_warming(Panel(levels, np.ones((2, 30))), record, AGES)
    np.testing.assert_allclose(cooled.levels, 5.0, rtol=1e-3)


def test_a_tide_is_no_warm_up_and_without_twins_nothing_is_said() -> None:
    tide = np.linspace(1.0, 3.0, 30)
    assert warming_of(np.tile(2.0 * tide, (2, 1)), tide, AGES) == pytest.approx(
        [float(value or 0) for value in warming_of(np.tile(tide, (2, 1)), tide, AGES)]
    )
    assert warming_of(np.ones((2, 30)), np.full(30, np.nan), AGES) == []


def test_a_warm_up_that_good_releases_agree_on_is_taken_off_and_others_are_left_to_the_setting() -> None:
    slow: list[float | None] = [float(np.log(3.0)), float(np.log(2.0)), *([0.0] * 8)]
    levels = Panel(np.array([[3.0, 2.0, 1.0, 1.0]]), np.ones((1, 4)))
    ages = np.arange(4)[None, :]
    cooled, is_known = warmed(
        levels, ages, past_of(a_record(1, warming=slow), a_record(2, warming=slow)), LATENCY, ""
    )
    assert is_known
    np.testing.assert_allclose(cooled.levels, 1.0, rtol=1e-9)
    wild: list[float | None] = [3.0] * 10
    _, is_known = warmed(
        levels, ages, past_of(a_record(1, warming=slow), a_record(2, warming=wild)), LATENCY, ""
    )
    assert not is_known
    strict = replace(LATENCY, margin_ratio=0.0)
    _, is_known = warmed(levels, ages, past_of(a_record(1, warming=slow)), strict, "")
    assert not is_known
