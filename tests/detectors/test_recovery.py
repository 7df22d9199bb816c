"""Whether an action helped."""

from datetime import timedelta
from typing import Any

from detectors.recovery import judge_recovery
from schemas.judgements import RecoveryKind

Scene = Any


def play(scene: Scene, until: int, errors_after: float | None) -> None:
    """An hour of quiet, ten bad minutes, an action at minute 10, then whatever follows."""
    for minute in range(-60, until):
        if minute < 0:
            scene.serve(minute, "a", "old", 1000, 2)
        elif minute < 10:
            scene.serve(minute, "a", "old", 1000, 150)
        elif errors_after is not None:
            scene.serve(minute, "a", "old", 1000, errors_after)


def judged(scene: Scene, minute: int) -> Any:
    now = scene.minute(minute) + scene.rule.judge.lateness
    return judge_recovery(scene.window, ["errors"], scene.rule, scene.minute(10), now, scene.minute(0))


def test_a_service_back_at_its_quiet_level_has_recovered(scene: Scene) -> None:
    play(scene, 14, errors_after=2)
    assert judged(scene, 14)[0] is RecoveryKind.RECOVERED


def test_recovery_is_open_until_two_whole_intervals_were_seen(scene: Scene) -> None:
    play(scene, 12, errors_after=2)
    assert judged(scene, 12) is None


def test_a_service_that_stays_bad_has_not_recovered_at_the_deadline(scene: Scene) -> None:
    play(scene, 20, errors_after=150)
    assert judged(scene, 19) is None
    kind, text = judged(scene, 20)
    assert kind is RecoveryKind.NOT_RECOVERED
    assert "errors" in text


def test_a_service_that_gets_worse_says_so(scene: Scene) -> None:
    play(scene, 20, errors_after=600)
    assert judged(scene, 20)[0] is RecoveryKind.WORSE


def test_without_data_nothing_is_known(scene: Scene) -> None:
    play(scene, 20, errors_after=None)
    assert judged(scene, 19) is None
    assert judged(scene, 20)[0] is RecoveryKind.UNKNOWN
    assert scene.rule.gate.recovery == timedelta(minutes=10)
