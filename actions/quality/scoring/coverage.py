"""The coverage part: of the changed lines where a diff is given, else the total against the last good one.

Coverage says that a line ran, not that anything was checked; so it warns and weighs, and does not fail a
build whose tests have passed.
"""

from collections.abc import Sequence

from actions.quality.builds import Build, build_of
from actions.quality.limits import Limits
from actions.quality.scoring.bands import between, in_band
from actions.quality.scoring.words import counted, listed, of_total
from schemas.quality import Change, GateOutcome, Part, PastBuild
from schemas.reports import CoverageReport, FileCoverage, Indicator

_MOST_NAMED = 3


def score_coverage(
    build: Build, good: Sequence[PastBuild], change: Change, limits: Limits
) -> tuple[Part, tuple[Indicator, ...]] | None:
    """Return what coverage says, or None without a report or with nothing in it.

    Args:
        build: The build to judge.
        good: Earlier builds that passed, newest first.
        change: What changed; `lines` is None when no diff was given.
        limits: Weights and limits.
    """
    total = coverage_ratio(build.coverage)
    if build.coverage is None or total is None:
        return None
    indicators = [Indicator(name="coverage_ratio", value=total)]
    if change.lines is None:
        part = _against_last(total, good, limits)
        return part, tuple(indicators)
    covered, missed = changed_lines(build.coverage, change)
    count = covered + sum(len(lines) for _, lines in missed)
    if count == 0:
        return _part(100.0, GateOutcome.PASS, ("no line that could run was changed",), limits), tuple(
            indicators
        )
    ratio = covered / count
    indicators.append(Indicator(name="coverage_changed_ratio", value=ratio))
    outcome = _banded(ratio, limits.changed_coverage_pass, limits.changed_coverage_warn)
    reasons = [f"{of_total(covered, count, 'changed line')} ran in the tests ({ratio:.0%})"]
    if missed and outcome is not GateOutcome.PASS:
        places = [f"{path} ({counted(len(lines), 'line')}, from {lines[0]})" for path, lines in missed]
        reasons.append(f"not run: {listed(places, _MOST_NAMED)}")
    score = _score(ratio, outcome, 1.0, limits.changed_coverage_pass, limits.changed_coverage_warn, 0.0)
    return _part(score, outcome, tuple(reasons), limits), tuple(indicators)


def coverage_ratio(report: CoverageReport | None) -> float | None:
    """Return the share of lines that ran in [0, 1]; None when there is none that could."""
    if report is None:
        return None
    total = sum(file.total_count for file in report.files)
    return sum(file.covered_count for file in report.files) / total if total else None


def changed_lines(
    report: CoverageReport, change: Change
) -> tuple[int, tuple[tuple[str, tuple[int, ...]], ...]]:
    """Return how many changed lines ran, and those that could have and did not, by path.

    A tool names files from its own root: a file of the diff is the one whose path ends alike, by whole
    folders; of several the one that shares most.
    """
    covered = 0
    missed = []
    by_name: dict[str, list[FileCoverage]] = {}
    for file in report.files:
        by_name.setdefault(file.path.rpartition("/")[2], []).append(file)
    for path, lines in change.lines_by_file:
        same = _same_file(path, by_name.get(path.rpartition("/")[2], []))
        if same is None:
            continue
        touched = set(lines)
        covered += len(touched.intersection(same.covered))
        if left := tuple(sorted(touched.intersection(same.missed))):
            missed.append((path, left))
    return covered, tuple(missed)


def _same_file(path: str, candidates: Sequence[FileCoverage]) -> FileCoverage | None:
    best, most = None, 0
    ours = path.split("/")
    for file in candidates:
        theirs = [part for part in file.path.split("/") if part not in ("", ".")]
        shared = 0
        for one, other in zip(reversed(ours), reversed(theirs), strict=False):
            if one != other:
                break
            shared += 1
        # One path must be the end of the other: two files of a name in different folders are two files.
        if shared == min(len(ours), len(theirs)) and shared > most:
            best, most = file, shared
    return best


def _against_last(total: float, good: Sequence[PastBuild], limits: Limits) -> Part:
    for past in good:
        before = coverage_ratio(build_of(past.reports).coverage)
        if before is None:
            continue
        drop = before - total
        outcome = _banded(-drop, -limits.coverage_drop_pass, -limits.coverage_drop_warn)
        said = f"{total:.1%} of lines ran in the tests, {before:.1%} in version {past.version}"
        passes, warns = limits.coverage_drop_pass, limits.coverage_drop_warn
        score = _score(drop, outcome, 0.0, passes, warns, 10 * warns)
        return _part(score, outcome, (said,), limits, f"version {past.version}")
    said = f"{total:.1%} of lines ran in the tests; no good build to compare with"
    return _part(100.0, GateOutcome.PASS, (said,), limits)


def _banded(value: float, passes: float, warns: float) -> GateOutcome:
    if value >= passes:
        return GateOutcome.PASS
    return GateOutcome.WARN if value >= warns else GateOutcome.FAIL


def _score(
    value: float, outcome: GateOutcome, best: float, passes: float, warns: float, worst: float
) -> float:
    """Return the score of a value whose limits are given from the best to the worst."""
    match outcome:
        case GateOutcome.PASS:
            return in_band(outcome, between(value, best, passes))
        case GateOutcome.WARN:
            return in_band(outcome, between(value, passes, warns))
        case _:
            return in_band(outcome, between(value, warns, worst))


def _part(
    score: float, outcome: GateOutcome, reasons: tuple[str, ...], limits: Limits, compared_with: str = ""
) -> Part:
    return Part(
        name="coverage",
        score=score,
        weight=limits.weights.coverage,
        outcome=outcome,
        reasons=reasons,
        compared_with=compared_with,
    )
