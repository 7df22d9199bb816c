"""Promotion: the rule by which a challenger takes the champion's place, and a champion loses it. Pure.

Two contenders judged the same releases. A contender is worse on false rollbacks where, of the good releases
that only one of them called harmful, it called more than chance explains: the exact test of paired
proportions (Q. McNemar, Psychometrika 12, 1947). What delay it gains is the paired difference over bad
releases, with an interval by the bootstrap over whole services (B. Efron, R. Tibshirani, "An Introduction to
the Bootstrap", 1993, section 6.4): releases of one service resemble each other. A champion's false rollbacks
exceed the budget where so many would be a rare event within it: the exact binomial test.

Labels are probabilities. A release counts as far as it is known, and as bad as it probably was; tests of
whole numbers take the weights' sums rounded to the side that spares who is tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from schemas.models import ModelStage

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One release that both contenders have judged to the end.

    Attributes:
        service: `environment/service`.
        p_bad: Probability that it was bad.
        weight: How much of what there is to know of it is known, from 0 to 1.
        alpha: Its false-rollback budget.
        champion_min: Minutes until the champion called it harmful; None for never.
        challenger_min: The same of the challenger.
        watched_min: How long it was watched: the delay of who did not find it.
        is_cut_off: It was taken back before the challenger found it: what it would have said is unknown.
    """

    release: str
    service: str
    p_bad: float
    weight: float
    alpha: float
    champion_min: float | None
    challenger_min: float | None
    watched_min: float
    is_cut_off: bool = False

    @property
    def gained_min(self) -> float:
        """Return by how many minutes the challenger was earlier; below 0 where it was later."""
        first, second = (
            self.watched_min if found is None else min(found, self.watched_min)
            for found in (self.champion_min, self.challenger_min)
        )
        return first - second


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked of a challenger and a champion.

    Attributes:
        least_releases: Releases that count, before anything is decided. More decides later and more surely.
        least_bad: Bad ones among them, before a delay is believed.
        level: Chance of each test to find a difference where there is none.
        longest: A challenger that has not won by then has lost.
        rounds: Of the bootstrap.
    """

    least_releases: float = 30.0
    least_bad: float = 5.0
    level: float = 0.05
    longest: timedelta = timedelta(days=60)
    rounds: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What follows, and why.

    Attributes:
        stage: What the model is to become; None for nothing yet.
        why: The rule with its numbers, as a sentence.
    """

    stage: ModelStage | None
    why: str


def of_challenger(trials: Sequence[Trial], tried_for: timedelta, terms: Terms | None = None) -> Ruling:
    """Return whether a challenger is promoted, rejected, or tried on.

    Args:
        trials: Releases that both judged, since it began to run in shadow.
        tried_for: How long that is ago.
        terms: What is asked.
    """
    asked = terms or Terms()
    figures = _figures(trials, asked)
    if figures.chance_of_false < asked.level:
        return Ruling(
            stage=ModelStage.REJECTED, why=f"more false rollbacks than the champion: {figures.text}"
        )
    has_enough = figures.releases >= asked.least_releases and figures.bad >= asked.least_bad
    if has_enough and figures.high < 0:
        return Ruling(stage=ModelStage.REJECTED, why=f"later than the champion: {figures.text}")
    if has_enough and figures.low > 0 and figures.only_challenger <= figures.only_champion:
        return Ruling(
            stage=ModelStage.CHAMPION, why=f"earlier, and not worse on false rollbacks: {figures.text}"
        )
    if tried_for >= asked.longest:
        return Ruling(
            stage=ModelStage.REJECTED,
            why=f"not better within {asked.longest.days} days of shadow: {figures.text}",
        )
    return Ruling(stage=None, why=f"tried on: {figures.text}")


