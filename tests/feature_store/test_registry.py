"""The registry of models, and the view of them: what became of each, and what a step back gives."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.registry import Registry, promoted, read_registry, registry_of, retired
from feature_store.risk_training import used_model
from feature_store.views import connect
from schemas.errors import SettingsError
from schemas.models import ModelChanged, ModelFamily, ModelStage
from tests.feature_store.models_told import a_change, a_risk, write_changes
from tests.feature_store.script import START

CHALLENGER, CHAMPION = ModelStage.CHALLENGER, ModelStage.CHAMPION
RETIRED, REJECTED = ModelStage.RETIRED, ModelStage.REJECTED
AT = START + timedelta(days=1)


def read(root: Path, family: ModelFamily = ModelFamily.JUDGE, minute: float | None = None) -> Registry:
    with connect(root) as connection:
        return read_registry(
            connection, family, None if minute is None else START + timedelta(minutes=minute)
        )


def rows(root: Path, columns: str) -> list[tuple[Any, ...]]:
    with connect(root) as connection:
        return connection.execute(f"SELECT {columns} FROM models ORDER BY model").fetchall()


# Where models stand.


def test_a_challenger_is_tried_and_changes_nothing_that_is_used() -> None:
    registry = registry_of([a_change("judge-1", CHALLENGER)])
    assert registry.champion == ""
    assert registry.champion_profile is None
    assert registry.challenger is registry.models["judge-1"]


def test_a_promoted_model_is_used_with_its_own_profile() -> None:
    change = a_change("judge-1", CHALLENGER)
    registry = registry_of([change, a_change("judge-1", CHAMPION, 5)])
    assert registry.champion == "judge-1"
    assert registry.champion_profile == change.profile
    assert registry.challenger is None


def test_a_rejected_challenger_is_tried_no_longer() -> None:
    registry = registry_of([a_change("judge-1", CHALLENGER), a_change("judge-1", REJECTED, 5)])
    assert (registry.challenger, registry.champion) == (None, "")


def test_the_newest_of_several_challengers_is_the_one_that_is_tried() -> None:
    registry = registry_of([a_change("judge-1", CHALLENGER), a_change("judge-2", CHALLENGER, 5)])
    assert registry.challenger is registry.models["judge-2"]


def test_a_model_is_found_by_the_beginning_of_its_id_if_it_is_the_only_one() -> None:
    registry = registry_of([a_change("judge-1a", CHALLENGER), a_change("judge-2b", CHALLENGER)])
    assert registry.find("judge-2").card.id == "judge-2b"
    for name, number in (("judge-", 2), ("nothing", 0), ("", 2)):
        with pytest.raises(SettingsError, match=f"fits {number} models"):
            registry.find(name)


# Steps that people and the learner take.


def after(*changes: ModelChanged) -> Registry:
    return registry_of(list(changes))


def test_retiring_the_first_champion_leaves_the_rules_as_they_stand() -> None:
    change = retired(after(a_change("judge-1", CHAMPION)), AT, "late", "ada via cli")
    assert (change.stage, change.used, change.profile, change.why) == (RETIRED, "", None, "late")
    assert after(a_change("judge-1", CHAMPION), change).champion == ""


def test_a_retired_champion_gives_way_to_its_parent_with_the_parents_profile() -> None:
    first, second = a_change("judge-1", CHAMPION), a_change("judge-2", CHAMPION, 5, parent="judge-1")
    change = retired(after(first, second), AT, "late", "learner")
    assert (change.card.id, change.used, change.profile) == ("judge-2", "judge-1", first.profile)
    assert after(first, second, change).champion_profile == first.profile


def test_a_parent_that_was_retired_itself_does_not_come_back() -> None:
    told = [
        a_change("judge-1", CHAMPION),
        a_change("judge-2", CHAMPION, 5, parent="judge-1"),
        a_change("judge-2", RETIRED, 10, parent="judge-1"),
        a_change("judge-3", CHAMPION, 15, parent="judge-2"),
    ]
    change = retired(after(*told), AT, "late", "learner")
    assert (change.used, change.profile) == ("judge-1", told[0].profile)
    assert after(*told, change).models["judge-3"].card.parent == "judge-2", "it was learnt beside that one"


def test_a_risk_model_goes_back_to_its_parents_model_or_to_the_shipped_prior() -> None:
    first, second = a_change("risk-1", CHAMPION), a_change("risk-2", CHAMPION, 5, parent="risk-1")
    change = retired(after(first, second), AT, "wrong chances", "ada via cli")
    assert (change.used, change.risk, change.profile) == ("risk-1", first.risk, None)
    last = retired(after(first, second, change), AT, "wrong chances, too", "ada via cli")
    assert (last.used, last.risk) == ("", None)


@pytest.mark.parametrize("model", ["judge-1", "risk-1"])
def test_a_promotion_carries_what_the_model_holds(model: str) -> None:
    told = a_change(model, CHALLENGER)
    registry = after(told)
    change = promoted(registry, registry.find(model), AT, "looks right", "ada via cli")
    assert (change.stage, change.profile, change.risk) == (CHAMPION, told.profile, told.risk)
    assert (change.at, change.why, change.by) == (AT, "looks right", "ada via cli")
    assert after(told, change).champion == model


def test_a_retired_model_may_be_promoted_again_with_its_own_profile() -> None:
    first, second = a_change("judge-1", CHAMPION), a_change("judge-2", CHAMPION, 5, parent="judge-1")
    back = retired(after(first, second), AT, "late", "learner")
    registry = after(first, second, back)
    assert promoted(registry, registry.find("judge-2"), AT, "it was right", "ada").profile == second.profile


def test_what_is_used_is_not_promoted_and_what_is_not_is_not_retired() -> None:
    registry = after(a_change("judge-1", CHAMPION))
    with pytest.raises(SettingsError, match="is the champion, expected another one"):
        promoted(registry, registry.find("judge-1"), AT, "why", "ada")
    with pytest.raises(SettingsError, match="no model is the champion"):
        retired(after(a_change("judge-1", CHALLENGER)), AT, "why", "ada")


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12))
def test_going_back_always_ends_at_the_rules(steps: list[tuple[int, bool]]) -> None:
    """Models that are promoted and retired in any order: stepping back never runs in a circle."""
    told: list[ModelChanged] = []
    for minute, (number, is_promoted) in enumerate(steps):
        registry = after(*told)
        name = f"judge-{number}"
        if is_promoted and name != registry.champion:
            parent = registry.champion if name not in registry.models else registry.models[name].card.parent
            told.append(a_change(name, CHAMPION, minute, parent=parent))
        elif not is_promoted and registry.champion:
            told.append(retired(registry, START + timedelta(minutes=minute), "why", "ada"))
    for _ in range(5):
        registry = after(*told)
        if not registry.champion:
            break
        told.append(retired(registry, AT, "why", "ada"))
    assert after(*told).champion == ""


# The journal's word on it.


def story() -> list[ModelChanged]:
    return [
        a_change("judge-1", CHALLENGER),
        a_change("judge-1", CHAMPION, 5, why="earlier"),
        a_change("judge-2", CHALLENGER, 10, parent="judge-1"),
        a_change("judge-2", CHAMPION, 20, parent="judge-1", why="earlier again", by="ada via cli"),
        a_change("judge-3", CHALLENGER, 25, parent="judge-2"),
        a_change("judge-3", REJECTED, 30, parent="judge-2", why="later than the champion"),
        a_change("risk-1", CHALLENGER, 40),
        a_change("risk-1", CHAMPION, 40, why="better"),
    ]


def test_every_profile_is_recovered_from_the_journal_by_its_id(tmp_path: Path) -> None:
    write_changes(tmp_path, story())
    registry = read(tmp_path)
    assert registry.profiles == {change.card.id: change.profile for change in story() if change.profile}
    assert [len(one.changes) for one in registry.models.values()] == [2, 2, 2], "once, whatever says it"


def test_families_are_kept_apart(tmp_path: Path) -> None:
    write_changes(tmp_path, story())
    assert read(tmp_path).champion == "judge-2"
    assert read(tmp_path, ModelFamily.RISK).champion == "risk-1"


def test_the_registry_is_read_as_it_stood_at_an_instant(tmp_path: Path) -> None:
    write_changes(tmp_path, story())
    assert [read(tmp_path, minute=minute).champion for minute in (4, 5, 19, 20)] == [
        "",
        "judge-1",
        "judge-1",
        "judge-2",
    ]


def test_the_view_has_one_row_a_model_with_what_became_of_it(tmp_path: Path) -> None:
    write_changes(tmp_path, story())
    assert rows(tmp_path, "model, family, stage, is_used, parent, why, changed_by") == [
        ("judge-1", "judge", "champion", False, "", "earlier", "learner"),
        ("judge-2", "judge", "champion", True, "judge-1", "earlier again", "ada via cli"),
        ("judge-3", "judge", "rejected", False, "judge-2", "later than the champion", "learner"),
        ("risk-1", "risk", "champion", True, "", "better", "learner"),
    ]
    assert rows(tmp_path, "releases, labelled, code, seed, metrics")[0] == (
        40,
        12,
        "c0de",
        7,
        '{"delay_min_after":4.5}',
    )


def test_the_view_names_the_parent_as_used_after_a_retirement(tmp_path: Path) -> None:
    told = story()
    told.append(retired(registry_of(told[:6]), START + timedelta(hours=1), "late", "ada via cli"))
    write_changes(tmp_path, told)
    assert [row for row in rows(tmp_path, "model, stage, is_used") if row[0].startswith("judge")] == [
        ("judge-1", "champion", True),
        ("judge-2", "retired", False),
        ("judge-3", "rejected", False),
    ]


def test_every_column_of_the_view_is_documented(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        told = connection.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'models'"
        ).fetchall()
    assert len(told) == 16
    assert all(comment for _, comment in told), told


def test_the_gate_goes_by_the_parents_model_of_risk_once_a_champion_is_retired(tmp_path: Path) -> None:
    first = a_change("risk-1", CHAMPION, risk=a_risk(-1.0))
    second = a_change("risk-2", CHAMPION, 5, parent="risk-1", risk=a_risk(-2.0))
    back = retired(after(first, second), START + timedelta(minutes=9), "wrong", "ada via cli")
    last = retired(after(first, second, back), START + timedelta(minutes=12), "wrong", "ada via cli")
    for number, told in enumerate(([first, second], [first, second, back], [first, second, back, last])):
        write_changes(tmp_path / str(number), told)
    used = []
    for number in range(3):
        with connect(tmp_path / str(number)) as connection:
            change = used_model(connection)
        used.append(None if change is None else (change.used, change.risk))
    assert used == [("risk-2", a_risk(-2.0)), ("risk-1", a_risk(-1.0)), None]
