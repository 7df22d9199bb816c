"""The door to river's learners: a logistic regression that learns release by release, in the order of time.

What it says of each release before it learns it is honest by construction, and calibrates it. River
standardises each value by what it has seen so far; what nobody knew adds a weight of its own.

Source: river's `LogisticRegression` and `StandardScaler`; prequential evaluation: A. P. Dawid, "Statistical
Theory: The Prequential Approach", JRSS A 147 (1984).
"""

from math import isnan, log
from typing import Any

import numpy as np
import river.linear_model
import river.optim
import river.preprocessing

from feature_store.label_model import Floats
from schemas.risk_models import RiskModel, RiskTerm, Transform, transformed

linear_model: Any = river.linear_model
optim: Any = river.optim
preprocessing: Any = river.preprocessing
# Only some of their methods are typed.

_STEP, _SHRINKAGE = 0.02, 1e-4
_UNKNOWN = "?"


def transforms_of(names: tuple[str, ...], rows: Floats) -> tuple[Transform, ...]:
    """Return how each column is weighed: rates as log-odds, what spreads over decades as its logarithm."""
    found = []
    for column, name in enumerate(names):
        known = rows[:, column][~np.isnan(rows[:, column])]
        if name.endswith("_rate"):
            found.append(Transform.LOGIT)
        elif known.size and known.min() >= 0.0 and known.max() > 25.0:
            found.append(Transform.LOG1P)
        else:
            found.append(Transform.IDENTITY)
    return tuple(found)


class OnlineLearner:
    """A logistic regression over named features.

    Args:
        names: Of the features.
        transforms: How each is weighed.
    """

    def __init__(self, names: tuple[str, ...], transforms: tuple[Transform, ...]) -> None:
        self._names = names
        self._transforms = transforms
        self._scaler = preprocessing.StandardScaler()
        self._model = linear_model.LogisticRegression(
            optimizer=optim.SGD(_STEP), l2=_SHRINKAGE, intercept_lr=_STEP
        )

    def odds(self, row: Floats) -> float:
        """Return river's log-odds of a release, and learn nothing."""
        chance = float(self._model.predict_proba_one(self._seen(row))[True])
        chance = min(max(chance, 1e-12), 1.0 - 1e-12)
        return log(chance / (1.0 - chance))

    def learn(self, row: Floats, bad: float, weight: float) -> None:
        """Learn a release that was bad with a probability, of which so much is known."""
        self._scaler.learn_one(self._known(row))
        seen = self._seen(row)
        for is_bad, share in ((True, bad), (False, 1.0 - bad)):
            if share * weight > 0.0:
                self._model.learn_one(seen, is_bad, w=share * weight)

    def model(self) -> RiskModel:
        """Return what it has learnt as plain data, not calibrated."""
        weights = self._model.weights
        terms = []
        for name, transform in zip(self._names, self._transforms, strict=True):
            spread = float(self._scaler.vars.get(name, 0.0)) ** 0.5
            terms.append(
                RiskTerm(
                    feature=name,
                    # A value that never changed says nothing.
                    weight=float(weights.get(name, 0.0)) if spread > 0.0 else 0.0,
                    transform=transform,
                    center=float(self._scaler.means.get(name, 0.0)),
                    scale=spread if spread > 0.0 else 1.0,
                    missing=float(weights.get(name + _UNKNOWN, 0.0)),
                )
            )
        intercept = float(self._model.intercept)
        return RiskModel(kind="online", features=self._names, intercept=intercept, terms=tuple(terms))

    def _known(self, row: Floats) -> dict[str, float]:
        return {
            name: transformed(transform, float(value))
            for name, transform, value in zip(self._names, self._transforms, row, strict=True)
            if not isnan(value)
        }

    def _seen(self, row: Floats) -> dict[str, float]:
        seen: dict[str, float] = self._scaler.transform_one(self._known(row))
        return seen | {
            name + _UNKNOWN: 1.0 for name, value in zip(self._names, row, strict=True) if isnan(value)
        }


def fit_online(names: tuple[str, ...], rows: Floats, bad: Floats, weight: Floats) -> tuple[RiskModel, Floats]:
    """Return what was learnt from releases in their order, and the log-odds of each before it was learnt."""
    learner = OnlineLearner(names, transforms_of(names, rows))
    said = np.zeros(len(rows))
    for number, row in enumerate(rows):
        said[number] = learner.odds(row)
        learner.learn(row, float(bad[number]), float(weight[number]))
    return learner.model(), said
