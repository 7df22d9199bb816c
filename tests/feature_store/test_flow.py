"""Views of how changes flow: DORA's measures, where an incident's time went, and what labels say of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feature_store.views import connect
from schemas.approvals import HoldChange
from schemas.effects import Effect
from schemas.judgements import RecoveryKind
from schemas.labels import LabelKind, LabelSource
from schemas.observations import Answer
from schemas.orders import CommandKind, Guard, OutcomeKind, Playbook
from schemas.quality import BuildAssessed, GateOutcome
from tests.feature_store import stories
from tests.feature_store.script import START, Script, write

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
UNDO = CommandKind.UNDO


def rows(root: Path, query: str) -> list[dict[str, Any]]:
    result = connect(root).execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def one(root: Path, query: str) -> dict[str, Any]:
    (row,) = rows(root, query)
    return row


def write_all(root: Path, *scripts: Script) -> None:
    """Write scripts one after another; they number their causes themselves."""
    effects: list[Effect] = [effect for script in scripts for effect in script.effects]
    write(root, effects)


def release(version: str, days: float = 0.0, *, first_offset: int, **more: Any) -> Script:
    """Return a script that begins some days after the Monday on which all stories play."""
    return Script(version, first_offset=first_offset, start=START + timedelta(days=days), **more)


def undone(script: Script, *, recovered: float | None = 10) -> Script:
    """Let a release do harm in its fifth minute and be taken back in its ninth."""
    stories.harmful(script)
    script.decision(Playbook.ROLLBACK, "harmful", confidence=0.9999)
    script.command(UNDO, minute=8).outcome(UNDO, OutcomeKind.DONE, "done", minute=9)
    if recovered is not None:
        script.recovery(
            RecoveryKind.RECOVERED,
            "errors back",
            minute=12,
            first_bad=5,
            acted=9,
            recovered=recovered,
        )
    return script


def test_a_week_counts_its_deployments_and_how_long_their_commits_waited(tmp_path: Path) -> None:
    hours = (1, 2, 3, 10)
    scripts = [
        release(
            f"1.{number}",
            days=number,
            first_offset=100 * number,
            team="checkout",
            committed_at=START + timedelta(days=number) - timedelta(hours=waited),
        ).opened()
        for number, waited in enumerate(hours)
    ]
    write_all(tmp_path, *scripts, release("1.9", days=7, first_offset=900, team="checkout").opened())
    later, first = rows(tmp_path, "SELECT * FROM dora")
    assert (first["week"], first["team"], first["deployments"]) == (MONDAY, "checkout", 4)
    assert (first["lead_time_s_median"], first["lead_times_known"]) == (2.5 * 3600, 4)
    assert first["lead_time_s_p90"] == pytest.approx(7.9 * 3600)
    assert (later["week"], later["deployments"]) == (MONDAY + timedelta(days=7), 1)
    assert (later["lead_time_s_median"], later["lead_times_known"]) == (None, 0)


def test_a_week_begins_on_monday_at_midnight_utc(tmp_path: Path) -> None:
    sunday = release("1", first_offset=0, days=-3 / 24 - 1 / 86400).opened()
    monday = release("2", first_offset=100, days=-3 / 24).opened()
    write_all(tmp_path, sunday, monday)
    found = {row["version"]: row["week"] for row in rows(tmp_path, "SELECT * FROM deployments")}
    assert found == {"1": MONDAY - timedelta(days=7), "2": MONDAY}


def test_a_commit_of_a_clock_that_is_ahead_gives_no_lead_time(tmp_path: Path) -> None:
    script = Script(committed_at=START + timedelta(seconds=1)).opened()
    write(tmp_path, script.effects)
    assert one(tmp_path, "SELECT * FROM deployments")["lead_time_s"] is None


def test_a_deployment_that_was_taken_back_has_failed_and_is_timed_from_damage_to_recovery(
    tmp_path: Path,
) -> None:
    write_all(tmp_path, undone(release("1", first_offset=0)), release("2", days=1, first_offset=99).opened())
    row = one(tmp_path, "SELECT * FROM dora")
    assert (row["deployments"], row["failed"], row["change_failure_ratio"]) == (2, 1, 0.5)
    assert (row["recovery_s_median"], row["recoveries_known"]) == (300.0, 1)


def test_without_a_recovery_that_was_seen_a_failed_deployment_ends_with_its_undo(tmp_path: Path) -> None:
    script = undone(Script(), recovered=None)
    write(tmp_path, script.effects)
    row = one(tmp_path, "SELECT * FROM deployments")
    assert (row["failed_why"], row["restored_at"], row["recovery_s"]) == ("taken back", script.at(9), 240.0)


def test_a_service_that_did_not_recover_has_no_time_to_recovery(tmp_path: Path) -> None:
    write(tmp_path, stories.held_and_approved().effects)
    row = one(tmp_path, "SELECT * FROM deployments")
    assert (row["failed_why"], row["restored_at"], row["recovery_s"]) == ("taken back", None, None)


def test_a_return_by_hand_is_no_deployment_and_fails_the_one_before_it(tmp_path: Path) -> None:
    bad = release("2", first_offset=0).opened()
    back = release("1", days=0.5, first_offset=50, is_rollback=True).opened()
    elsewhere = release("2", days=0.1, first_offset=90, service="stock").opened()
    write_all(tmp_path, bad, back, elsewhere)
    found = {row["service"]: row for row in rows(tmp_path, "SELECT * FROM deployments")}
    assert {name: row["failed_why"] for name, row in found.items()} == {
        "cart": "taken back by hand",
        "stock": "",
    }
    assert found["cart"]["recovery_s"] == 12 * 3600


def test_a_deployment_that_is_labelled_bad_has_failed_and_nobody_knows_when_it_was_over(
    tmp_path: Path,
) -> None:
    script = stories.promoted().labelled(LabelKind.BAD, LabelSource.APPROVAL, trust=0.9)
    write(tmp_path, script.effects)
    row = one(tmp_path, "SELECT * FROM dora")
    assert (row["failed"], row["recovery_s_median"], row["recoveries_known"]) == (1, None, 0)


def test_time_is_split_by_phase_and_the_phases_add_up(tmp_path: Path) -> None:
    script = stories.asked(Script(team="checkout"))
    script.answered(Answer.APPROVE, minute=10)
    script.hold_changed(HoldChange.GRANTED, "approved by ada", minute=10, by="ada via slack")
    script.command(UNDO, minute=10.5, approved_by="ada via slack")
    script.outcome(UNDO, OutcomeKind.DONE, "done", minute=11)
    script.recovery(RecoveryKind.RECOVERED, "errors back", minute=15, first_bad=5, acted=11, recovered=13)
    script.evidence(minute=6, log_e=1.0)
    script.evidence(minute=5.5, log_e=-1.0)
    write(tmp_path, script.effects)
    row = one(tmp_path, "SELECT * FROM phases")
    split = [seconds for name, seconds in row.items() if name.startswith("seconds_")]
    assert split == [60.0, 120.0, 0.0, 120.0, 30.0, 30.0, 120.0]
    assert (row["mttd_s"], row["mttr_s"], sum(split)) == (180.0, 480.0, 480.0)
    assert (row["team"], row["ended"], row["outcome"]) == ("checkout", "granted", "recovered")


def test_who_acts_alone_waits_for_nobody(tmp_path: Path) -> None:
    write(tmp_path, stories.rolled_back_alone().effects)
    row = one(tmp_path, "SELECT * FROM phases")
    assert (row["seconds_waiting"], row["seconds_to_command"], row["ended"]) == (0.0, 0.0, "")
    assert (row["seconds_to_evidence"], row["seconds_to_verdict"]) == (180.0, 0.0)


def test_a_question_that_is_open_has_no_time_yet(tmp_path: Path) -> None:
    write(tmp_path, stories.asked().effects)
    row = one(tmp_path, "SELECT * FROM phases")
    assert (row["seconds_waiting"], row["mttr_s"], row["ended"]) == (None, None, "open")


def test_a_release_that_was_taken_back_and_was_good_is_a_false_rollback(tmp_path: Path) -> None:
    good = undone(release("1", first_offset=0)).labelled(LabelKind.GOOD, LabelSource.APPROVAL, trust=0.8)
    harmless = undone(release("2", first_offset=50))
    harmless.labelled(LabelKind.HARMLESS, LabelSource.REJECTION, trust=0.8)
    bad = undone(release("3", first_offset=99)).labelled(LabelKind.BAD, LabelSource.APPROVAL, trust=0.8)
    write_all(tmp_path, good, harmless, bad, undone(release("4", first_offset=200)))
    found = rows(tmp_path, "SELECT * FROM false_rollbacks ORDER BY version")
    assert [row["version"] for row in found] == ["1", "2"]
    assert (found[0]["confidence"], found[0]["alpha"]) == (0.9999, 0.01)
    assert (found[0]["says"], found[0]["sources"]) == ("good 1", "approval")
    assert rows(tmp_path, "SELECT * FROM misses") == []


def test_a_release_that_was_bad_and_never_convicted_is_a_miss(tmp_path: Path) -> None:
    missed = stories.promoted().labelled(LabelKind.BAD, LabelSource.APPROVAL, trust=0.8)
    write(tmp_path, missed.effects)
    row = one(tmp_path, "SELECT * FROM misses")
    assert (row["verdict"], row["strongest_signal"], row["strongest_log_e"]) == ("healthy", "errors", -2.1)
    assert rows(tmp_path, "SELECT * FROM false_rollbacks") == []


@pytest.mark.parametrize(("trust", "why"), [(0.9, "labelled bad"), (0.8, ""), (0.7, "")])
def test_the_more_trusted_voice_says_whether_a_deployment_failed(
    tmp_path: Path, trust: float, why: str
) -> None:
    script = Script().opened().labelled(LabelKind.GOOD, LabelSource.APPROVAL, trust=0.8, by="ada")
    script.labelled(LabelKind.BAD, LabelSource.APPROVAL, trust=trust, by="bob")
    write(tmp_path, script.effects)
    assert one(tmp_path, "SELECT * FROM deployments")["failed_why"] == why


def test_waits_are_counted_by_guard_channel_hour_and_ending(tmp_path: Path) -> None:
    granted = stories.asked(release("1", first_offset=0))
    granted.hold_changed(HoldChange.GRANTED, "approved", minute=10, by="ada via slack")
    old = stories.asked(release("2", days=1, first_offset=99)).answered(Answer.REJECT, minute=9, by="grace")
    silent = stories.asked(release("3", days=2, first_offset=200))
    silent.hold_changed(HoldChange.EXPIRED, "nobody answered", minute=38, by="")
    older = stories.asked(release("4", days=3, first_offset=300))
    older.denied(Guard.EXPIRED, "nobody answered", minute=38)
    write_all(tmp_path, granted, old, silent, older, stories.asked(release("5", days=4, first_offset=400)))
    found = rows(tmp_path, "SELECT * FROM waits")
    assert [(row["channel"], row["ended"], row["holds"], row["seconds_median"]) for row in found] == [
        ("", "expired", 2, 1800.0),
        ("", "open", 1, None),
        ("cli", "rejected", 1, 60.0),
        ("slack", "granted", 1, 120.0),
    ]
    assert {(row["guard"], row["hour"]) for row in found} == {("approval", 3)}


def test_promises_are_held_against_what_labels_say(tmp_path: Path) -> None:
    scripts = [
        undone(release(str(number), first_offset=100 * number)).labelled(
            LabelKind.GOOD if number == 0 else LabelKind.BAD, LabelSource.APPROVAL, trust=0.9
        )
        for number in range(4)
    ]
    good = stories.promoted().labelled(LabelKind.GOOD, LabelSource.APPROVAL, trust=0.9)
    for number, script in enumerate((*scripts, good)):
        write(tmp_path, script.effects, partition=number)
    false, harmful = rows(tmp_path, "SELECT * FROM calibration WHERE witness = 'others'")
    assert len(rows(tmp_path, "SELECT * FROM calibration WHERE witness = 'anybody'")) == 2
    assert (harmful["promise"], harmful["bin_from"], harmful["bin_to"]) == ("harmful", 0.999, 0.9999)
    assert (harmful["releases"], harmful["happened"]) == (4, 0.75)
    # Wilson's interval of 3 in 4, as any table of it has it.
    assert (harmful["happened_low"], harmful["happened_high"]) == (
        pytest.approx(0.3006, abs=1e-4),
        pytest.approx(0.9544, abs=1e-4),
    )
    assert (false["promise"], false["promised"], false["releases"], false["happened"]) == (
        "false_rollback",
        0.01,
        2,
        0.5,
    )


def assessed(script: Script, chance: float, minute: float) -> Script:
    """Let the gate say of a build how likely it will be taken back."""
    return script._say(
        BuildAssessed(
            environment=script.environment,
            service=script.service,
            version=script.version,
            at=script.at(minute),
            outcome=GateOutcome.PASS,
            score=90.0,
            failure_chance=chance,
        )
    )


def test_the_gates_chances_are_held_against_what_became_of_the_releases(tmp_path: Path) -> None:
    fine = assessed(assessed(stories.promoted(), 0.9, minute=-20), 0.15, minute=-10)
    bad = undone(assessed(release("1", first_offset=300), 0.12, minute=-10))
    after = undone(assessed(release("2", first_offset=500), 0.5, minute=1))
    watched = assessed(release("3", first_offset=600).opened(), 0.5, minute=-1)
    for number, script in enumerate((fine, bad, after, watched)):
        write(tmp_path, script.effects, partition=number)
    row = one(tmp_path, "SELECT * FROM calibration WHERE promise = 'gate'")
    assert (row["bin_from"], row["bin_to"], row["releases"], row["happened"]) == (0.1, 0.2, 2, 0.5)
    assert row["promised"] == pytest.approx(0.135)


def test_what_suture_says_of_its_own_work_is_no_word_of_others(tmp_path: Path) -> None:
    script = undone(Script()).labelled(LabelKind.BAD, LabelSource.OUTCOME, trust=0.75, by="suture")
    write(tmp_path, script.effects)
    assert not one(tmp_path, "SELECT * FROM release_labels")["is_independent"]
    assert one(tmp_path, "SELECT * FROM calibration")["witness"] == "anybody"


def test_an_empty_journal_has_nothing_to_say_of_the_flow(tmp_path: Path) -> None:
    for view in ("deployments", "dora", "phases", "false_rollbacks", "misses", "waits"):
        assert rows(tmp_path, f"SELECT * FROM {view}") == []
    assert rows(tmp_path, "SELECT * FROM calibration") == []
