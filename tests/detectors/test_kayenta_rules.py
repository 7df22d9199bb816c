"""Kayenta's rules for one metric and for the score of a release."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.kayenta_metrics import (
    Classified,
    Label,
    Limits,
    MetricRule,
    Way,
    classify,
    classify_by_means,
)
from detectors.kayenta_score import Standing, scored
from schemas.kayenta import EffectMeasure, NanStrategy, OutlierStrategy

CONTROL = np.linspace(9.0, 11.0, 20)
NOTHING = np.array([], dtype=np.float64)
labels = st.sampled_from([Label.PASS, Label.HIGH, Label.LOW, Label.NODATA, Label.NODATA_FAIL])


@pytest.mark.parametrize(
    ("way", "factor", "label"),
    [
        (Way.EITHER, 2.0, Label.HIGH),
        (Way.INCREASE, 2.0, Label.HIGH),
        (Way.DECREASE, 2.0, Label.PASS),
        (Way.EITHER, 0.5, Label.LOW),
        (Way.DECREASE, 0.5, Label.LOW),
        (Way.INCREASE, 0.5, Label.PASS),
        (Way.EITHER, 1.0, Label.PASS),
    ],
)
def test_a_metric_fails_in_its_bad_direction_only(way: Way, factor: float, label: Label) -> None:
    assert classify(CONTROL, factor * CONTROL[::-1], MetricRule(way=way)).label is label


def test_a_rise_below_the_allowed_effect_passes() -> None:
    allowed = Limits(decrease=0.5, increase=3.0)
    assert classify(CONTROL, 2 * CONTROL, MetricRule(allowed=allowed)).label is Label.PASS
    assert classify(CONTROL, 4 * CONTROL, MetricRule(allowed=allowed)).label is Label.HIGH


def test_a_critical_metric_fails_the_release_from_its_own_limit_on() -> None:
    rule = MetricRule(is_critical=True, critical=Limits(decrease=0.1, increase=3.0))
    assert not classify(CONTROL, 2 * CONTROL, rule).is_critical
    assert classify(CONTROL, 4 * CONTROL, rule).is_critical


def test_an_effect_can_be_measured_as_the_chance_to_exceed() -> None:
    rule = MetricRule(measure=EffectMeasure.CLES, allowed=Limits(decrease=0.2, increase=0.8))
    found = classify(CONTROL, 2 * CONTROL, rule)
    assert found.label is Label.HIGH
    assert found.effect == 1.0


@pytest.mark.parametrize("sides", [(CONTROL, NOTHING), (NOTHING, CONTROL), (CONTROL, np.full(5, np.nan))])
def test_a_side_without_data_is_nodata_unless_it_must_have_some(
    sides: tuple[np.ndarray, np.ndarray],
) -> None:
    control, experiment = sides
    assert classify(control, experiment, MetricRule()).label is Label.NODATA
    assert classify(control, experiment, MetricRule(must_have_data=True)).label is Label.NODATA_FAIL
    assert classify(control, experiment, MetricRule(is_critical=True)).is_critical
    assert classify_by_means(control, experiment, MetricRule()).label is Label.NODATA


def test_missed_readings_are_left_out_or_count_as_zero() -> None:
    half = np.where(np.arange(20) % 2, CONTROL, np.nan)
    assert classify(CONTROL, half, MetricRule()).label is Label.PASS
    replaced = MetricRule(nan_strategy=NanStrategy.REPLACE, tolerance=0.1, confidence=0.5)
    assert classify(CONTROL, half, replaced).label is Label.LOW
    assert classify(CONTROL, NOTHING, replaced).label is Label.PASS


def test_outliers_are_kept_unless_asked_for() -> None:
    spiked = np.append(CONTROL, 1e6)
    allowed = Limits(increase=1.5)
    kept = classify(CONTROL, 1.2 * spiked, MetricRule(allowed=allowed))
    removed = classify(CONTROL, 1.2 * spiked, MetricRule(allowed=allowed, outliers=OutlierStrategy.REMOVE))
    assert (kept.label, removed.label) == (Label.HIGH, Label.PASS)


def test_the_mean_rule_goes_by_its_tolerance() -> None:
    assert classify_by_means(CONTROL, 1.2 * CONTROL, MetricRule()).label is Label.PASS
    assert classify_by_means(CONTROL, 1.3 * CONTROL, MetricRule()).label is Label.HIGH
    assert classify_by_means(CONTROL, 0.7 * CONTROL, MetricRule()).label is Label.LOW


@given(found=st.lists(st.tuples(st.sampled_from("abc"), labels), max_size=12))
def test_a_score_is_a_percentage_and_only_without_data_nothing(found: list[tuple[str, Label]]) -> None:
    metrics = [(f"m{i}", group, Classified(label=label)) for i, (group, label) in enumerate(found)]
    said = scored(metrics, {"a": 3.0, "b": 1.0, "c": 0.5}, pass_score=75, marginal_score=50)
    assert 0.0 <= said.score <= 100.0
    has_data = any(label is not Label.NODATA for _, label in found)
    assert (said.standing is Standing.NODATA) is not has_data


@pytest.mark.parametrize(
    ("failed", "standing"),
    [(0, Standing.PASS), (1, Standing.PASS), (2, Standing.MARGINAL), (3, Standing.FAIL)],
)
def test_a_score_passes_is_marginal_or_fails(failed: int, standing: Standing) -> None:
    parts = [Label.HIGH] * failed + [Label.PASS] * (4 - failed)
    metrics = [(f"m{i}", "all", Classified(label=label)) for i, label in enumerate(parts)]
    assert scored(metrics, {}, pass_score=75, marginal_score=50).standing is standing


def test_a_critical_metric_makes_the_score_nothing() -> None:
    fine, bad = Classified(label=Label.PASS), Classified(label=Label.HIGH, is_critical=True)
    said = scored([("a", "x", fine), ("b", "y", bad)], {"x": 99.0}, pass_score=75, marginal_score=50)
    assert (said.score, said.standing) == (0.0, Standing.FAIL)
    assert "b" in said.reason


def test_groups_without_a_weight_share_what_is_left_of_a_hundred() -> None:
    fine, bad = Classified(label=Label.PASS), Classified(label=Label.HIGH)
    metrics = [("a", "x", fine), ("b", "y", bad), ("c", "z", bad)]
    assert scored(metrics, {"x": 60.0}, pass_score=75, marginal_score=50).score == 60.0
