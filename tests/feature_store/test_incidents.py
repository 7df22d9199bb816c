"""The time to recovery, from the first bad interval on, and what it went by."""

from pathlib import Path
from typing import Any

import pytest

from feature_store.views import connect
from schemas.failures import FailurePattern
from schemas.judgements import RecoveryKind
from schemas.orders import CommandKind, OutcomeKind
from tests.feature_store import stories
from tests.feature_store.script import Script, write

PHASES = ("detect", "decide", "approve", "act", "recover")


def rows(root: Path, query: str) -> list[dict[str, Any]]:
    result = connect(root).execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def phases(row: dict[str, Any]) -> list[float | None]:
    return [row[f"seconds_to_{name}"] for name in PHASES]


def test_a_rollback_is_one_incident_with_the_seconds_of_each_phase(tmp_path: Path) -> None:
    script = stories.rolled_back_alone()
    write(tmp_path, script.effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert (row["incident"], row["incident_kind"], row["what"]) == (
        script.release,
        "release",
        "harmful release",
    )
    assert (row["first_bad_at"], row["detected_at"]) == (script.at(5), script.at(8))
    assert (row["acted_at"], row["recovered_at"]) == (script.at(8.5), script.at(10))
    assert phases(row) == [180.0, 0.0, 0.0, 30.0, 90.0]
    assert row["mttr_s"] == 300.0
    assert (row["playbook"], row["action"], row["actions"], row["outcome"]) == (
        "rollback",
        "undo",
        1,
        "recovered",
    )


def test_a_recovery_names_the_same_phases(tmp_path: Path) -> None:
    write(tmp_path, stories.rolled_back_alone().effects)
    (row,) = rows(tmp_path, "SELECT * FROM recoveries")
    assert phases(row) == [180.0, 0.0, 0.0, 30.0, 90.0]
    assert (row["command_kind"], row["mttr_s"]) == ("undo", sum(filter(None, phases(row))))


def test_what_a_human_took_is_the_time_to_approve(tmp_path: Path) -> None:
    write(tmp_path, stories.held_and_approved().effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert phases(row) == [180.0, 0.0, 120.0, 30.0, None]
    assert (row["outcome"], row["mttr_s"], row["approved_by"]) == ("not_recovered", None, "ada via cli")


def test_a_harmful_release_that_nothing_was_done_about_is_an_open_incident(tmp_path: Path) -> None:
    write(tmp_path, stories.rejected().effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert (row["outcome"], row["actions"], row["action"]) == ("open", 0, None)


def test_a_good_release_is_no_incident(tmp_path: Path) -> None:
    write(tmp_path, stories.promoted().effects)
    assert rows(tmp_path, "SELECT * FROM incidents") == []


def test_a_promotion_is_no_action_against_the_damage_that_came_after_it(tmp_path: Path) -> None:
    script = stories.harmful(stories.promoted(), minute=50)
    write(tmp_path, script.effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert (row["actions"], row["decided_at"]) == (0, None)


def test_a_failure_that_went_away_is_an_incident_that_is_over_when_it_was_gone(tmp_path: Path) -> None:
    loop = FailurePattern.CRASH_LOOP
    script = Script().failure(loop, minute=2).failure_cleared(loop, minute=6)
    write(tmp_path, script.effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert (row["incident"], row["incident_kind"], row["what"]) == (
        script.failure_id(loop),
        "failure",
        "crash_loop",
    )
    assert (row["seconds_to_detect"], row["mttr_s"], row["outcome"]) == (60.0, 300.0, "recovered")
    assert phases(row)[1:] == [None] * 4


@pytest.mark.parametrize("kind", [OutcomeKind.FAILED, OutcomeKind.REFUSED])
def test_an_order_that_changed_nothing_has_not_acted(tmp_path: Path, kind: OutcomeKind) -> None:
    script = stories.asked().command(CommandKind.UNDO, minute=10, approved_by="ada via cli")
    script.outcome(CommandKind.UNDO, kind, "403 Forbidden", minute=11)
    write(tmp_path, script.effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert (row["acted_at"], row["outcome"], row["actions"]) == (None, "open", 1)


def test_a_recovery_before_the_action_was_over_takes_a_negative_time(tmp_path: Path) -> None:
    script = stories.asked().command(CommandKind.UNDO, minute=10, approved_by="ada via cli")
    script.outcome(CommandKind.UNDO, OutcomeKind.DONE, "done", minute=13, took=2.5)
    script.recovery(RecoveryKind.RECOVERED, "errors back", minute=15, first_bad=5, acted=13, recovered=12)
    write(tmp_path, script.effects)
    (row,) = rows(tmp_path, "SELECT * FROM incidents")
    assert (row["seconds_to_act"], row["seconds_to_recover"], row["mttr_s"]) == (180.0, -60.0, 420.0)
