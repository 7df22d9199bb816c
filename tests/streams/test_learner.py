"""What a learner decides, from the journal and the log's time alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from actions.policy_file import load_policy
from feature_store.promotion import Ruling, Trial
from feature_store.registry import Registry, registry_of
from feature_store.training import Learnt
from feature_store.views import connect
from schemas.errors import SettingsError
from schemas.judgements import VerdictKind
from schemas.labels import LabelKind
from schemas.models import ModelChanged, ModelStage
from schemas.observations import ReleaseOpened
from streams.learner import (
    Trained,
    announced,
    change_of_challenger,
    change_of_champion,
    change_of_stale,
    is_time_to_ask,
    reason_to_learn,
    trials_of,
)
from streams.learner_service import Learner
from streams.learner_settings import LearnerSettings, learner_variables, read_learner_settings
from streams.recorded_log import ArchivedLog
from streams.settings import read_settings
from streams.shadow import Said
from tests.feature_store.models_told import a_change, a_profile, write_changes
from tests.feature_store.risk_log import a_history, a_release, judged, labelled, undone, write_said
from tests.feature_store.script import START
from tests.feature_store.test_drift import calm

WEEKLY = LearnerSettings()
CHALLENGER, CHAMPION = ModelStage.CHALLENGER, ModelStage.CHAMPION
LATER = START + timedelta(days=30)


def used(*more: ModelChanged) -> Registry:
    return registry_of([a_change("judge-1", CHALLENGER), a_change("judge-1", CHAMPION, 60), *more])


def test_nothing_is_learnt_of_fewer_than_thirty_labelled_releases() -> None:
    assert reason_to_learn(registry_of([]), calm(29), LATER, WEEKLY) is None
    assert reason_to_learn(registry_of([]), calm(30), LATER, WEEKLY) == "the first 30 releases have labels"
    unlabelled = [replace(lesson, has_label=False) for lesson in calm(300)]
    assert reason_to_learn(registry_of([]), unlabelled, LATER, WEEKLY) is None


def test_a_model_is_learnt_on_schedule() -> None:
    lessons = calm(40)
    assert reason_to_learn(used(), lessons, START + timedelta(days=6), WEEKLY) is None
    reason = reason_to_learn(used(), lessons, START + timedelta(days=7), WEEKLY)
    assert reason == "on schedule, 7 days after the last"


def test_drift_is_a_reason_before_its_time() -> None:
    old = [replace(one, started_at=START - timedelta(hours=1)) for one in calm(200)]
    new = [replace(one, started_at=START + timedelta(hours=1)) for one in calm(60, 2, mean=-3.0)]
    reason = reason_to_learn(used(), [*old, *new], START + timedelta(days=3), WEEKLY)
    assert reason is not None
    assert reason.startswith("drift: ")


def test_nothing_is_learnt_while_a_challenger_is_tried() -> None:
    tried = used(a_change("judge-2", CHALLENGER, 90, parent="judge-1"))
    assert reason_to_learn(tried, calm(300), LATER, WEEKLY) is None
    assert not is_time_to_ask(tried, LATER, WEEKLY, None)


def test_it_is_asked_seven_times_between_two_trainings() -> None:
    assert is_time_to_ask(used(), LATER, WEEKLY, None)
    assert not is_time_to_ask(used(), LATER, WEEKLY, LATER - timedelta(hours=23))
    assert is_time_to_ask(used(), LATER, WEEKLY, LATER - timedelta(hours=24))


@pytest.mark.parametrize(("is_worse", "stage"), [(False, "challenger"), (True, "rejected")])
def test_what_lost_on_the_recorded_log_is_rejected_at_once(is_worse: bool, stage: str) -> None:
    told = a_change("judge-2", CHALLENGER)
    learnt = Learnt(card=told.card, profile=a_profile(), changes=())
    change = announced(Trained(learnt=learnt, is_worse=is_worse, why="8 of 90"), LATER, "on schedule")
    assert (change.stage, change.at, change.profile) == (stage, LATER, a_profile())
    assert change.why.endswith("on the recorded log: 8 of 90")


def test_a_ruling_becomes_a_change_with_its_numbers_and_the_profile_that_was_tried() -> None:
    registry = used(a_change("judge-2", CHALLENGER, 90, parent="judge-1"))
    tried = registry.models["judge-2"]
    for stage in (CHAMPION, ModelStage.REJECTED):
        ruling = Ruling(stage=stage, why="by 4 min")
        change = change_of_challenger(registry, tried, ruling, LATER, WEEKLY)
        assert change is not None
        assert (change.stage, change.why, change.by) == (stage, "by 4 min", "learner")
        assert change.profile == tried.profile
    assert change_of_challenger(registry, tried, Ruling(stage=None, why=""), LATER, WEEKLY) is None


def test_where_people_promote_the_rule_does_not() -> None:
    registry = used(a_change("judge-2", CHALLENGER, 90, parent="judge-1"))
    by_hand, tried = replace(WEEKLY, promotes=False), registry.models["judge-2"]
    won = Ruling(stage=CHAMPION, why="by 4 min")
    assert change_of_challenger(registry, tried, won, LATER, by_hand) is None
    lost = Ruling(stage=ModelStage.REJECTED, why="later")
    assert change_of_challenger(registry, tried, lost, LATER, by_hand) is not None


def test_of_two_challengers_the_older_one_is_given_up() -> None:
    registry = used(*(a_change(f"judge-{n}", CHALLENGER, 80 + n, parent="judge-1") for n in (2, 3)))
    change = change_of_stale(registry, LATER)
    assert change is not None
    assert (change.card.id, change.stage, change.why) == (
        "judge-2",
        "rejected",
        "judge-3 was learnt after it",
    )


def test_a_challenger_of_a_champion_that_is_gone_is_given_up() -> None:
    beside = a_change("judge-2", CHALLENGER, 90, parent="judge-1")
    assert change_of_stale(used(beside), LATER) is None
    change = change_of_stale(used(beside, a_change("judge-1", ModelStage.RETIRED, 95)), LATER)
    assert change is not None
    assert change.why == "it was learnt beside judge-1, and the rules is used by now"


def a_trial(number: int, is_false: bool) -> Trial:
    return Trial(
        release=f"r{number}",
        service="prod/cart",
        p_bad=0.0,
        weight=1.0,
        alpha=0.01,
        champion_min=4.0 if is_false else None,
        challenger_min=None,
        watched_min=30.0,
    )


def test_a_champion_beyond_its_budget_gives_way_to_its_parent() -> None:
    registry = used(a_change("judge-2", CHAMPION, 90, parent="judge-1"))
    change = change_of_champion(registry, [a_trial(n, n < 6) for n in range(100)], [], LATER)
    assert change is not None
    assert (change.card.id, change.stage) == ("judge-2", "retired")
    assert change.profile == registry.models["judge-1"].profile
    assert "6 false rollbacks of 100" in change.why
    assert change_of_champion(registry, [a_trial(n, n < 1) for n in range(100)], [], LATER) is None


def written(root: Path, count: int = 4) -> Path:
    """Write releases, every other one harmful and taken back after 35 minutes; return the journal."""
    told: list[object] = []
    for number in range(count):
        release = a_release("cart", number, START + timedelta(hours=number))
        is_bad = number % 2 == 0
        kind = VerdictKind.HARMFUL if is_bad else VerdictKind.HEALTHY
        told += [ReleaseOpened(release=release), judged(release, kind)]
        told += [undone(release)] if is_bad else []
        told.append(labelled(release, LabelKind.BAD if is_bad else LabelKind.GOOD, 1))
    write_said(root, told)  # type: ignore[arg-type]  # all of them are said
    return root


def test_trials_are_releases_that_were_judged_to_the_end_with_what_is_known_of_them(tmp_path: Path) -> None:
    with connect(written(tmp_path)) as connection:
        bad, good, *_ = trials_of(connection, START, LATER)
        assert len(trials_of(connection, START + timedelta(hours=2), LATER)) == 2
        assert trials_of(connection, START, START + timedelta(minutes=10)) == []
    assert (bad.champion_min, good.champion_min) == (30.0, None)
    assert bad.p_bad > 0.9 > 0.1 > good.p_bad
    assert (bad.service, bad.alpha) == ("prod/cart", 0.01)


def test_a_shadow_is_asked_of_what_it_has_judged_to_the_end_or_was_cut_off_from(tmp_path: Path) -> None:
    def said(minutes: float | None, is_final: bool = False) -> Said:
        at = None if minutes is None else START + timedelta(minutes=minutes)
        return Said(harmful_at=at, is_final=is_final)

    first, second, third, _ = (a_release("cart", n, START).id for n in range(4))
    with connect(written(tmp_path)) as connection:
        assert trials_of(connection, START, LATER, {}) == []
        found = trials_of(connection, START, LATER, {first: said(20), second: said(None), third: said(None)})
        over = trials_of(connection, START, LATER, {second: said(None, is_final=True)})
    told = {trial.release: (trial.challenger_min, trial.is_cut_off) for trial in found}
    assert told == {first: (20.0, False), third: (None, True)}, "the second is still watched in shadow"
    assert [trial.release for trial in over] == [second]


def a_learner(root: Path, stop: Event | None = None, **learner: object) -> Learner:
    settings = replace(
        read_settings({}),
        data=root,
        bootstrap="",
        learner=replace(WEEKLY, **learner),  # type: ignore[arg-type]  # a test names its fields
    )
    return Learner(settings, load_policy(settings.policy), ArchivedLog(root / "archive"), stop)


def stages(changes: Iterable[ModelChanged]) -> list[str]:
    return [change.stage.value for change in changes]


def test_of_an_empty_journal_nothing_follows(tmp_path: Path) -> None:
    learner = a_learner(tmp_path)
    assert learner.look() == learner.look() == []


def test_risk_is_learnt_on_the_same_schedule_and_decided_once(tmp_path: Path) -> None:
    history = a_history(300)
    write_said(tmp_path / "journal", history.said)
    learner = a_learner(tmp_path)
    told = learner.look()
    assert stages(told) == ["challenger", "champion"]
    assert all(change.risk is not None for change in told)
    assert learner.look() == [], "no file is new"

    write_changes(tmp_path / "journal", told[:1])
    assert learner.look() == [], "the journal has not heard of the champion yet"


def test_where_people_promote_risk_is_told_to_be_a_challenger(tmp_path: Path) -> None:
    write_said(tmp_path / "journal", a_history(300).said)
    assert stages(a_learner(tmp_path, promotes=False).look()) == ["challenger"]


def test_what_could_not_be_told_is_decided_again(tmp_path: Path) -> None:
    write_said(tmp_path / "journal", a_history(300).said)
    learner = a_learner(tmp_path)
    told = learner.look()
    learner.untold()
    assert learner.look() == told


def test_another_learner_decides_the_same(tmp_path: Path) -> None:
    write_said(tmp_path / "journal", a_history(300).said)
    assert a_learner(tmp_path).look() == a_learner(tmp_path).look()


def test_a_champion_is_told_of_again_so_that_the_log_remembers_it(tmp_path: Path) -> None:
    champion = a_change("judge-1", CHAMPION)
    write_said(tmp_path / "journal", [champion])
    learner = a_learner(tmp_path)
    assert learner.look() == [champion]
    assert learner.look() == []


def test_settings_survive_the_way_to_another_process() -> None:
    given = LearnerSettings(
        is_on=True,
        every=timedelta(hours=3),
        since=timedelta(days=9),
        promotes=False,
        pace=timedelta(seconds=0.5),
    )
    assert read_learner_settings(learner_variables(given)) == given
    assert read_learner_settings({}) == LearnerSettings()


@pytest.mark.parametrize(
    ("name", "value"), [("SUTURE_LEARN_PACE", "30"), ("SUTURE_LEARN_EVERY", "0d"), ("SUTURE_LEARN", "maybe")]
)
def test_a_setting_that_is_none_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}', expected"):
        read_learner_settings({name: value})
