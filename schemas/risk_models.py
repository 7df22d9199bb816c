"""Models of a release's risk as plain data: what the gate evaluates, and what the log carries and replays.

A model says the log-odds that a release has to be taken back, from what was known before it began. It is a
sum of terms or of small trees, with a map that calibrates it; whoever has the data gets the same number from
it on every machine, without the library that learnt it. It is bounded in size: it goes onto every partition
of the log.

Sources: the map is J. Platt's, "Probabilistic Outputs for Support Vector Machines" (1999), or a monotone one,
as in B. Zadrozny, C. Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability Estimates",
KDD (2002). What a feature adds to a tree is the change of the expectation along the path, as in A. Saabas,
"Interpreting random forests" (2014).
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from math import exp, isfinite, isnan, log, log1p, log2

from pydantic import ConfigDict

_STRICT = ConfigDict(extra="forbid")

MOST_FEATURES, MOST_TREES, MOST_NODES, MOST_KNOTS = 64, 200, 6000, 200
"""A model with these is about half a megabyte of JSON, the largest message that the topics take."""

FARTHEST_ODDS = 30.0
"""Log-odds beyond which a chance is no longer told from certainty."""


class Transform(StrEnum):
    """What a value is turned into before it is weighed.

    LOG1P: of counts and times that spread over decades. DOUBLINGS: log2, of at least a half. LOGIT: of rates.
    """

    IDENTITY = "identity"
    LOG1P = "log1p"
    DOUBLINGS = "doublings"
    LOGIT = "logit"


def transformed(transform: Transform, value: float) -> float:
    """Return the value that is weighed; what the transform does not know is taken for the nearest it does.

    >>> transformed(Transform.DOUBLINGS, 8.0), transformed(Transform.LOG1P, -3.0)
    (3.0, 0.0)
    """
    match transform:
        case Transform.IDENTITY:
            return value
        case Transform.LOG1P:
            return log1p(max(value, 0.0))
        case Transform.DOUBLINGS:
            return log2(max(value, 0.5))
        case Transform.LOGIT:
            share = min(max(value, 1e-6), 1.0 - 1e-6)
            return log(share / (1.0 - share))


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTerm:
    """What one feature adds: `weight` times how many `scale`s its transformed value is from `center`.

    Attributes:
        missing: What it adds where nobody knows the value.
        farthest: Beyond so many scales from the center nothing more is added.
    """

    __pydantic_config__ = _STRICT

    feature: str
    weight: float
    transform: Transform = Transform.IDENTITY
    center: float = 0.0
    scale: float = 1.0
    missing: float = 0.0
    farthest: float = 1e9

    def __post_init__(self) -> None:
        _require_finite(self.feature, self.weight, self.center, self.scale, self.missing, self.farthest)
        if self.scale <= 0 or self.farthest <= 0:
            raise ValueError(f"scale or farthest of {self.feature} is not above 0")

    def added(self, value: float | None) -> float:
        """Return what a value adds to the log-odds; None or NaN where nobody knows it."""
        if value is None or isnan(value):
            return self.missing
        apart = (transformed(self.transform, value) - self.center) / self.scale
        return self.weight * max(-self.farthest, min(self.farthest, apart))


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTree:
    """A tree as arrays, one entry a node, the root first; children come after their parent.

    Attributes:
        feature: Number of the feature that a node asks for; -1 at a leaf.
        threshold: Values up to it go left.
        left: Number of the left child; likewise `right`; 0 at a leaf.
        missing_left: A value that nobody knows goes left.
        value: What a leaf adds; at a node, what is expected there.
    """

    __pydantic_config__ = _STRICT

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    value: tuple[float, ...]

    def __post_init__(self) -> None:
        size = len(self.feature)
        arrays = (self.threshold, self.left, self.right, self.missing_left, self.value)
        if size == 0 or any(len(array) != size for array in arrays):
            raise ValueError(f"arrays of a tree differ in length, expected {size} nodes in each")
        _require_finite("a tree", *self.threshold, *self.value)
        for node in range(size):
            children = (self.left[node], self.right[node])
            # Rising numbers cannot lead in a circle.
            if self.feature[node] >= 0 and not all(node < child < size for child in children):
                raise ValueError(f"node {node} of a tree leads to {children}, expected later nodes of {size}")

    def path(self, values: tuple[float, ...]) -> list[int]:
        """Return the nodes from the root to the leaf of some values, NaN for one that nobody knows."""
        nodes = [0]
        while self.feature[nodes[-1]] >= 0:
            node = nodes[-1]
            value = values[self.feature[node]]
            goes_left = self.missing_left[node] if isnan(value) else value <= self.threshold[node]
            nodes.append(self.left[node] if goes_left else self.right[node])
        return nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A rising map from log-odds as they were learnt to log-odds that happen.

    Attributes:
        slope: Of a straight map; with `knots` it is passed over.
        knots: Log-odds as learnt, rising; straight between them and flat outside.
        odds: Log-odds that happen at the knots, never falling.
    """

    __pydantic_config__ = _STRICT

    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    odds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _require_finite("a calibration", self.slope, self.intercept, *self.knots, *self.odds)
        if len(self.knots) != len(self.odds) or len(self.knots) > MOST_KNOTS:
            raise ValueError(f"a calibration has {len(self.knots)} knots and {len(self.odds)} odds")
        if self.slope < 0 or not _is_rising(self.knots, strictly=True) or not _is_rising(self.odds):
            raise ValueError("a calibration falls, expected a map that keeps the order")

    def calibrated(self, odds: float) -> float:
        """Return the log-odds that happen where some were learnt."""
        if not self.knots:
            return self.slope * odds + self.intercept
        place = bisect_right(self.knots, odds)
        if place == 0 or place == len(self.knots):
            return self.odds[0 if place == 0 else -1]
        low, high = self.knots[place - 1], self.knots[place]
        share = (odds - low) / (high - low)
        return self.odds[place - 1] + share * (self.odds[place] - self.odds[place - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskModel:
    """The chance that a release has to be taken back, from what is known before it begins.

    Attributes:
        kind: What learnt it, in a word.
        features: What it asks for; trees name them by number.
        intercept: Log-odds before anything is added.
    """

    __pydantic_config__ = _STRICT

    kind: str
    features: tuple[str, ...]
    intercept: float = 0.0
    terms: tuple[RiskTerm, ...] = ()
    trees: tuple[RiskTree, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)

    def __post_init__(self) -> None:
        _require_finite(self.kind, self.intercept)
        nodes = sum(len(tree.feature) for tree in self.trees)
        for what, count, most in (
            ("features", len(self.features), MOST_FEATURES),
            ("terms", len(self.terms), MOST_FEATURES),
            ("trees", len(self.trees), MOST_TREES),
            ("nodes", nodes, MOST_NODES),
        ):
            if count > most:
                raise ValueError(f"a model of risk has {count} {what}, expected at most {most}")
        if any(term.feature not in self.features for term in self.terms):
            raise ValueError("a term names a feature that the model does not list")
        if any(feature >= len(self.features) for tree in self.trees for feature in tree.feature):
            raise ValueError("a tree asks for a feature that the model does not list")

    def raw_odds(self, values: Mapping[str, float]) -> float:
        """Return the log-odds before they are calibrated; a feature without a value is unknown."""
        odds = self.intercept + sum(term.added(values.get(term.feature)) for term in self.terms)
        known = self._known(values)
        return odds + sum(tree.value[tree.path(known)[-1]] for tree in self.trees)

    def log_odds(self, values: Mapping[str, float]) -> float:
        """Return the log-odds that a release with these values has to be taken back."""
        odds = self.calibration.calibrated(self.raw_odds(values))
        return max(-FARTHEST_ODDS, min(FARTHEST_ODDS, odds))

    def chance(self, values: Mapping[str, float]) -> float:
        """Return the chance in (0, 1) that a release with these values has to be taken back."""
        return 1.0 / (1.0 + exp(-self.log_odds(values)))

    def moved_by(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return by how much each feature moved the log-odds before calibration, in the order of `features`.

        A feature that nobody knows may move them, too: that it is unknown says something.
        """
        moved = dict.fromkeys(self.features, 0.0)
        for term in self.terms:
            moved[term.feature] += term.added(values.get(term.feature))
        known = self._known(values)
        for tree in self.trees:
            for node, child in pairwise(tree.path(known)):
                moved[self.features[tree.feature[node]]] += tree.value[child] - tree.value[node]
        return moved

    def _known(self, values: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(values.get(name, float("nan")) for name in self.features)


def _is_rising(numbers: tuple[float, ...], *, strictly: bool = False) -> bool:
    return all(one < other if strictly else one <= other for one, other in pairwise(numbers))


def _require_finite(what: str, *numbers: float) -> None:
    if not all(isfinite(number) for number in numbers):
        raise ValueError(f"a number of {what} is not finite")
