"""What callers see of a service: what its own pods do not show is its release's, other damage is not."""

from typing import Any

from detectors.defaults import SUCCESS, pod_minute_rule
from schemas.judgements import VerdictKind
from schemas.keys import TemplateHash
from schemas.samples import Series

Scene = Any


def play(scene: Scene, seen_by_caller: float, seen_by_stable: float, minutes: int = 12) -> None:
    """Play half an hour of quiet and a watch; success in percent as both see it since the release."""
    scene.rule = pod_minute_rule()
    for minute in range(-30, minutes):
        is_live = minute >= 0
        own = seen_by_stable if is_live else 100.0
        pods = [("a", "old", own), ("b", "old", own)] + ([("c", "new", own)] if is_live else [])
        samples = [
            (Series(metric=SUCCESS, pod=pod, template=TemplateHash(template)), scene.minute(minute), value)
            for pod, template, value in pods
        ]
        caller = Series(metric=SUCCESS, pod="web-1", attributes=(("suture.observer", "web"),))
        samples.append((caller, scene.minute(minute), seen_by_caller if is_live else 100.0))
        scene.say(*samples, now=scene.minute(minute + 1))
        if minute == 0:
            scene.open()
            scene.ready(0, "c")
        if is_live:
            scene.look(minute)


def test_damage_that_only_a_caller_sees_is_the_releases(scene: Scene) -> None:
    play(scene, seen_by_caller=20.0, seen_by_stable=100.0)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    assert "web sees failures 80 %" in scene.looks[-1].reasons[0]
    assert scene.looks[-1].suspicion.edge_log_e[0][0] == "web"


def test_damage_that_stable_pods_show_as_well_is_not_the_releases(scene: Scene) -> None:
    play(scene, seen_by_caller=20.0, seen_by_stable=20.0)
    assert scene.looks[-1].kind is not VerdictKind.HARMFUL


def test_a_caller_that_sees_no_change_says_nothing(scene: Scene) -> None:
    play(scene, seen_by_caller=100.0, seen_by_stable=100.0)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_a_callers_pods_are_not_the_services(scene: Scene) -> None:
    play(scene, seen_by_caller=100.0, seen_by_stable=100.0, minutes=3)
    failures = next(e for e in scene.looks[-1].evidence if e.signal == "failures" and not e.edge)
    assert (failures.canary.pods, failures.control.pods) == (1, 2)
