"""What a build's own tools say of it, in one form whatever tool wrote it: input of the pre-deploy gate.

Names and numbers only: messages, traces and descriptions stay in the files they came in.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.keys import EnvironmentName, ServiceName

BUILD_REPORT_TYPE = "dev.suture.build.report.v1"
"""Type of the CloudEvent that carries a `BuildReported`."""


class ReportFormat(StrEnum):
    """Which tool's format a report came in."""

    JUNIT = "junit"
    COBERTURA = "cobertura"
    LCOV = "lcov"
    JACOCO = "jacoco"
    COVERAGE_PY = "coverage.py"
    SARIF = "sarif"
    TRIVY = "trivy"
    GRYPE = "grype"
    NPM_AUDIT = "npm-audit"
    PIP_AUDIT = "pip-audit"
    OPENVEX = "openvex"
    INFRACOST = "infracost"
    K6 = "k6"
    PACT = "pact"


class CaseOutcome(StrEnum):
    """How a test case ended. ERROR: it could not be run to an end. SKIPPED: it was not run."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class Severity(StrEnum):
    """How bad a finding is, by whoever reported it. UNKNOWN: the tool gives none."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One test case in one run.

    Attributes:
        seconds: How long it took; None when the file does not say.
        is_flaky: It failed and passed within this run, on the same code.
    """

    suite: str
    class_name: str
    name: str
    outcome: CaseOutcome
    seconds: float | None = None
    is_flaky: bool = False

    @property
    def key(self) -> str:
        """Return what names the test over builds: class and name, or suite and name without a class.

        Suites are left out where there is a class: runners put the host or the shard into their names.
        """
        return f"{self.class_name or self.suite}::{self.name}"

    @property
    def has_failed(self) -> bool:
        """Return whether the test ran, or should have, and did not pass."""
        return self.outcome in (CaseOutcome.FAILED, CaseOutcome.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """Results of test cases, in the file's order."""

    __test__ = False  # pytest collects by the name

    kind: Literal["tests"] = "tests"
    cases: tuple[CaseResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCoverage:
    """Which lines of one file ran.

    Attributes:
        path: As the tool spells it, with forward slashes.
        covered: Numbers of lines that ran, rising; empty where only counts are kept.
        missed: Numbers of lines that could have run and did not, rising; likewise.
        covered_count: How many ran.
        total_count: How many could have.
    """

    path: str
    covered: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    covered_count: int
    total_count: int

    def __post_init__(self) -> None:
        if not 0 <= self.covered_count <= self.total_count:
            raise ValueError(f"covered_count is {self.covered_count} of {self.total_count} lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageReport:
    """Line coverage, one entry a file, by path."""

    kind: Literal["coverage"] = "coverage"
    files: tuple[FileCoverage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One vulnerability, misconfiguration, secret or defect that a scanner found.

    Attributes:
        id: The scanner's or the advisory's id, such as CVE-2019-14806 or DS-0002.
        package: What it is in: a package, or a file for findings in code and configuration.
        version: The package's installed version, or "".
        fixed_version: First version without it, as the tool spells it; "" when none is known.
        has_fix: Something can be done about it: a fixed version exists, or it is our own code.
        is_reachable: Whether the vulnerable code can run here; None where nobody says.
        is_new: Whether the tool's own baseline knows it; None without a baseline.
    """

    id: str
    severity: Severity
    package: str = ""
    version: str = ""
    fixed_version: str = ""
    has_fix: bool = False
    is_reachable: bool | None = None
    is_new: bool | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return what names the finding over builds: not the version, which moves without helping."""
        return (self.id, self.package)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsReport:
    """Findings of one scanner, worst first.

    Attributes:
        suppressed: How many more there are that somebody has accepted or ruled out in the tool.
    """

    kind: Literal["findings"] = "findings"
    findings: tuple[Finding, ...]
    suppressed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a VEX statement says of one vulnerability in one product.

    Attributes:
        products: Package URLs or names it is about.
        is_affected: False only for `not_affected` and `fixed`.
        justification: Why not, in the standard's word; "" when it gives none.
    """

    vulnerability: str
    products: tuple[str, ...]
    is_affected: bool
    justification: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentsReport:
    """VEX statements; for one vulnerability and product the newest alone."""

    kind: Literal["assessments"] = "assessments"
    assessments: tuple[Assessment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """What the infrastructure will cost a month.

    Attributes:
        currency: ISO 4217 code.
        monthly: Cost with this change; None when the tool cannot say.
        past_monthly: Cost without it, by the same run of the tool; None when it was not told.
        unsupported: How many resources have no price: what the number is blind to.
    """

    kind: Literal["cost"] = "cost"
    currency: str
    monthly: float | None
    past_monthly: float | None = None
    unsupported: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """A load test of the build.

    Attributes:
        requests: How many were sent.
        failed_requests: How many of them failed.
        p95_ms: 95th percentile of their duration; None when the file leaves it out.
        seconds: How long the test ran; None likewise.
        broken_thresholds: The test's own thresholds that it did not meet.
    """

    kind: Literal["load"] = "load"
    requests: int
    failed_requests: int
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    seconds: float | None = None
    broken_thresholds: tuple[str, ...] = ()

    @property
    def error_ratio(self) -> float | None:
        """Return the share of failed requests in [0, 1]; None without a request."""
        return self.failed_requests / self.requests if self.requests else None

    def __post_init__(self) -> None:
        if not 0 <= self.failed_requests <= self.requests:
            raise ValueError(f"failed_requests is {self.failed_requests} of {self.requests}")
        for value in (self.p50_ms, self.p90_ms, self.p95_ms, self.seconds):
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"a duration of the load test is {value}, expected 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReport:
    """Whether the provider keeps what its consumers rely on.

    Attributes:
        provider_version: Version that was verified, as the verifier was told.
        broken: The interactions that failed, by description or id.
        interactions: How many were verified; 0 when the file gives the overall result alone.
    """

    kind: Literal["contracts"] = "contracts"
    is_kept: bool
    provider_version: str = ""
    interactions: int = 0
    broken: tuple[str, ...] = ()


ReportContent = (
    TestReport
    | CoverageReport
    | FindingsReport
    | AssessmentsReport
    | CostReport
    | LoadReport
    | ContractReport
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """One file that a build's tool wrote, as it was understood.

    Attributes:
        name: The file's name without its folder. A later report of the same name and format replaces
            the earlier one of the same version; test cases are merged instead.
        digest: SHA-256 of the file, hexadecimal: the same file again is the same report.
    """

    format: ReportFormat
    name: str
    digest: str
    size_bytes: int
    content: Annotated[ReportContent, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One number about a build, under the name by which objectives ask for it."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReported:
    """A report, bound to the build that it is about.

    Attributes:
        commit: Revision of the source, or "".
        author: Who wrote the change, as the pipeline names them; or "".
        numbers: What the report comes to, such as `tests_failed`; also when it is not whole.
        is_whole: False where passed cases and line numbers were left out to keep an event small.
    """

    service: ServiceName
    version: str
    environment: EnvironmentName
    at: AwareDatetime
    report: BuildReport
    commit: str = ""
    author: str = ""
    numbers: tuple[Indicator, ...] = ()
    is_whole: bool = True
