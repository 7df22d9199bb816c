"""Pairs: simulated releases of known truth, a canary beside a baseline, judged minute by minute.

`python -m bench.pairs --data DIR [--verdicts FILE]` prints one JSON object: per cell the share of releases
that were rolled back and the median minute. Every run goes through the product's own windows and looks under
the shipped rule for pairs; a release is rolled back at its first harmful verdict. Without `labels.csv` the
figures are null. `--runs N --seed S` judges the harder cells of `bench.pairs_cells` instead of a folder;
with `--after M`, releases that are judged healthy are watched on for M minutes, beside their baseline or,
with `--promoted`, everywhere and without any; damage begins in the minute that `--begins` says.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.pairs_cells import hard_cells
from bench.pairs_data import Floats, PairRun, PairSignal, read_pairs, runs_of
from bench.pairs_rules import JUDGES, rule_for
from bench.report import Started, report
from detectors.watch import look, open_watch
from detectors.windows import ServiceWindow
from schemas.codec import digest
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.policy import Rule
from schemas.releases import Release
from schemas.samples import SampleBatch, Series, Temporality

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When minute 0 of every run begins; nothing hangs on it."""

_ENVIRONMENT, _SERVICE = EnvironmentName("bench"), ServiceName("pairs")
_MINUTE_MS = 60_000


def _columns(
    name: str, signal: PairSignal, run: PairRun, promoted: int | None
) -> Iterator[tuple[Series, Floats]]:
    """Yield the series of one signal with their values; pods change their version when they get it."""
    minutes = np.arange(len(signal.canary)) + run.first
    live = minutes >= 0
    after = np.zeros_like(live) if promoted is None else minutes >= promoted
    for pod, version, mask, values, requests in (
        ("canary", "1", ~live, signal.canary, signal.canary_requests),
        ("canary", "2", live, signal.canary, signal.canary_requests),
        ("baseline", "1", ~after, signal.baseline, signal.baseline_requests),
        ("baseline", "2", after, signal.baseline, signal.baseline_requests),
    ):
        if not mask.any():
            continue
        kind = Temporality.DELTA if signal.is_count else Temporality.GAUGE
        told = {name: values, f"{name}.requests": requests} if signal.is_count else {name: values}
        for metric, column in told.items():
            series = Series(metric=metric, temporality=kind, pod=pod, version=version)
            yield series, np.where(mask, column, np.nan)


def batches(run: PairRun, promoted: int | None = None) -> Iterator[tuple[int, SampleBatch]]:
    """Yield a run as one batch of its quiet minutes, then one a live minute, each with its last minute.

    Args:
        run: The release.
        promoted: Minute in which the baseline's pod gets the new version, too; None for never.
    """
    columns = [pair for name, signal in run.signals.items() for pair in _columns(name, signal, run, promoted)]
    series = tuple(each for each, _ in columns)
    table = np.array([values for _, values in columns])
    live = range(-run.first, run.minutes)
    for begin, end in [(0, -run.first), *((place, place + 1) for place in live)]:
        part = table[:, begin:end]
        ids, places = np.nonzero(np.isfinite(part))
        times = to_ms(START) + (run.first + begin + places) * _MINUTE_MS + _MINUTE_MS // 2
        yield (
            run.first + end - 1,
            SampleBatch(
                environment=_ENVIRONMENT,
                service=_SERVICE,
                series=series,
                series_ids=ids.astype(np.int32),
                times_ms=times.astype(np.int64),
                values=part[ids, places],
            ),
        )


def judge_run(
    run: PairRun, rule: Rule, rule_digest: str, promoted: int | None = None
) -> tuple[int, str] | None:
    """Return how many live minutes a rollback took and the signal that called for it; None without one."""
    window = ServiceWindow()
    release = Release(
        id=ReleaseId(f"run-{run.run}"),
        environment=_ENVIRONMENT,
        service=_SERVICE,
        version="2",
        started_at=START,
    )
    watch = None
    for minute, batch in batches(run, promoted):
        now = START + timedelta(minutes=minute + 1)
        window.add_samples(batch, rule, now)
        if watch is None:
            watch = open_watch(release, window, rule, now)
            continue
        seen = look(watch, window, rule, rule_digest, now + rule.judge.lateness)
        if seen is not None and seen.kind is VerdictKind.HARMFUL:
            return minute + 1, next(iter(watch.convicted_by)).split("|")[0]
    return None


