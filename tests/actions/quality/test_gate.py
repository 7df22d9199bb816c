"""The gate as a whole: what outweighs what, what is never a pass, and that it is a function."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from actions.quality.builds import build_of
from actions.quality.gate import gate
from actions.quality.limits import Limits
from schemas.codec import from_json, to_json
from schemas.quality import GateOutcome, GateResult, RulingKind
from schemas.reports import BuildReport, CoverageReport, Severity
from tests.actions.quality.building import (
    a_finding,
    asked,
    costs,
    covered,
    found,
    loaded,
    past,
    ran,
)

GOOD = ran(login="passed", pay="passed")
SAMPLES = (
    GOOD,
    ran(login="failed", pay="passed"),
    ran(login="flaky"),
    ran(login="skipped"),
    found(),
    found(a_finding("CVE-1", Severity.CRITICAL)),
    found(a_finding("CVE-2", Severity.MEDIUM, has_fix=False)),
    covered("a.py", (1, 2), (3,)),
    costs(2000.0, 1000.0),
    loaded(150.0),
    loaded(100.0, broken=("p95<50",)),
)
HISTORY = (past("1.0", GOOD, loaded(100.0), days_ago=3), past("1.1", GOOD, found(a_finding("CVE-1"))))


def test_a_build_of_good_reports_passes_with_a_reason_of_each_part() -> None:
    result = gate(asked(), (GOOD, found(), loaded(100.0)), HISTORY)
    assert result.outcome is GateOutcome.PASS
    assert result.score is not None
    assert result.score >= 90
    assert [reason.partition(":")[0] for reason in result.reasons] == ["tests", "findings", "load", "risk"]
    assert result.compared_with == ("1.1", "1.0")


def test_no_report_at_all_is_no_pass_and_no_score() -> None:
    result = gate(asked(), (), HISTORY)
    assert (result.outcome, result.score) == (GateOutcome.HOLD, None)
    assert result.reasons == ("tests: no test results were reported",)


def test_what_is_required_and_was_not_reported_holds() -> None:
    limits = Limits(required=("tests", "load"))
    result = gate(asked(), (GOOD,), (), limits=limits)
    assert result.outcome is GateOutcome.HOLD
    assert result.reasons == ("load: no report of load, which is required",)


def test_a_pipeline_without_tests_may_say_so() -> None:
    assert gate(asked(), (found(),), (), limits=Limits(required=())).outcome is GateOutcome.PASS


def test_a_failed_part_is_not_outweighed_by_good_ones() -> None:
    reports = (found(a_finding("CVE-1", Severity.CRITICAL)), GOOD, loaded(100.0), costs(1.0, 1.0))
    result = gate(asked(), reports, HISTORY[:1])
    assert result.outcome is GateOutcome.FAIL
    assert result.reasons[0].startswith("findings: 1 new serious finding")


def test_a_defect_outweighs_a_question() -> None:
    result = gate(asked(), (ran(login="failed"), costs(5000.0, 100.0)), ())
    assert result.outcome is GateOutcome.FAIL


def test_an_earlier_result_of_the_same_version_is_no_comparison() -> None:
    again = past("2.0", found(a_finding("CVE-1")))
    result = gate(asked("2.0"), (GOOD, found(a_finding("CVE-1"))), (again,))
    assert result.outcome is GateOutcome.FAIL
    assert result.compared_with == ()


def test_an_invalidated_build_is_no_comparison() -> None:
    slow = past("1.0", loaded(500.0), ruling=RulingKind.INVALIDATED)
    fast = past("0.9", loaded(100.0), days_ago=2)
    assert gate(asked(), (GOOD, loaded(150.0)), (fast, slow)).outcome is GateOutcome.FAIL


def test_a_report_of_the_same_name_replaces_the_earlier_one() -> None:
    bad, mended = found(a_finding("CVE-1")), found()
    assert gate(asked(), (GOOD, bad, mended), ()).outcome is GateOutcome.PASS
    # The same file again, after another, is the newest.
    assert gate(asked(), (GOOD, bad, mended, bad), ()).outcome is GateOutcome.FAIL


def test_two_scanners_that_find_the_same_count_it_once() -> None:
    one = found(a_finding("CVE-1"))
    other = replace(one, name="grype.json")
    assert len(build_of((one, other)).findings or ()) == 1


def test_coverage_of_two_test_runs_is_put_together() -> None:
    unit = covered("a.py", (1, 2), (3, 4))
    end_to_end = replace(covered("a.py", (3,), (1, 2, 4)), name="e2e.info")
    both = build_of((unit, end_to_end)).coverage
    assert isinstance(both, CoverageReport)
    assert (both.files[0].covered, both.files[0].missed) == ((1, 2, 3), (4,))


def judged(reports: list[BuildReport]) -> GateResult:
    return gate(asked(), reports, HISTORY)


@given(st.lists(st.sampled_from(SAMPLES), max_size=6))
@settings(max_examples=30, deadline=None)
def test_the_same_reports_give_the_same_result_and_it_survives_the_wire(reports: list[BuildReport]) -> None:
    result = judged(reports)
    assert judged(list(reports)) == result
    assert from_json(GateResult, to_json(result)) == result


@given(st.lists(st.sampled_from(SAMPLES), max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_score_agrees_with_its_outcome(reports: list[BuildReport]) -> None:
    result = judged(reports)
    if result.outcome is GateOutcome.PASS:
        assert result.score is not None
        assert result.score >= 90
        assert all(part.outcome is GateOutcome.PASS for part in result.parts)
    elif result.outcome is GateOutcome.WARN:
        assert result.score is not None
        assert result.score >= 75
    assert result.score is None or 0 <= result.score <= 100
    assert result.reasons


@given(st.lists(st.sampled_from(SAMPLES), max_size=5))
@settings(max_examples=30, deadline=None)
def test_no_report_makes_a_failed_test_good(reports: list[BuildReport]) -> None:
    steady = tuple(past(f"0.{i}", ran(broken="passed"), days_ago=9 - i) for i in range(5))
    result = gate(asked(), [*reports, ran(broken="failed")], (*steady, *HISTORY))
    assert result.outcome is GateOutcome.FAIL
