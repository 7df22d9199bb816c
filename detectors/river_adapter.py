"""The door to river: its detectors behind one guard, with one meaning of a score.

What the guard is for, all seen in river 0.23 to 0.26: one NaN makes a Gaussian NaN for ever;
`GaussianScorer` gives a constant metric 1.0, the highest score; `MinMaxScaler` divides zero by zero on
constants; half-space trees expect values in [0, 1] and know no others; `LocalOutlierFactor` keeps every
row, so it is not offered. So values are made finite, put in units of their own deviation and bounded before
a model sees them, and a model that says something that is no number begins anew. Its raw numbers become
surprises against their own past (`bank_tails`), and those become scores as the bank's do (`bank_alarms`).

A model is a tree of Python objects, 166 KiB pickled for half-space trees: it is for comparison and for few
series, and is no part of the engine's state.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite
from typing import Any, Protocol

import numpy as np
import river.anomaly
import river.drift
import river.time_series

from detectors import bank_alarms, bank_tails

anomaly: Any = river.anomaly
drift: Any = river.drift
time_series: Any = river.time_series
# Only some of their methods are typed.

WARM_UP, UNSETTLED = 100, 25
"""Readings before anything is scored, and before anything is counted: the unit is not known yet."""

LARGEST_VALUE = 1e100

BOUND = 10.0
"""Values farther than this many deviations from their level are taken to be this far."""

SHARE = 0.0003
"""Share that a value has of the level and of the deviation that it is told in; as in the bank."""


class RiverKind(StrEnum):
    """Which of river's models."""

    HALF_SPACE_TREES = "half-space-trees"
    GAUSSIAN = "gaussian"
    ADWIN = "adwin"
    PAGE_HINKLEY = "page-hinkley"
    HOLT = "holt"


class _Model(Protocol):
    def raw(self, value: float) -> float:
        """Return how odd a value in [-BOUND, BOUND] is, at least 0, and learn from it."""


class _HalfSpaceTrees:
    """Isolation in random half-spaces of the value and its last step.

    Source: S. Tan, K. Ting, T. Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
    """

    def __init__(self, seed: int) -> None:
        self._trees = anomaly.HalfSpaceTrees(n_trees=10, height=8, window_size=250, seed=seed)
        self._before = 0.0

    def raw(self, value: float) -> float:
        step = min(max(value - self._before, -BOUND), BOUND)
        self._before = value
        point = {"value": (value / BOUND + 1.0) / 2.0, "step": (step / BOUND + 1.0) / 2.0}
        score = float(self._trees.score_one(point))
        self._trees.learn_one(point)
        return _odds(score)


class _Gaussian:
    """Distance from the middle of a normal distribution over the last 500 values."""

    def __init__(self) -> None:
        self._scorer = anomaly.GaussianScorer(window_size=500, grace_period=30)

    def raw(self, value: float) -> float:
        score = 0.0
        # Without spread its distribution is a point, and every value would score 1.
        if self._scorer.gaussian.sigma > 1e-6:
            score = float(self._scorer.score_one(None, value))
        self._scorer.learn_one(None, value)
        return _odds(score)


class _Drift:
    """How far the mean moved where a drift detector says that it did, else 0."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self._short, self._long = 0.0, 0.0

    def raw(self, value: float) -> float:
        self._detector.update(value)
        self._short += 0.1 * (value - self._short)
        self._long += 0.005 * (value - self._long)
        return 1.0 + abs(self._short - self._long) if self._detector.drift_detected else 0.0


class _Holt:
    """Error of a forecast by level and trend."""

    def __init__(self) -> None:
        self._forecaster = time_series.HoltWinters(alpha=0.3, beta=0.05)
        self._values = 0

    def raw(self, value: float) -> float:
        error = 0.0
        # It has no level before two values.
        if self._values > 2:
            error = abs(value - float(self._forecaster.forecast(horizon=1)[0]))
        self._forecaster.learn_one(value)
        self._values += 1
        return error


def _odds(score: float) -> float:
    """Return odds of a score in [0, 1]: scores crowd at 1, and their odds tell them apart."""
    return score / max(1.0 - score, 1e-12)


def _model(kind: RiverKind, seed: int) -> _Model:
    match kind:
        case RiverKind.HALF_SPACE_TREES:
            return _HalfSpaceTrees(seed)
        case RiverKind.GAUSSIAN:
            return _Gaussian()
        case RiverKind.ADWIN:
            return _Drift(drift.ADWIN())
        case RiverKind.PAGE_HINKLEY:
            return _Drift(drift.PageHinkley())
        case RiverKind.HOLT:
            return _Holt()


@dataclass(slots=True)
class RiverDetector:
    """One of river's models watching one series.

    Attributes:
        kind: Which model.
        seed: What its random numbers come from, where it draws any.
    """

    kind: RiverKind
    seed: int = 1
    _level: float = field(default=0.0, init=False)
    _deviation: float = field(default=0.0, init=False)
    _readings: int = field(default=0, init=False)
    _model: _Model = field(init=False, repr=False)
    _tail: bank_tails.Floats = field(init=False, repr=False)
    _alarms: bank_alarms.Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin the model."""
        self._model = _model(self.kind, self.seed)
        self._tail = np.zeros(bank_tails.BINS + 2)
        self._alarms = np.full(bank_alarms.NUMBERS, -inf)

    def score(self, value: float) -> float:
        """Return the score of a value, in [0, 1), as `bank_alarms` says, and learn from it.

        A value that is not finite scores 0 and changes nothing.
        """
        if not isfinite(value):
            return 0.0
        raw = self._model.raw(self._in_deviations(min(max(value, -LARGEST_VALUE), LARGEST_VALUE)))
        if not isfinite(raw) or raw < 0.0:
            self._model = _model(self.kind, self.seed)
            return 0.0
        if self._readings <= UNSETTLED:
            return 0.0
        is_warm = self._readings > WARM_UP
        surprise = bank_tails.surprise(self._tail, bank_tails.FORGETTING, raw, is_warm)
        return float(bank_alarms.score(self._alarms, float(self._readings), surprise, surprise))

    def _in_deviations(self, value: float) -> float:
        """Return how many usual deviations a value is from its level, before it moves them."""
        self._readings += 1
        if self._readings == 1:
            self._level = value
        apart = value - self._level
        unit = max(self._deviation, 1e-9 * abs(self._level) + 1e-200)
        share = max(SHARE, 1.0 / self._readings)
        self._level += share * apart
        self._deviation += share * (abs(apart) - self._deviation)
        return min(max(apart / unit, -BOUND), BOUND)
