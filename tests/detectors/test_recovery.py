"""Whether an action helped, and from when on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.recovery import STEADY_INTERVALS, Action, Fared, judge_recovery
from schemas.judgements import RecoveryKind

Scene = Any

QUIET, BAD = 2, 150


def play(
    scene: Scene, errors: Sequence[float | None], pod: str = "a", requests: int = 1000, bad_for: int = 10
) -> None:
    """Play an hour of quiet, some bad minutes, then so many errors in each minute; None is silence."""
    for minute in range(-60, bad_for):
        scene.serve(minute, pod, "old", requests, QUIET if minute < 0 else BAD)
    for minute, failed in enumerate(errors, start=bad_for):
        if failed is not None:
            scene.serve(minute, pod, "old", requests, failed)


def judged(
    scene: Scene, minute: int, began: float = 10, acted: float = 10, within: int = 10, damaged: int | None = 0
) -> Fared | None:
    """Judge when a minute's lateness is over an action that began and ended at such minutes."""
    action = Action(
        signals=["errors"],
        began_at=scene.minute(0) + timedelta(minutes=began),
        acted_at=scene.minute(0) + timedelta(minutes=acted),
        within=timedelta(minutes=within),
        damaged_at=None if damaged is None else scene.minute(damaged),
    )
    return judge_recovery(scene.window, action, scene.rule, scene.minute(minute) + scene.rule.judge.lateness)


def kind(fared: Fared | None) -> RecoveryKind | None:
    return None if fared is None else fared.kind


def test_a_service_has_recovered_as_soon_as_two_whole_intervals_are_at_their_quiet_level(
    scene: Scene,
) -> None:
    play(scene, [QUIET] * 4)
    assert judged(scene, 11) is None
    assert kind(judged(scene, 12)) is RecoveryKind.RECOVERED


def test_an_interval_in_which_the_action_ended_is_not_whole(scene: Scene) -> None:
    play(scene, [QUIET] * 4)
    assert judged(scene, 12, acted=10.5) is None
    assert kind(judged(scene, 13, acted=10.5)) is RecoveryKind.RECOVERED


def test_recovered_at_is_the_end_of_the_first_interval_of_the_run_that_lasted(scene: Scene) -> None:
    play(scene, [BAD, QUIET, BAD, QUIET, QUIET, QUIET])
    fared = judged(scene, 15)
    assert fared is not None
    assert fared.kind is RecoveryKind.RECOVERED
    assert fared.recovered_at == scene.minute(14)
    late = judged(scene, 16)
    assert late is not None
    assert late.recovered_at == scene.minute(14)


def test_what_was_well_while_the_action_went_on_counts_as_its_doing(scene: Scene) -> None:
    play(scene, [BAD, QUIET, QUIET, QUIET, QUIET, QUIET])
    fared = judged(scene, 15, began=10, acted=13)
    assert fared is not None
    assert fared.recovered_at == scene.minute(12)


def test_what_was_well_before_the_action_began_is_not_its_doing(scene: Scene) -> None:
    play(scene, [QUIET] * 8)
    fared = judged(scene, 17, began=14.5, acted=15)
    assert fared is not None
    assert fared.recovered_at == scene.minute(16)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(errors=st.lists(st.sampled_from([QUIET, BAD]), min_size=2, max_size=9))
def test_recovery_is_told_at_the_first_look_that_can_know_it(
    new_scene: Callable[[], Scene], errors: list[int]
) -> None:
    scene = new_scene()
    play(scene, errors)
    runs = [
        place + STEADY_INTERVALS
        for place in range(len(errors) - 1)
        if errors[place : place + STEADY_INTERVALS] == [QUIET] * STEADY_INTERVALS
    ]
    first = next(
        (place for place in range(len(errors) + 1) if judged(scene, 10 + place) is not None),
        None,
    )
    assert first == (runs[0] if runs else None)


def test_a_service_that_stays_bad_has_not_recovered_at_the_deadline(scene: Scene) -> None:
    play(scene, [BAD] * 10)
    assert judged(scene, 19) is None
    fared = judged(scene, 20)
    assert fared is not None
    assert fared.kind is RecoveryKind.NOT_RECOVERED
    assert fared.recovered_at is None
    assert fared.text == "errors 0.002 in quiet time, 0.15 before the action, 0.15 now"


def test_an_action_may_have_its_own_deadline(scene: Scene) -> None:
    play(scene, [BAD] * 10)
    assert judged(scene, 12, within=3) is None
    assert kind(judged(scene, 13, within=3)) is RecoveryKind.NOT_RECOVERED


def test_a_service_that_gets_worse_says_so(scene: Scene) -> None:
    play(scene, [600] * 10)
    assert kind(judged(scene, 20)) is RecoveryKind.WORSE


def test_without_data_nothing_is_known(scene: Scene) -> None:
    play(scene, [])
    assert judged(scene, 19) is None
    assert kind(judged(scene, 20)) is RecoveryKind.UNKNOWN


def test_of_damage_without_a_beginning_the_time_before_a_watch_is_quiet(scene: Scene) -> None:
    play(scene, [QUIET] * 4)
    fared = judged(scene, 12, damaged=None)
    assert fared is not None
    assert fared.text == "errors 0.002 in quiet time, 0.15 before the action, 0.002 now"


def test_a_caller_that_saw_no_damage_and_asks_seldom_is_not_waited_for(scene: Scene) -> None:
    play(scene, [QUIET] * 4)
    for minute in (-40, -20, 5):
        _ask(scene, minute, "nightly", failed=0)
    assert kind(judged(scene, 12)) is RecoveryKind.RECOVERED


def test_a_caller_that_saw_the_damage_is_waited_for(scene: Scene) -> None:
    play(scene, [QUIET] * 10)
    for minute in (-40, -20, 8, 9):
        _ask(scene, minute, "checkout", failed=50 if minute > 0 else 0)
    assert judged(scene, 12) is None
    for minute in (13, 14):
        _ask(scene, minute, "checkout", failed=0)
    assert kind(judged(scene, 15)) is RecoveryKind.RECOVERED


def _ask(scene: Scene, minute: int, caller: str, failed: int) -> None:
    """Let the service tell of a hundred requests of one caller."""
    end = scene.minute(minute + 1)
    told = []
    for code, count in (("200", 100 - failed), ("500", failed)):
        series = scene.series("a", "old", code=code)
        names = (*series.attributes, ("client.service", caller))
        told.append((replace(series, attributes=names), end, float(count)))
    scene.say(*told, now=end)
