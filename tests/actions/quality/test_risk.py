"""The risk part: by the champion of the log where there is one, and what moved it, in words."""

from dataclasses import replace

import pytest

from actions.quality.dependencies import dependency_files
from actions.quality.gate import Question, gate
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.quality import Change, GateOutcome, GateResult, Record
from schemas.risk_models import RiskModel, RiskTerm, Transform
from tests.actions.quality.building import NOW, asked, covered, ran

GOOD = ran(login="passed", pay="passed")
LEARNT = RiskModel(
    kind="online",
    features=("change_lines", "tests_failed", "coverage_ratio", "incidents_lately"),
    intercept=-2.0,
    terms=(
        RiskTerm(feature="change_lines", weight=0.5, transform=Transform.LOG1P, center=4.0),
        RiskTerm(feature="coverage_ratio", weight=-2.0, center=0.5, missing=0.4),
        RiskTerm(feature="incidents_lately", weight=0.9),
    ),
)
CARD = ModelCard(
    id="risk-1",
    family=ModelFamily.RISK,
    parent="risk-0",
    data_from=NOW,
    data_until=NOW,
    releases=412,
    labels=80,
    code="c0de",
)
CHAMPION = ModelChanged(card=CARD, stage=ModelStage.CHAMPION, at=NOW, why="not worse", risk=LEARNT)
LARGE = Change(lines=20_000, files=800)


def question(champion: ModelChanged | None = CHAMPION, **features: float) -> Question:
    return replace(asked(change=LARGE), champion=champion, features=features)


def risk_of(result: GateResult) -> tuple[str, ...]:
    (part,) = [part for part in result.parts if part.name == "risk"]
    return part.reasons


def test_a_champion_weighs_the_risk_and_is_named() -> None:
    result = gate(question(incidents_lately=2.0), (GOOD,), ())
    values = {"change_lines": 20_000.0, "tests_failed": 0.0, "incidents_lately": 2.0}
    assert result.failure_chance == LEARNT.chance(values)
    assert result.risk_model == "risk-1"
    assert "by model risk-1, learnt from 412 releases" in risk_of(result)


def test_what_moved_it_most_is_told_with_its_value_or_that_nobody_knows_it() -> None:
    reasons = risk_of(gate(question(incidents_lately=2.0), (GOOD,), ()))
    assert reasons[2] == (
        "raised by changed lines: 20000, alerts and incidents on the service in a week: 2, coverage: unknown"
    )
    lowered = risk_of(gate(question(), (GOOD, covered("a.py", (1, 2, 3), ())), ()))
    assert lowered[-1] == "lowered by coverage: 100 %"


def test_what_the_builds_own_reports_say_is_newer_than_the_log() -> None:
    stale = gate(question(coverage_ratio=0.1), (GOOD, covered("a.py", (1, 2, 3), ())), ())
    assert stale.failure_chance == gate(question(), (GOOD, covered("a.py", (1, 2, 3), ())), ()).failure_chance


def test_without_a_champion_the_shipped_prior_weighs_it_and_says_so() -> None:
    result = gate(question(champion=None, incidents_lately=9.0), (GOOD,), ())
    assert result.risk_model == ""
    assert "by the shipped prior, since no model has been learnt" in risk_of(result)
    assert result.failure_chance == gate(question(champion=None), (GOOD,), ()).failure_chance


def test_a_retired_champion_leaves_what_was_used_before() -> None:
    to_the_prior = replace(CHAMPION, card=replace(CARD, parent=""), stage=ModelStage.RETIRED, risk=None)
    back = replace(CHAMPION, stage=ModelStage.RETIRED)
    assert gate(question(to_the_prior), (GOOD,), ()).risk_model == ""
    assert gate(question(back), (GOOD,), ()).risk_model == "risk-0"


@pytest.mark.parametrize("odds", [0.5, 5.0, 29.0])
def test_a_model_that_is_sure_asks_a_human_and_never_fails_a_build(odds: float) -> None:
    sure = replace(CHAMPION, risk=replace(LEARNT, intercept=odds, terms=()))
    result = gate(question(sure), (GOOD,), ())
    assert result.outcome is GateOutcome.HOLD


def test_the_size_of_a_change_is_an_indicator_and_nothing_without_a_diff() -> None:
    told = {entry.name: entry.value for entry in gate(question(), (GOOD,), ()).indicators}
    assert (told["change_lines"], told["change_files"]) == (20_000, 800)
    untold = gate(asked(record=Record()), (GOOD,), ())
    assert "change_lines" not in {entry.name for entry in untold.indicators}


def test_files_with_dependencies_are_known_by_their_names() -> None:
    touched = ("services/cart/go.sum", "requirements-dev.txt", "docs/go.sum.md", "package.json")
    change = Change(lines=4, files=4, lines_by_file=tuple((path, (1,)) for path in touched))
    assert dependency_files(change) == 3
