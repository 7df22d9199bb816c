"""The tests part: failures, each weighed by its own test's record, and tests that no longer run."""

from collections.abc import Sequence
from math import prod

from actions.quality.builds import Build, build_of
from actions.quality.limits import Limits
from actions.quality.scoring.bands import between, in_band
from actions.quality.scoring.flakiness import FlakeRecord, flake_rate, learn_flakiness, real_chance
from actions.quality.scoring.words import listed, of_total
from schemas.quality import GateOutcome, Part, PastBuild
from schemas.reports import CaseOutcome, CaseResult, Indicator, TestReport

_MOST_NAMED = 5


def score_tests(
    build: Build, history: Sequence[PastBuild], good: Sequence[PastBuild], commit: str, limits: Limits
) -> tuple[Part, tuple[Indicator, ...]]:
    """Return what the tests say.

    Args:
        build: The build to judge.
        history: Earlier builds, oldest first: what is learnt from about each test.
        good: Those of them that passed, newest first.
        commit: The build's revision: an earlier build of the same one is the same code.
        limits: Weights and limits.
    """
    last = last_outcomes(build.runs)
    ran = [case for case in last.values() if case.outcome is not CaseOutcome.SKIPPED]
    skipped = len(last) - len(ran)
    if not ran:
        why = f"no test ran ({skipped} were skipped)" if last else "no test results were reported"
        part = Part(
            name="tests", score=None, weight=limits.weights.tests, outcome=GateOutcome.HOLD, reasons=(why,)
        )
        return part, ()
    records = learn_flakiness([*_runs_by_code(history, commit, build)])
    flipped = {case.key for run in build.runs for case in run.cases if not case.has_failed and _ran(case)}
    failed = sorted(case.key for case in ran if case.has_failed)
    chances = {
        key: 0.0 if key in flipped else _chance(records.get(key, FlakeRecord()), limits) for key in failed
    }
    real = 1 - prod(1 - chance for chance in chances.values())
    lost, before = _lost(last, good)
    indicators = (
        Indicator(name="tests_run", value=len(ran)),
        Indicator(name="tests_failed", value=len(failed)),
        Indicator(name="tests_failed_weighed", value=sum(chances.values())),
        Indicator(name="tests_skipped", value=skipped),
        Indicator(name="tests_flaky", value=_flaky(build, flipped)),
        Indicator(name="test_pass_ratio", value=1 - len(failed) / len(ran)),
    )
    outcome = _outcome(failed, real, lost / before if before else 0.0, build, limits)
    part = Part(
        name="tests",
        score=in_band(outcome, _badness_of(outcome, real, limits)),
        weight=limits.weights.tests,
        outcome=outcome,
        reasons=_reasons(failed, chances, records, real, lost, before, len(ran), build, limits),
        decides=True,
        compared_with=f"each test's own record in {len(history)} earlier builds" if history else "",
    )
    return part, indicators


def _badness_of(outcome: GateOutcome, real: float, limits: Limits) -> float:
    match outcome:
        case GateOutcome.FAIL:
            return between(real, limits.real_failure_fail, 1.0)
        case GateOutcome.HOLD:
            return between(real, limits.real_failure_hold, limits.real_failure_fail)
        case _:
            return between(real, 0.0, limits.real_failure_hold)


def last_outcomes(runs: Sequence[TestReport]) -> dict[str, CaseResult]:
    """Return how each test ended in its newest run; within one file, its worst result."""
    last: dict[str, CaseResult] = {}
    for run in runs:
        here: dict[str, CaseResult] = {}
        for case in run.cases:
            known = here.get(case.key)
            if known is None or _badness(case) > _badness(known):
                here[case.key] = case
        for key, case in here.items():
            # A run that skips a test, such as one shard of several, takes nothing back.
            if key not in last or _ran(case):
                last[key] = case
    return last


def _badness(case: CaseResult) -> int:
    order = (CaseOutcome.SKIPPED, CaseOutcome.PASSED, CaseOutcome.FAILED, CaseOutcome.ERROR)
    return order.index(case.outcome)


def _ran(case: CaseResult) -> bool:
    return case.outcome is not CaseOutcome.SKIPPED


def _runs_by_code(history: Sequence[PastBuild], commit: str, build: Build) -> list[list[TestReport]]:
    """Return runs by revision, or by version where nobody told the revision."""
    runs: dict[str, list[TestReport]] = {}
    for past in history:
        code = past.commit or f"version {past.version}"
        runs.setdefault(code, []).extend(build_of(past.reports).runs)
    runs.setdefault(commit or "this build", []).extend(build.runs)
    return list(runs.values())


def _chance(record: FlakeRecord, limits: Limits) -> float:
    return real_chance(flake_rate(record, limits.flake_prior), limits.regression_prior)


def _flaky(build: Build, passed: set[str]) -> int:
    """Return how many tests failed and passed on this very code."""
    cases = [case for run in build.runs for case in run.cases]
    return len({case.key for case in cases if case.is_flaky or (case.has_failed and case.key in passed)})


def _lost(last: dict[str, CaseResult], good: Sequence[PastBuild]) -> tuple[int, int]:
    """Return how many tests of the last good build no longer run, and how many it ran."""
    if not good:
        return 0, 0
    before = [key for key, case in last_outcomes(build_of(good[0].reports).runs).items() if _ran(case)]
    return sum(1 for key in before if key not in last or not _ran(last[key])), len(before)


def _outcome(
    failed: Sequence[str], real: float, lost_share: float, build: Build, limits: Limits
) -> GateOutcome:
    if real >= limits.real_failure_fail:
        return GateOutcome.FAIL
    if real >= limits.real_failure_hold:
        return GateOutcome.HOLD
    flaky = any(case.is_flaky for run in build.runs for case in run.cases)
    if failed or flaky or lost_share >= limits.lost_tests_warn:
        return GateOutcome.WARN
    return GateOutcome.PASS


def _reasons(
    failed: Sequence[str],
    chances: dict[str, float],
    records: dict[str, FlakeRecord],
    real: float,
    lost: int,
    before: int,
    ran: int,
    build: Build,
    limits: Limits,
) -> tuple[str, ...]:
    reasons = []
    if failed:
        reasons.append(
            f"{of_total(len(failed), ran, 'test')} failed, a real defect with probability {real:.2f}"
        )
        worst = sorted(failed, key=lambda key: (-chances[key], key))[:_MOST_NAMED]
        reasons.extend(_told(key, chances[key], records.get(key, FlakeRecord())) for key in worst)
        if len(failed) > _MOST_NAMED:
            reasons.append(f"and {len(failed) - _MOST_NAMED} more failed tests")
    else:
        reasons.append(f"all {ran} tests that ran passed")
    repeated = sorted({case.key for run in build.runs for case in run.cases if case.is_flaky})
    if repeated:
        reasons.append(f"passed only when repeated: {listed(repeated, _MOST_NAMED)}")
    if before and lost / before >= limits.lost_tests_warn:
        reasons.append(f"{of_total(lost, before, 'test')} of the last good build no longer ran")
    return tuple(reasons)


def _told(key: str, chance: float, record: FlakeRecord) -> str:
    if chance == 0.0:
        return f"{key} failed and passed on the same code"
    if record.runs == 0:
        return f"{key} has no record of passing: real with probability {chance:.2f}"
    return (
        f"{key} failed {record.failures} of {record.runs} times on code it also passed on: "
        f"real with probability {chance:.2f}"
    )
