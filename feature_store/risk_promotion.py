"""The rule by which a model of risk is used: not worse than what is used now, on what neither learnt from.

It is a rule about Brier's score, which a model cannot better by saying what it does not believe. The interval
of the difference has to end below a hundredth of the present score, and the score itself has to be better.
What tells releases apart no better than one number for all, the base rate, is never used.
"""

from dataclasses import dataclass, field

import numpy as np

from feature_store.risk_learners import BASE_RATE, LEARNT
from feature_store.risk_scores import Held, brier, brier_each, interval
from feature_store.risk_trial import Trial
from schemas.models import ModelStage

LEAST_HELD, LEAST_OF_EACH = 100.0, 10.0
"""Known releases that were held back, and bad and good ones among them, without which nothing is said."""

_MARGIN = 0.01
"""Share of the present score by which it may be worse, at the far end of the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which model is best, and what becomes of it.

    Attributes:
        name: Its kind; "" where none could be tried.
        stage: CHAMPION, or CHALLENGER for one that has not shown enough yet.
        why: The rule with its numbers, as a sentence.
        metrics: The numbers, by name.
    """

    name: str
    stage: ModelStage
    why: str
    metrics: dict[str, float] = field(default_factory=dict)


def choose(trial: Trial, used: str, seed: int, since: float = -np.inf) -> Choice:
    """Return which of the learnt models is best, and whether it takes the place of what is used.

    Args:
        trial: What all said of releases that they did not learn from, the base rate among them.
        used: Name of what is used now, among them.
        seed: What the interval is drawn from.
        since: What is used had seen everything before that instant, in seconds: held to it only from there.
    """
    places = np.flatnonzero(trial.began > since)
    asked = (*LEARNT, used, BASE_RATE)
    tried = {name: trial.held[name].at(places) for name in asked if name in trial.held}
    learnt = [name for name in LEARNT if name in tried]
    if not learnt or used not in tried or BASE_RATE not in tried:
        return Choice(name="", stage=ModelStage.REJECTED, why="too few releases are known to try a model on")
    now = tried[used]
    bad, known = float((now.bad * now.weight).sum()), float(now.weight.sum())
    if known < LEAST_HELD or min(bad, known - bad) < LEAST_OF_EACH:
        why = (
            f"held back are {known:.0f} known releases, {bad:.0f} of them bad, expected at least "
            f"{LEAST_HELD:.0f} and {LEAST_OF_EACH:.0f} of each kind"
        )
        return Choice(name=learnt[-1], stage=ModelStage.CHALLENGER, why=why)
    best = min(learnt, key=lambda name: brier(tried[name]))
    low, high = _difference(tried[best], now, seed)
    said, score = brier(tried[best]), brier(now)
    rate = brier(tried[BASE_RATE])
    wins = said < min(score, rate) and high <= _MARGIN * score
    why = (
        f"on {known:.0f} known releases held back, {bad:.0f} of them bad, {best} scores {said:.4f} by Brier "
        f"and {used} {score:.4f}; the difference is {low:+.4f} to {high:+.4f} with 95 %, "
        f"{'better and' if wins else 'expected better and'} at most {_MARGIN * score:+.4f}; "
        f"one rate for all scores {rate:.4f}{'' if said < rate else ', expected more'}"
    )
    return Choice(
        name=best,
        stage=ModelStage.CHAMPION if wins else ModelStage.CHALLENGER,
        why=why,
        metrics={
            "held_back": known,
            "held_back_bad": bad,
            "brier": said,
            "brier_used": score,
            "brier_base_rate": rate,
            "brier_difference_low": low,
            "brier_difference_high": high,
        },
    )


def _difference(one: Held, other: Held, seed: int) -> tuple[float, float]:
    """Return the interval of how much worse one is than the other, release by release."""
    apart = brier_each(one) - brier_each(other)
    limits = interval(
        lambda places: float(np.average(apart[places], weights=one.weight[places])), len(apart), seed
    )
    return limits or (-1.0, 1.0)
