"""Kayenta's remote judge: its request in, our Kayenta-compatible judge's opinion out. Pure.

After the classes of spinnaker/kayenta, `RemoteJudgeRequest` and `CanaryJudgeResult` (Apache-2.0); no code was
taken over. Names on the wire are Kayenta's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from detectors.kayenta_metrics import Classified, Label, Limits, MetricRule, Way, classify
from detectors.kayenta_score import scored
from detectors.kayenta_statistics import Floats
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.kayenta import EffectMeasure, NanStrategy, OutlierStrategy

JUDGE = "RemoteJudge-v1.0"

MOST_COMPARISONS = 250_000_000
"""Of a request: the rank test compares every value of one side with every value of the other. A day of
minutes on both sides is two million."""

MOST_PAIRS = 2_000
_MOST_OF_ONE_PAIR = 10_000_000

Reading = Annotated[float, BeforeValidator(lambda value: _reading(value))]
_Score = Annotated[float, Field(ge=0.0, le=100.0)]
_Limit = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


def _reading(value: Any) -> Any:
    """Return a reading; gaps arrive as the string NaN, and what is infinite is none either."""
    if value is None or (isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity")):
        return float("nan")
    if isinstance(value, bool | str):
        raise ValueError('expected a number or "NaN"')  # noqa: TRY004  # pydantic reads ValueError alone
    return value


class _Measure(StrEnum):
    """Kayenta's names of an effect's measures, in lower case."""

    MEAN_RATIO = "meanratio"
    CLES = "cles"


@dataclass(frozen=True, slots=True, kw_only=True)
class _EffectSize:
    measure: Annotated[_Measure, _Lower] = _Measure.MEAN_RATIO
    allowedIncrease: _Limit = 1.0  # noqa: N815  # Kayenta's names, here and below
    allowedDecrease: _Limit = 1.0  # noqa: N815
    criticalIncrease: _Limit = 1.0  # noqa: N815
    criticalDecrease: _Limit = 1.0  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outliers:
    strategy: Annotated[OutlierStrategy, _Lower] = OutlierStrategy.KEEP
    outlierFactor: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 3.0  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class _Analysis:
    direction: Annotated[Way | None, _Lower] = None
    critical: bool | None = None
    muted: bool | None = None
    mustHaveData: bool | None = None  # noqa: N815
    nanStrategy: Annotated[NanStrategy | None, _Lower] = None  # noqa: N815
    effectSize: _EffectSize | None = None  # noqa: N815
    outliers: _Outliers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Analyses:
    canary: _Analysis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    name: str
    groups: list[str] | None = None
    analysisConfigurations: _Analyses | None = None  # noqa: N815

    @property
    def analysis(self) -> _Analysis:
        """Return how the metric is judged; what is not said has its default."""
        found = self.analysisConfigurations.canary if self.analysisConfigurations is not None else None
        return found or _Analysis()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Classifier:
    groupWeights: dict[str, _Limit] | None = None  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    metrics: list[_Metric]
    classifier: _Classifier | None = None
    judge: _Judge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thresholds:
    passing: Annotated[_Score, Field(alias="pass")]
    marginal: _Score


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    control: list[Reading]
    experiment: list[Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    name: str
    id: str
    values: _Values
    tags: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    canaryConfig: _Config  # noqa: N815
    scoreThresholds: _Thresholds  # noqa: N815
    metricSetPairList: Annotated[list[_Pair], Field(max_length=MOST_PAIRS)] = field(  # noqa: N815
        default_factory=list
    )


def judge(body: bytes) -> bytes:
    """Return the answer to a request of Kayenta, as JSON: one result a pair, none of its keys null.

    Raises:
        SchemaError: it is no request, names a metric that its configuration lacks, or holds too many values.
    """
    asked = from_json(_Request, body)
    metrics = {metric.name: metric for metric in asked.canaryConfig.metrics}
    for pair in asked.metricSetPairList:
        if pair.name not in metrics:
            raise SchemaError("metricSetPairList names a metric that canaryConfig.metrics lacks")
    _check_size(asked.metricSetPairList)
    found = [
        (pair, metrics[pair.name], _classified(pair, metrics[pair.name])) for pair in asked.metricSetPairList
    ]
    weights = (
        asked.canaryConfig.classifier.groupWeights if asked.canaryConfig.classifier is not None else None
    )
    score = scored(
        [
            (metric.name, group, one)
            for _, metric, one in found
            if not metric.analysis.muted
            for group in metric.groups or [metric.name]
        ],
        weights or {},
        pass_score=asked.scoreThresholds.passing,
        marginal_score=asked.scoreThresholds.marginal,
    )
    name = asked.canaryConfig.judge.name if asked.canaryConfig.judge is not None else None
    return to_json(
        {
            "judgeName": name or JUDGE,
            "results": [_result(*one) for one in found],
            "groupScores": [
                {"name": group, "score": value, "classification": "", "classificationReason": ""}
                for group, value in score.groups.items()
            ],
            "score": {
                "score": score.score,
                "classification": score.standing.value,
                "classificationReason": score.reason,
            },
        },
        dict[str, Any],
    )


def _check_size(pairs: list[_Pair]) -> None:
    sizes = [len(pair.values.control) * len(pair.values.experiment) for pair in pairs]
    if sum(sizes) > MOST_COMPARISONS or max(sizes, default=0) > _MOST_OF_ONE_PAIR:
        raise SchemaError(
            f"metricSetPairList takes {sum(sizes)} comparisons, expected at most {MOST_COMPARISONS} in all "
            f"and {_MOST_OF_ONE_PAIR} of one pair: use a longer step"
        )


def _classified(pair: _Pair, metric: _Metric) -> Classified:
    analysis = metric.analysis
    effect, outliers = analysis.effectSize or _EffectSize(), analysis.outliers or _Outliers()
    rule = MetricRule(
        way=analysis.direction or Way.EITHER,
        measure=EffectMeasure.CLES if effect.measure is _Measure.CLES else EffectMeasure.MEAN_RATIO,
        allowed=Limits(decrease=effect.allowedDecrease, increase=effect.allowedIncrease),
        critical=Limits(decrease=effect.criticalDecrease, increase=effect.criticalIncrease),
        is_critical=bool(analysis.critical),
        must_have_data=bool(analysis.mustHaveData),
        nan_strategy=analysis.nanStrategy or NanStrategy.REMOVE,
        outliers=outliers.strategy,
        outlier_factor=outliers.outlierFactor,
    )
    # Differences and means of readings near the largest float are infinite, and are said so.
    with np.errstate(over="ignore", invalid="ignore"):
        return classify(np.array(pair.values.control), np.array(pair.values.experiment), rule)


def _result(pair: _Pair, metric: _Metric, found: Classified) -> dict[str, Any]:
    is_effect = found.effect is not None and isfinite(found.effect)
    return {
        "name": pair.name,
        "id": pair.id,
        "tags": pair.tags or {},
        # That a metric must have data shows in the score; the other label is none of a remote judge's.
        "classification": (Label.NODATA if found.label is Label.NODATA_FAIL else found.label).value,
        "classificationReason": found.reason,
        "groups": metric.groups or [metric.name],
        "experimentMetadata": {"stats": _statistics(np.array(pair.values.experiment, dtype=np.float64))},
        "controlMetadata": {"stats": _statistics(np.array(pair.values.control, dtype=np.float64))},
        "resultMetadata": {"pValue": found.p_value, **({"effect": found.effect} if is_effect else {})},
        "critical": bool(metric.analysis.critical),
        "muted": bool(metric.analysis.muted),
    }


def _statistics(values: Floats) -> Mapping[str, float]:
    known = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        mean = float(known.mean()) if len(known) else float("nan")
    return {"count": len(known), **({"mean": mean} if isfinite(mean) else {})}
