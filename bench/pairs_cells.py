"""Harder cells for `bench.pairs`: releases that change nothing, in minutes that misbehave, and a few bad.

Real minutes remember, burst, spike, drift and go missing. Each cell breaks one assumption of the judge;
nothing is fitted to them. Releases of cells that begin with `bad` must be rolled back, all others must not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.pairs_data import Floats, PairRun, PairSignal

VALUES, COUNTS = ("latency_a", "latency_b", "cpu"), ("errors_a", "errors_b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How the minutes of one cell behave. The defaults are the plain cell of the shared generator.

    Attributes:
        lag: Correlation of neighbouring minutes of a value.
        noise: Deviation of a minute of a value, in logarithms.
        tail: How noise is drawn: normal, student (3 degrees of freedom) or spikes (one minute in fifty is
            three times as high).
        dispersion: Squared coefficient of variation of a minute's error ratio.
        burst: Correlation of neighbouring minutes' error ratios.
        pods: Deviation of the lasting difference of a side, in logarithms, for values and error ratios.
        drift: Deviation of a minute's step of a side's level, in logarithms.
        ratio: Error ratio.
        requests: Requests a minute on the baseline.
        traffic: Canary's requests a minute out of the baseline's.
        tide: Height of a swing of the load, in logarithms, over 90 minutes.
        missing: Chance that a side says nothing in a minute.
        outage: Chance of a minute in which both sides are ill, each as much as it likes.
        sawtooth: Height of a ramp of fifteen minutes on the canary's side, in logarithms.
        swelling: By how much the noise's deviation grows from the first minute to the last, as a factor.
        surge: By how much the load, and all levels with it, rises at minute 0, as a factor.
        quiet: Quiet minutes.
        latency: By what the new version multiplies `latency_a`.
        errors: By what it multiplies `errors_a`.
        begins: Live minute from which it does.
    """

    lag: float = 0.0
    noise: float = 0.15
    tail: str = "normal"
    dispersion: float = 0.0
    burst: float = 0.0
    pods: float = 0.0
    drift: float = 0.0
    ratio: float = 0.01
    requests: float = 600.0
    traffic: float = 1.0
    tide: float = 0.0
    missing: float = 0.0
    outage: float = 0.0
    sawtooth: float = 0.0
    swelling: float = 1.0
    surge: float = 1.0
    quiet: int = 60
    live: int = 30
    latency: float = 1.0
    errors: float = 1.0
    begins: int = 0


PLAIN = Cell()

CELLS: dict[str, Cell] = {
    "lag .9": Cell(lag=0.9),
    "lag .95": Cell(lag=0.95),
    "dispersion 1": Cell(dispersion=1.0),
    "bursts of minutes": Cell(dispersion=0.3, burst=0.8),
    "pods differ by 10 %": Cell(pods=0.1),
    "pods differ by 20 %": Cell(pods=0.2),
    "heavy tails": Cell(tail="student"),
    "spikes": Cell(tail="spikes"),
    "tide": Cell(tide=1.0),
    "drift": Cell(drift=0.01),
    "canary 1 %": Cell(traffic=0.01, requests=6000.0),
    "canary 10 %": Cell(traffic=0.1, requests=2000.0),
    "few requests": Cell(ratio=0.001, requests=20.0),
    "few errors": Cell(ratio=0.0002),
    "many errors": Cell(ratio=0.05, requests=20000.0, dispersion=0.01),
    "missing minutes": Cell(missing=0.2),
    "outages": Cell(outage=0.04),
    "sawtooth": Cell(sawtooth=0.3),
    "noise swells": Cell(swelling=3.0),
    "load surges": Cell(surge=2.0),
    "quiet 20": Cell(quiet=20),
    "quiet 20, lag .8, dispersion .3": Cell(quiet=20, lag=0.8, dispersion=0.3),
    "lag .8, dispersion .3, pods differ": Cell(lag=0.8, dispersion=0.3, pods=0.1),
    "bad: +20% x2, lag .5": Cell(lag=0.5, latency=1.2, errors=2.0),
    "bad: +20% x2, dispersion .3": Cell(dispersion=0.3, latency=1.2, errors=2.0),
    "bad: +20% x2, pods differ by 10 %": Cell(pods=0.1, latency=1.2, errors=2.0),
    "bad: +50% x5, lag .8, dispersion .3": Cell(lag=0.8, dispersion=0.3, latency=1.5, errors=5.0),
}
"""By name, as the report shows them."""


def hard_cells(
    runs: int, seed: int, named: str = "", longer: int = 0, begins: int = 0
) -> list[tuple[str, PairRun]]:
    """Return so many releases of each cell whose name has `named` in it, with the cell's name.

    Each lasts so many minutes `longer` than its cell says, and those that are bad become so in the live
    minute `begins`. A cell's releases are the same whichever other cells are asked for.
    """
    made: list[tuple[str, PairRun]] = []
    for number, (name, cell) in enumerate(CELLS.items()):
        if named not in name:
            continue
        cell = replace(cell, live=cell.live + longer, begins=begins)
        random = np.random.default_rng([seed, number])
        made += [(name, replace(release(cell, random), run=len(made) + run)) for run in range(runs)]
    return made


