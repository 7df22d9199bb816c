"""What docs/learning.md says is what the code reads and does."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from actions.policy_file import load_policy
from feature_store.promotion import Terms
from feature_store.training_shares import LEAST_PART
from feature_store.training_warm_up import MOST_MORE
from schemas.keys import EnvironmentName, ServiceName
from schemas.models import ModelStage
from streams.learner import LEAST_RELEASES
from streams.learner_settings import LearnerSettings, learner_variables, read_learner_settings

PAGE = (Path(__file__).parents[2] / "docs" / "learning.md").read_text()


def test_every_variable_of_the_learner_is_on_the_page_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(SUTURE_LEARN\w*)` \| `?(\w+)`? \|", PAGE, re.MULTILINE))
    assert set(told) == set(learner_variables(LearnerSettings()))
    assert read_learner_settings(told) == LearnerSettings() == read_learner_settings({})


def test_every_stage_is_on_the_page() -> None:
    assert set(re.findall(r"^\| `(challenger|champion|retired|rejected)` \|", PAGE, re.MULTILINE)) == set(
        ModelStage
    )


def test_the_costs_of_the_page_are_a_policy(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "policy.yaml").write_text(text)
    _, rule = load_policy(tmp_path / "policy.yaml").rule(EnvironmentName("prod"), ServiceName("checkout"))
    assert (rule.costs.bad_minute, rule.costs.false_rollback) == (50, 400)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("with {:g} releases that count", Terms().least_releases),
        ("count, {:g} of them bad", Terms().least_bad),
        ("within {} days", Terms().longest // timedelta(days=1)),
        ("from {} labelled releases on", LEAST_RELEASES),
        ("by up to {} intervals", MOST_MORE),
    ],
)
def test_the_terms_of_the_page_are_those_of_the_code(words: str, number: float) -> None:
    assert words.format(number) in PAGE


def test_a_quarter_is_what_a_signal_keeps() -> None:
    assert "each keeps a quarter of its share at least" in PAGE
    assert LEAST_PART == 0.25