def judge(
    runs: Iterable[PairRun], by: str = JUDGES[0], after: int | None = None, is_promoted: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield what the shipped rule for pairs, or a baseline, says of each run, as the verdicts file has it.

    Args:
        runs: The releases.
        by: Who judges.
        after: Minutes of aftercare; None for the rule's own.
        is_promoted: The new version runs everywhere once its watch is over.
    """
    rules: dict[tuple[tuple[tuple[str, bool], ...], int], tuple[Rule, str]] = {}
    for run in runs:
        kinds = tuple((name, signal.is_count) for name, signal in run.signals.items())
        key = kinds, run.first + run.minutes
        if key not in rules:
            rule = rule_for(by, dict(kinds), run.first + run.minutes)
            if after is not None:
                rule = replace(rule, judge=replace(rule.judge, after=timedelta(minutes=after)))
            rules[key] = rule, digest(rule)
        promoted = rules[key][0].judge.watch // timedelta(minutes=1) if is_promoted else None
        found = judge_run(run, *rules[key], promoted)
        yield {
            "run": run.run,
            "rolled_back": found is not None,
            "minute": found[0] if found else None,
            "signal": found[1] if found else None,
        }


def cell_figures(lines: Iterable[Mapping[str, Any]], cells: Mapping[int, str]) -> dict[str, dict[str, Any]]:
    """Return per cell the share of runs rolled back, the median minute of those, and how many runs it has."""
    by_cell: dict[str, list[int | None]] = {}
    for line in lines:
        by_cell.setdefault(cells[line["run"]], []).append(line["minute"])
    figures = {}
    for cell, minutes in sorted(by_cell.items()):
        found = [minute for minute in minutes if minute is not None]
        figures[cell] = {
            "rolled_back": round(len(found) / len(minutes), 4),
            "median_min": median(found) if found else None,
            "n": len(minutes),
        }
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/pairs"))
    parser.add_argument("--verdicts", type=Path)
    parser.add_argument("--runs", type=int, help="judge so many releases in each of the harder cells")
    parser.add_argument("--seed", type=int, default=1, help="what the harder cells are drawn from")
    parser.add_argument("--cell", help="only the harder cells whose name has this in it")
    parser.add_argument("--judge", choices=JUDGES, default=JUDGES[0], help="the others are baselines")
    parser.add_argument("--after", type=int, help="with --runs: minutes that healthy releases are watched on")
    parser.add_argument("--begins", type=int, default=0, help="with --runs: minute in which damage begins")
    parser.add_argument(
        "--promoted", action="store_true", help="with --after: without a baseline from then on"
    )
    given = parser.parse_args(arguments)
    started = Started()
    cells: dict[int, str] | None
    if given.runs is not None:
        made = hard_cells(given.runs, given.seed, given.cell or "", given.after or 0, given.begins)
        runs, cells = [run for _, run in made], {run.run: cell for cell, run in made}
    else:
        try:
            rows, cells = read_pairs(given.data)
        except FileNotFoundError as error:
            parser.error(str(error))
        runs = list(runs_of(rows))
    lines = []
    for line in judge(runs, given.judge, given.after, given.promoted):
        lines.append(line)
        if len(lines) % 100 == 0:
            print(f"{len(lines)} of {len(runs)} releases", file=sys.stderr)
    if given.verdicts is not None:
        given.verdicts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report(
        {
            "cells": cell_figures(lines, cells) if cells is not None else None,
            "releases": len(lines),
            "rolled_back": sum(line["rolled_back"] for line in lines),
        },
        started,
        None if given.runs is not None else given.data / "minutes.parquet",
        seed=given.seed if given.runs is not None else None,
        packages=("pandas", "pyarrow", "numba"),
    )


if __name__ == "__main__":
    main()