def release(cell: Cell, random: np.random.Generator) -> PairRun:
    """Return one release of a cell; `run` is 0."""
    length = cell.quiet + cell.live
    live = np.arange(length) >= cell.quiet
    bad = np.arange(length) >= cell.quiet + cell.begins
    load = np.exp(np.cumsum(random.normal(0, 0.02, length)))
    load *= np.exp(cell.tide * np.sin(2 * np.pi * (np.arange(length) / 90.0 + random.random())))
    load *= np.where(live, cell.surge, 1.0)
    ill = random.random(length) < cell.outage
    signals = {}
    for name in VALUES:
        worse = cell.latency if name == "latency_a" else 1.0
        ramp = cell.sawtooth * ((np.arange(length) + random.integers(15)) % 15) / 15.0
        canary = _values(cell, random, load, ill) * np.exp(ramp) * np.where(bad, worse, 1.0)
        nothing = np.full(length, np.nan)
        signals[name] = PairSignal(False, canary, _values(cell, random, load, ill), nothing, nothing)
    for name in COUNTS:
        worse = cell.errors if name == "errors_a" else 1.0
        x, n = _counts(cell, random, load * cell.traffic, ill, np.where(bad, worse, 1.0))
        y, m = _counts(cell, random, load, ill, np.ones(length))
        signals[name] = PairSignal(True, x, y, n, m)
    silent = random.random((2, length)) < cell.missing
    return PairRun(0, -cell.quiet, {name: _without(one, silent) for name, one in signals.items()})


def _values(cell: Cell, random: np.random.Generator, load: Floats, ill: NDArray[np.bool_]) -> Floats:
    length = len(load)
    draw = _DRAWS[cell.tail]
    noise = np.zeros(length + 50)
    fresh = draw(random, length + 50)
    for minute in range(1, length + 50):
        noise[minute] = cell.lag * noise[minute - 1] + np.sqrt(1 - cell.lag**2) * fresh[minute]
    growing = np.linspace(1.0, cell.swelling, length)
    walk = np.cumsum(random.normal(0, cell.drift, length))
    lasting = random.normal(0, cell.pods)
    damage = np.where(ill, random.exponential(0.5, length), 0.0)
    return np.asarray(100 * load * np.exp(cell.noise * growing * noise[50:] + walk + lasting + damage))


def _counts(
    cell: Cell, random: np.random.Generator, load: Floats, ill: NDArray[np.bool_], worse: Floats
) -> tuple[Floats, Floats]:
    length = len(load)
    requests = random.poisson(cell.requests * load).astype(np.float64)
    wobble = _wobble(cell, random, length)
    lasting = np.exp(random.normal(0, cell.pods) + np.cumsum(random.normal(0, cell.drift, length)))
    damage = np.where(ill, 1.0 + random.exponential(5.0, length), 1.0)
    ratio = np.minimum(cell.ratio * wobble * lasting * damage * worse, 1.0)
    return random.binomial(requests.astype(np.int64), ratio).astype(np.float64), requests


def _wobble(cell: Cell, random: np.random.Generator, length: int) -> Floats:
    """Return what a minute's error ratio is multiplied by, of mean 1, (minutes,)."""
    if cell.dispersion <= 0:
        return np.ones(length)
    fresh = random.gamma(1 / cell.dispersion, cell.dispersion, length)
    kept = random.random(length) < cell.burst
    # A minute is as the one before it with a chance, which makes neighbours correlate by that chance.
    for minute in range(1, length):
        if kept[minute]:
            fresh[minute] = fresh[minute - 1]
    return np.asarray(fresh)


def _spikes(random: np.random.Generator, length: int) -> Floats:
    spike = np.where(random.random(length) < 0.02, np.log(3.0) / PLAIN.noise, 0.0)
    return np.asarray(random.normal(size=length) + spike)


_DRAWS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda random, length: random.normal(size=length),
    "student": lambda random, length: random.standard_t(3, length) / np.sqrt(3.0),
    "spikes": _spikes,
}


def _without(signal: PairSignal, silent: NDArray[np.bool_]) -> PairSignal:
    """Return the signal with each side's silent minutes unsaid; `silent` is (2, minutes), canary first."""

    def heard(values: Floats, mask: NDArray[np.bool_]) -> Floats:
        return np.where(mask, np.nan, values)

    return PairSignal(
        signal.is_count,
        heard(signal.canary, silent[0]),
        heard(signal.baseline, silent[1]),
        heard(signal.canary_requests, silent[0]),
        heard(signal.baseline_requests, silent[1]),
    )
