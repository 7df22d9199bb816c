"""A silence that nobody could see is no silence: what a broken instrument does to a verdict."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.blindness import HEARD_FOR, MOST_DOWN, MOST_GAPS, Blindness
from detectors.recovery import Action, judge_recovery
from schemas.codec import from_json, to_json
from schemas.instants import to_ms
from schemas.instruments import InstrumentChanged
from schemas.judgements import RecoveryKind, VerdictKind
from tests.builders import an_instrument, minute

Scene = Any

WIDTH_MS = 60_000


def blind_minutes(state: Blindness, first: int, end: int) -> list[int]:
    """Return the blind minutes, counted from the release."""
    base = to_ms(minute(0)) // WIDTH_MS
    mask = state.intervals(base + first, base + end, WIDTH_MS)
    return [first + place for place, is_blind in enumerate(mask.tolist()) if is_blind]


def break_and_mend(state: Blindness, down: float, up: float, name: str = "prometheus main") -> None:
    state.take(an_instrument("no answer", minute(down), name=name), minute(down + 1))
    state.take(an_instrument("", minute(up), name=name), minute(up + 1))


def serve(scene: Scene, number: int, pods: str) -> None:
    for pod in pods:
        scene.serve(number, pod, "new" if pod == "d" else "old", 300)


def play(scene: Scene, says: dict[int, str], down: int, up: int, minutes: int) -> None:
    """Play an hour and a watch of a canary that takes a pod's place; the instrument is broken in between."""
    for number in range(-60, minutes):
        if number == 0:
            scene.open()
        if number == down + 1:
            scene.window.blind.take(an_instrument("no answer", minute(down)), minute(number))
        if number == up:
            scene.window.blind.take(an_instrument("", minute(up)), minute(number))
        serve(scene, number, says.get(number, "abd" if number >= 0 else "abc"))
        if number >= 0:
            scene.look(number)


def test_what_is_down_is_blind_from_then_on() -> None:
    state = Blindness()
    state.take(an_instrument("no answer", minute(3.5)), minute(5))
    assert blind_minutes(state, 0, 7) == [3, 4, 5, 6]


def test_what_came_back_is_blind_up_to_the_minute_in_which_it_did() -> None:
    state = Blindness()
    break_and_mend(state, 3, 5)
    assert blind_minutes(state, 0, 9) == [3, 4, 5]


def test_an_instrument_that_missed_nothing_leaves_no_gap() -> None:
    state = Blindness()
    break_and_mend(state, 3, 3)
    assert blind_minutes(state, 0, 9) == []
    assert state.reason() == ""


def test_the_word_of_an_instrument_that_works_is_nothing_where_none_was_broken() -> None:
    state = Blindness()
    state.take(an_instrument("", minute(3)), minute(3))
    assert state == Blindness()


def test_the_reason_names_the_instrument_that_broke_first() -> None:
    state = Blindness()
    state.take(an_instrument("no keys", minute(5), name="datadog"), minute(6))
    state.take(an_instrument("no answer", minute(4), name="prometheus main"), minute(6))
    said = "prometheus main sees nothing since 12:04:00 UTC, and 1 more of its instruments: no answer"
    assert state.reason() == said


def test_a_reason_that_changes_is_told_anew_and_the_beginning_stays() -> None:
    state = Blindness()
    state.take(an_instrument("no answer", minute(4)), minute(6))
    state.take(an_instrument("403 Forbidden", minute(7)), minute(8))
    assert state.reason() == "prometheus main sees nothing since 12:04:00 UTC: 403 Forbidden"


def test_a_word_that_nobody_says_again_ends_by_itself_and_the_time_stays_unseen() -> None:
    state = Blindness()
    state.take(an_instrument("no answer", minute(1)), minute(2))
    last = minute(2) + HEARD_FOR
    state.forget(0, last)
    assert state.down
    state.forget(0, last + timedelta(minutes=1))
    assert not state.down
    assert blind_minutes(state, 0, 20) == list(range(1, 14))


