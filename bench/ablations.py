"""What each idea of the judge adds: the figures without one of them at a time.

`python -m bench.ablations [--data DIR] [--runs N] [--seed S] [--only NAME]` prints one JSON object: for the
judge as shipped and for it without each idea of `bench.switches`, the figures of `bench.changerca` and of its
A/A with bootstrap intervals by whole cases, and the shares of generated pairs that are rolled back. `change`
is the figure less the shipped judge's over the same resampled cases. Without `labels.csv` what needs labels
is null. The A/A takes one pod in `--every`; the pairs leave out ideas that they cannot tell of.
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.changerca import collect
from bench.changerca_data import Change, changes_of, posing
from bench.intervals import bootstrap, wilson
from bench.pairs import judge_run
from bench.pairs_cells import Cell, release
from bench.pairs_data import PairRun
from bench.report import Started, report
from bench.switches import SWITCHES, Switch, without
from detectors.defaults import pair_rule, pod_minute_rule
from schemas.codec import digest
from schemas.instants import from_ms
from schemas.observations import SettingsChanged
from schemas.policy import Autonomy, Policy, Rule
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import Row, read_rows

ALIKE = {
    "lag .8": Cell(lag=0.8),
    "dispersion 1": Cell(dispersion=1.0),
    "pods differ by 20 %": Cell(pods=0.2),
    "outages": Cell(outage=0.04),
}
"""Releases that change nothing."""

WORSE = {
    "+20% x2": Cell(latency=1.2, errors=2.0),
    "+50% x5": Cell(latency=1.5, errors=5.0),
}

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """One case's part of the figures: changes found, wrongly rolled back, bad, good, and the delays."""

    found: int
    false: int
    bad: int
    good: int
    delays: tuple[float, ...]


def f1_of(cases: Sequence[CaseCounts]) -> float | None:
    """Return F1 over cases; None where nothing is bad."""
    found, false, bad = (sum(getattr(case, part) for case in cases) for part in ("found", "false", "bad"))
    return 2.0 * found / (found + false + bad) if bad else None


def false_share_of(cases: Sequence[CaseCounts]) -> float | None:
    """Return the share of good changes that were rolled back."""
    good = sum(case.good for case in cases)
    return sum(case.false for case in cases) / good if good else None


def median_of(cases: Sequence[CaseCounts]) -> float | None:
    """Return the median delay of what was found, in minutes."""
    delays = [delay for case in cases for delay in case.delays]
    return median(delays) if delays else None


def _judged(rows: list[Row], changes: list[Change], rule: Rule) -> dict[str, int | None]:
    policy = Policy(rules={"*/*": rule})
    settings = SettingsChanged(policy=policy, digest=digest(policy), at=from_ms(rows[0]["ts"] * 1000))
    results = collect(effects_of_pod_minutes(rows, settings), changes)
    return {change.id: results.changes[change.id].at for change in changes}


def _cases(changes: list[Change], at: dict[str, int | None], bad: set[str]) -> list[CaseCounts]:
    members: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        members[change.case].append(change)
    counts = []
    for _, ours in sorted(members.items()):
        delays = [(moment - c.ready) / 60 for c in ours if (moment := at[c.id]) is not None and c.id in bad]
        false = sum(at[c.id] is not None and c.id not in bad for c in ours)
        harmful = sum(c.id in bad for c in ours)
        counts.append(CaseCounts(len(delays), false, harmful, len(ours) - harmful, tuple(delays)))
    return counts


def _compared(
    figure: Callable[[Sequence[Any]], float | None], now: list[Any], shipped: list[Any], seed: int
) -> Figures:
    """Return a figure with its interval, and its change against the shipped judge over the same cases."""

    def change(pairs: Sequence[tuple[Any, Any]]) -> float | None:
        one, other = figure([pair[0] for pair in pairs]), figure([pair[1] for pair in pairs])
        return None if one is None or other is None else one - other

    value = figure(now)
    return {
        "value": None if value is None else round(value, 4),
        "interval": bootstrap(figure, now, seed),
        "change": bootstrap(change, list(zip(now, shipped, strict=True)), seed),
    }


