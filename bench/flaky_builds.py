"""How often the gate blocks good builds for flaky tests, and how often it lets broken ones through.

    python -m bench.flaky_builds --data none

Builds are simulated: some tests are flaky, each with a rate of its own, some builds break a few tests for
good, and a pipeline whose tests fail runs them once more, as many do. Every build is judged by
`actions.quality.gate` with the history of those before it, and by two rules that are in use: any failure
fails the build, and only a test that failed in every run does. `--no-repeat` leaves the second run out: then
nothing is ever seen to flip, and there is nothing to learn from.

Printed as JSON: for each rule, the shares of good builds that it blocks (fail or hold) and of broken builds
that it does not. The seed is fixed; `--data` is there because every benchmark takes it.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from actions.quality.builds import build_of
from actions.quality.gate import Question, gate
from actions.quality.scoring.tests import last_outcomes
from schemas.keys import EnvironmentName, ServiceName
from schemas.quality import GateOutcome, PastBuild
from schemas.reports import BuildReport, CaseOutcome, CaseResult, ReportFormat, TestReport

_KEPT = 50
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated.

    Attributes:
        tests: How many a build has.
        flaky: Share of them that are flaky.
        rate: Range of the flaky ones' chance to fail on good code.
        broken: Share of builds that break something.
        builds: How many are judged, after those that only teach.
        repeats: A pipeline whose tests fail runs them once more.
        breaks_flaky: What breaks is a flaky test, which is the hardest to believe.
        lessons: How many come before.
    """

    tests: int = 300
    flaky: float = 0.03
    rate: tuple[float, float] = (0.01, 0.2)
    broken: float = 0.2
    builds: int = 300
    repeats: bool = True
    breaks_flaky: bool = False
    lessons: int = 50


@dataclass(slots=True)
class Tally:
    """What one rule did."""

    good: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def shares(self) -> dict[str, float]:
        """Return shares of good builds by what became of them, and of broken ones that went through."""
        good, broken = sum(self.good.values()), sum(self.broken.values())
        through = self.broken["pass"] + self.broken["warn"]
        return {
            "good_failed": round(self.good["fail"] / good, 4),
            "good_held": round(self.good["hold"] / good, 4),
            "broken_failed": round(self.broken["fail"] / broken, 4),
            "broken_held": round(self.broken["hold"] / broken, 4),
            "broken_let_through": round(through / broken, 4),
        }


def simulate(world: World, seed: int) -> dict[str, Tally]:
    """Return what each rule did to each build of a simulated service."""
    draw = random.Random(seed)
    names = [f"test_{number}" for number in range(world.tests)]
    rates = {name: draw.uniform(*world.rate) for name in names if draw.random() < world.flaky}
    tallies = {"gate": Tally(), "any failure": Tally(), "failed in every run": Tally()}
    history: list[PastBuild] = []
    for number in range(world.lessons + world.builds):
        is_broken = draw.random() < world.broken
        candidates = sorted(rates) if world.breaks_flaky else names
        broken = set(draw.sample(candidates, draw.randint(1, 3))) if is_broken else set()
        at = _START + timedelta(days=number)
        runs = [_run(names, rates, broken, draw, number, 1)]
        if world.repeats and _failed(runs):
            runs.append(_run(names, rates, broken, draw, number, 2))
        question = Question(
            service=ServiceName("cart"),
            version=str(number),
            environment=EnvironmentName("prod"),
            at=at,
            commit=f"commit {number}",
        )
        result = gate(question, runs, history)
        if number >= world.lessons:
            said = {
                "gate": result.outcome.value,
                "any failure": _naive(_failed(runs[:1])),
                "failed in every run": _naive(_failed_always(runs)),
            }
            for rule, outcome in said.items():
                tally = tallies[rule]
                (tally.broken if is_broken else tally.good)[outcome] += 1
        history.append(
            PastBuild(version=str(number), at=at, reports=tuple(runs), result=result, commit=question.commit)
        )
        history = history[-_KEPT:]
    return tallies


def _run(
    names: Sequence[str],
    rates: dict[str, float],
    broken: set[str],
    draw: random.Random,
    number: int,
    attempt: int,
) -> BuildReport:
    cases = tuple(
        CaseResult(
            suite="s",
            class_name="T",
            name=name,
            outcome=CaseOutcome.FAILED
            if name in broken or draw.random() < rates.get(name, 0.0)
            else CaseOutcome.PASSED,
        )
        for name in names
    )
    return BuildReport(
        format=ReportFormat.JUNIT,
        name="junit.xml",
        digest=f"{number}-{attempt}",
        size_bytes=1,
        content=TestReport(cases=cases),
    )


def _failed(runs: Sequence[BuildReport]) -> bool:
    return any(case.has_failed for case in last_outcomes(build_of(runs).runs).values())


def _failed_always(runs: Sequence[BuildReport]) -> bool:
    """Return whether a test failed in every run."""
    passed = {
        case.key
        for run in runs
        if isinstance(run.content, TestReport)
        for case in run.content.cases
        if not case.has_failed
    }
    return any(key not in passed for key in last_outcomes(build_of(runs).runs))


def _naive(has_failed: bool) -> str:
    return (GateOutcome.FAIL if has_failed else GateOutcome.PASS).value


def main() -> None:
    """Simulate and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="", help="not used: builds are simulated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flaky", type=float, default=World().flaky, help="share of tests that are flaky")
    parser.add_argument("--builds", type=int, default=World().builds)
    parser.add_argument("--no-repeat", action="store_true", help="run tests once, whatever comes out")
    parser.add_argument("--break-flaky", action="store_true", help="break flaky tests only")
    given = parser.parse_args()
    world = World(
        flaky=given.flaky,
        builds=given.builds,
        repeats=not given.no_repeat,
        breaks_flaky=given.break_flaky,
    )
    tallies = simulate(world, given.seed)
    print(
        json.dumps(
            {
                "tests": world.tests,
                "flaky_share": world.flaky,
                "builds": world.builds,
                "repeats": world.repeats,
                "breaks_flaky": world.breaks_flaky,
                "rules": {rule: tally.shares() for rule, tally in tallies.items()},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
