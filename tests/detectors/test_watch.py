"""Whole watches: a release that harms, one that does not, one that says nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detectors.watch import ReleaseWatch
from detectors.windows import ServiceWindow
from schemas.codec import from_json, to_json
from schemas.judgements import VerdictKind

Scene = Any


def play(scene: Scene, error_ratio: float, latency_s: float = 0.1, minutes: int = 30, seed: int = 1) -> None:
    """Play an hour of quiet and a watch with three stable pods and one canary."""
    random = np.random.default_rng(seed)

    def serve(minute: int, pod: str, template: str, ratio: float, mean_s: float) -> None:
        requests = int(random.poisson(300))
        noisy = mean_s * float(np.exp(random.normal(0, 0.05)))
        scene.serve(minute, pod, template, requests, int(random.binomial(requests, ratio)), noisy)

    for minute in range(-60, minutes):
        for pod in ("a", "b", "c"):
            serve(minute, pod, "old", 0.002, 0.1)
        if minute == 0:
            scene.open()
            scene.ready(0, "d")
        if minute >= 0:
            serve(minute, "d", "new", error_ratio, latency_s)
            scene.look(minute)


def test_a_canary_that_errs_is_harmful_within_three_minutes(scene: Scene) -> None:
    play(scene, error_ratio=0.12, minutes=5)
    first = next(i for i, seen in enumerate(scene.looks) if seen.kind is VerdictKind.HARMFUL)
    assert first <= 2
    assert scene.looks[first].confidence > 0.99
    assert "errors" in scene.looks[first].reasons[0]
    assert scene.looks[first].is_news


def test_a_slow_canary_is_harmful(scene: Scene) -> None:
    play(scene, error_ratio=0.002, latency_s=0.2, minutes=12)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    assert "latency" in scene.looks[-1].reasons[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_good_canary_is_healthy_when_its_watch_ends(scene: Scene, seed: int) -> None:
    play(scene, error_ratio=0.002, minutes=31, seed=seed)
    # What comes after is its aftercare, in which nothing is news but harm.
    ends = [seen.kind for seen in scene.looks if seen.is_final and seen.is_news]
    assert ends == [VerdictKind.HEALTHY]
    assert all(seen.kind is not VerdictKind.HARMFUL for seen in scene.looks)


def play_silence(scene: Scene, is_in_place: bool, twins: int = 3, canaries: int = 1) -> None:
    """Play an hour of quiet and a canary that never speaks, in the place of a pod or beside all of them."""
    pods = [f"stable-{number}" for number in range(twins)]
    for minute in range(-60, 6):
        if minute == 0:
            scene.open()
            for number in range(canaries):
                scene.ready(0, f"canary-{number}")
            pods = pods[canaries:] if is_in_place else pods
        for pod in pods:
            scene.serve(minute, pod, "old", 100)
        if minute >= 0:
            scene.look(minute)


def test_a_canary_that_stays_silent_in_the_place_of_a_pod_that_spoke_is_harmful(scene: Scene) -> None:
    play_silence(scene, is_in_place=True)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    assert "says nothing" in scene.looks[-1].reasons[0]
    assert scene.looks[-1].suspicion.silence_log_e > 0


def test_an_added_canary_that_stays_silent_is_no_data_and_suspect(scene: Scene) -> None:
    play_silence(scene, is_in_place=False)
    assert scene.looks[-1].kind is VerdictKind.NODATA
    assert "callers may just keep to those" in scene.looks[-1].reasons[0]
    assert scene.looks[-1].suspicion.silence_log_e > 1


def test_several_added_canaries_that_are_all_silent_are_worth_more(
    new_scene: Callable[[], Scene],
) -> None:
    one, three = new_scene(), new_scene()
    play_silence(one, is_in_place=False)
    play_silence(three, is_in_place=False, canaries=3)
    assert three.looks[-1].suspicion.silence_log_e > one.looks[-1].suspicion.silence_log_e


def test_an_added_canary_that_is_silent_beside_very_many_speaking_pods_is_harmful(scene: Scene) -> None:
    play_silence(scene, is_in_place=False, twins=180)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_a_service_that_nobody_calls_is_nodata(scene: Scene) -> None:
    for minute in range(-60, 31):
        if minute < -30:
            scene.serve(minute, "a", "old", 100)
        if minute == 0:
            scene.open()
        if minute >= 0:
            scene.look(minute)
    assert scene.looks[-1].is_final
    assert scene.looks[-1].kind is VerdictKind.NODATA


def test_stopping_and_restoring_changes_nothing(new_scene: Callable[[], Scene]) -> None:
    straight, stopped = new_scene(), new_scene()
    play(straight, error_ratio=0.02, minutes=8)
    play(stopped, error_ratio=0.02, minutes=4)
    stopped.window = from_json(ServiceWindow, to_json(stopped.window))
    stopped.watch = from_json(ReleaseWatch, to_json(stopped.watch))
    assert to_json(stopped.window) == to_json(from_json(ServiceWindow, to_json(stopped.window)))
    again = new_scene()
    play(again, error_ratio=0.02, minutes=8)
    assert [repr(seen) for seen in straight.looks] == [repr(seen) for seen in again.looks]
    assert [repr(seen) for seen in straight.looks[:4]] == [repr(seen) for seen in stopped.looks]


def test_without_stable_pods_the_service_is_held_against_its_own_past(scene: Scene) -> None:
    for minute in range(-60, 12):
        pods, template = (("a", "b"), "old") if minute < 0 else (("c", "d"), "new")
        if minute == 0:
            scene.open()
        for pod in pods:
            scene.serve(minute, pod, template, 500, 1 if minute < 0 else 100)
        if minute >= 0:
            scene.look(minute)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    errors = next(e for e in scene.looks[-1].evidence if e.signal == "errors")
    assert "before the release" in errors.text
    assert "quiet time" in errors.comparison


def test_damage_that_hits_stable_pods_alike_is_not_the_releases(scene: Scene) -> None:
    for minute in range(-60, 31):
        if minute == 0:
            scene.open()
            scene.ready(0, "d")
        for pod in ("a", "b", "c") + (("d",) if minute >= 0 else ()):
            scene.serve(minute, pod, "new" if pod == "d" else "old", 500, 1 if minute < 0 else 60)
        if minute >= 0:
            scene.look(minute)
    assert all(seen.kind is not VerdictKind.HARMFUL for seen in scene.looks)


def test_traffic_that_is_lost_after_it_came_is_harmful(scene: Scene) -> None:
    for minute in range(-60, 16):
        if minute == 0:
            scene.open()
            scene.ready(0, "d")
        for pod in ("a", "b", "c") + (("d",) if minute >= 0 else ()):
            is_starved = pod == "d" and minute >= 6
            scene.serve(minute, pod, "new" if pod == "d" else "old", 0 if is_starved else 500)
        if minute >= 0:
            scene.look(minute)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    assert "gets no traffic" in scene.looks[-1].reasons[0]


def test_a_canary_whose_clock_is_ahead_is_broken_and_not_silent(scene: Scene) -> None:
    for minute in range(-60, 8):
        if minute == 0:
            scene.open()
            scene.ready(0, "d")
        for pod in ("a", "b"):
            scene.serve(minute, pod, "old", 500)
        if minute >= 0:
            ahead = (scene.series("d", "new"), scene.minute(minute + 60), 500.0)
            scene.say(ahead, now=scene.minute(minute + 1))
            scene.look(minute)
    assert scene.looks[-1].kind is VerdictKind.BROKEN
    assert "clock" in scene.looks[-1].reasons[0]


def test_pods_that_name_no_version_are_told_apart_by_their_replicaset(scene: Scene) -> None:
    for minute in range(-60, 6):
        if minute == 0:
            scene.open(template="6b7c9d")
        for pod in ("cart-5d8f6c-abcde", "cart-5d8f6c-fghij"):
            scene.serve(minute, pod, "", 500, 1)
        if minute >= 0:
            scene.serve(minute, "cart-6b7c9d-klmno", "", 500, 100)
            scene.look(minute)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    assert scene.looks[-1].evidence[0].join == "replicaset"


def test_a_template_that_no_pod_carries_does_not_make_the_canary_silent(scene: Scene) -> None:
    for minute in range(-60, 14):
        if minute == 0:
            scene.open(template="what-ci-calls-it", version="2")
        for pod in ("a", "b"):
            scene.serve(minute, pod, "5d8f6c", 500, 1, version="1")
        if minute >= 0:
            scene.serve(minute, "c", "6b7c9d", 500, 1, version="2")
            scene.look(minute)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY
    assert scene.watch.template == "6b7c9d"
