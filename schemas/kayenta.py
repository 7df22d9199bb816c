"""Settings of the Kayenta-compatible judge, under Kayenta's names where it has one."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.durations import Duration

_STRICT = ConfigDict(extra="forbid")

Level = Annotated[float, Field(gt=0.0, lt=1.0)]
Score = Annotated[float, Field(ge=0.0, le=100.0)]


class NanStrategy(StrEnum):
    """What becomes of a reading that is no number: it is left out, or counts as zero."""

    REMOVE = "remove"
    REPLACE = "replace"


class OutlierStrategy(StrEnum):
    """What becomes of readings far from their quartiles."""

    KEEP = "keep"
    REMOVE = "remove"


class EffectMeasure(StrEnum):
    """How the size of an effect is measured: the ratio of the means, or the chance that one side exceeds."""

    MEAN_RATIO = "meanRatio"
    CLES = "cles"


@dataclass(frozen=True, slots=True, kw_only=True)
class KayentaSettings:
    """How Kayenta's rule judges a release where a policy asks for it.

    A metric fails when the confidence interval of its shift lies beyond `tolerance` of the shift's estimate,
    in its signal's bad direction, and its mean has moved by more than the signal's `margin_ratio`. The groups
    of Kayenta are the signals here, weighted by their shares.

    Attributes:
        pass_score: A release whose score is below, and not below `marginal_score`, waits for a human.
        marginal_score: A release whose score is below, at an analysis, is harmful.
        confidence: Level of the interval of one metric's shift, at one look.
        tolerance: How far the interval must lie from no shift, as a part of the shift's estimate.
        analysis_interval: Time from one analysis to the next; the first comes so long after the release.
            0 for a single one when the watch ends. Every further one is a further chance to be wrong.
        nan_strategy: What becomes of readings that are no numbers.
        outliers: What becomes of readings far from their quartiles.
        outlier_factor: How far that is, in interquartile ranges.
        critical: Signals that fail the whole release when they fail or have no data.
        must_have_data: Signals that count as failed, and not as absent, without data.
    """

    __pydantic_config__ = _STRICT

    pass_score: Score = 75.0
    marginal_score: Score = 50.0
    confidence: Level = 0.98
    tolerance: Annotated[float, Field(ge=0.0)] = 0.25
    analysis_interval: Duration = timedelta(0)
    nan_strategy: NanStrategy = NanStrategy.REMOVE
    outliers: OutlierStrategy = OutlierStrategy.KEEP
    outlier_factor: Annotated[float, Field(gt=0.0)] = 3.0
    critical: tuple[str, ...] = field(default=())
    must_have_data: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.marginal_score > self.pass_score:
            raise ValueError(
                f"marginal_score is {self.marginal_score:g}, expected at most pass_score, {self.pass_score:g}"
            )
        if self.analysis_interval < timedelta(0):
            raise ValueError("analysis_interval is negative, expected 0 or more")
