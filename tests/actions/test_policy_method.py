"""A policy file chooses the rule that convicts."""

from datetime import timedelta

import pytest

from actions.policy_file import PolicyFileError, explain_policy, parse_policy
from schemas.kayenta import NanStrategy
from schemas.keys import EnvironmentName, ServiceName
from schemas.policy import JudgeMethod

PROD, CART = EnvironmentName("prod"), ServiceName("cart")
KAYENTA = """
version: 1
services:
  cart:
    judge:
      method: kayenta
      kayenta: {pass_score: 90, analysis_interval: 5m, nan_strategy: replace, critical: [errors]}
"""


def test_the_rule_is_anytime_valid_unless_the_file_says_otherwise() -> None:
    policy = parse_policy("version: 1")
    assert policy.rule(PROD, CART)[1].judge.method is JudgeMethod.ANYTIME
    assert "judge.kayenta" not in explain_policy(policy, PROD, CART)


def test_kayentas_rule_is_asked_for_with_its_settings() -> None:
    policy = parse_policy(KAYENTA)
    judge = policy.rule(PROD, CART)[1].judge
    assert judge.method is JudgeMethod.KAYENTA
    assert judge.kayenta.pass_score == 90
    assert judge.kayenta.analysis_interval == timedelta(minutes=5)
    assert judge.kayenta.nan_strategy is NanStrategy.REPLACE
    assert "judge.kayenta.pass_score = 90" in explain_policy(policy, PROD, CART)


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        ("{method: kayent}", "expected 'anytime' or 'kayenta'"),
        ("{kayenta: {passscore: 90}}", "did you mean pass_score"),
        ("{kayenta: {pass_score: 120}}", "less than or equal to 100"),
        ("{kayenta: {critical: [speed]}}", "kayenta names the signal speed"),
    ],
)
def test_a_mistake_in_it_is_told_with_its_line(judge: str, problem: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        parse_policy(f"version: 1\ndefaults: {{judge: {judge}}}")
    assert problem in str(caught.value)