def test_gaps_are_forgotten_with_the_minutes_that_they_are_in() -> None:
    state = Blindness()
    break_and_mend(state, 3, 5)
    state.forget(to_ms(minute(5)), minute(6))
    assert state.gaps == []


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50)), max_size=80))
def test_however_often_instruments_break_the_memory_stays_small_and_no_gap_is_lost(
    breaks: list[tuple[int, int]],
) -> None:
    state = Blindness()
    for down, lasted in breaks:
        break_and_mend(state, down, down + lasted)
    assert len(state.gaps) <= MOST_GAPS
    blind = set(blind_minutes(state, 0, 600))
    assert all(set(range(down, down + lasted)) <= blind for down, lasted in breaks)
    assert from_json(Blindness, to_json(state)) == state


def test_no_more_instruments_are_noted_than_are_kept() -> None:
    state = Blindness()
    for number in range(MOST_DOWN + 5):
        state.take(an_instrument("no answer", minute(1), name=f"prometheus {number}"), minute(1))
    assert len(state.down) == MOST_DOWN


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "no answer"), ("prometheus main", ""), ("x" * 101, "no answer"), ("prometheus main", "x" * 501)],
)
def test_an_instrument_that_broke_has_a_name_and_a_reason_of_bounded_length(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        InstrumentChanged(
            environment=an_instrument("x", minute(0)).environment,
            service=an_instrument("x", minute(0)).service,
            instrument=name,
            is_working=False,
            reason=reason,
            at=minute(0),
        )


def test_a_canary_that_nobody_could_see_is_broken_and_not_harmful(scene: Scene) -> None:
    play(scene, dict.fromkeys(range(4, 20), "ab"), down=4, up=99, minutes=14)
    assert {look.kind for look in scene.looks} == {VerdictKind.INCONCLUSIVE, VerdictKind.BROKEN}
    assert scene.looks[-1].kind is VerdictKind.BROKEN
    assert "prometheus main sees nothing since 12:04:00 UTC" in scene.looks[-1].reasons[0]


def test_the_same_silence_before_working_instruments_convicts(scene: Scene) -> None:
    play(scene, dict.fromkeys(range(4, 20), "ab"), down=98, up=99, minutes=20)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_silence_before_and_after_the_gap_is_not_added_up(scene: Scene) -> None:
    silent = dict.fromkeys(range(4, 12), "ab")
    play(scene, silent, down=5, up=9, minutes=30)
    assert VerdictKind.HARMFUL not in {look.kind for look in scene.looks}
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_a_canary_that_stays_silent_after_the_gap_is_convicted(scene: Scene) -> None:
    play(scene, dict.fromkeys(range(4, 30), "ab"), down=4, up=9, minutes=25)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_a_broken_instrument_holds_no_conviction_back_that_others_give(scene: Scene) -> None:
    for number in range(-60, 12):
        if number == 0:
            scene.open()
            scene.window.blind.take(an_instrument("no answer", minute(0)), minute(0))
        serve(scene, number, "abc")
        if number >= 0:
            scene.serve(number, "d", "new", 300, errors=90)
            scene.look(number)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_minutes_that_nobody_saw_do_not_count_as_watched(scene: Scene) -> None:
    play(scene, dict.fromkeys(range(3, 13), ""), down=3, up=12, minutes=20)
    # Three minutes before, and as many from the 13th on as make ten together.
    assert [look.kind for look in scene.looks].index(VerdictKind.HEALTHY) == 19
    assert "0:01:00 more of watching" in scene.looks[18].reasons[0]


def test_an_action_whose_effect_nobody_could_see_is_unknown_and_says_why(scene: Scene) -> None:
    for number in range(-60, 3):
        serve(scene, number, "abc")
    scene.window.blind.take(an_instrument("no answer", minute(3)), minute(4))
    action = Action(
        signals=(), began_at=minute(3), acted_at=minute(3), within=timedelta(minutes=10), damaged_at=minute(0)
    )
    fared = judge_recovery(scene.window, action, scene.rule, minute(13.5))
    assert fared is not None
    assert fared.kind is RecoveryKind.UNKNOWN
    assert fared.text.endswith("after the action: prometheus main sees nothing since 12:03:00 UTC: no answer")
