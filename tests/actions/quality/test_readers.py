"""Every format is recognised by what is in it, and read as the tool that wrote it means it."""

import pytest

from actions.quality.reading import read_report
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.reports import (
    AssessmentsReport,
    BuildReport,
    CaseOutcome,
    ContractReport,
    CostReport,
    CoverageReport,
    Finding,
    FindingsReport,
    LoadReport,
    ReportFormat,
    Severity,
    TestReport,
)
from tests.actions.quality.examples import CONTRACTS, FOREIGN_EXAMPLES, NO_REPORTS, OWN_EXAMPLES, foreign, own

needs_contracts = pytest.mark.skipif(
    not CONTRACTS.is_dir(), reason=f"{CONTRACTS} is not there, expected the contracts beside the repository"
)


def findings(report: BuildReport) -> tuple[Finding, ...]:
    assert isinstance(report.content, FindingsReport)
    return report.content.findings


@pytest.mark.parametrize(("name", "expected"), OWN_EXAMPLES.items())
def test_an_example_of_ours_is_recognised_by_its_content(name: str, expected: ReportFormat) -> None:
    assert read_report(own(name), "no-such-name.txt").format is expected


@needs_contracts
@pytest.mark.parametrize(("name", "expected"), FOREIGN_EXAMPLES.items())
def test_an_example_of_a_vendor_is_recognised_and_survives_the_wire(
    name: str, expected: ReportFormat
) -> None:
    report = read_report(foreign(name), "no-such-name.txt")
    assert report.format is expected
    assert from_json(BuildReport, to_json(report)) == report


@needs_contracts
@pytest.mark.parametrize("name", NO_REPORTS)
def test_a_file_that_is_no_report_is_refused_with_what_was_expected(name: str) -> None:
    with pytest.raises(SchemaError, match=r"^x\.json: .*expected one of junit, cobertura"):
        read_report(foreign(name), "folder/x.json")


@needs_contracts
def test_pytest_results_are_counted_case_by_case() -> None:
    content = read_report(foreign("gate-inputs/junit/pytest.xml"), "pytest.xml").content
    assert isinstance(content, TestReport)
    assert [(case.key, case.outcome) for case in content.cases] == [
        ("test_a::test_plain", CaseOutcome.PASSED),
        ("test_a::test_wrong", CaseOutcome.FAILED),
        ("test_a::test_broker", CaseOutcome.SKIPPED),
        ("test_a::test_error", CaseOutcome.ERROR),
    ]


@needs_contracts
def test_suites_within_suites_give_every_case_once() -> None:
    data = foreign("gate-inputs/junit/xunit-plugin-testcase3.xml")
    content = read_report(data, "nested.xml").content
    assert isinstance(content, TestReport)
    assert len(content.cases) == data.count(b"<testcase ")
    assert sum(case.has_failed for case in content.cases) == data.count(b"<error ")


def test_a_test_that_passed_when_repeated_has_passed_and_is_flaky() -> None:
    data = b"""<testsuite name="s" tests="99" failures="7"><testcase classname="A" name="b" time="1,234.5">
        <flakyFailure type="x">secret</flakyFailure></testcase></testsuite>"""
    content = read_report(data, "surefire.xml").content
    assert isinstance(content, TestReport)
    (case,) = content.cases
    assert (case.outcome, case.is_flaky, case.seconds) == (CaseOutcome.PASSED, True, 1234.5)
    assert "secret" not in repr(content)


@needs_contracts
def test_three_formats_of_one_coverage_run_say_the_same() -> None:
    contents = [
        read_report(foreign(f"gate-inputs/coverage-py/{name}"), name).content
        for name in ("cobertura.xml", "coverage.json", "coverage.lcov")
    ]
    assert contents[0] == contents[1] == contents[2]


