"""Promised against seen false rollbacks: releases that change nothing, and how small their p-values become.

`python -m bench.calibration [--data DIR] [--runs N] [--seed S]` prints one JSON object. A release's p-value
is the smallest over all its looks, signals and checks, each with its share of the budget: it holds at every
look, so the share of harmless releases that ever get one of at most alpha must be at most alpha. `cells` has
generated pairs of minutes that behave and that misbehave; `pods` the quiet pods of ChangeRCA that pose as
canaries, all of them and those that said something; `mann_whitney` what a Mann-Whitney test at every look
would do on the same pairs, with its budget divided evenly among the signals.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.changerca_data import changes_of, posing
from bench.changerca_scores import mute_pods
from bench.intervals import wilson
from bench.pairs import START, batches
from bench.pairs_cells import Cell, release
from bench.pairs_data import PairRun
from bench.report import Started, report
from detectors.defaults import pair_rule, pod_minute_rule
from detectors.kayenta_statistics import mann_whitney
from detectors.watch import ReleaseWatch, look, open_watch
from detectors.windows import ServiceWindow
from schemas.codec import digest
from schemas.instants import from_ms
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.observations import SettingsChanged, VerdictReached
from schemas.policy import Autonomy, Policy, Rule
from schemas.releases import Release
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import Row, read_rows

ALPHAS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)

CELLS = {
    "iid": Cell(),
    "lag .5": Cell(lag=0.5),
    "lag .8": Cell(lag=0.8),
    "lag .95": Cell(lag=0.95),
    "dispersion .3": Cell(dispersion=0.3),
    "dispersion 1": Cell(dispersion=1.0),
    "bursts": Cell(dispersion=0.3, burst=0.8),
    "pods differ by 10 %": Cell(pods=0.1),
}
"""Releases that change nothing, minutes that remember or burst more and more."""

_TESTED_FROM = 5
"""Minute of the first Mann-Whitney test: from fewer values it says nothing."""


def curve(p_values: Sequence[float]) -> dict[str, Any]:
    """Return the share of p-values at or below each of `ALPHAS`, with Wilson's interval."""
    hits = [sum(p <= alpha for p in p_values) for alpha in ALPHAS]
    return {
        "seen": [round(count / len(p_values), 4) for count in hits],
        "interval": [wilson(count, len(p_values)) for count in hits],
        "n": len(p_values),
    }


def _lenient(rule: Rule) -> Rule:
    """Return the rule with the largest budget: a p-value is noted once it convicts, and none hangs on it."""
    return replace(rule, judge=replace(rule.judge, alpha=ALPHAS[0]))


def p_value_of(run: PairRun) -> float:
    """Return the smallest p-value of a release over its looks; 1 when none is below the largest alpha."""
    rule = _lenient(pair_rule({name: signal.is_count for name, signal in run.signals.items()}))
    window = ServiceWindow()
    watch: ReleaseWatch | None = None
    for minute, batch in batches(run):
        now = START + timedelta(minutes=minute + 1)
        window.add_samples(batch, rule, now)
        if watch is None:
            watch = open_watch(_release(), window, rule, now)
            continue
        look(watch, window, rule, "settings", now + rule.judge.lateness)
    return 1.0 - watch.confidence_reached if watch is not None else 1.0


def _release() -> Release:
    return Release(
        id=ReleaseId("harmless"),
        environment=EnvironmentName("bench"),
        service=ServiceName("pairs"),
        version="2",
        started_at=START,
    )


def mann_whitney_p_value_of(run: PairRun) -> float:
    """Return the smallest p-value of a Mann-Whitney test a signal and minute, times the number of signals."""
    least = 1.0
    for signal in run.signals.values():
        sides = []
        for values, requests in (
            (signal.baseline, signal.baseline_requests),
            (signal.canary, signal.canary_requests),
        ):
            live = slice(-run.first, None)
            sides.append(values[live] / requests[live] if signal.is_count else values[live])
        control, experiment = sides
        for end in range(_TESTED_FROM, len(control) + 1):
            one, other = (side[:end][np.isfinite(side[:end])] for side in (control, experiment))
            if len(one) and len(other):
                least = min(least, mann_whitney(one, other, 0.98).p_value)
    return min(least * len(run.signals), 1.0)


def pods_p_values(rows: list[Row]) -> tuple[list[float], list[float]]:
    """Return the smallest p-value of each quiet pod that poses as a canary: of all, and of those heard."""
    posed, changes = posing(rows, changes_of(rows))
    policy = Policy(rules={"*/*": _lenient(pod_minute_rule(Autonomy.SHADOW))})
    settings = SettingsChanged(policy=policy, digest=digest(policy), at=from_ms(posed[0]["ts"] * 1000))
    least = dict.fromkeys((change.environment for change in changes), 1.0)
    ends = {change.environment: change.next_step for change in changes}
    for effect in effects_of_pod_minutes(posed, settings):
        match effect.said:
            case VerdictReached(verdict=said) if said.at.timestamp() <= ends[said.environment]:
                least[said.environment] = min(least[said.environment], 1.0 - said.confidence)
            case _:
                pass
    mute = mute_pods(posed, changes)
    spoke = [least[change.environment] for change in changes if change.id not in mute]
    return list(least.values()), spoke


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/changerca"))
    parser.add_argument("--runs", type=int, default=200, help="generated releases a cell")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    started = Started()
    cells: dict[str, Any] = {}
    tests: dict[str, Any] = {}
    for number, (name, cell) in enumerate(CELLS.items()):
        print(f"{name} ...", file=sys.stderr)
        random = np.random.default_rng([given.seed, number])
        runs = [release(cell, random) for _ in range(given.runs)]
        cells[name] = curve([p_value_of(run) for run in runs])
        tests[name] = curve([mann_whitney_p_value_of(run) for run in runs])
    print("quiet pods ...", file=sys.stderr)
    source = given.data / "replay.jsonl.gz"
    everybody, spoke = pods_p_values(read_rows(source))
    report(
        {
            "alphas": ALPHAS,
            "cells": cells,
            "pods": {"all": curve(everybody), "heard": curve(spoke)},
            "mann_whitney": tests,
        },
        started,
        source,
        seed=given.seed,
        packages=("numba",),
    )


if __name__ == "__main__":
    main()
