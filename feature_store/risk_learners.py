"""What may say how risky a release is: the base rate, the shipped prior, an online model, boosted trees.

Everything that is learnt is calibrated by what it said of releases that came after those it had learnt from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

import numpy as np

from feature_store.boosting import LEAST_RELEASES, fit_boosted
from feature_store.label_model import Floats
from feature_store.online_learning import fit_online
from feature_store.risk_calibration import calibration
from schemas.risk_models import RiskModel
from schemas.risk_prior import SHIPPED_PRIOR, smoothed_rate

BASE_RATE, PRIOR, ONLINE, BOOSTED = "base_rate", "prior", "online", "boosted"
LEARNT = (ONLINE, BOOSTED)

_BLOCKS = 4
"""Parts of time, of which each but the first is foretold from those before it."""

_UNHEARD = 0.25
"""Share of what was said first that does not calibrate the online model: it knew nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Releases to learn from, the oldest first.

    Attributes:
        rows: float64, (releases, names), NaN for what nobody knew.
        bad: How likely each was bad, as it was known when it is learnt from.
        weight: How much of that was known.
    """

    names: tuple[str, ...]
    rows: Floats
    bad: Floats
    weight: Floats

    def until(self, end: int) -> "Lessons":
        """Return the first releases."""
        return replace(self, rows=self.rows[:end], bad=self.bad[:end], weight=self.weight[:end])


def learn_all(lessons: Lessons, seed: int) -> dict[str, RiskModel]:
    """Return every kind of model, learnt and calibrated from the lessons; trees only from enough of them."""
    found = {BASE_RATE: base_rate(lessons), PRIOR: SHIPPED_PRIOR, ONLINE: online(lessons)}
    if np.count_nonzero(lessons.weight > 0.0) >= LEAST_RELEASES:
        found[BOOSTED] = boosted(lessons, seed)
    return found


def base_rate(lessons: Lessons) -> RiskModel:
    """Return what takes every release for an average one."""
    rate = smoothed_rate(float((lessons.bad * lessons.weight).sum()), float(lessons.weight.sum()))
    return RiskModel(kind="base_rate", features=(), intercept=log(rate / (1.0 - rate)))


def online(lessons: Lessons) -> RiskModel:
    """Return the logistic regression that learnt each release after the one before it."""
    model, said = fit_online(lessons.names, lessons.rows, lessons.bad, lessons.weight)
    heard = slice(int(_UNHEARD * len(said)), None)
    return replace(model, calibration=calibration(said[heard], lessons.bad[heard], lessons.weight[heard]))


def boosted(lessons: Lessons, seed: int) -> RiskModel:
    """Return boosted trees, calibrated by trees that had seen the times before alone."""
    ends = [len(lessons.rows) * (number + 1) // _BLOCKS for number in range(_BLOCKS)]
    said, bad, weight = [], [], []
    for begin, end in pairwise(ends):
        before = lessons.until(begin)
        if np.count_nonzero(before.weight > 0.0) < LEAST_RELEASES // 2:
            continue
        part = fit_boosted(before.names, before.rows, before.bad, before.weight, seed)
        said.append(raw_odds(part, lessons.names, lessons.rows[begin:end]))
        bad.append(lessons.bad[begin:end])
        weight.append(lessons.weight[begin:end])
    model = fit_boosted(lessons.names, lessons.rows, lessons.bad, lessons.weight, seed)
    if not said:
        return model
    learnt = calibration(np.concatenate(said), np.concatenate(bad), np.concatenate(weight))
    return replace(model, calibration=learnt)


def chances(model: RiskModel, names: tuple[str, ...], rows: Floats) -> Floats:
    """Return a model's chance for each row; names that it does not ask for are passed over."""
    return np.array([model.chance(values) for values in _values(names, rows)])


def raw_odds(model: RiskModel, names: tuple[str, ...], rows: Floats) -> Floats:
    """Return a model's log-odds for each row before calibration."""
    return np.array([model.raw_odds(values) for values in _values(names, rows)])


def _values(names: tuple[str, ...], rows: Floats) -> list[Mapping[str, float]]:
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]