def of_champion(trials: Sequence[Trial], shadow: Sequence[Trial] = (), terms: Terms | None = None) -> Ruling:
    """Return whether a champion is retired.

    Args:
        trials: Releases that it has judged; what a challenger said of them does not count here.
        shadow: Releases that it and its parent in shadow have judged, it as `challenger_min`.
        terms: What is asked.
    """
    asked = terms or Terms()
    good = [(trial.weight * (1.0 - trial.p_bad), trial) for trial in trials]
    number = ceil(sum(weight for weight, _ in good))
    false = floor(sum(weight for weight, trial in good if trial.champion_min is not None) + 1e-9)
    allowed = max((trial.alpha for trial in trials), default=0.0)
    chance = float(binom.sf(false - 1, number, allowed)) if false else 1.0
    told = (
        f"{false} false rollbacks of {number} good releases, the budget allows {allowed:g} each "
        f"(chance of so many {chance:.2g})"
    )
    if chance < asked.level:
        return Ruling(stage=ModelStage.RETIRED, why=f"beyond the budget: {told}")
    figures = _figures(shadow, asked)
    if figures.chance_of_false < asked.level:
        return Ruling(stage=ModelStage.RETIRED, why=f"more false rollbacks than its parent: {figures.text}")
    has_enough = figures.releases >= asked.least_releases and figures.bad >= asked.least_bad
    if has_enough and figures.high < 0:
        return Ruling(stage=ModelStage.RETIRED, why=f"later than its parent: {figures.text}")
    return Ruling(stage=None, why=f"kept: {told}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    releases: float
    bad: float
    only_challenger: int
    only_champion: int
    chance_of_false: float
    low: float
    high: float
    text: str


def _figures(trials: Sequence[Trial], terms: Terms) -> _Figures:
    releases = sum(trial.weight for trial in trials)
    bad = sum(trial.weight * trial.p_bad for trial in trials)
    more = fewer = 0.0
    for trial in trials:
        good = trial.weight * (1.0 - trial.p_bad)
        if not trial.is_cut_off and (trial.champion_min is None) != (trial.challenger_min is None):
            more += good * (trial.champion_min is None)
            fewer += good * (trial.champion_min is not None)
    only_challenger, only_champion = floor(more + 1e-9), ceil(fewer - 1e-9)
    chance = (
        float(binom.sf(only_challenger - 1, only_challenger + only_champion, 0.5)) if only_challenger else 1.0
    )
    mean, low, high = gained_with_interval(trials, terms)
    return _Figures(
        releases=releases,
        bad=bad,
        only_challenger=only_challenger,
        only_champion=only_champion,
        chance_of_false=chance,
        low=low,
        high=high,
        text=(
            f"{releases:.1f} releases that count, {bad:.1f} of them bad; {mean:+.2f} min earlier a bad one "
            f"({low:+.2f} to {high:+.2f}); good releases that only it called harmful {only_challenger}, only "
            f"the other {only_champion} (chance {chance:.2g})"
        ),
    )


def gained_with_interval(trials: Sequence[Trial], terms: Terms) -> tuple[float, float, float]:
    """Return minutes gained a bad release, with an interval of `1 - 2 level`, over whole services.

    The interval is without bounds where there are no two services with a bad release.
    """
    keys = sorted({trial.service for trial in trials})
    place = {key: number for number, key in enumerate(keys)}
    sums, weights = np.zeros(len(keys)), np.zeros(len(keys))
    for trial in trials:
        weight = trial.weight * trial.p_bad
        sums[place[trial.service]] += weight * trial.gained_min
        weights[place[trial.service]] += weight
    total = float(weights.sum())
    mean = float(sums.sum()) / total if total > 0 else 0.0
    if int((weights > 0.05).sum()) < 2:
        return mean, -np.inf, np.inf
    random = np.random.default_rng(len(trials))
    drawn = random.integers(0, len(keys), (terms.rounds, len(keys)))
    below = weights[drawn].sum(axis=1)
    means: Floats = np.divide(sums[drawn].sum(axis=1), below, out=np.zeros(terms.rounds), where=below > 0)
    low, high = np.quantile(means[below > 0], (terms.level, 1.0 - terms.level))
    return mean, float(low), float(high)