class Recorded:
    """ChangeRCA's cases, and their quiet pods posing as canaries."""

    def __init__(self, folder: Path, seed: int, every: int) -> None:
        self.source = folder / "replay.jsonl.gz"
        self._rows = read_rows(self.source)
        self._changes = changes_of(self._rows)
        posed, pods = posing(self._rows, self._changes)
        self._pods = pods[::every]
        kept = {pod.environment for pod in self._pods}
        self._posed = [row for row in posed if row["environment"] in kept]
        self._seed = seed
        self._shipped: tuple[list[CaseCounts], list[CaseCounts]] | None = None
        labels = folder / "labels.csv"
        self._bad: set[str] | None = None
        if labels.exists():
            with labels.open() as lines:
                self._bad = {row["change_id"] for row in csv.DictReader(lines) if row["bad"] == "1"}

    def figures(self, switch: Switch | None) -> Figures:
        """Return the figures without one idea; the first call must be the shipped judge's."""
        rule = pod_minute_rule(Autonomy.ALONE)
        rule = switch.rule(rule) if switch else rule
        live = _cases(self._changes, _judged(self._rows, self._changes, rule), self._bad or set())
        quiet = _cases(self._pods, _judged(self._posed, self._pods, rule), set())
        if self._shipped is None:
            self._shipped = live, quiet
        before, before_quiet = self._shipped
        said: Figures = dict.fromkeys(("f1", "false_share", "median_min"))
        if self._bad is not None:
            measured = {"f1": f1_of, "false_share": false_share_of, "median_min": median_of}
            said = {name: _compared(part, live, before, self._seed) for name, part in measured.items()}
        said["aa_share"] = _compared(false_share_of, quiet, before_quiet, self._seed)
        return said


def pair_figures(switch: Switch | None, runs: int, seed: int) -> Figures:
    """Return per cell the share of generated releases that is rolled back, with Wilson's interval."""
    said: Figures = {}
    for number, (name, cell) in enumerate({**ALIKE, **WORSE}.items()):
        random = np.random.default_rng([seed, number])
        minutes = [_minute_of(release(cell, random), switch) for _ in range(runs)]
        found = [minute for minute in minutes if minute is not None]
        said[name] = {
            "rolled_back": round(len(found) / runs, 4),
            "interval": wilson(len(found), runs),
            "median_min": median(found) if found else None,
            "n": runs,
        }
    return said


def _minute_of(run: PairRun, switch: Switch | None) -> int | None:
    rule = pair_rule({name: signal.is_count for name, signal in run.signals.items()})
    rule = replace(switch.rule(rule), gate=rule.gate) if switch else rule
    found = judge_run(run, rule, "settings")
    return found[0] if found else None


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/changerca"))
    parser.add_argument("--runs", type=int, default=12, help="generated releases a cell")
    parser.add_argument("--every", type=int, default=9, help="of the quiet pods, take one in so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(SWITCHES), action="append", help="these ideas alone")
    given = parser.parse_args(arguments)
    started = Started()
    recorded = Recorded(given.data, given.seed, given.every)
    print("as shipped ...", file=sys.stderr)
    said = {"shipped": _figures(recorded, None, given.runs, given.seed)}
    for name, switch in SWITCHES.items():
        if given.only and name not in given.only:
            continue
        print(f"without {name} ...", file=sys.stderr)
        with without(switch):
            said[name] = {"idea": switch.idea, **_figures(recorded, switch, given.runs, given.seed)}
    report({"without": said}, started, recorded.source, seed=given.seed, packages=("numba",))


def _figures(recorded: Recorded, switch: Switch | None, runs: int, seed: int) -> Figures:
    is_told = switch is None or switch.is_in_pairs
    pairs = pair_figures(switch, runs, seed) if is_told else None
    return {"changerca": recorded.figures(switch), "pairs": pairs}


if __name__ == "__main__":
    main()