def test_jacoco_lines_add_up_to_its_own_counters() -> None:
    content = read_report(own("jacoco.xml"), "jacoco.xml").content
    assert isinstance(content, CoverageReport)
    (file,) = content.files
    # <counter type="LINE" missed="2" covered="4"/>
    assert (file.path, file.covered_count, file.total_count) == ("shop/Price.java", 4, 6)
    assert file.missed == (3, 6)


def test_a_file_of_several_lcov_records_ran_where_it_did_in_any() -> None:
    data = b"TN:a\nSF:x.c\nDA:1,0\nDA:2,1\nend_of_record\nSF:x.c\nDA:1,5,md5\nend_of_record\n"
    content = read_report(data, "x.info").content
    assert isinstance(content, CoverageReport)
    assert (content.files[0].covered, content.files[0].missed) == ((1, 2), ())


@needs_contracts
def test_a_vulnerability_names_its_package_and_what_fixes_it() -> None:
    (found,) = findings(read_report(foreign("gate-inputs/trivy/poetry.json"), "trivy.json"))
    assert found == Finding(
        id="CVE-2019-14806",
        severity=Severity.HIGH,
        package="werkzeug",
        version="0.14",
        fixed_version="0.15.3",
        has_fix=True,
    )


@needs_contracts
def test_a_misconfiguration_is_a_finding_in_its_file() -> None:
    (found,) = findings(read_report(foreign("gate-inputs/trivy/dockerfile.json"), "trivy.json"))
    assert (found.id, found.package, found.severity) == ("DS-0002", "Dockerfile", Severity.HIGH)


def test_a_misconfiguration_that_passed_is_none_and_lists_may_be_absent() -> None:
    passed = b"""{"SchemaVersion": 2, "ArtifactName": "x", "Results": [
        {"Target": "t", "Misconfigurations": [{"ID": "DS-1", "Severity": "HIGH", "Status": "PASS"}]},
        {"Target": "u"}]}"""
    assert findings(read_report(passed, "t.json")) == ()
    assert findings(read_report(b'{"SchemaVersion": 2, "ArtifactName": "x"}', "t.json")) == ()


@needs_contracts
def test_grype_says_with_its_own_words_whether_there_is_a_fix() -> None:
    worst, low = findings(read_report(foreign("gate-inputs/grype/image.json"), "grype.json"))
    assert (worst.id, worst.severity, worst.has_fix) == ("CVE-1999-0002", Severity.CRITICAL, False)
    assert (low.id, low.fixed_version, low.has_fix) == ("CVE-1999-0001", "1.2.1, 2.1.3, 3.4.0", True)


@needs_contracts
def test_sarif_of_trivy_names_package_and_fix_from_its_text() -> None:
    found = findings(read_report(foreign("gate-inputs/sarif/trivy-alpine-310.sarif.json"), "t.sarif"))
    assert {(one.package, one.version, one.fixed_version) for one in found} >= {
        ("libcrypto1.1", "1.1.1c-r0", "1.1.1d-r0")
    }
    assert all(one.has_fix for one in found)


def test_sarif_counts_what_fails_and_is_not_suppressed() -> None:
    data = b"""{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [
        {"id": "A", "defaultConfiguration": {"level": "error"}},
        {"id": "B", "properties": {"security-severity": "9.8"}}]}}, "results": [
        {"ruleId": "A", "message": {},
         "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}}}]},
        {"ruleIndex": 1, "message": {}, "baselineState": "unchanged", "properties": {"reachable": false}},
        {"ruleId": "C", "message": {}},
        {"ruleId": "A", "kind": "pass", "message": {}},
        {"ruleId": "A", "baselineState": "absent", "message": {}},
        {"ruleId": "A", "suppressions": [{"kind": "inSource"}], "message": {}},
        {"ruleId": "D", "suppressions": [{"kind": "external", "status": "underReview"}], "message": {}}]}]}"""
    content = read_report(data, "x.sarif").content
    assert isinstance(content, FindingsReport)
    assert [(one.id, one.severity.value, one.package) for one in content.findings] == [
        ("B", "critical", ""),
        ("A", "high", "a.py"),
        ("C", "medium", ""),
        ("D", "medium", ""),
    ]
    assert (content.findings[0].is_new, content.findings[0].is_reachable) == (False, False)
    assert content.suppressed == 1


