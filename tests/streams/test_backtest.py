"""Backtests on the small made-up recording: two services released at once, `cart` fails half of its calls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detectors.defaults import pod_minute_rule
from schemas.codec import to_json
from schemas.effects import Effect
from schemas.policy import Autonomy, Policy
from schemas.profiles import Adjustment, Profile
from streams.backtest import CHAMPION, Comparison, Contender, compare
from streams.backtest_check import Ruling, Tolerance
from streams.backtest_judging import judge_log
from streams.backtest_pod_minutes import PodMinutes
from streams.backtest_truth import Truth, Truths, read_truths
from streams.cli import app
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import Row, read_rows
from streams.routing import observations_from
from tests.bench.recording import write

CASES = ("one", "two", "three")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Three environments with the same story, an hour apart."""
    told = read_rows(write(tmp_path_factory.mktemp("recording")))
    copies = [
        {**row, "case": case, "environment": case, "ts": row["ts"] + 3600 * place}
        | ({"change": row["change"].replace("one", case)} if row["kind"] == "deploy" else {})
        for place, case in enumerate(CASES)
        for row in told
    ]
    return sorted(copies, key=lambda row: row["ts"])


@pytest.fixture(scope="module")
def log(rows: list[Row]) -> PodMinutes:
    return PodMinutes(rows)


def strict(alpha: float = 1e-300) -> Contender:
    """Settings under which nothing is ever enough."""
    rule = pod_minute_rule(Autonomy.ALONE)
    judge = replace(rule.judge, alpha=alpha)
    return Contender(name="strict", policy=Policy(rules={"*/*": replace(rule, judge=judge)}))


def labels() -> Truths:
    of = {f"{case}/cart": Truth(p_bad=1.0) for case in CASES}
    return Truths(of_release=of | {f"{case}/ads": Truth(p_bad=0.0) for case in CASES})


@pytest.fixture(scope="module")
def against_strict(log: PodMinutes) -> Comparison:
    return compare(log, CHAMPION, strict(), labels(), jobs=1)


def test_the_champion_says_what_a_replay_of_the_log_says_byte_for_byte(
    rows: list[Row], log: PodMinutes
) -> None:
    replayed = list(effects_of_pod_minutes(rows))
    judged = judge_log(log, [CHAMPION], jobs=1).of[0]

    def said(effects: Iterable[Effect]) -> list[bytes]:
        return sorted(to_json(effect.said) for effect in effects)

    heard = [effect for effect in replayed if observations_from(effect)]
    decided = [effect for effect in replayed if effect.key and "/" not in effect.key]
    settings = [effect for effect in judged.environments if not effect.key]
    assert said(judged.services) == said(heard)
    assert said(judged.environments) == said((*decided, *settings))
    assert decided


def test_the_result_is_the_same_with_any_number_of_processes(
    log: PodMinutes, against_strict: Comparison
) -> None:
    assert compare(log, CHAMPION, strict(), labels(), jobs=3) == against_strict


def test_a_candidate_that_finds_nothing_is_worse_by_its_bad_minutes(against_strict: Comparison) -> None:
    named = {figure.name: figure for figure in against_strict.figures}
    assert (named["found"].champion, named["found"].candidate) == (1.0, 0.0)
    assert named["bad_minutes"].low is not None
    assert named["bad_minutes"].low > 0
    assert named["false_rollbacks"].difference == 0
    assert against_strict.check().ruling is Ruling.WORSE
    assert [change.service for change in against_strict.changes] == ["cart"] * 3
    assert all(change.champion.startswith("harmful, rolled back") for change in against_strict.changes)


def test_the_champion_against_itself_changes_nothing_and_a_few_releases_do_not_pass(log: PodMinutes) -> None:
    itself = compare(log, CHAMPION, Contender(name="same"), labels(), jobs=1)
    assert itself.changes == ()
    assert all(figure.difference == 0 for figure in itself.figures)
    checked = itself.check()
    assert checked.ruling is Ruling.CANNOT_TELL
    assert "not enough releases to tell" in checked.reasons[0]


def test_without_labels_there_are_changes_and_no_figures(log: PodMinutes) -> None:
    found = compare(log, CHAMPION, strict(), jobs=1)
    assert (found.labelled, len(found.changes)) == (0, 3)
    assert all(figure.champion is None for figure in found.figures)
    assert found.check(Tolerance(newly_false=0.9)).ruling is Ruling.CANNOT_TELL


def test_a_learnt_profile_is_a_candidate_on_the_logs_own_rules(log: PodMinutes) -> None:
    profile = Profile(adjustments={"*/*": Adjustment(alpha=1e-300)})
    found = compare(log, CHAMPION, Contender(name="learnt", profile=profile), labels(), jobs=1)
    assert [change.service for change in found.changes] == ["cart"] * 3


def test_the_command_tells_machines_and_its_exit_code_says_what_it_holds(tmp_path: Path) -> None:
    file = write(tmp_path)
    policy = strict().policy
    assert policy is not None
    candidate = tmp_path / "strict.yaml"
    candidate.write_text(f'{{"version": 1, "defaults": {to_json(policy.rules["*/*"]).decode()}}}')
    told = tmp_path / "labels.csv"
    told.write_text("release,bad\none/cart,1\none/ads,0\n")
    output = tmp_path / "found.json"
    arguments = ["backtest", str(file), "--candidate", str(candidate), "--labels", str(told), "--json"]
    arguments += ["--check", "--jobs", "1", "--data", str(tmp_path / "none"), "--output", str(output)]
    result = CliRunner().invoke(app, arguments)
    found = json.loads(result.stdout)
    assert found == json.loads(output.read_text())
    assert found["figures"]["found"]["candidate"] == 0.0
    # One environment and day: nobody can say how far that goes.
    assert (found["ruling"], result.exit_code) == ("cannot_tell", 3)


def test_labels_are_read_by_release_change_or_event(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("change_id,bad,next_step\none/cart,0.7,1700000000\none/ads,no,\n")
    found = read_truths(file).of_release
    assert (found["one/cart"].p_bad, found["one/ads"].p_bad) == (0.7, 0.0)
    assert found["one/cart"].until is not None
