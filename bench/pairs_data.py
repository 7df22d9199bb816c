"""Pairs: releases with a canary beside a baseline, a row a minute and signal, as columns of one run each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SIDES = ("canary", "baseline", "canary_requests", "baseline_requests")
COLUMNS = ("run", "minute", "signal", "kind", *_SIDES)


@dataclass(frozen=True, slots=True, eq=False)
class PairSignal:
    """One signal of one run, over all its minutes; NaN where a side said nothing.

    Attributes:
        is_count: Events out of requests; else a level.
        canary: Events or level, (minutes,).
        baseline: The same of the other side.
        canary_requests: Out of how many, (minutes,); NaN throughout for a level.
        baseline_requests: The same of the other side.
    """

    is_count: bool
    canary: Floats
    baseline: Floats
    canary_requests: Floats
    baseline_requests: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PairRun:
    """One release.

    Attributes:
        run: Its number.
        first: Its first minute; the new version runs on the canary side from minute 0 on.
        signals: By name; all have the same number of minutes.
    """

    run: int
    first: int
    signals: Mapping[str, PairSignal]

    @property
    def minutes(self) -> int:
        """Return how many minutes it lasts, quiet ones and live ones."""
        return max((len(signal.canary) for signal in self.signals.values()), default=0)


def read_pairs(folder: Path) -> tuple[pd.DataFrame, dict[int, str] | None]:
    """Return a folder's rows, and each run's cell; None for the cells where labels were taken away.

    Raises:
        FileNotFoundError: the folder has no `minutes.parquet`; the message says how it is made.
        ValueError: a column is missing.
    """
    source = folder / "minutes.parquet"
    if not source.is_file():
        raise FileNotFoundError(
            f"{source} is missing, expected what `python make_pairs.py --out {folder} --runs 200 --seed 1` "
            "writes (make_pairs.py lies beside the benchmark data; `--runs N --seed S` here makes the "
            "cells of bench.pairs_cells instead)"
        )
    rows = pd.read_parquet(source)
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise ValueError(f"{source} has no column {', '.join(missing)}, expected {', '.join(COLUMNS)}")
    labels = folder / "labels.csv"
    if not labels.is_file():
        return rows, None
    table = pd.read_csv(labels)
    return rows, {int(run): str(cell) for run, cell in zip(table["run"], table["cell"], strict=True)}


def runs_of(rows: pd.DataFrame) -> Iterator[PairRun]:
    """Yield the runs of a table of minutes, in the order of their numbers."""
    rows = rows.sort_values(["run", "signal", "minute"], kind="stable")
    for run, part in rows.groupby("run", sort=True):
        first = int(part["minute"].min())
        length = int(part["minute"].max()) - first + 1
        signals = {}
        for name, told in part.groupby("signal", sort=True):
            place = told["minute"].to_numpy() - first
            columns = [np.full(length, np.nan) for _ in _SIDES]
            for key, values in zip(_SIDES, columns, strict=True):
                values[place] = told[key].to_numpy(dtype=np.float64)
            signals[str(name)] = PairSignal(bool((told["kind"] == "count").all()), *columns)
        yield PairRun(int(str(run)), first, signals)
