"""Keptn's objectives: criteria, points, key indicators, and what relative criteria look back to."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.quality.gate import gate
from actions.quality.keptn_file import parse_objectives
from actions.quality.objectives import assess, compared_builds, read_criterion, total_score
from schemas.errors import SettingsError
from schemas.quality import (
    Aggregate,
    CompareWith,
    Comparison,
    GateOutcome,
    IncludeResults,
    Objective,
    Objectives,
    PastBuild,
    RulingKind,
)
from tests.actions.quality.building import NOW, asked, found, loaded, past, ran
from tests.actions.quality.examples import CONTRACTS, foreign

SPECIFIED = """
spec_version: '1.0'
comparison:
  compare_with: several_results
  include_result_with_score: pass
  number_of_comparison_results: 3
  aggregate_function: avg
objectives:
  - sli: response_time_p95
    displayName: Response time P95
    pass:
      - criteria: ["<=+10%", "<600"]
    warning:
      - criteria: ["<=800"]
    key_sli: true
    weight: 2
  - sli: error_rate
    pass:
      - criteria: ["<=1"]
      - criteria: ["<=+0%"]
  - sli: throughput
total_score: {pass: "90%", warning: 75%}
"""


def outcome_of(
    objective: Objective, value: float | None, *history: PastBuild, **how: Any
) -> GateOutcome | None:
    asked_for = Objectives(objectives=(objective,), comparison=Comparison(**how))
    values = {} if value is None else {objective.sli: value}
    return assess(asked_for, values, history)[0].outcome


@pytest.mark.parametrize(
    ("text", "value", "compared", "expected"),
    [
        ("<800", 799.0, None, True),
        ("<800", 800.0, None, False),
        ("=0", 0.0, None, True),
        ("<=+10%", 110.0, 100.0, True),
        ("<=+10%", 110.1, 100.0, False),
        ("<= + 10 %", 109.0, 100.0, True),
        (">=-5", 95.0, 100.0, True),
        (">=-5", 94.0, 100.0, False),
        ("<-20%", 79.0, 100.0, True),
        ("<+10%", 1e9, None, True),
    ],
)
def test_a_criterion_is_absolute_without_a_sign_and_relative_with_one(
    text: str, value: float, compared: float | None, expected: bool
) -> None:
    assert read_criterion(text).holds(value, compared) is expected


@pytest.mark.parametrize("text", ["", "800", "<", "<=10%", "!=3", "<=+", "<1e3", "<=+10%x", "< 1 2"])
def test_a_criterion_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"expected such as"):
        read_criterion(text)


@given(st.text(max_size=12))
def test_any_text_is_a_criterion_or_refused(text: str) -> None:
    try:
        read_criterion(text).holds(1.0, 1.0)
    except SettingsError:
        return


LATENCY = Objective(sli="p95", passes=(("<=+10%", "<600"),), warns=(("<=800",),))


def test_all_criteria_of_an_entry_must_hold_and_entries_are_alternatives() -> None:
    before = past("1.0", p95=500.0)
    assert outcome_of(LATENCY, 540.0, before) is GateOutcome.PASS
    assert outcome_of(LATENCY, 560.0, before) is GateOutcome.WARN
    assert outcome_of(LATENCY, 900.0, before) is GateOutcome.FAIL
    either = Objective(sli="p95", passes=(("<100",), (">=+0",)))
    assert outcome_of(either, 510.0, before) is GateOutcome.PASS


def test_a_warning_earns_half_of_the_points() -> None:
    objectives = Objectives(
        objectives=(
            Objective(sli="a", passes=(("<1",),), weight=3),
            Objective(sli="b", passes=(("<1",),), warns=(("<5",),), weight=2),
            Objective(sli="c", weight=9),
        )
    )
    results = assess(objectives, {"a": 0.0, "b": 3.0, "c": 1.0}, ())
    assert total_score(results) == pytest.approx(100 * (3 + 1) / 5)


def test_an_indicator_without_a_value_holds_and_an_informational_one_does_not() -> None:
    assert outcome_of(LATENCY, None) is GateOutcome.HOLD
    assert outcome_of(Objective(sli="throughput"), None) is None


HISTORY = (
    past("1", p95=100.0, days_ago=9),
    past("2", p95=200.0, days_ago=8, outcome=GateOutcome.WARN),
    past("3", p95=400.0, days_ago=7, outcome=GateOutcome.FAIL),
    past("4", p95=300.0, days_ago=6),
    past("5", p95=800.0, days_ago=5, ruling=RulingKind.INVALIDATED),
    PastBuild(version="6", at=NOW),
)


@pytest.mark.parametrize(
    ("how", "versions"),
    [
        ({"include_result_with_score": IncludeResults.ALL}, ["4"]),
        ({"compare_with": CompareWith.SEVERAL_RESULTS}, ["4", "3", "2"]),
        (
            {
                "compare_with": CompareWith.SEVERAL_RESULTS,
                "include_result_with_score": IncludeResults.PASS_OR_WARN,
                "number_of_comparison_results": 2,
            },
            ["4", "2"],
        ),
        (
            {
                "compare_with": CompareWith.SEVERAL_RESULTS,
                "include_result_with_score": IncludeResults.PASS,
                "number_of_comparison_results": 50,
            },
            ["4", "1"],
        ),
    ],
)
def test_results_are_compared_by_their_outcome_and_never_when_invalidated(
    how: dict[str, Any], versions: list[str]
) -> None:
    assert [build.version for build in compared_builds(HISTORY, Comparison(**how))] == versions


@pytest.mark.parametrize(
    ("function", "expected"), [(Aggregate.AVG, 200.0), (Aggregate.P50, 200.0), (Aggregate.P90, 280.0)]
)
def test_several_results_become_one_by_the_chosen_function(function: Aggregate, expected: float) -> None:
    comparison = Comparison(
        compare_with=CompareWith.SEVERAL_RESULTS,
        include_result_with_score=IncludeResults.PASS,
        aggregate_function=function,
    )
    (result,) = assess(Objectives(objectives=(LATENCY,), comparison=comparison), {"p95": 1.0}, HISTORY)
    assert result.compared_value == pytest.approx(expected)


def test_the_specifications_example_is_read_whole() -> None:
    objectives = parse_objectives(SPECIFIED)
    assert objectives.comparison == Comparison(
        compare_with=CompareWith.SEVERAL_RESULTS, include_result_with_score=IncludeResults.PASS
    )
    first, second, third = objectives.objectives
    assert first == Objective(
        sli="response_time_p95",
        passes=(("<=+10%", "<600"),),
        warns=(("<=800",),),
        weight=2.0,
        is_key=True,
        title="Response time P95",
    )
    assert second.passes == (("<=1",), ("<=+0%",))
    assert third.passes == ()
    assert (objectives.pass_score, objectives.warn_score) == (90.0, 75.0)


@pytest.mark.skipif(not CONTRACTS.is_dir(), reason=f"{CONTRACTS} is not there")
def test_the_file_inside_keptns_own_event_is_read_and_judged_as_keptn_did() -> None:
    event = json.loads(foreign("keptn/v1-cloudevents/evaluation-finished.json"))
    evaluation = event["data"]["evaluation"]
    objectives = parse_objectives(base64.b64decode(evaluation["sloFileContent"]).decode())
    value = evaluation["indicatorResults"][0]["value"]["value"]
    (result,) = assess(objectives, {"response_time_p95": value}, ())
    assert (result.outcome, total_score([result])) == (GateOutcome.FAIL, evaluation["score"])


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[]", "slo.yaml:1", "is no mapping"),
        ("", "slo.yaml", "is no mapping"),
        ("objectives: [{sli: a}]", "slo.yaml", "spec_version: is missing"),
        ('spec_version: "2.0"\nobjectives: [{sli: a}]', "slo.yaml:1", 'is "2.0", expected one of 0.1.0'),
        ('spec_version: "1.0"', "slo.yaml:1", "expected at least one objective"),
        ('spec_version: "1.0"\nobjectives:\n- sli: a\n  key_sl: true', "slo.yaml:4", "did you mean key_sli"),
        ('spec_version: "1.0"\nobjectives:\n- pass: []', "slo.yaml:3", "sli"),
        (
            'spec_version: "1.0"\nobjectives:\n- sli: a\n  pass:\n  - criteria:\n    - "<=10%"',
            "slo.yaml:6",
            "percentage without a sign",
        ),
        ('spec_version: "1.0"\nobjectives: [{sli: a, pass: [{criteria: []}]}]', "slo.yaml:2", "no criteria"),
        ('spec_version: "1.0"\nobjectives: [{sli: a, key_sli: maybe}]', "slo.yaml:2", "true or false"),
        ('spec_version: "1.0"\nobjectives: [{sli: a, weight: -1}]', "slo.yaml:2", "greater than or equal"),
        (
            'spec_version: "1.0"\nobjectives: [{sli: a}]\ncomparison: {compare_with: all}',
            "slo.yaml:3",
            "single_result",
        ),
        (
            'spec_version: "1.0"\nobjectives: [{sli: a}]\ntotal_score: {pass: lots}',
            "slo.yaml:3",
            "a percentage",
        ),
        (
            'spec_version: "1.0"\nobjectives: [{sli: a}]\ntotal_score: {pass: 50%, warning: 75%}',
            "slo.yaml",
            "at most a pass's",
        ),
        ("spec_version: [", "slo.yaml", "is not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, where: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_objectives(text)
    assert where in str(caught.value)
    assert what in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (text, SPECIFIED.replace("<=+10%", text), SPECIFIED.replace("key_sli", text)):
        try:
            parse_objectives(whole)
        except SettingsError:
            continue


def test_a_broken_key_objective_fails_whatever_the_points() -> None:
    objectives = Objectives(
        objectives=(
            Objective(sli="load_p95_ms", passes=(("<50",),), is_key=True, weight=0.01),
            Objective(sli="tests_failed", passes=(("=0",),), weight=10),
        )
    )
    result = gate(asked(), (ran(login="passed"), loaded(100.0)), (), objectives)
    assert result.outcome is GateOutcome.FAIL
    assert result.reasons[0] == "objectives: key objective load_p95_ms is 100, expected <50"


def test_an_objective_on_what_nobody_measured_holds() -> None:
    objectives = parse_objectives(SPECIFIED)
    result = gate(asked(), (ran(login="passed"),), (), objectives)
    assert result.outcome is GateOutcome.HOLD
    assert result.reasons[0] == "objectives: no value for response_time_p95, error_rate"


def test_keptns_names_mean_what_we_measure_unless_somebody_gives_them() -> None:
    objectives = parse_objectives(SPECIFIED)
    measured = gate(asked(), (ran(login="passed"), loaded(100.0)), (), objectives)
    assert [result.value for result in measured.objectives] == pytest.approx([100.0, 0.001, 10_000 / 60])
    given_ = gate(asked(response_time_p95=900.0), (ran(login="passed"), loaded(100.0)), (), objectives)
    assert given_.objectives[0].value == 900.0
    assert given_.outcome is GateOutcome.FAIL


def test_keptns_total_decides_between_pass_and_warning() -> None:
    text = SPECIFIED.replace("key_sli: true", "key_sli: false")
    objectives = parse_objectives(text)
    result = gate(asked(), (ran(login="passed"), loaded(700.0)), (), objectives)
    # Half of two points and all of one: 66.7 %, below 75.
    assert result.outcome is GateOutcome.FAIL
    lower = parse_objectives(text.replace("90%", "80%").replace("75%", "60%"))
    assert gate(asked(), (ran(login="passed"), loaded(700.0)), (), lower).outcome is GateOutcome.WARN


def test_the_documented_file_is_read_and_asks_for_what_is_measured() -> None:
    page = (Path(__file__).parents[3] / "docs/gate.md").read_text(encoding="utf-8")
    objectives = parse_objectives(page.partition("```yaml\n")[2].partition("```")[0])
    result = gate(asked(), (ran(login="passed"), loaded(100.0), found()), (), objectives)
    assert all(objective.value is not None for objective in result.objectives)
    assert result.outcome is GateOutcome.PASS
