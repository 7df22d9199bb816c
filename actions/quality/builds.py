"""A build's reports as the parts of the gate want them: what replaces what, and which builds were good."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.quality import GateOutcome, PastBuild
from schemas.reports import (
    Assessment,
    AssessmentsReport,
    BuildReport,
    ContractReport,
    CostReport,
    CoverageReport,
    FileCoverage,
    Finding,
    FindingsReport,
    LoadReport,
    TestReport,
)

GOOD = (GateOutcome.PASS, GateOutcome.WARN)
"""A build that passed, with or without a warning, is what the next one is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Reports of one build by what they are about.

    Attributes:
        runs: Every run of its tests, oldest first.
        coverage: Of all files together; None without a report.
        findings: Of all scanners together; None without a report.
        suppressed: Findings that somebody took out in a scanner.
        costs: By the report's name, likewise `loads` and `contracts`.
    """

    runs: tuple[TestReport, ...] = ()
    coverage: CoverageReport | None = None
    findings: tuple[Finding, ...] | None = None
    suppressed: int = 0
    costs: tuple[tuple[str, CostReport], ...] = ()
    loads: tuple[tuple[str, LoadReport], ...] = ()
    contracts: tuple[tuple[str, ContractReport], ...] = ()


def build_of(reports: Iterable[BuildReport]) -> Build:
    """Return a build's reports by kind.

    The same file again is the same report. Of one name and format the newest counts, but for tests:
    each file is a run, and a second run of the same tests is how flakiness shows.

    Args:
        reports: In the order in which they came.
    """
    newest: dict[tuple[str, str, str], BuildReport] = {}
    for report in reports:
        is_run = isinstance(report.content, TestReport)
        # A replaced report goes to the end: it is the newest now.
        key = (report.format.value, report.name, report.digest if is_run else "")
        newest.pop(key, None)
        newest[key] = report
    named = [(report.name, report.content) for report in newest.values()]
    contents = [content for _, content in named]
    scans = [content for content in contents if isinstance(content, FindingsReport)]
    covered = [content for content in contents if isinstance(content, CoverageReport)]
    assessed = [
        assessment
        for content in contents
        if isinstance(content, AssessmentsReport)
        for assessment in content.assessments
    ]
    return Build(
        runs=tuple(content for content in contents if isinstance(content, TestReport)),
        coverage=_together(covered) if covered else None,
        findings=_weighed(scans, assessed) if scans else None,
        suppressed=sum(scan.suppressed for scan in scans),
        costs=tuple((name, content) for name, content in named if isinstance(content, CostReport)),
        loads=tuple((name, content) for name, content in named if isinstance(content, LoadReport)),
        contracts=tuple((name, content) for name, content in named if isinstance(content, ContractReport)),
    )


def good_builds(history: Iterable[PastBuild], most: int) -> tuple[PastBuild, ...]:
    """Return the newest builds that passed the gate or that a human accepted, newest first.

    Args:
        history: Oldest first.
        most: How many at most.
    """
    found = [build for build in history if build.outcome in GOOD]
    return tuple(reversed(found[-most:])) if most > 0 else ()


def _together(reports: list[CoverageReport]) -> CoverageReport:
    """Return coverage of several test runs: a line ran if it did in any."""
    files: dict[str, FileCoverage] = {}
    for report in reports:
        for file in report.files:
            known = files.get(file.path)
            files[file.path] = file if known is None else _either(known, file)
    return CoverageReport(files=tuple(files[path] for path in sorted(files)))


def _either(one: FileCoverage, other: FileCoverage) -> FileCoverage:
    if not (one.covered or one.missed) or not (other.covered or other.missed):
        # Of one of them only counts are left; the better one is a lower bound for both together.
        return max(one, other, key=lambda file: file.covered_count)
    covered = {*one.covered, *other.covered}
    every = {*covered, *one.missed, *other.missed}
    return FileCoverage(
        path=one.path,
        covered=tuple(sorted(covered)),
        missed=tuple(sorted(every - covered)),
        covered_count=len(covered),
        total_count=len(every),
    )


def _weighed(scans: list[FindingsReport], assessed: list[Assessment]) -> tuple[Finding, ...]:
    """Return findings of all scanners, each once, with what VEX statements say of them.

    A statement without a product is about all of them, another about those whose package its product's
    package URL names, or all when the product is none of the packages but the whole image.
    """
    by_id: dict[str, list[Assessment]] = {}
    for assessment in assessed:
        by_id.setdefault(assessment.vulnerability, []).append(assessment)
    found: dict[tuple[str, str], Finding] = {}
    for scan in scans:
        for finding in scan.findings:
            said = [entry for entry in by_id.get(finding.id, ()) if _is_about(entry, finding)]
            if said and not any(entry.is_affected for entry in said):
                if not any("not_in_execute_path" in entry.justification for entry in said):
                    continue
                finding = replace(finding, is_reachable=False)
            found.setdefault(finding.key, finding)
    return tuple(found.values())


def _is_about(assessment: Assessment, finding: Finding) -> bool:
    """Return whether one of the products is the finding's package.

    >>> purl = "pkg:apk/wolfi/git@2.39.0-r1?arch=armv7"
    >>> from schemas.reports import Severity
    >>> git = Finding(id="CVE-1", severity=Severity.HIGH, package="git", version="2.39.0-r1")
    >>> _is_about(Assessment(vulnerability="CVE-1", products=(purl,), is_affected=False), git)
    True
    """
    for product in assessment.products:
        name = product.partition("?")[0].partition("#")[0].rpartition("/")[2]
        package, _, version = name.rpartition("@") if "@" in name[1:] else (name, "", "")
        if package == finding.package.rpartition("/")[2] and version in ("", finding.version):
            return True
    return not assessment.products
