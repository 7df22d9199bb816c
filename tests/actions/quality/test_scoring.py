"""Findings, coverage, cost, load and risk: what each part makes of a build, and against what."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.quality.gate import gate
from actions.quality.scoring.bands import in_band, rescaled
from actions.quality.scoring.load import lower_bound
from actions.quality.scoring.risk import failure_rate, prior_values
from schemas.quality import Change, GateOutcome, Part, PastBuild, Record, RulingKind
from schemas.reports import (
    Assessment,
    AssessmentsReport,
    BuildReport,
    ContractReport,
    Severity,
)
from schemas.risk_prior import SHIPPED_PRIOR
from tests.actions.quality.building import (
    a_finding,
    a_report,
    asked,
    costs,
    covered,
    found,
    loaded,
    past,
    ran,
)

GOOD = ran(login="passed")


def part(
    name: str, reports: tuple[BuildReport, ...], *history: PastBuild, change: Change | None = None
) -> Part:
    result = gate(asked(change=change), (GOOD, *reports), history)
    (found_,) = [one for one in result.parts if one.name == name]
    return found_


def test_a_finding_that_the_last_good_build_had_hardly_weighs() -> None:
    known = found(a_finding("CVE-1"))
    assert part("findings", (known,), past("1.0", known)).outcome is GateOutcome.PASS
    assert part("findings", (known,)).outcome is GateOutcome.FAIL


def test_a_build_that_failed_makes_nothing_known() -> None:
    bad = found(a_finding("CVE-1"))
    failed = past("1.0", bad, outcome=GateOutcome.FAIL)
    assert part("findings", (bad,), failed).outcome is GateOutcome.FAIL


def test_a_failed_build_that_a_human_accepted_makes_its_findings_known() -> None:
    bad = found(a_finding("CVE-1"))
    accepted = past("1.0", bad, outcome=GateOutcome.FAIL, ruling=RulingKind.ACCEPTED)
    assert part("findings", (bad,), accepted).outcome is GateOutcome.PASS


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (a_finding("CVE-1", Severity.CRITICAL), GateOutcome.FAIL),
        (a_finding("CVE-1", has_fix=False), GateOutcome.WARN),
        (a_finding("CVE-1", has_fix=False, is_reachable=True), GateOutcome.FAIL),
        (a_finding("CVE-1", Severity.CRITICAL, is_reachable=False), GateOutcome.PASS),
        (a_finding("CVE-1", Severity.MEDIUM), GateOutcome.WARN),
        (a_finding("CVE-1", Severity.UNKNOWN), GateOutcome.WARN),
        (a_finding("CVE-1", Severity.LOW), GateOutcome.PASS),
        (a_finding("CVE-1", is_new=False), GateOutcome.PASS),
    ],
)
def test_severity_fix_and_reach_decide_about_a_new_finding(finding: object, expected: GateOutcome) -> None:
    assert part("findings", (found(finding),)).outcome is expected  # type: ignore[arg-type]  # parametrized


def vex(justification: str) -> BuildReport:
    statement = Assessment(
        vulnerability="CVE-1",
        products=("pkg:deb/debian/openssl@1.1?arch=amd64",),
        is_affected=False,
        justification=justification,
    )
    return a_report(AssessmentsReport(assessments=(statement,)), "vex.json")


def test_a_vex_statement_takes_a_finding_out_or_out_of_reach() -> None:
    scan = found(a_finding("CVE-1", Severity.CRITICAL))
    assert part("findings", (scan, vex("component_not_present"))).score == 100.0
    unreachable = part("findings", (scan, vex("vulnerable_code_not_in_execute_path")))
    assert unreachable.outcome is GateOutcome.PASS
    assert unreachable.score is not None
    assert unreachable.score < 100.0


def test_a_vex_statement_about_another_package_changes_nothing() -> None:
    other = Assessment(vulnerability="CVE-1", products=("pkg:deb/debian/zlib@1.1",), is_affected=False)
    scan = found(a_finding("CVE-1"))
    statement = a_report(AssessmentsReport(assessments=(other,)), "vex.json")
    assert part("findings", (scan, statement)).outcome is GateOutcome.FAIL


CHANGE = Change(lines=4, files=1, lines_by_file=(("shop/src/cart.py", (1, 2, 3, 9)),))


def test_coverage_of_changed_lines_is_of_those_that_can_run() -> None:
    # Line 9 is a comment: the tool knows nothing of it.
    some = part("coverage", (covered("src/cart.py", (1, 2), (3, 4, 5, 6)),), change=CHANGE)
    assert some.outcome is GateOutcome.WARN
    assert some.reasons[0] == "2 of 3 changed lines ran in the tests (67%)"
    assert some.reasons[1] == "not run: shop/src/cart.py (1 line, from 3)"
    assert part("coverage", (covered("src/cart.py", (1, 2, 3)),), change=CHANGE).outcome is GateOutcome.PASS
    assert (
        part("coverage", (covered("src/cart.py", (), (1, 2, 3)),), change=CHANGE).outcome is GateOutcome.FAIL
    )


def test_a_file_of_the_same_name_in_another_folder_is_another_file() -> None:
    other = part("coverage", (covered("other/cart.py", (), (1, 2, 3)),), change=CHANGE)
    assert other.reasons == ("no line that could run was changed",)


def test_poor_coverage_alone_does_not_fail_a_build() -> None:
    result = gate(asked(change=CHANGE), (GOOD, covered("src/cart.py", (), (1, 2, 3))), ())
    assert result.outcome is GateOutcome.WARN


@pytest.mark.parametrize(
    ("lines", "expected"), [(90, GateOutcome.PASS), (89, GateOutcome.WARN), (80, GateOutcome.FAIL)]
)
def test_without_a_diff_the_total_is_held_against_the_last_good_build(
    lines: int, expected: GateOutcome
) -> None:
    def of(count: int) -> BuildReport:
        return covered("a.py", tuple(range(count)), tuple(range(count, 100)))

    assert part("coverage", (of(lines),), past("1.0", of(90))).outcome is expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (costs(1040.0, 1000.0), GateOutcome.PASS),
        (costs(1200.0, 1000.0), GateOutcome.WARN),
        (costs(2000.0, 1000.0), GateOutcome.HOLD),
        (costs(30.0, 0.0), GateOutcome.PASS),
        (costs(1000.0, 0.0), GateOutcome.HOLD),
        (costs(500.0, 1000.0), GateOutcome.PASS),
    ],
)
def test_growth_of_the_monthly_cost_warns_and_then_asks_a_human(
    report: BuildReport, expected: GateOutcome
) -> None:
    assert part("cost", (report,)).outcome is expected


def test_costs_are_never_compared_across_currencies() -> None:
    before = past("1.0", costs(100.0, currency="EUR"))
    assert "nothing to compare with" in part("cost", (costs(9000.0),), before).reasons[0]


def loads(*p95s: float) -> list[PastBuild]:
    return [past(f"1.{i}", loaded(value)) for i, value in enumerate(p95s)]


@pytest.mark.parametrize(
    ("p95", "expected"), [(108.0, GateOutcome.PASS), (120.0, GateOutcome.WARN), (140.0, GateOutcome.FAIL)]
)
def test_latency_is_held_against_the_median_of_good_builds(p95: float, expected: GateOutcome) -> None:
    assert part("load", (loaded(p95),), *loads(100.0, 100.0, 101.0)).outcome is expected


def test_a_load_test_that_swings_by_itself_has_a_wider_limit() -> None:
    assert part("load", (loaded(140.0),), *loads(80.0, 100.0, 125.0, 90.0, 110.0)).outcome is GateOutcome.PASS


def test_one_wild_build_does_not_move_what_the_next_is_held_against() -> None:
    assert part("load", (loaded(140.0),), *loads(100.0, 100.0, 900.0)).outcome is GateOutcome.FAIL


def test_more_errors_fail_only_when_they_are_surely_more() -> None:
    before = [past("1.0", loaded(requests=100_000, failed=100))]
    assert part("load", (loaded(requests=100_000, failed=150),), *before).outcome is GateOutcome.PASS
    assert part("load", (loaded(requests=500, failed=2),), *before).outcome is GateOutcome.WARN
    assert part("load", (loaded(requests=100_000, failed=900),), *before).outcome is GateOutcome.FAIL


def test_a_load_tests_own_broken_threshold_fails() -> None:
    assert part("load", (loaded(broken=("http_req_failed: rate<0.001",)),)).outcome is GateOutcome.FAIL


@given(total=st.integers(1, 100_000), share=st.floats(0.0, 1.0))
def test_the_lower_bound_of_a_ratio_lies_below_the_ratio(total: int, share: float) -> None:
    failed = int(total * share)
    assert 0.0 <= lower_bound(failed, total, 0.99) <= failed / total


def test_a_broken_contract_fails_and_one_of_another_version_asks() -> None:
    broken = a_report(ContractReport(is_kept=False, broken=("a price",)), "pact.json")
    other = a_report(ContractReport(is_kept=True, provider_version="1.9"), "pact.json")
    kept = a_report(ContractReport(is_kept=True, provider_version="2.0"), "pact.json")
    assert part("contracts", (broken,)).outcome is GateOutcome.FAIL
    assert part("contracts", (other,)).outcome is GateOutcome.HOLD
    assert part("contracts", (kept,)).outcome is GateOutcome.PASS


def prior_chance(change: Change, since_last: timedelta | None, service: Record, author: Record) -> float:
    return SHIPPED_PRIOR.chance(prior_values(change, since_last, service, author))


def test_an_ordinary_release_is_as_risky_as_the_service_has_been() -> None:
    record = Record(releases=40, failures=4)
    chance = prior_chance(Change(lines=50, files=3), timedelta(days=1), record, Record())
    assert chance == pytest.approx(failure_rate(record))


def test_what_is_unknown_says_nothing() -> None:
    assert prior_chance(Change(), None, Record(), Record()) == pytest.approx(0.1)


@given(
    lines=st.integers(0, 10**6),
    files=st.integers(0, 10**4),
    hours=st.integers(0, 10**5),
    releases=st.integers(0, 1000),
)
def test_a_larger_later_release_is_never_less_risky(
    lines: int, files: int, hours: int, releases: int
) -> None:
    record = Record(releases=releases, failures=releases // 10)
    gap = timedelta(hours=hours)
    chance = prior_chance(Change(lines=lines, files=files), gap, record, Record())
    worse = prior_chance(Change(lines=2 * lines, files=2 * files), 2 * gap, record, Record())
    assert 0 < chance <= worse < 1


def test_a_risky_release_asks_a_human_and_never_fails() -> None:
    change = Change(lines=20_000, files=800)
    result = gate(asked(change=change, record=Record(releases=20, failures=8)), (GOOD,), ())
    assert result.outcome is GateOutcome.HOLD
    assert result.failure_chance > 0.5


@given(outcome=st.sampled_from(GateOutcome), badness=st.floats(-10, 10))
def test_a_worse_outcome_never_has_more_points(outcome: GateOutcome, badness: float) -> None:
    order = [GateOutcome.PASS, GateOutcome.WARN, GateOutcome.HOLD, GateOutcome.FAIL]
    for worse in order[order.index(outcome) + 1 :]:
        assert in_band(worse, 0.0) <= in_band(outcome, badness)


@given(
    scores=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    limits=st.tuples(st.floats(0, 100), st.floats(0, 100)),
)
def test_a_rescaled_score_keeps_its_order_and_its_outcome(
    scores: tuple[float, float], limits: tuple[float, float]
) -> None:
    warns, passes = sorted(limits)
    low, high = sorted(scores)
    assert 0 <= rescaled(low, passes, warns) <= rescaled(high, passes, warns) + 1e-9 <= 100 + 1e-9
    if low >= passes:
        assert rescaled(low, passes, warns) >= 90 - 1e-9
