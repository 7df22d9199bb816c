"""The findings part: what is new since the last good build weighs, what was known then hardly does.

Points are our own scale, not CVSS; a hundred of them are as bad as it gets. That a fix
exists or the code can be reached says more about what to do today than the severity alone.

Source: the order of questions is that of CISA, "Stakeholder-Specific Vulnerability Categorization":
exposure first, then what can be done.
"""

from collections.abc import Sequence

from actions.quality.builds import Build, build_of
from actions.quality.limits import Limits
from actions.quality.scoring.bands import in_band
from actions.quality.scoring.words import counted, listed
from schemas.quality import GateOutcome, Part, PastBuild
from schemas.reports import Finding, Indicator, Severity

_POINTS = {
    Severity.CRITICAL: 40.0,
    Severity.HIGH: 20.0,
    Severity.MEDIUM: 5.0,
    Severity.UNKNOWN: 5.0,
    Severity.LOW: 1.0,
}
_SERIOUS = (Severity.CRITICAL, Severity.HIGH)
_UNFIXABLE = 0.5
_UNREACHABLE = 0.1
_KNOWN = 0.1
_MOST_NAMED = 5


def score_findings(
    build: Build, good: Sequence[PastBuild], limits: Limits
) -> tuple[Part, tuple[Indicator, ...]] | None:
    """Return what scanners found, or None when none reported.

    A new, serious finding fails the build when something can be done about it or the code can be
    reached, unless it is known that it cannot. With no good build to compare with, all are new.

    Args:
        build: The build to judge.
        good: Earlier builds that passed, newest first.
        limits: Weights and limits.
    """
    if build.findings is None:
        return None
    baseline = next(
        ((past, found) for past in good if (found := build_of(past.reports).findings) is not None), None
    )
    known = {finding.key for finding in baseline[1]} if baseline else set()
    new = [finding for finding in build.findings if _is_new(finding, known)]
    is_new = {finding.key for finding in new}
    points = sum(_points(finding, finding.key in is_new) for finding in build.findings)
    blocking = [finding for finding in new if _blocks(finding)]
    noted = [
        finding
        for finding in new
        if finding.severity is not Severity.LOW and finding.is_reachable is not False
    ]
    if blocking:
        outcome = GateOutcome.FAIL
    elif noted:
        outcome = GateOutcome.WARN
    else:
        outcome = GateOutcome.PASS
    part = Part(
        name="findings",
        score=in_band(outcome, points / 100),
        weight=limits.weights.findings,
        outcome=outcome,
        reasons=_reasons(build, blocking, noted, has_baseline=baseline is not None),
        decides=True,
        compared_with=f"version {baseline[0].version}" if baseline else "",
    )
    return part, _indicators(build, new)


def _is_new(finding: Finding, known: set[tuple[str, str]]) -> bool:
    """Return whether it is new: the tool's own baseline knows best, where it has one."""
    return finding.is_new if finding.is_new is not None else finding.key not in known


def _blocks(finding: Finding) -> bool:
    if finding.is_reachable is False or finding.severity not in _SERIOUS:
        return False
    return finding.has_fix or finding.is_reachable is True


def _points(finding: Finding, is_new: bool) -> float:
    points = _POINTS[finding.severity]
    if not finding.has_fix:
        points *= _UNFIXABLE
    if finding.is_reachable is False:
        points *= _UNREACHABLE
    return points if is_new else points * _KNOWN


def _indicators(build: Build, new: Sequence[Finding]) -> tuple[Indicator, ...]:
    findings = build.findings or ()
    counts = [
        Indicator(
            name=f"findings_{severity.value}",
            value=sum(1 for finding in findings if finding.severity is severity),
        )
        for severity in Severity
    ]
    fresh = [
        Indicator(
            name=f"findings_new_{severity.value}",
            value=sum(1 for finding in new if finding.severity is severity),
        )
        for severity in Severity
    ]
    return (
        *counts,
        *fresh,
        Indicator(name="findings", value=len(findings)),
        Indicator(name="findings_new", value=len(new)),
        Indicator(name="findings_suppressed", value=build.suppressed),
    )


def _reasons(
    build: Build,
    blocking: Sequence[Finding],
    noted: Sequence[Finding],
    *,
    has_baseline: bool,
) -> tuple[str, ...]:
    reasons = []
    since = "" if has_baseline else ", with no good build to compare with"
    shown = blocking or noted
    if blocking:
        reasons.append(
            f"{counted(len(blocking), 'new serious finding')} that can be fixed or reached{since}: "
            + listed([_told(finding) for finding in blocking], _MOST_NAMED)
        )
    elif noted:
        reasons.append(
            f"{counted(len(noted), 'new finding')}{since}: "
            + listed([_told(finding) for finding in noted], _MOST_NAMED)
        )
    else:
        reasons.append("nothing new that matters")
    rest = len(build.findings or ()) - len(shown)
    if rest:
        reasons.append(f"{rest} more: known, low, or out of reach" if not blocking else f"{rest} more")
    if build.suppressed:
        reasons.append(f"{counted(build.suppressed, 'finding')} suppressed in the scanner")
    return tuple(reasons)


def _told(finding: Finding) -> str:
    where = " ".join(part for part in (finding.package, finding.version) if part)
    fix = f", fixed in {finding.fixed_version}" if finding.fixed_version else ""
    reach = ", reachable" if finding.is_reachable else ""
    return f"{finding.id} ({finding.severity}{' in ' + where if where else ''}{fix}{reach})"
