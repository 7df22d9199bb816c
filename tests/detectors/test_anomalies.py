"""Services without a release: what is told of them, and what is not."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.anomalies import AnomalyWatch, skip, watch
from detectors.level_watch import WatchedLevel
from schemas.codec import from_json, to_json
from schemas.judgements import Anomaly
from schemas.keys import EnvironmentName, ServiceName, SignalName
from schemas.signals import Direction, Selector, Signal, SignalKind

Scene = Any

PROD, CART = EnvironmentName("prod"), ServiceName("cart")
LATENCY = Signal(name=SignalName("latency"), kind=SignalKind.LEVELS, events=Selector(metric="latency"))


def watched(scene: Scene, state: AnomalyWatch, minute: int) -> list[Anomaly]:
    now = scene.minute(minute + 1) + scene.rule.judge.lateness
    scene.window.tick(scene.rule, now)
    return watch(state, scene.window, scene.rule, PROD, CART, now)


def play(scene: Scene, minutes: int, bad: range, errors: float = 300.0) -> list[tuple[int, Anomaly]]:
    draw = np.random.default_rng(5)
    state = AnomalyWatch()
    told = []
    for minute in range(minutes):
        count = errors if minute in bad else float(draw.poisson(5))
        scene.serve(minute, "a", "old", 1000, count)
        told += [(minute, anomaly) for anomaly in watched(scene, state, minute)]
    return told


def test_errors_that_last_two_intervals_are_told_once(scene: Scene) -> None:
    told = play(scene, 130, bad=range(100, 120))
    assert [(minute, anomaly.signal) for minute, anomaly in told] == [(101, "errors")]
    anomaly = told[0][1]
    assert anomaly.since == scene.minute(100)
    assert anomaly.level == pytest.approx(0.3)
    assert anomaly.expected == pytest.approx(0.005, abs=0.003)
    assert anomaly.p_value < 0.001
    assert "errors 30 % where" in anomaly.text


def test_a_single_bad_interval_is_no_anomaly(scene: Scene) -> None:
    assert play(scene, 130, bad=range(100, 101)) == []


def test_a_quiet_service_is_silent(scene: Scene) -> None:
    assert play(scene, 400, bad=range(0)) == []


def test_fewer_errors_than_usual_are_no_anomaly(scene: Scene) -> None:
    assert play(scene, 130, bad=range(100, 120), errors=0.0) == []


def test_what_a_release_did_is_left_out(scene: Scene) -> None:
    state = AnomalyWatch()
    for minute in range(100):
        scene.serve(minute, "a", "old", 1000, 5)
        watched(scene, state, minute)
    before = asdict(state.levels["errors|"])
    for minute in range(100, 110):
        scene.serve(minute, "a", "old", 1000, 300)
        skip(state, scene.window, scene.rule, scene.minute(minute + 1) + scene.rule.judge.lateness)
    assert asdict(state.levels["errors|"]) == before
    scene.serve(110, "a", "old", 1000, 5)
    assert watched(scene, state, 110) == []
    assert state.levels["errors|"].readings == before["readings"] + 1


def test_two_anomalies_of_one_signal_are_an_hour_apart() -> None:
    level = WatchedLevel()
    draw = np.random.default_rng(2)
    for interval in range(200):
        assert not level.take(LATENCY, 10 + 0.1 * float(draw.standard_normal()), 1.0, interval)
    assert [level.take(LATENCY, 50.0, 1.0, interval) for interval in range(200, 204)] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("bad_up", [True, False])
def test_only_the_bad_direction_counts(bad_up: bool) -> None:
    signal = Signal(
        name=SignalName("speed"),
        kind=SignalKind.LEVELS,
        direction=Direction.UP if bad_up else Direction.DOWN,
        events=Selector(metric="speed"),
    )
    level = WatchedLevel()
    draw = np.random.default_rng(2)
    for interval in range(200):
        level.take(signal, 10 + 0.1 * float(draw.standard_normal()), 1.0, interval)
    told = [level.take(signal, 50.0, 1.0, interval) for interval in (200, 201)]
    assert told == [False, bad_up]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(min_value=-1e18, max_value=1e18, allow_nan=False), min_size=1, max_size=150))
def test_what_is_remembered_is_plain_and_finite_whatever_was_said(values: list[float]) -> None:
    level = WatchedLevel()
    for interval, value in enumerate(values):
        level.take(LATENCY, value, 1.0, interval)
    assert json.dumps(asdict(level), allow_nan=False)
    assert from_json(WatchedLevel, to_json(level)) == level


def test_independent_minutes_are_seldom_told_of() -> None:
    draw = np.random.default_rng(8)
    told = 0
    for _ in range(20):
        level = WatchedLevel()
        for interval in range(1000):
            told += level.take(LATENCY, 10 * float(np.exp(0.4 * draw.standard_normal())), 1.0, interval)
    assert told <= 2
