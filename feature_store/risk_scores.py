"""How good chances are: proper scores, how well they tell bad from good, and whether they come true.

Labels are probabilities with a weight: a score is what is expected of it over what each release may have
been. Intervals come from resampling blocks of releases that follow one another, since neighbours share weeks,
services and incidents.

Sources: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
78 (1950); the expected calibration error of M. P. Naeini et al., AAAI (2015); H. R. Künsch, "The Jackknife
and the Bootstrap for General Stationary Observations", Annals of Statistics 17 (1989), with blocks that do
not overlap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from feature_store.label_model import Floats, Integers

_SMALLEST = 1e-9
_BINS = 10
_ROUNDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Releases that were held back: what was said of each, and what it turned out to be.

    Attributes:
        chance: What was said.
        bad: How likely it was bad, as it is known now.
        weight: How much of that is known.
    """

    chance: Floats
    bad: Floats
    weight: Floats

    def at(self, places: Integers) -> "Held":
        """Return some of them, one as often as it is named."""
        return Held(chance=self.chance[places], bad=self.bad[places], weight=self.weight[places])


def brier_each(held: Held) -> Floats:
    """Return the expected squared distance of each chance from what happened."""
    return held.bad * (1.0 - held.chance) ** 2 + (1.0 - held.bad) * held.chance**2


def brier(held: Held) -> float:
    """Return the mean of that: 0 is best, 0.25 is what always saying a half gets."""
    return float(np.average(brier_each(held), weights=held.weight))


def log_loss(held: Held) -> float:
    """Return the expected surprise in nats."""
    said = np.clip(held.chance, _SMALLEST, 1.0 - _SMALLEST)
    each = -held.bad * np.log(said) - (1.0 - held.bad) * np.log1p(-said)
    return float(np.average(each, weights=held.weight))


def auc(held: Held) -> float | None:
    """Return how often bad ones had the higher chance than good ones, ties for half; None without both."""
    order = np.argsort(held.chance, kind="stable")
    said = held.chance[order]
    bad, good = (held.bad * held.weight)[order], ((1.0 - held.bad) * held.weight)[order]
    _, starts = np.unique(said, return_index=True)
    bad_of, good_of = np.add.reduceat(bad, starts), np.add.reduceat(good, starts)
    both = float(bad_of.sum() * good_of.sum())
    below = np.cumsum(good_of) - good_of
    return float((bad_of * (below + 0.5 * good_of)).sum()) / both if both > 0.0 else None


def reliability(held: Held) -> list[dict[str, float]]:
    """Return bins of equal numbers of releases: how many, what was said on average, and what happened."""
    order = np.argsort(held.chance, kind="stable")
    bins = []
    for part in np.array_split(order, min(_BINS, len(order))):
        known = float(held.weight[part].sum())
        if known > 0.0:
            bins.append(
                {
                    "releases": len(part),
                    "known": round(known, 2),
                    "said": round(float(np.average(held.chance[part], weights=held.weight[part])), 4),
                    "happened": round(float(np.average(held.bad[part], weights=held.weight[part])), 4),
                }
            )
    return bins


def calibration_error(held: Held) -> float:
    """Return by how much said and happened differ in such a bin, on average."""
    bins = reliability(held)
    known = sum(entry["known"] for entry in bins)
    return sum(entry["known"] * abs(entry["said"] - entry["happened"]) for entry in bins) / known


def interval(
    figure: Callable[[Integers], float | None], releases: int, seed: int, rounds: int = _ROUNDS
) -> tuple[float, float] | None:
    """Return the 95 % interval of a figure of some releases, by resampling blocks; None where it has none.

    Args:
        figure: Of releases by their places, which may repeat.
        releases: How many there are.
        seed: What the resampling is drawn from.
        rounds: How often.
    """
    random = np.random.default_rng(seed)
    blocks = np.array_split(np.arange(releases), max(2, int(releases**0.5)))
    found = []
    for _ in range(rounds):
        drawn = random.integers(0, len(blocks), len(blocks))
        value = figure(np.concatenate([blocks[block] for block in drawn]))
        if value is not None:
            found.append(value)
    if len(found) < rounds / 2:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _score_at(score: Callable[[Held], float | None], held: Held, places: Integers) -> float | None:
    return score(held.at(places))


_SCORES: tuple[tuple[str, Callable[[Held], float | None]], ...] = (
    ("brier", brier),
    ("log_loss", log_loss),
    ("auc", auc),
    ("ece", calibration_error),
)


def figures(held: Held, seed: int, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Return all scores with their intervals, as JSON holds them."""
    told: dict[str, Any] = {
        "releases": len(held.chance),
        "bad": round(float((held.bad * held.weight).sum()), 1),
    }
    for name, score in _SCORES:
        value = score(held)
        limits = interval(partial(_score_at, score, held), len(held.chance), seed, rounds)
        told[name] = None if value is None else round(value, 4)
        told[f"{name}_95"] = None if limits is None else [round(limit, 4) for limit in limits]
    told["reliability"] = reliability(held)
    return told