def test_npm_names_each_advisory_once_at_its_own_package() -> None:
    (found,) = findings(read_report(own("npm-audit.json"), "npm.json"))
    assert (found.id, found.package, found.severity) == ("GHSA-xvch-5gv4-984h", "minimist", Severity.CRITICAL)
    assert (found.fixed_version, found.has_fix) == ("minimist@1.2.8", True)


def test_npm_6_writes_an_empty_range_where_there_is_no_fix() -> None:
    high, low = findings(read_report(own("npm-6-audit.json"), "npm.json"))
    assert (high.id, high.has_fix, high.fixed_version) == ("GHSA-8hfj-j24r-96c4", False, "")
    assert (low.id, low.has_fix) == ("npm-1179", True)


def test_pip_audit_gives_no_severity_and_skips_what_it_skipped() -> None:
    (found,) = findings(read_report(own("pip-audit.json"), "pip.json"))
    assert (found.id, found.package, found.version) == ("PYSEC-2019-179", "flask", "0.5")
    assert (found.severity, found.fixed_version) == (Severity.UNKNOWN, "1.0")


@needs_contracts
def test_the_two_summaries_of_k6_mean_the_same_by_opposite_signs() -> None:
    custom = read_report(foreign("authored/k6-handle-summary.json"), "k6.json").content
    exported = read_report(foreign("authored/k6-summary-export.json"), "k6.json").content
    assert isinstance(custom, LoadReport)
    assert isinstance(exported, LoadReport)
    # `true` in an export is a broken threshold, `ok: true` a met one: both broke the same one.
    assert custom.broken_thresholds == exported.broken_thresholds == ("http_req_failed: rate<0.001",)
    assert (custom.requests, custom.failed_requests, custom.p95_ms) == (600, 2, 131.7)
    assert (exported.requests, exported.failed_requests, exported.p95_ms) == (600, 2, 131.7)


@needs_contracts
def test_infracost_amounts_are_texts_and_the_past_may_be_missing() -> None:
    diff = read_report(foreign("gate-inputs/infracost/diff.json"), "cost.json").content
    old = read_report(foreign("gate-inputs/infracost/old-format-2021.json"), "cost.json").content
    assert diff == CostReport(currency="USD", monthly=1303.28, past_monthly=0.0)
    assert old == CostReport(currency="USD", monthly=1361.3075)


@needs_contracts
def test_of_several_vex_statements_the_newest_counts() -> None:
    fixed = read_report(foreign("gate-inputs/openvex/spec-example-0.json"), "vex.json").content
    assert isinstance(fixed, AssessmentsReport)
    assert not any(one.is_affected for one in fixed.assessments)
    twice = b"""{"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-01-01T00:00:00Z",
        "statements": [
        {"vulnerability": {"name": "CVE-1"}, "status": "not_affected", "timestamp": "2026-03-01T00:00:00Z"},
        {"vulnerability": {"name": "CVE-1"}, "status": "affected", "timestamp": "2026-02-01T00:00:00Z"}]}"""
    content = read_report(twice, "vex.json").content
    assert isinstance(content, AssessmentsReport)
    assert [one.is_affected for one in content.assessments] == [False]


def test_a_broken_contract_is_named() -> None:
    content = read_report(own("pact.json"), "pact.json").content
    assert content == ContractReport(
        is_kept=False,
        provider_version="1.4.2",
        interactions=2,
        broken=("a request for the price of a cart",),
    )


def test_a_contract_result_that_contradicts_itself_is_refused() -> None:
    data = own("pact.json").replace(b'"success": false,\n  "provider', b'"success": true,\n  "provider')
    with pytest.raises(SchemaError, match="success with 1 broken"):
        read_report(data, "pact.json")
