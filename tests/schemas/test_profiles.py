"""What was learnt makes a rule stricter, or places its budget elsewhere, and never loosens it."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName, SignalName
from schemas.policy import Rule
from schemas.profiles import Adjustment, LearntSignal, Profile, adjusted

NAMES = [signal.name for signal in Rule().signals]
LEARNT = st.builds(
    LearntSignal,
    share=st.none() | st.floats(0, 100),
    warm_up=st.none() | st.integers(0, 20),
    expected_ratio=st.none() | st.floats(1.01, 100),
)
ADJUSTMENTS = st.builds(
    Adjustment,
    alpha=st.none() | st.floats(1e-6, 0.99),
    signals=st.dictionaries(st.sampled_from([*NAMES, SignalName("unknown")]), LEARNT),
)


@given(ADJUSTMENTS)
def test_no_adjustment_spends_more_than_the_rule(learnt: Adjustment) -> None:
    rule = Rule()
    strict = adjusted(rule, learnt)
    assert strict.judge.alpha <= rule.judge.alpha
    given_shares = sum(signal.share for signal in rule.signals)
    assert isclose(sum(signal.share for signal in strict.signals), given_shares, rel_tol=1e-9)
    for before, after in zip(rule.signals, strict.signals, strict=True):
        assert after.warm_up >= before.warm_up
        assert before.share > 0 or after.share == 0, "what people only look at convicts nobody"
        assert (after.margin_ratio, after.margin_floor) == (before.margin_ratio, before.margin_floor)


@given(st.dictionaries(st.sampled_from(["*/*", "prod/*", "*/cart", "prod/cart"]), ADJUSTMENTS))
def test_a_profile_is_the_same_after_json(adjustments: dict[str, Adjustment]) -> None:
    profile = Profile(adjustments=adjustments)
    assert from_json(Profile, to_json(profile)) == profile


def test_the_most_specific_adjustment_counts() -> None:
    profile = Profile(
        adjustments={
            "*/*": Adjustment(alpha=0.009),
            "prod/*": Adjustment(alpha=0.008),
            "*/cart": Adjustment(alpha=0.007),
            "prod/cart": Adjustment(alpha=0.006),
        }
    )
    found = [
        profile.adjustment(EnvironmentName(environment), ServiceName(service))
        for environment, service in (("prod", "cart"), ("dev", "cart"), ("prod", "mail"), ("dev", "mail"))
    ]
    assert [item.alpha for item in found if item] == [0.006, 0.007, 0.008, 0.009]
    assert Profile().adjustment(EnvironmentName("prod"), ServiceName("cart")) is None


def test_nothing_learnt_changes_nothing() -> None:
    assert adjusted(Rule(), None) is not None
    assert adjusted(Rule(), None) == Rule()
    assert adjusted(Rule(), Adjustment()) == Rule()


def test_shares_that_all_vanish_stay_as_they_were() -> None:
    none_left = Adjustment(signals={name: LearntSignal(share=0.0) for name in NAMES})
    assert adjusted(Rule(), none_left) == Rule()


def test_a_key_that_is_not_two_names_is_refused() -> None:
    with pytest.raises(ValueError, match="expected environment/service"):
        Profile(adjustments={"cart": Adjustment()})
    with pytest.raises(SchemaError):
        from_json(Profile, b'{"adjustments": {"a/b": {"beta": 1}}}')
