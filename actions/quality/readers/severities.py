"""Severities as each scanner spells them, and findings brought into one order."""

from collections.abc import Iterable

from schemas.reports import Finding, FindingsReport, Severity

WORST_FIRST = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.UNKNOWN, Severity.LOW)
"""An unknown severity stands between medium and low: it may be anything, and mostly is not bad."""

_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "negligible": Severity.LOW,
    "info": Severity.LOW,
    "none": Severity.LOW,
}


def severity_of(word: str) -> Severity:
    """Return the severity that a scanner's word stands for; a word that nobody knows is UNKNOWN.

    >>> severity_of("Negligible"), severity_of("moderate"), severity_of("?")
    (<Severity.LOW: 'low'>, <Severity.MEDIUM: 'medium'>, <Severity.UNKNOWN: 'unknown'>)
    """
    return _WORDS.get(word.strip().lower(), Severity.UNKNOWN)


def severity_of_score(score: float) -> Severity:
    """Return the severity of a CVSS score.

    Source: CVSS v3.1 specification, section 5, "Qualitative Severity Rating Scale".

    >>> severity_of_score(9.8), severity_of_score(4.0)
    (<Severity.CRITICAL: 'critical'>, <Severity.MEDIUM: 'medium'>)
    """
    if score >= 9.0:
        return Severity.CRITICAL
    if score >= 7.0:
        return Severity.HIGH
    if score >= 4.0:
        return Severity.MEDIUM
    return Severity.LOW


def findings_report(found: Iterable[Finding], suppressed: int = 0) -> FindingsReport:
    """Return findings worst first, each once: a scanner names a package once for every place it is in."""
    kept: dict[tuple[str, str], Finding] = {}
    for finding in found:
        known = kept.get(finding.key)
        if known is None or _badness(finding) < _badness(known):
            kept[finding.key] = finding
    return FindingsReport(findings=tuple(sorted(kept.values(), key=_order)), suppressed=suppressed)


def _badness(finding: Finding) -> tuple[int, bool]:
    return (WORST_FIRST.index(finding.severity), finding.is_reachable is False)


def _order(finding: Finding) -> tuple[int, str, str]:
    return (WORST_FIRST.index(finding.severity), finding.id, finding.package)
