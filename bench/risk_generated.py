"""Releases whose risk is known because it was made: services, authors, sizes, drift and late labels.

The mechanism: each service has a base risk, each author an offset, each doubling of the change's lines beyond
60 adds 0.45 to the log-odds, each failed test that went through 0.5, coverage below 70 % 0.6, an evening 0.3.
With drift, half-way through the time the size stops mattering, coverage matters twice as much, and services
change their risks. A bad release is called bad after an exponential delay of two weeks on average. Of one
that nobody has called bad yet, the label says how likely that is for a bad one of its age, in the manner of
`feature_store.label_posteriors`, or nothing of the kind where the delay is ignored.
"""

from dataclasses import dataclass

import numpy as np

from feature_store.label_model import Floats, Integers
from feature_store.risk_trial import Labels, RiskHistory
from schemas.risk_prior import smoothed_rate

NAMES = (
    "service_rate",
    "author_rate",
    "service_releases",
    "hours_since_last",
    "change_lines",
    "change_files",
    "tests_failed",
    "coverage_ratio",
    "hour",
)
_HOUR = 3600.0
_YEAR = 365 * 24 * _HOUR
_MEAN_DELAY = 14 * 24 * _HOUR
_BASE_SHARE = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaws:
    """What is wrong with the world or with what is known of it.

    Attributes:
        wrong: Share of labels that say the opposite.
        drifts: The mechanism changes half-way.
        ignores_delay: Who nobody has complained of yet is taken for good.
    """

    wrong: float = 0.0
    drifts: bool = False
    ignores_delay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Releases with what truly became of them.

    Attributes:
        truth: 1 for a bad one, (releases,).
        chance: The true chance that each was drawn with: nobody can do better.
    """

    history: RiskHistory
    truth: Floats
    chance: Floats


def generate(releases: int, seed: int, flaws: Flaws) -> World:
    """Return a year of releases; equal seeds draw the same services and changes, whatever is flawed."""
    random = np.random.default_rng(seed)
    began = np.sort(random.uniform(0.0, _YEAR, releases))
    service, author = random.integers(0, 15, releases), random.integers(0, 25, releases)
    is_late = np.asarray(began > began[releases // 2]) & flaws.drifts
    base = random.normal(-2.6, 0.8, (2, 15))
    offset = random.normal(0.0, 0.4, 25)
    lines = np.maximum(random.lognormal(4.0, 1.3, releases).round(), 1.0)
    files = np.maximum((lines / random.lognormal(2.7, 0.5, releases)).round(), 1.0)
    failed = (random.random(releases) < 0.1) * random.integers(1, 4, releases)
    coverage = random.beta(7, 3, releases)
    hour = (began / _HOUR) % 24
    odds = np.where(is_late, base[1][service], base[0][service]) + offset[author]
    odds += np.where(is_late, 0.0, 0.45) * np.log2(lines / 60.0) + 0.5 * failed
    odds += np.where(is_late, 1.2, 0.6) * (coverage < 0.7) + 0.3 * (hour >= 18)
    chance = 1.0 / (1.0 + np.exp(-odds))
    truth = (random.random(releases) < chance).astype(np.float64)
    told_at = began + random.exponential(_MEAN_DELAY, releases)
    is_wrong = random.random(releases) < flaws.wrong
    said = np.where(is_wrong, 1.0 - truth, truth)

    def labels(at: float) -> Labels:
        if np.isinf(at):
            return Labels(bad=truth, weight=np.ones(releases))
        is_told = (said > 0) & (told_at <= at)
        if flaws.ignores_delay:
            return Labels(bad=is_told.astype(np.float64), weight=(began < at).astype(np.float64))
        silent = np.exp(-np.maximum(at - began, 0.0) / _MEAN_DELAY)
        still = _BASE_SHARE * silent / (_BASE_SHARE * silent + 1.0 - _BASE_SHARE)
        return Labels(bad=np.where(is_told, 1.0, still), weight=np.where(is_told, 1.0, 1.0 - silent))

    known = np.where(said > 0, told_at, np.inf)
    rows = np.column_stack(
        [
            _rates(service, began, known),
            _rates(author, began, known),
            [np.count_nonzero(service[:number] == service[number]) for number in range(releases)],
            _gaps(service, began),
            lines,
            files,
            failed,
            np.where(random.random(releases) < 0.3, np.nan, coverage),
            np.floor(hour),
        ]
    ).astype(np.float64)
    return World(
        history=RiskHistory(names=NAMES, rows=rows, began=began, labels=labels), truth=truth, chance=chance
    )


def _rates(of: Integers, began: Floats, known: Floats) -> list[float]:
    """Return of each release how those of the same before it did, as far as it had been said by then."""
    rates = []
    for number, at in enumerate(began):
        same = of[:number] == of[number]
        rates.append(smoothed_rate(float((same & (known[:number] < at)).sum()), float(same.sum())))
    return rates


def _gaps(service: Integers, began: Floats) -> list[float]:
    """Return the hours since the same service's last release, NaN for its first."""
    last: dict[int, float] = {}
    gaps = []
    for of, at in zip(service.tolist(), began.tolist(), strict=True):
        gaps.append((at - last[of]) / _HOUR if of in last else float("nan"))
        last[of] = at
    return gaps
