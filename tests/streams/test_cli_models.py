"""`suture learn` and `suture models`: what people see of what is learnt, and what they may do about it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from schemas.codec import from_python
from schemas.errors import SettingsError
from schemas.models import ModelChanged, ModelStage
from schemas.profiles import Profile
from streams import model_changes
from streams.cli import app
from tests.feature_store.evidence_log import write_releases
from tests.feature_store.models_told import a_change, a_risk, write_changes
from tests.feature_store.risk_log import a_history, write_said

CHALLENGER, CHAMPION = ModelStage.CHALLENGER, ModelStage.CHAMPION
STORY = [
    a_change("judge-1", CHALLENGER),
    a_change("judge-1", CHAMPION, 5, why="earlier by two minutes"),
    a_change("judge-2", CHALLENGER, 10, parent="judge-1"),
    a_change("judge-2", CHAMPION, 20, parent="judge-1", by="ada via cli"),
    a_change("judge-3", CHALLENGER, 25, parent="judge-2"),
    a_change("risk-1", CHAMPION, 40, risk=a_risk(-1.0)),
    a_change("risk-2", CHAMPION, 50, parent="risk-1", risk=a_risk(-2.0)),
]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder without a journal yet, a terminal of eighty columns, and no Kafka."""
    monkeypatch.setenv("SUTURE_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.delenv("SUTURE_POLICY", raising=False)
    return tmp_path


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[ModelChanged]:
    """What is put onto the log; a broker of its own is asked in the integration tests."""
    said: list[ModelChanged] = []

    def keep(changes: Sequence[ModelChanged]) -> None:
        said.extend(changes)

    monkeypatch.setattr(model_changes, "tell_log", keep)
    return said


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def printed(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    return done.stdout


# suture learn


def test_a_dry_run_shows_what_would_change_and_tells_nobody(data: Path, log: list[ModelChanged]) -> None:
    write_releases(data / "journal", 60)
    text = printed("learn", "--dry-run", "--as-of", "2026-12-20T00:00:00Z")
    assert "60 releases from 2026-11-23" in text
    assert "errors expected_ratio  none" in text
    assert "tells of harm sooner" in text
    assert "bad ones were" in text
    assert log == []


def test_what_was_learnt_by_hand_is_put_onto_the_log_as_a_challenger(
    data: Path, log: list[ModelChanged]
) -> None:
    write_releases(data / "journal", 60)
    shown = json.loads(run("learn", "--json").stdout)
    (change,) = log
    assert (change.stage, change.why) == (CHALLENGER, "learnt by hand")
    assert change.by.endswith(" via cli")
    assert change.card.id == shown["card"]["id"]
    assert change.profile == from_python(Profile, shown["profile"])


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_an_empty_journal_teaches_nothing_and_nobody_is_told(
    how: tuple[str, ...], log: list[ModelChanged]
) -> None:
    done = run("learn", *how)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) is None if how else "nothing to learn from" in done.stdout
    assert log == []


def test_only_releases_of_the_time_that_is_asked_for_are_learnt_from(data: Path) -> None:
    write_releases(data / "journal", 60)
    shown = json.loads(
        run("learn", "--dry-run", "--json", "--since", "2d", "--as-of", "2026-12-02T00:00:00Z").stdout
    )
    # One every four hours.
    assert shown["card"]["releases"] == 12


def test_a_time_that_is_none_is_refused() -> None:
    assert "expected a duration such as 90d" in str(run("learn", "--since", "soon").exception)
    done = run("learn", "--family", "risk", "--since", "90d")
    assert isinstance(done.exception, SettingsError)
    assert "it learns from all releases" in str(done.exception)


def test_too_few_releases_teach_no_risk(data: Path, log: list[ModelChanged]) -> None:
    write_said(data / "journal", a_history(40).said)
    done = run("learn", "--family", "risk", "--json", "--as-of", "2026-12-20T12:00:00Z")
    said = json.loads(done.stdout)
    assert (said["changes"], log) == ([], [])
    assert "expected at least 50" in said["why"]


def test_a_risk_model_is_told_of_now_whatever_instant_it_was_learnt_as_of(
    data: Path, log: list[ModelChanged]
) -> None:
    write_said(data / "journal", a_history(300).said)
    shown = json.loads(run("learn", "--family", "risk", "--json", "--as-of", "2027-01-22T00:00:00Z").stdout)
    assert [change.stage for change in log] == [CHALLENGER, CHAMPION], shown["why"]
    assert {change.at < change.card.data_until for change in log} == {True}
    assert {change.card.id for change in log} == {shown["changes"][0]["id"]}


# suture models


def test_models_are_listed_with_what_became_of_them(data: Path) -> None:
    write_changes(data / "journal", STORY)
    lines = printed("models").splitlines()
    stages = {line.split()[0]: line for line in lines if line.startswith(("judge-", "risk-"))}
    assert list(stages) == ["risk-2", "risk-1", "judge-3", "judge-2", "judge-1"]
    for model, stage in (
        ("judge-1", "champion, replaced"),
        ("judge-2", "champion, in use"),
        ("judge-3", "challenger"),
        ("risk-1", "champion, replaced"),
        ("risk-2", "champion, in use"),
    ):
        assert stage in stages[model]
    assert any("earlier by two minutes (by learner)" in line for line in lines)


def test_without_models_the_list_says_so() -> None:
    assert printed("models") == "no model was learnt yet\n"
    assert json.loads(printed("models", "--json")) == []


def test_as_json_each_model_is_its_newest_change(data: Path) -> None:
    write_changes(data / "journal", STORY)
    found = from_python(list[ModelChanged], json.loads(run("models", "--json").stdout))
    assert {change.card.id: change.stage for change in found}["judge-2"] is CHAMPION
    assert len(found) == 5


def test_one_model_is_shown_with_all_that_was_decided_and_what_it_holds(data: Path) -> None:
    write_changes(data / "journal", STORY)
    text = printed("models", "show", "judge-2")
    assert "judge-2  judge, champion, in use" in text
    assert "beside judge-1" in text
    assert "champion, by ada via cli" in text
    assert "expected_ratio 3.5" in text
    assert "online model" in printed("models", "show", "risk-2")


def test_a_profile_comes_back_from_the_journal_as_it_was_told(data: Path) -> None:
    write_changes(data / "journal", STORY)
    shown = from_python(list[ModelChanged], json.loads(run("models", "show", "judge-2", "--json").stdout))
    assert [change.profile for change in shown] == [STORY[2].profile, STORY[3].profile]


def test_an_id_that_fits_none_or_several_is_refused(data: Path) -> None:
    write_changes(data / "journal", STORY)
    assert "fits 3 models" in str(run("models", "show", "judge").exception)
    assert "fits 0 models" in str(run("models", "show", "nobody").exception)


@pytest.mark.parametrize(("model", "used"), [("judge-3", "judge-3"), ("risk-1", "risk-1")])
def test_a_model_of_either_family_is_promoted_by_hand(
    model: str, used: str, data: Path, log: list[ModelChanged]
) -> None:
    write_changes(data / "journal", STORY)
    assert run("models", "promote", model, "--why", "looks right", "--by", "ada").exit_code == 0
    (change,) = log
    assert (change.stage, change.used, change.why, change.by) == (
        CHAMPION,
        used,
        "looks right",
        "ada via cli",
    )
    (told,) = [one for one in STORY if one.card.id == model]
    assert (change.profile, change.risk) == (told.profile, told.risk)


@pytest.mark.parametrize(
    ("arguments", "model", "used"),
    [
        ((), "judge-2", "judge-1"),
        (("judge-2",), "judge-2", "judge-1"),
        (("--family", "risk"), "risk-2", "risk-1"),
        (("risk-2",), "risk-2", "risk-1"),
    ],
)
def test_a_champion_of_either_family_is_retired_by_hand_for_its_parent(
    arguments: tuple[str, ...], model: str, used: str, data: Path, log: list[ModelChanged]
) -> None:
    write_changes(data / "journal", STORY)
    done = run("models", "retire", *arguments, "--why", "it is late", "--by", "ada")
    assert done.exit_code == 0, (done.output, done.exception)
    (change,) = log
    assert (change.stage, change.card.id, change.used) == (ModelStage.RETIRED, model, used)
    parent = next(one for one in STORY if one.card.id == used)
    assert (change.profile, change.risk) == (parent.profile, parent.risk)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("promote", "judge-2", "--why", "again"), "is the champion, expected another one"),
        (("promote", "judge-3", "--why", " "), "--why is empty"),
        (("retire", "judge-3", "--why", "late"), "is not the champion, expected judge-2"),
        (("retire", "--why", ""), "--why is empty"),
    ],
)
def test_what_makes_no_sense_or_has_no_reason_is_refused(
    arguments: tuple[str, ...], why: str, data: Path, log: list[ModelChanged]
) -> None:
    write_changes(data / "journal", STORY)
    done = run("models", *arguments)
    assert isinstance(done.exception, SettingsError)
    assert why in str(done.exception)
    assert log == []


def test_without_a_broker_nothing_is_told_and_the_message_names_what_is_missing(data: Path) -> None:
    write_changes(data / "journal", STORY)
    done = run("models", "promote", "judge-3", "--why", "looks right")
    assert isinstance(done.exception, SettingsError)
    assert "KAFKA_BOOTSTRAP" in str(done.exception)
