"""The file of limits: what it names changes, the rest stays, and what makes no sense is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.quality.gate import gate
from actions.quality.limits import PARTS, Limits, Weights
from actions.quality.limits_file import parse_limits
from schemas.errors import SettingsError
from schemas.quality import GateOutcome
from tests.actions.quality.building import asked, costs, ran


def test_what_a_file_does_not_name_keeps_its_default() -> None:
    limits = parse_limits("required: [tests, load]\nweights: {coverage: 2}\nflake_prior: [0.5, 10]\n")
    assert limits == Limits(
        required=("tests", "load"), weights=Weights(coverage=2.0), flake_prior=(0.5, 10.0)
    )
    assert parse_limits("") == Limits()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "limits.yaml:1: is no mapping"),
        ("a: [", "is not YAML"),
        ("cost_ratio: 2", "limits.yaml:1: cost_ratio: is no known key, did you mean cost_ratio"),
        ("required: []\nweights:\n  test: 2", "limits.yaml:3: weights.test: is no known key"),
        ("weights: {tests: -1}", "expected a weight of 0 or more"),
        ("weights: 3", "weights"),
        ("real_failure_hold: 0.9", "expected at most real_failure_fail"),
        ("changed_coverage_pass: 80", "expected 0 to 1"),
        ("error_level: .nan", "error_level"),
        ("required: [smoke]", "names no part"),
        ("required: [risk]", "names no part"),
        ("flake_prior: [3, 2]", "expected some failures in more runs"),
        ("good_builds: 0", "expected 1 to 50"),
    ],
)
def test_a_mistake_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_limits(text)
    assert why in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_limits(text)
    except SettingsError:
        return


def test_a_limit_changes_the_outcome_and_the_digest() -> None:
    reports = (ran(login="passed"), costs(2000.0, 1000.0))
    usual, generous = (
        gate(asked(), reports, ()),
        gate(asked(), reports, (), None, Limits(cost_ratio_hold=3.0)),
    )
    assert (usual.outcome, generous.outcome) == (GateOutcome.HOLD, GateOutcome.WARN)
    assert usual.settings != generous.settings


def test_every_part_has_a_weight() -> None:
    assert set(PARTS) == set(Weights.__slots__)
