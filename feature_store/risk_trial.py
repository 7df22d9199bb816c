"""A trial of models of risk: learnt from what was known by an instant, held to what began after it.

Each range of time that is held back is foretold by models that know nothing of it: neither its releases nor a
label that came later. What they are held to is what is known of it now.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from feature_store.label_model import Floats
from feature_store.risk_learners import Lessons, chances, learn_all
from feature_store.risk_scores import Held
from schemas.risk_models import RiskModel

RANGES = 5
FIRST_SHARE = 0.4
"""Share of the releases that come before the first range that is held back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is known of each release at one instant.

    Attributes:
        bad: How likely each was bad.
        weight: How much of that is known: 0 for one of which nobody could have spoken yet.
    """

    bad: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskHistory:
    """Releases in the order in which they began.

    Attributes:
        names: Of the features.
        rows: float64, (releases, names), NaN for what nobody knew.
        began: When each did, in seconds, never falling.
        labels: What is known of all of them at an instant; that of infinity is all there is.
    """

    names: tuple[str, ...]
    rows: Floats
    began: Floats
    labels: Callable[[float], Labels]

    def lessons(self, end: int, at: float) -> Lessons:
        """Return the first releases with what was known of them at an instant."""
        known = self.labels(at)
        return Lessons(names=self.names, rows=self.rows[:end], bad=known.bad[:end], weight=known.weight[:end])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of models over the ranges that were held back.

    Attributes:
        places: Which releases were held back and are known, rising.
        held: By the model's name: what it said of them.
        began: When they did, in seconds.
    """

    places: list[int]
    held: dict[str, Held]
    began: Floats


def walk_forward(
    history: RiskHistory,
    seed: int,
    others: dict[str, RiskModel] | None = None,
    ranges: int = RANGES,
    learn: Callable[[Lessons, int], dict[str, RiskModel]] = learn_all,
) -> Trial:
    """Return how every kind of model does on ranges of time that it did not see.

    A kind that cannot be learnt yet from what came before a range is left out of the whole trial.

    Args:
        history: All releases.
        seed: What random choices come from.
        others: Models as they are, such as the champion.
        ranges: How many ranges are held back, one after the other.
        learn: What learns the models from lessons.
    """
    size = len(history.began)
    begin = int(FIRST_SHARE * size)
    edges = [begin + (size - begin) * number // ranges for number in range(ranges + 1)]
    said: dict[str, list[Floats]] = {}
    for low, high in pairwise(edges):
        if low == high:
            continue
        models = learn(history.lessons(low, float(history.began[low])), seed) | (others or {})
        for name, model in models.items():
            said.setdefault(name, []).append(chances(model, history.names, history.rows[low:high]))
    known = history.labels(np.inf)
    kept = np.flatnonzero(known.weight[begin:] > 0.0)
    held = {}
    for name, parts in said.items():
        whole = np.concatenate(parts)
        if len(whole) == size - begin:
            held[name] = Held(
                chance=whole[kept], bad=known.bad[begin:][kept], weight=known.weight[begin:][kept]
            )
    places = kept + begin
    return Trial(places=places.tolist(), held=held, began=history.began[places])
