"""Figures of a backtest: each a ratio of sums over releases, for both contenders, with what lies between.

The difference is paired: both saw the same releases, so what is common to both cancels. Its interval is the
percentile bootstrap over whole clusters, since releases of one environment and day share their damage.

Source: B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979); clusters
as in A. C. Cameron, J. B. Gelbach, D. L. Miller, "Bootstrap-based improvements for inference with clustered
errors", Review of Economics and Statistics 90 (2008).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.backtest_pairs import Blamed, Pair
from streams.backtest_releases import Fate

Floats = NDArray[np.float64]

ROUNDS = 2000
"""Resamples: the limits of an interval of 95 % then rest on fifty of them on either side."""

Cluster = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of both contenders.

    Attributes:
        champion: None where nothing defines it: no release has a label, say.
        difference: Candidate minus champion.
        low: Lower limit of the difference's interval of 95 %; None where it cannot be had.
        high: Upper limit.
        releases: What the figure rests on: releases, or clusters for blame, weighted as they count.
    """

    name: str
    unit: str
    champion: float | None = None
    candidate: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    releases: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sums:
    """Numerators of the two sides, their common denominators, (rows,) each, and each row's cluster."""

    clusters: list[Cluster]
    champion: Floats
    candidate: Floats
    of: Floats


def figures(pairs: Sequence[Pair], blamed: Sequence[Blamed], seed: int) -> tuple[Figure, ...]:
    """Return all figures.

    Releases that were cut off for the candidate are left out, but for the bad minutes: those count until they
    were really taken back, which is the least there would have been.

    Args:
        pairs: All releases.
        blamed: Places of blame, one a cluster with a bad release.
        seed: What the resampling is drawn from.
    """
    known = [pair for pair in pairs if pair.truth is not None and pair.truth.weight > 0]
    fair = [pair for pair in known if not pair.is_cut_off]
    said = [
        _figure("false_rollbacks", "per 1,000", _shares(fair, _good, Pair.ordered, 1000.0), seed),
        _figure("false_calls", "per 1,000", _shares(fair, _good, Pair.called, 1000.0), seed),
        _figure("found", "share", _shares(fair, _bad, Pair.called, 1.0), seed),
        _figure("delay", "min", _delays(fair), seed),
        _figure("bad_minutes", "min a release", _bad_minutes(known), seed),
    ]
    said += [_figure(f"blame_hits_{most}", "share", _hits(blamed, most), seed) for most in (1, 3)]
    return tuple(said)


def _good(pair: Pair) -> float:
    assert pair.truth is not None
    return pair.truth.weight * (1.0 - pair.truth.p_bad)


def _bad(pair: Pair) -> float:
    assert pair.truth is not None
    return pair.truth.weight * pair.truth.p_bad


def _shares(
    pairs: Sequence[Pair], weight: Callable[[Pair], float], hit: Callable[[Pair, Fate], object], scale: float
) -> _Sums:
    weights = np.array([weight(pair) for pair in pairs], dtype=float)
    sides = [
        scale
        * weights
        * np.array([hit(pair, fate) is not None for pair, fate in _side(pairs, number)], dtype=float)
        for number in (0, 1)
    ]
    return _Sums([pair.cluster for pair in pairs], sides[0], sides[1], weights)


def _delays(pairs: Sequence[Pair]) -> _Sums:
    """Return the delays of what both found: of one that only one found there is nothing to compare."""
    both = [
        pair
        for pair in pairs
        if pair.delay_min(pair.champion) is not None and pair.delay_min(pair.candidate) is not None
    ]
    weights = np.array([_bad(pair) for pair in both], dtype=float)
    sides = [
        weights * np.array([pair.delay_min(fate) for pair, fate in _side(both, number)], dtype=float)
        for number in (0, 1)
    ]
    return _Sums([pair.cluster for pair in both], sides[0], sides[1], weights)


def _bad_minutes(pairs: Sequence[Pair]) -> _Sums:
    weights = np.array([_bad(pair) for pair in pairs], dtype=float)
    sides = [
        weights * np.array([pair.bad_minutes(fate) for pair, fate in _side(pairs, number)], dtype=float)
        for number in (0, 1)
    ]
    return _Sums([pair.cluster for pair in pairs], sides[0], sides[1], weights)


def _hits(blamed: Sequence[Blamed], most: int) -> _Sums:
    ones = np.ones(len(blamed))
    champion = np.array([one.champion < most for one in blamed], dtype=float)
    candidate = np.array([one.candidate < most for one in blamed], dtype=float)
    return _Sums([one.cluster for one in blamed], champion, candidate, ones)


def _side(pairs: Sequence[Pair], number: int) -> list[tuple[Pair, Fate]]:
    return [(pair, (pair.champion, pair.candidate)[number]) for pair in pairs]


def _figure(name: str, unit: str, sums: _Sums, seed: int) -> Figure:
    of = float(sums.of.sum())
    if of <= 0:
        return Figure(name=name, unit=unit)
    champion = float(sums.champion.sum()) / of
    candidate = float(sums.candidate.sum()) / of
    low, high = _interval(sums, seed)
    return Figure(
        name=name,
        unit=unit,
        champion=champion,
        candidate=candidate,
        difference=candidate - champion,
        low=low,
        high=high,
        releases=of,
    )


def _interval(sums: _Sums, seed: int) -> tuple[float | None, float | None]:
    """Return the limits of the difference under resampling of whole clusters; None with only one."""
    names = sorted(set(sums.clusters))
    if len(names) < 2:
        return None, None
    place = {name: number for number, name in enumerate(names)}
    member = np.array([place[name] for name in sums.clusters])
    totals = [
        np.bincount(member, weights=values, minlength=len(names))
        for values in (sums.candidate - sums.champion, sums.of)
    ]
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=ROUNDS)
    differences, of = (drawn @ values for values in totals)
    is_defined = of > 0
    if is_defined.sum() < ROUNDS / 2:
        return None, None
    differences = differences[is_defined] / of[is_defined]
    low, high = np.quantile(differences, [0.025, 0.975]).tolist()
    return float(low), float(high)
