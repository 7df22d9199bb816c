"""Validation in two stages: what the judge holds of a running release, and a separate smoke test.

Each is blind to something: the judge to what no traffic shows, the smoke test to what nobody wrote a
test for. A policy says whether one of them may take a release back alone.
"""

from dataclasses import dataclass
from enum import StrEnum

from actions.quality.builds import Build
from actions.quality.scoring.tests import last_outcomes
from schemas.judgements import VerdictKind
from schemas.reports import CaseOutcome


class StageRule(StrEnum):
    """What must fail before a release is rolled back.

    BOTH: the verdict and the smoke test. Fewer false rollbacks; damage that only one of them sees waits
    for a human. EITHER: one is enough. Faster; a flaky smoke test takes good releases back.
    """

    BOTH = "both"
    EITHER = "either"


class SmokeOutcome(StrEnum):
    """How a smoke test came out. UNKNOWN: it did not run, or nobody reported it."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class StageAction(StrEnum):
    """What to do. HOLD: ask a human, the stages disagree or one of them does not know."""

    GO_ON = "go_on"
    HOLD = "hold"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDecision:
    """What the two stages together say, and why."""

    action: StageAction
    why: str


def combine_stages(verdict: VerdictKind, smoke: SmokeOutcome, rule: StageRule) -> StageDecision:
    """Return what to do about a release, given both stages and the policy's rule.

    Not to know is never a pass and never a failure: with a stage that does not know, a release goes on
    under no rule, and is rolled back under EITHER alone, when the other stage failed.

    >>> combine_stages(VerdictKind.HARMFUL, SmokeOutcome.PASSED, StageRule.BOTH).action
    <StageAction.HOLD: 'hold'>
    """
    is_harmful = verdict is VerdictKind.HARMFUL
    is_healthy = verdict is VerdictKind.HEALTHY
    has_failed = smoke is SmokeOutcome.FAILED
    seen = f"the verdict is {verdict}, the smoke test {smoke}"
    if is_harmful and has_failed:
        return StageDecision(action=StageAction.ROLL_BACK, why=f"both stages failed: {seen}")
    if is_harmful or has_failed:
        if rule is StageRule.EITHER:
            return StageDecision(action=StageAction.ROLL_BACK, why=f"one failed stage is enough: {seen}")
        return StageDecision(action=StageAction.HOLD, why=f"both stages must fail to roll back: {seen}")
    if is_healthy and smoke is SmokeOutcome.PASSED:
        return StageDecision(action=StageAction.GO_ON, why=f"both stages passed: {seen}")
    return StageDecision(action=StageAction.HOLD, why=f"not both stages know: {seen}")


def smoke_outcome(build: Build) -> SmokeOutcome:
    """Return how the reported smoke tests ended, each by its newest run."""
    last = [case for case in last_outcomes(build.runs).values() if case.outcome is not CaseOutcome.SKIPPED]
    if not last:
        return SmokeOutcome.UNKNOWN
    return SmokeOutcome.FAILED if any(case.has_failed for case in last) else SmokeOutcome.PASSED
