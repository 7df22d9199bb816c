"""Models of risk as plain data: what they say, what they refuse, and that JSON gives them back."""

from math import log, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.risk_models import Calibration, RiskModel, RiskTerm, RiskTree, Transform
from schemas.risk_prior import SHIPPED_PRIOR

STUMP = RiskTree(
    feature=(1, -1, -1),
    threshold=(3.0, 0.0, 0.0),
    left=(1, 0, 0),
    right=(2, 0, 0),
    missing_left=(False, False, False),
    value=(0.1, -0.5, 0.7),
)
FOREST = RiskModel(kind="boosted", features=("a", "b"), intercept=-1.0, trees=(STUMP, STUMP))
numbers = st.floats(-1e6, 1e6)


def test_a_tree_sends_values_up_to_its_threshold_left_and_unknown_ones_where_it_says() -> None:
    assert FOREST.raw_odds({"b": 3.0}) == pytest.approx(-2.0)
    assert FOREST.raw_odds({"b": 3.1}) == pytest.approx(0.4)
    assert FOREST.raw_odds({}) == FOREST.raw_odds({"b": nan}) == FOREST.raw_odds({"b": 9.0})


def test_zero_is_no_unknown() -> None:
    term = RiskTerm(feature="a", weight=2.0, missing=0.3)
    model = RiskModel(kind="online", features=("a",), terms=(term,))
    assert model.raw_odds({"a": 0.0}) == 0.0
    assert model.raw_odds({}) == 0.3


@given(a=st.none() | numbers, b=st.none() | numbers)
def test_what_features_moved_adds_up_to_what_the_model_says(a: float | None, b: float | None) -> None:
    values = {name: value for name, value in (("a", a), ("b", b)) if value is not None}
    roots = sum(tree.value[0] for tree in FOREST.trees)
    assert FOREST.raw_odds(values) == pytest.approx(
        FOREST.intercept + roots + sum(FOREST.moved_by(values).values())
    )
    prior = sum(SHIPPED_PRIOR.moved_by(values).values())
    assert SHIPPED_PRIOR.raw_odds(values) == pytest.approx(prior)


@given(odds=st.lists(numbers, min_size=2, max_size=20))
def test_a_calibration_keeps_the_order(odds: list[float]) -> None:
    bent = Calibration(knots=(-2.0, 0.0, 5.0), odds=(-1.0, -1.0, 2.0))
    for known in (bent, Calibration(slope=0.4, intercept=-0.2)):
        mapped = [known.calibrated(each) for each in sorted(odds)]
        assert mapped == sorted(mapped)


def test_a_calibration_by_knots_is_straight_between_them_and_flat_outside() -> None:
    bent = Calibration(knots=(0.0, 2.0), odds=(1.0, 5.0))
    assert [bent.calibrated(odds) for odds in (-9.0, 0.0, 0.5, 2.0, 7.0)] == [1.0, 1.0, 2.0, 5.0, 5.0]


@given(values=st.dictionaries(st.sampled_from(["a", "b"]), st.floats(allow_nan=True, allow_infinity=True)))
def test_a_chance_is_never_nought_nor_one_and_the_same_after_json(values: dict[str, float]) -> None:
    again = from_json(RiskModel, to_json(FOREST))
    assert again == FOREST
    assert 0.0 < again.chance(values) == FOREST.chance(values) < 1.0


def test_the_shipped_prior_says_the_services_record_of_an_ordinary_release() -> None:
    ordinary = {"change_lines": 50.0, "change_files": 3.0, "hours_since_last": 24.0}
    assert SHIPPED_PRIOR.chance({**ordinary, "service_rate": 0.2}) == pytest.approx(0.2)
    assert SHIPPED_PRIOR.chance({}) == pytest.approx(0.1)
    doubled = SHIPPED_PRIOR.log_odds({**ordinary, "service_rate": 0.2, "change_lines": 100.0})
    assert doubled == pytest.approx(log(0.2 / 0.8) + 0.15)


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("falls", lambda: Calibration(slope=-1.0)),
        ("falls", lambda: Calibration(knots=(0.0, 0.0), odds=(0.0, 1.0))),
        ("not finite", lambda: RiskTerm(feature="a", weight=nan)),
        ("does not list", lambda: RiskModel(kind="x", features=("a",), trees=(STUMP,))),
        (
            "does not list",
            lambda: RiskModel(kind="x", features=(), terms=(RiskTerm(feature="a", weight=1.0),)),
        ),
        ("at most", lambda: RiskModel(kind="x", features=("a", "b"), trees=(STUMP,) * 201)),
        (
            "later nodes",
            lambda: RiskTree(
                feature=(0,), threshold=(0.0,), left=(0,), right=(0,), missing_left=(True,), value=(0.0,)
            ),
        ),
    ],
)
def test_a_model_that_cannot_be_evaluated_is_refused(what: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=what):
        wrong()


def test_a_model_in_the_log_that_leads_in_a_circle_is_refused() -> None:
    text = to_json(FOREST).replace(b'"left":[1,0,0]', b'"left":[0,0,0]')
    with pytest.raises(SchemaError, match="later nodes"):
        from_json(RiskModel, text)


def test_doublings_are_counted_from_a_half() -> None:
    term = RiskTerm(feature="a", weight=1.0, transform=Transform.DOUBLINGS)
    assert term.added(0.0) == -1.0
    assert term.added(8.0) == 3.0
