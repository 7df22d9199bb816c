"""Promotion: the rule by which a challenger takes the champion's place, and a champion loses it. Pure.

Two contenders judged the same releases. A contender is worse on false rollbacks where, of the good releases
that only one of them called harmful, it called more than chance explains: the exact test of paired
proportions (Q. McNemar, Psychometrika 12, 1947). What delay it gains is the paired difference over bad
releases, with an interval by the bootstrap over whole services (B. Efron, R. Tibshirani, "An Introduction to
the Bootstrap", 1993, section 6.4): releases of one service resemble each other. An interval over few services
promises little, so that the gain has to be too large for chance as well, by R. A. Fisher's randomisation of
the signs ("The Design of Experiments", 1935, section 21), which is exact for any number.

The rule is asked after every release. So a challenger wins only on its first 30, 60, 120, ... releases, and
the k-th of these may spend `level / (k (k + 1))`: one that is no better is promoted with a chance of at most
`level`, however long it is tried. A champion's false rollbacks exceed the budget where a bet against it has
won `1 / level`: J. Ville's inequality ("Etude critique de la notion de collectif", 1939), which holds at
every look; the bet is spread evenly over all shares above the budget. What ends a challenger is asked at
`level` each time: to lose one too many costs a training, not a release.

A release that is taken back is seen no further: whoever runs in shadow is seen to be earlier, and never to be
later. A challenger that is as often later as earlier would win by that. So each release that it was cut off
from counts as a loss of the size that differences have where both were seen.

Labels are probabilities. A release counts as far as it is known, and as bad as it probably was; tests of
whole numbers take the weights' sums rounded to the side that spares who is tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, exp, floor, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, betaln
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
        is_cut_off: It was taken back before the one of the two that ran in shadow found it, which is the one
            that never did: by how much it would have been later is unknown.
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
    def seen_gain_min(self) -> float:
        """Return by how many minutes the challenger was seen to be earlier; below 0 where it was later."""
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
        level: Chance to promote ever what is no better, and to retire ever for the budget what kept it.
        longest: A challenger that has not won by then has lost.
        rounds: Of the bootstrap and the randomisation.
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
    if has_enough:
        wins = _wins(trials, asked)
        if wins and figures.only_challenger <= figures.only_champion:
            return Ruling(
                stage=ModelStage.CHAMPION,
                why=f"earlier, and not worse on false rollbacks: {figures.text}; {wins}",
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
    number = ceil(sum(weight for weight, _ in good) - 1e-9)
    false = floor(sum(weight for weight, trial in good if trial.champion_min is not None) + 1e-9)
    allowed = max((trial.alpha for trial in trials), default=0.0)
    won = exp(min(_log_bet(false, number, allowed), 700.0))
    told = (
        f"{false} false rollbacks of {number} good releases, the budget allows {allowed:g} each "
        f"(a bet against it stands at {won:.3g}, {1.0 / asked.level:g} are asked for)"
    )
    if won >= 1.0 / asked.level:
        return Ruling(stage=ModelStage.RETIRED, why=f"beyond the budget: {told}")
    figures = _figures(shadow, asked)
    if figures.chance_of_false < asked.level:
        return Ruling(stage=ModelStage.RETIRED, why=f"more false rollbacks than its parent: {figures.text}")
    has_enough = figures.releases >= asked.least_releases and figures.bad >= asked.least_bad
    if has_enough and figures.high < 0:
        return Ruling(stage=ModelStage.RETIRED, why=f"later than its parent: {figures.text}")
    return Ruling(stage=None, why=f"kept: {told}")


def _log_bet(false: int, number: int, allowed: float) -> float:
    """Return the log of what a bet against the budget is worth, which began at 1.

    The likelihood of every share above the budget, on average, beside the budget's own. Where no budget is
    known nothing is bet.
    """
    if number == 0 or not 0.0 < allowed < 1.0:
        return 0.0
    above = float(betaincc(false + 1, number - false + 1, allowed))
    if above <= 0.0:
        return -inf
    average = float(betaln(false + 1, number - false + 1)) + log(above) - log(1.0 - allowed)
    return average - false * log(allowed) - (number - false) * log(1.0 - allowed)


def _wins(trials: Sequence[Trial], terms: Terms) -> str:
    """Return how it won on the releases of the newest of its looks; "" where it has not."""
    look, counted = 0, 0.0
    first: Sequence[Trial] = ()
    for number, trial in enumerate(trials, 1):
        counted += trial.weight
        while counted >= terms.least_releases * 2.0**look:
            look, first = look + 1, trials[:number]
    if sum(trial.weight * trial.p_bad for trial in first) < terms.least_bad:
        return ""
    spent = terms.level / (look * (look + 1))
    chance = chance_of_gain(first, terms)
    _, low, _ = gained_with_interval(first, terms)
    if low <= 0 or chance > spent:
        return ""
    told = f"chance of so large a gain {chance:.2g}, {spent:.2g} is asked for"
    return f"look {look}, at the first {len(first)}: {told}"


def gains_min(trials: Sequence[Trial]) -> Floats:
    """Return by how many minutes the challenger was earlier, (trials,); a guess where one was cut off.

    The guess is the mean size of the differences that were seen, a minute where there are none.
    """
    seen = np.array([trial.seen_gain_min for trial in trials], dtype=np.float64)
    is_cut_off = np.array([trial.is_cut_off for trial in trials], dtype=np.bool_)
    weights = np.array([trial.weight * trial.p_bad for trial in trials], dtype=np.float64)
    told = weights * ~is_cut_off * (np.abs(seen) > 1e-12)
    size = float((told * np.abs(seen)).sum() / told.sum()) if told.sum() > 0 else 1.0
    is_later = np.array([trial.challenger_min is None for trial in trials], dtype=np.bool_)
    return np.where(is_cut_off, np.where(is_later, -size, size), seen)


def chance_of_gain(trials: Sequence[Trial], terms: Terms) -> float:
    """Return how often as many minutes would be gained if each had gone either way: exact, or drawn.

    All signs are tried for up to 12 releases that differ; more are drawn, which counts the seen one as well.
    """
    weights = np.array([trial.weight * trial.p_bad for trial in trials], dtype=np.float64)
    gains = weights * gains_min(trials)
    gains = gains[np.abs(gains) > 1e-12]
    if len(gains) == 0:
        return 1.0
    seen = float(gains.sum()) - 1e-9 * float(np.abs(gains).sum())
    if len(gains) <= 12:
        codes = np.arange(2 ** len(gains))[:, None] >> np.arange(len(gains)) & 1
        return float(((2 * codes - 1) @ gains >= seen).mean())
    signs = np.random.default_rng(len(trials)).integers(0, 2, (terms.rounds, len(gains))) * 2 - 1
    return float(((signs @ gains >= seen).sum() + 1) / (terms.rounds + 1))


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
    for trial, gain in zip(trials, gains_min(trials).tolist(), strict=True):
        weight = trial.weight * trial.p_bad
        sums[place[trial.service]] += weight * gain
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
