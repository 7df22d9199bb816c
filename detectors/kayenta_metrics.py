"""Kayenta's rule for one metric: a canary's values and its control's, as Pass, High, Low or Nodata.

Written after Kayenta's documentation and the behaviour that its tests ask for (spinnaker/kayenta,
`NetflixACAJudge`, Apache-2.0); no code was taken over.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detectors.kayenta_statistics import (
    Floats,
    common_language,
    mann_whitney,
    mean_ratio,
    without_outliers,
)
from schemas.kayenta import EffectMeasure, NanStrategy, OutlierStrategy


class Way(StrEnum):
    """Which way of moving fails a metric."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


class Label(StrEnum):
    """What a metric is called. NODATA_FAIL: it has no data, must have them, and so counts as failed."""

    PASS = "Pass"  # noqa: S105  # a verdict's name and no password
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"
    NODATA_FAIL = "NodataFailMetric"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes of an effect, in units of its measure, that a change must reach to count.

    Attributes:
        decrease: A fall counts at or below; 1 for any fall.
        increase: A rise counts at or above; 1 for any rise.
    """

    decrease: float = 1.0
    increase: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule:
    """How one metric is classified.

    Attributes:
        allowed: Limits of the effect that fails the metric.
        critical: Limits of the effect that fails the whole release, where `is_critical`.
        is_critical: Failing, or having no data, fails the whole release.
        must_have_data: Without data the metric counts as failed.
        outlier_factor: In interquartile ranges.
    """

    way: Way = Way.EITHER
    tolerance: float = 0.25
    confidence: float = 0.98
    measure: EffectMeasure = EffectMeasure.MEAN_RATIO
    allowed: Limits = Limits()
    critical: Limits = Limits()
    is_critical: bool = False
    must_have_data: bool = False
    nan_strategy: NanStrategy = NanStrategy.REMOVE
    outliers: OutlierStrategy = OutlierStrategy.KEEP
    outlier_factor: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What a metric was found to be.

    Attributes:
        is_critical: It fails the whole release.
        p_value: Two-sided, of no shift, in (0, 1]; 1 where nothing was tested.
        effect: Size of the effect, in its measure; None where nothing was compared. May be infinite.
        reason: In words.
    """

    label: Label
    is_critical: bool = False
    p_value: float = 1.0
    effect: float | None = None
    reason: str = ""


def prepared(values: Floats, rule: MetricRule) -> Floats:
    """Return one side's values as they are compared: without, or with zero for, those that are no number.

    Args:
        values: (values,), NaN for a reading that was missed.
        rule: Says what becomes of such readings, and of outliers.
    """
    known = values[np.isfinite(values)]
    if rule.nan_strategy is NanStrategy.REPLACE:
        known = np.where(np.isfinite(values), values, 0.0)
    return without_outliers(known, rule.outlier_factor) if rule.outliers is OutlierStrategy.REMOVE else known


def classify(control: Floats, experiment: Floats, rule: MetricRule) -> Classified:
    """Return what a metric is called by the Mann-Whitney rule.

    It is High where the interval of its shift lies above `tolerance` of the shift's estimate and the effect
    reaches the limit of a rise; Low the other way round.

    Args:
        control: The baseline's values, (values,), NaN for missed readings.
        experiment: The canary's values, likewise; the two need not have the same length.
        rule: How this metric is classified.
    """
    control, experiment = prepared(control, rule), prepared(experiment, rule)
    if not len(control) or not len(experiment):
        return _without_data(len(control), len(experiment), rule)
    if np.array_equal(np.sort(control), np.sort(experiment)):
        return Classified(label=Label.PASS, effect=1.0, reason="both sides are the same")
    shift = mann_whitney(control, experiment, rule.confidence)
    measured = mean_ratio if rule.measure is EffectMeasure.MEAN_RATIO else common_language
    effect = measured(control, experiment)
    bound = rule.tolerance * abs(shift.estimate)
    is_up = shift.lower > bound and rule.way is not Way.DECREASE
    is_down = shift.upper < -bound and rule.way is not Way.INCREASE
    label, is_critical = Label.PASS, False
    if is_up and effect >= rule.allowed.increase:
        label = Label.HIGH
    elif is_down and effect <= rule.allowed.decrease:
        label = Label.LOW
    if rule.is_critical and is_up and effect >= rule.critical.increase:
        label, is_critical = Label.HIGH, True
    elif rule.is_critical and is_down and effect <= rule.critical.decrease:
        label, is_critical = Label.LOW, True
    return Classified(
        label=label,
        is_critical=is_critical,
        p_value=shift.p_value,
        effect=effect,
        reason=f"shift {shift.estimate:.3g}, {rule.confidence:.0%} interval {shift.lower:.3g} to "
        f"{shift.upper:.3g}, effect {effect:.3g}",
    )


def classify_by_means(control: Floats, experiment: Floats, rule: MetricRule) -> Classified:
    """Return what a metric is called by the mean-inequality rule: did its mean leave the control's tolerance?

    Kayenta has it beside the Mann-Whitney rule and no judge of its own uses it.
    """
    control, experiment = prepared(control, rule), prepared(experiment, rule)
    if not len(control) or not len(experiment):
        return _without_data(len(control), len(experiment), rule)
    below, above = float(control.mean()), float(experiment.mean())
    bound = rule.tolerance * abs(below)
    label = Label.PASS
    if above > below + bound and rule.way is not Way.DECREASE:
        label = Label.HIGH
    elif above < below - bound and rule.way is not Way.INCREASE:
        label = Label.LOW
    return Classified(
        label=label, effect=mean_ratio(control, experiment), reason=f"{above:.3g} of {below:.3g}"
    )


def _without_data(control: int, experiment: int, rule: MetricRule) -> Classified:
    """Return what becomes of a metric one of whose sides is empty."""
    missing = " and ".join(
        name for name, count in (("control", control), ("experiment", experiment)) if not count
    )
    reason = f"no data of the {missing}"
    if rule.nan_strategy is NanStrategy.REPLACE:
        # Who asks for zeros says that silence is usual for this metric.
        return Classified(label=Label.PASS, reason=reason)
    if rule.must_have_data and not rule.is_critical:
        return Classified(label=Label.NODATA_FAIL, reason=reason)
    return Classified(label=Label.NODATA, is_critical=rule.is_critical, reason=reason)
