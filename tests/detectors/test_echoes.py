"""Deleted pods: what still comes under their names is no stable pod's word, and may be the canary's."""

from typing import Any

from detectors.defaults import LATENCY, SUCCESS, pod_minute_rule
from detectors.echoes import sources
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import PodChange, PodChanged
from schemas.samples import Series

Scene = Any


def delete(scene: Scene, minute: int, pod: str) -> None:
    """Let the cluster delete a stable pod."""
    scene.window.pod_changed(
        PodChanged(
            environment=EnvironmentName("prod"),
            service=ServiceName("cart"),
            pod=pod,
            version="",
            template=TemplateHash("old"),
            change=PodChange.DELETED,
            at=scene.minute(minute),
        ),
        scene.rule,
    )


def play(scene: Scene, echo_latency_ms: float, canary_success: bool = True, minutes: int = 8) -> None:
    """Play a canary that fails beside healthy pods, and a deleted pod under whose name somebody still fails.

    Args:
        scene: Where.
        echo_latency_ms: How much slower than the canary what comes under the deleted pod's name is.
        canary_success: Whether the canary's success comes under its own name, too.
        minutes: How long.
    """
    scene.rule = pod_minute_rule()

    def say(minute: int, pod: str, template: str, success: float | None, latency_ms: float) -> None:
        told = [(LATENCY, latency_ms)] + ([(SUCCESS, success)] if success is not None else [])
        scene.say(
            *[
                (Series(metric=metric, pod=pod, template=TemplateHash(template)), scene.minute(minute), value)
                for metric, value in told
            ],
            now=scene.minute(minute + 1),
        )

    for minute in range(-30, minutes):
        wave = 20.0 + (minute * 7919 % 13) / 10.0
        if minute == 0:
            scene.open()
            scene.ready(0, "d")
            delete(scene, 0, "c")
        for number, pod in enumerate("ab" if minute >= 0 else "abc"):
            say(minute, pod, "old", 100.0, wave + number)
        if minute >= 0:
            say(minute, "d", "new", 40.0 if canary_success else None, wave + 0.37)
            say(minute, "c", "old", 40.0, wave + 0.37 + echo_latency_ms)
            scene.look(minute)


def test_what_comes_under_a_deleted_pods_name_is_not_the_controls(scene: Scene) -> None:
    play(scene, echo_latency_ms=5.0)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    failures = next(e for e in scene.looks[-1].evidence if e.signal == "failures")
    assert (failures.control.pods, failures.control.level) == (2, 0.0)


def test_a_name_that_says_exactly_what_the_canary_says_is_the_canary(scene: Scene) -> None:
    play(scene, echo_latency_ms=0.0)
    assert sources(scene.window, ["d"], ["a", "b", "c"], 10**9) == (("d", "c"),)


def test_what_only_the_echo_says_is_the_canarys_word(scene: Scene) -> None:
    play(scene, echo_latency_ms=0.0, canary_success=False)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    failures = next(e for e in scene.looks[-1].evidence if e.signal == "failures")
    assert (failures.canary.pods, failures.canary.level) == (1, 60.0)


def test_a_name_that_says_something_else_is_nobodys(scene: Scene) -> None:
    play(scene, echo_latency_ms=5.0, canary_success=False)
    assert sources(scene.window, ["d"], ["a", "b", "c"], 10**9) == ()
    assert not any(e.signal == "failures" for e in scene.looks[-1].evidence)


def test_numbers_that_everybody_says_tell_no_echo(scene: Scene) -> None:
    scene.rule = pod_minute_rule()
    for minute in range(4):
        for pod in "abcd":
            series = Series(metric=SUCCESS, pod=pod, template=TemplateHash("old"))
            scene.say((series, scene.minute(minute), 100.0), now=scene.minute(minute + 1))
    delete(scene, 0, "c")
    assert sources(scene.window, ["d"], ["a", "b", "c"], 10**9) == ()
