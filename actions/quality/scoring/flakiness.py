"""How far a test's failure can be believed, by the test's own record.

A test that fails and passes on the same code says nothing about the code. How often each does that is
learnt as a Beta posterior from runs on code that the test has also passed on; a failure now is weighed
against it by Bayes' rule.

Source: J. Micco, "Flaky Tests at Google and How We Mitigate Them" (2016), for flips without a change as
the measure; the posterior is the conjugate one of a binomial rate.

Good at tests that were run more than once on the same code: retries, nightly runs, re-runs of a
pipeline. Blind to flakiness that was never seen to flip on one version, and to a regression that makes a
test flaky: it counts as flaky, with a warning.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.reports import CaseOutcome, TestReport


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakeRecord:
    """What one test did on code that it passed on.

    Attributes:
        runs: How often it ran on such code.
        failures: How often of these it failed.
    """

    runs: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Tally:
    passed: int = 0
    failed: int = 0


def learn_flakiness(runs_by_code: Iterable[Iterable[TestReport]]) -> dict[str, FlakeRecord]:
    """Return each test's record.

    Args:
        runs_by_code: For each revision of the code, the runs of its tests.
    """
    records: dict[str, FlakeRecord] = {}
    for runs in runs_by_code:
        for key, tally in _tallies(runs).items():
            if tally.passed == 0:
                # It never passed here: whether it flaked or the code was broken is not known.
                continue
            known = records.get(key, FlakeRecord())
            records[key] = FlakeRecord(
                runs=known.runs + tally.passed + tally.failed, failures=known.failures + tally.failed
            )
    return records


def flake_rate(record: FlakeRecord, prior: tuple[float, float]) -> float:
    """Return the posterior mean of a test's chance to fail on good code.

    Args:
        record: What it did.
        prior: As if it had failed so often, in so many runs.

    >>> round(flake_rate(FlakeRecord(runs=20, failures=3), (0.05, 10.0)), 4)
    0.1017
    """
    failures, runs = prior
    return (failures + record.failures) / (runs + record.runs)


def real_chance(rate: float, regression_prior: float) -> float:
    """Return the chance that a failure is a defect of this build.

    Bayes' rule over two causes: this build broke the test, and then it fails for sure, or it did not, and
    the test failed at its own rate.

    >>> round(real_chance(0.005, 0.05), 3), round(real_chance(0.35, 0.05), 3)
    (0.913, 0.131)
    """
    return regression_prior / (regression_prior + (1 - regression_prior) * rate)


def _tallies(runs: Iterable[TestReport]) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = {}
    for run in runs:
        for case in run.cases:
            if case.outcome is CaseOutcome.SKIPPED:
                continue
            tally = tallies.setdefault(case.key, _Tally())
            if case.has_failed:
                tally.failed += 1
            else:
                tally.passed += 1
                # Its runner tried it again on the spot.
                tally.failed += case.is_flaky
    return tallies
