"""Builds, reports and histories for tests of the gate."""

from datetime import UTC, datetime, timedelta

from actions.quality.gate import Question
from schemas.keys import EnvironmentName, ServiceName
from schemas.quality import (
    Change,
    GateOutcome,
    GateResult,
    PastBuild,
    Record,
    Ruling,
    RulingKind,
)
from schemas.reports import (
    BuildReport,
    CaseOutcome,
    CaseResult,
    CostReport,
    CoverageReport,
    FileCoverage,
    Finding,
    FindingsReport,
    Indicator,
    LoadReport,
    ReportContent,
    ReportFormat,
    Severity,
    TestReport,
)

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
CART = ServiceName("cart")
PROD = EnvironmentName("prod")
_FORMATS = {
    "tests": ReportFormat.JUNIT,
    "coverage": ReportFormat.LCOV,
    "findings": ReportFormat.TRIVY,
    "assessments": ReportFormat.OPENVEX,
    "cost": ReportFormat.INFRACOST,
    "load": ReportFormat.K6,
    "contracts": ReportFormat.PACT,
}


def a_report(content: ReportContent, name: str = "report", digest: str = "") -> BuildReport:
    """Return a report; equal contents have equal digests unless one is given."""
    return BuildReport(
        format=_FORMATS[content.kind],
        name=name,
        digest=digest or f"{hash(repr(content)):x}",
        size_bytes=1,
        content=content,
    )


def ran(digest: str = "", **outcomes: str) -> BuildReport:
    """Return one run of tests: `ran(login="passed", pay="failed")`; `flaky` passed when repeated."""
    cases = tuple(
        CaseResult(
            suite="s",
            class_name="T",
            name=name,
            outcome=CaseOutcome.PASSED if outcome == "flaky" else CaseOutcome(outcome),
            is_flaky=outcome == "flaky",
        )
        for name, outcome in outcomes.items()
    )
    return a_report(TestReport(cases=cases), "junit.xml", digest)


def found(*findings: Finding) -> BuildReport:
    """Return a scanner's report."""
    return a_report(FindingsReport(findings=findings), "trivy.json")


def a_finding(
    id_: str,
    severity: Severity = Severity.HIGH,
    *,
    has_fix: bool = True,
    is_reachable: bool | None = None,
    is_new: bool | None = None,
) -> Finding:
    """Return a finding in the package `openssl`."""
    return Finding(
        id=id_,
        severity=severity,
        package="openssl",
        version="1.1",
        has_fix=has_fix,
        is_reachable=is_reachable,
        is_new=is_new,
    )


def covered(path: str, lines: tuple[int, ...], missed: tuple[int, ...] = ()) -> BuildReport:
    """Return coverage of one file."""
    file = FileCoverage(
        path=path,
        covered=lines,
        missed=missed,
        covered_count=len(lines),
        total_count=len(lines) + len(missed),
    )
    return a_report(CoverageReport(files=(file,)), "coverage.info")


def costs(monthly: float, past: float | None = None, currency: str = "USD") -> BuildReport:
    """Return what the infrastructure costs."""
    return a_report(CostReport(currency=currency, monthly=monthly, past_monthly=past), "cost.json")


def loaded(
    p95_ms: float = 100.0, requests: int = 10_000, failed: int = 10, broken: tuple[str, ...] = ()
) -> BuildReport:
    """Return a load test."""
    content = LoadReport(
        requests=requests, failed_requests=failed, p95_ms=p95_ms, seconds=60.0, broken_thresholds=broken
    )
    return a_report(content, "k6.json")


def past(
    version: str,
    *reports: BuildReport,
    outcome: GateOutcome = GateOutcome.PASS,
    ruling: RulingKind | None = None,
    days_ago: float = 1.0,
    commit: str = "",
    **indicators: float,
) -> PastBuild:
    """Return an earlier build with what the gate said of it."""
    at = NOW - timedelta(days=days_ago)
    return PastBuild(
        version=version,
        at=at,
        reports=reports,
        commit=commit,
        result=GateResult(
            service=CART,
            version=version,
            environment=PROD,
            at=at,
            outcome=outcome,
            score=95.0,
            failure_chance=0.1,
            parts=(),
            reasons=(),
            indicators=tuple(Indicator(name=name, value=value) for name, value in indicators.items()),
        ),
        ruling=None
        if ruling is None
        else Ruling(
            service=CART, version=version, environment=PROD, at=at, kind=ruling, by="ada", reason="seen"
        ),
    )


def asked(
    version: str = "2.0",
    commit: str = "",
    change: Change | None = None,
    record: Record | None = None,
    **values: float,
) -> Question:
    """Return the question about a build of the service `cart`."""
    return Question(
        service=CART,
        version=version,
        environment=PROD,
        at=NOW,
        commit=commit,
        change=change or Change(),
        service_record=record or Record(),
        values=values,
    )
