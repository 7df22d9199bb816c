"""Two stages, a verdict and a smoke test: the rule decides whether one of them may roll back alone."""

from itertools import product

import pytest

from actions.quality.builds import build_of
from actions.quality.stages import SmokeOutcome, StageAction, StageRule, combine_stages, smoke_outcome
from schemas.judgements import VerdictKind
from tests.actions.quality.building import ran

HARMFUL, HEALTHY, NODATA = VerdictKind.HARMFUL, VerdictKind.HEALTHY, VerdictKind.NODATA
PASSED, FAILED, UNKNOWN = SmokeOutcome.PASSED, SmokeOutcome.FAILED, SmokeOutcome.UNKNOWN
GO_ON, HOLD, ROLL_BACK = StageAction.GO_ON, StageAction.HOLD, StageAction.ROLL_BACK


@pytest.mark.parametrize(
    ("verdict", "smoke", "both", "either"),
    [
        (HARMFUL, FAILED, ROLL_BACK, ROLL_BACK),
        (HARMFUL, PASSED, HOLD, ROLL_BACK),
        (HARMFUL, UNKNOWN, HOLD, ROLL_BACK),
        (HEALTHY, FAILED, HOLD, ROLL_BACK),
        (NODATA, FAILED, HOLD, ROLL_BACK),
        (HEALTHY, PASSED, GO_ON, GO_ON),
        (HEALTHY, UNKNOWN, HOLD, HOLD),
        (NODATA, PASSED, HOLD, HOLD),
        (NODATA, UNKNOWN, HOLD, HOLD),
    ],
)
def test_the_rule_says_how_many_stages_must_fail(
    verdict: VerdictKind, smoke: SmokeOutcome, both: StageAction, either: StageAction
) -> None:
    assert combine_stages(verdict, smoke, StageRule.BOTH).action is both
    assert combine_stages(verdict, smoke, StageRule.EITHER).action is either


def test_nothing_goes_on_unless_both_stages_passed() -> None:
    for verdict, smoke, rule in product(VerdictKind, SmokeOutcome, StageRule):
        decision = combine_stages(verdict, smoke, rule)
        assert (decision.action is GO_ON) == (verdict is HEALTHY and smoke is PASSED)
        assert f"the verdict is {verdict}, the smoke test {smoke}" in decision.why


def test_a_smoke_test_that_skipped_everything_is_unknown() -> None:
    assert smoke_outcome(build_of(())) is UNKNOWN
    assert smoke_outcome(build_of((ran(login="skipped"),))) is UNKNOWN
    assert smoke_outcome(build_of((ran(login="passed", pay="failed"),))) is FAILED
    assert smoke_outcome(build_of((ran("1", login="failed"), ran("2", login="passed")))) is PASSED
