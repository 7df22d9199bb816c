"""Maps that make a model's chances come true, learnt from what it said of releases it had not learnt from."""

from math import log

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from feature_store.label_model import Floats
from schemas.risk_models import MOST_KNOTS, Calibration

ENOUGH_FOR_STEPS = 1000
"""Known bad releases from which the map may bend as it likes; with fewer it follows noise, and is straight.

Source: A. Niculescu-Mizil, R. Caruana, "Predicting Good Probabilities With Supervised Learning", ICML (2005),
who find isotonic maps better from about a thousand cases on.
"""

_PRIOR = 1.0
"""As many releases as the belief is worth that the odds are right as they are."""


def calibration(odds: Floats, bad: Floats, weight: Floats) -> Calibration:
    """Return the map from log-odds as learnt to log-odds that happen; the identity without any release."""
    used = weight > 0.0
    if not used.any():
        return Calibration()
    odds, bad, weight = odds[used], bad[used], weight[used]
    if float((bad * weight).sum()) >= ENOUGH_FOR_STEPS:
        return _monotone(odds, bad, weight)
    return _straight(odds, bad, weight)


def _straight(odds: Floats, bad: Floats, weight: Floats) -> Calibration:
    """Return Platt's map, drawn a little towards the identity."""

    def loss(place: Floats) -> float:
        said = place[0] * odds + place[1]
        cost = weight * (np.logaddexp(0.0, said) - bad * said)
        return float(cost.sum() + 0.5 * _PRIOR * ((place[0] - 1.0) ** 2 + place[1] ** 2))

    found = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.0, 10.0), (-20.0, 20.0)])
    return Calibration(slope=float(found.x[0]), intercept=float(found.x[1]))


def _monotone(odds: Floats, bad: Floats, weight: Floats) -> Calibration:
    """Return the best rising map, a knot in the middle of each of its steps, at most so many."""
    order = np.argsort(odds, kind="stable")
    odds, bad, weight = odds[order], bad[order], weight[order]
    steps = isotonic_regression(bad, weights=weight)
    knots: list[float] = []
    mapped: list[float] = []
    for begin, end in zip(steps.blocks[:-1], steps.blocks[1:], strict=True):
        part = slice(int(begin), int(end))
        known = float(weight[part].sum())
        share = (float((bad[part] * weight[part]).sum()) + 0.5) / (known + 1.0)
        knot = float(np.average(odds[part], weights=weight[part]))
        if not knots or knot > knots[-1]:
            knots.append(knot)
            mapped.append(max(log(share / (1.0 - share)), mapped[-1] if mapped else -np.inf))
    kept = sorted(set(np.linspace(0, len(knots) - 1, min(len(knots), MOST_KNOTS)).astype(int).tolist()))
    return Calibration(knots=tuple(knots[at] for at in kept), odds=tuple(mapped[at] for at in kept))
