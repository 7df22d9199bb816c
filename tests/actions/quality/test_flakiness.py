"""A failed test is believed by its own record: what flips on the same code says little about the code."""

from hypothesis import given
from hypothesis import strategies as st

from actions.quality.gate import gate
from actions.quality.limits import Limits
from actions.quality.scoring.flakiness import FlakeRecord, flake_rate, learn_flakiness, real_chance
from schemas.quality import GateOutcome, GateResult, PastBuild
from schemas.reports import BuildReport, TestReport
from tests.actions.quality.building import asked, past, ran

PRIOR = Limits().flake_prior


def contents(*runs: BuildReport) -> list[TestReport]:
    return [run.content for run in runs if isinstance(run.content, TestReport)]


def judged(now: tuple[BuildReport, ...], *history: PastBuild, commit: str = "") -> GateResult:
    return gate(asked(commit=commit), now, history)


def test_a_failure_of_a_steady_test_fails_the_build() -> None:
    history = [past(f"1.{i}", ran(login="passed", pay="passed")) for i in range(10)]
    result = judged((ran(login="failed", pay="passed"),), *history)
    assert result.outcome is GateOutcome.FAIL
    assert result.parts[0].reasons[1].startswith("T::login failed 0 of 10 times on code it also passed on")


def test_a_failure_without_any_history_fails_the_build() -> None:
    assert judged((ran(login="failed", pay="passed"),)).outcome is GateOutcome.FAIL


def flipping(version: str, *, times: int) -> PastBuild:
    """A build whose `login` failed so often and passed once, all on the same code."""
    runs = [ran(str(number), login="failed", pay="passed") for number in range(times)]
    return past(version, *runs, ran("last", login="passed", pay="passed"))


def test_a_failure_of_a_test_that_often_flips_warns() -> None:
    history = [flipping(f"1.{i}", times=1) for i in range(10)]
    result = judged((ran(login="failed", pay="passed"),), *history)
    assert result.outcome is GateOutcome.WARN
    assert result.score is not None
    assert 75 <= result.score < 100


def test_a_failure_of_a_test_that_flipped_once_asks_a_human() -> None:
    history = [past(f"1.{i}", ran(login="passed", pay="passed")) for i in range(18)]
    result = judged((ran(login="failed", pay="passed"),), *history, flipping("1.18", times=1))
    assert result.outcome is GateOutcome.HOLD


def test_the_record_of_one_test_excuses_no_other() -> None:
    history = [flipping(f"1.{i}", times=1) for i in range(10)]
    assert judged((ran(login="passed", pay="failed"),), *history).outcome is GateOutcome.FAIL


def test_a_test_that_failed_and_passed_on_this_very_code_warns() -> None:
    result = judged((ran("1", login="failed", pay="passed"), ran("2", login="passed", pay="passed")))
    assert result.outcome is GateOutcome.PASS
    turned = judged((ran("1", login="passed", pay="passed"), ran("2", login="failed", pay="passed")))
    assert turned.outcome is GateOutcome.WARN
    assert "T::login failed and passed on the same code" in turned.parts[0].reasons


def test_a_test_that_passed_only_when_its_runner_repeated_it_warns() -> None:
    result = judged((ran(login="flaky", pay="passed"),))
    assert result.outcome is GateOutcome.WARN
    assert "passed only when repeated: T::login" in result.parts[0].reasons


def test_builds_of_one_commit_are_the_same_code() -> None:
    runs = [[*contents(ran(login="failed"), ran(login="passed"))]]
    assert learn_flakiness(runs)["T::login"] == FlakeRecord(runs=2, failures=1)
    broken_then_mended = [contents(ran(login="failed")), contents(ran(login="passed"))]
    assert learn_flakiness(broken_then_mended)["T::login"] == FlakeRecord(runs=1, failures=0)


def test_a_test_that_was_broken_for_a_while_is_not_called_flaky() -> None:
    broken = [past(f"1.{i}", ran(login="failed", pay="passed"), outcome=GateOutcome.FAIL) for i in range(5)]
    mended = [past(f"2.{i}", ran(login="passed", pay="passed")) for i in range(5)]
    assert judged((ran(login="failed", pay="passed"),), *broken, *mended).outcome is GateOutcome.FAIL


def test_many_flaky_failures_at_once_are_more_likely_real_than_one() -> None:
    names = [f"t{i}" for i in range(6)]
    flips = [
        past(
            f"1.{i}",
            ran("a", **dict.fromkeys(names, "failed"), steady="passed"),
            ran("b", **dict.fromkeys(names, "passed"), steady="passed"),
        )
        for i in range(4)
    ]
    one = judged((ran(**(dict.fromkeys(names, "passed") | {"t0": "failed", "steady": "passed"})),), *flips)
    all_ = judged((ran(**dict.fromkeys(names, "failed"), steady="passed"),), *flips)
    assert one.parts[0].score is not None
    assert all_.parts[0].score is not None
    assert all_.parts[0].score < one.parts[0].score


@given(runs=st.integers(0, 10_000), failures=st.integers(0, 10_000), prior=st.floats(0.001, 0.5))
def test_the_more_a_test_has_flipped_the_less_its_failure_says(
    runs: int, failures: int, prior: float
) -> None:
    total = runs + failures
    less = flake_rate(FlakeRecord(runs=total, failures=failures), PRIOR)
    more = flake_rate(FlakeRecord(runs=total + 1, failures=failures + 1), PRIOR)
    assert 0 < less < more < 1
    assert 0 < real_chance(more, prior) < real_chance(less, prior) <= 1


def test_tests_that_no_longer_run_are_missed() -> None:
    before = past("1.0", ran(**{f"t{i}": "passed" for i in range(10)}))
    result = judged((ran(**{f"t{i}": "passed" for i in range(7)}),), before)
    assert result.outcome is GateOutcome.WARN
    assert "3 of 10 tests of the last good build no longer ran" in result.parts[0].reasons


def test_a_shard_that_skips_a_test_does_not_take_its_result_back() -> None:
    shards = (ran("1", login="failed", pay="skipped"), ran("2", login="skipped", pay="passed"))
    assert judged(shards).outcome is GateOutcome.FAIL


def test_nothing_but_skipped_tests_is_no_pass() -> None:
    result = judged((ran(login="skipped"),))
    assert result.outcome is GateOutcome.HOLD
    assert result.reasons == ("tests: no test ran (1 were skipped)",)
