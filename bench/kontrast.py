"""Kontrast: software changes on production KPIs without a concurrent control; half of them are bad.

`python -m bench.kontrast --data DIR [--verdicts FILE]` prints one JSON object. Without `labels.csv` the
figures that need labels are null. Each series is judged by itself, minute by minute and by nothing later,
with one threshold for all: the shipped one of `detectors/seasonal_shift.py`.

Source: X. Wang et al., "Kontrast: Identifying Erroneous Software Change through Self-Supervised Contrastive
Learning on Time Series", ISSRE 2022.
"""

import argparse
import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.kontrast_scores import Change, Judged, figures
from bench.report import Started, report
from detectors.seasonal_shift import THRESHOLD, seasonal_yardstick

HORIZON = 90
"""Minutes after a change in which it is judged."""

_MINUTE = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One change's series; unix seconds and values, (readings,) each."""

    times_s: NDArray[np.int64]
    values: Floats


def read_series(path: Path) -> dict[str, Readings]:
    """Return the series of each change."""
    table = pq.read_table(path, columns=["change_id", "ts", "value"])
    ids = np.asarray(table["change_id"].to_pylist(), dtype=np.str_)
    times = np.asarray(table["ts"].to_numpy(), dtype=np.int64)
    values = np.asarray(table["value"].to_numpy(), dtype=np.float64)
    return {str(name): Readings(times[ids == name], values[ids == name]) for name in np.unique(ids)}


def read_starts(folder: Path) -> list[Change]:
    """Return the changes, with their labels where `labels.csv` is there."""
    labels = folder / "labels.csv"
    with (labels if labels.exists() else folder / "starts.csv").open(newline="") as lines:
        return [
            Change(
                id=row["change_id"],
                start_s=int(row["change_start"]),
                bad=row["bad"] == "1" if "bad" in row else None,
                group=row.get("group", row["change_id"]),
            )
            for row in csv.DictReader(lines)
        ]


def minutes(readings: Readings, start_s: int) -> tuple[Floats, Floats]:
    """Return a series before and after a change, a reading a minute, NaN where none was taken."""
    place = (readings.times_s - start_s) // _MINUTE
    before = max(0, -int(place.min(initial=0)))
    series = np.full(before + max(1, int(place.max(initial=0)) + 1), np.nan)
    series[place + before] = np.where(np.isfinite(readings.values), readings.values, np.nan)
    return series[:before], series[before : before + HORIZON]


def judged(change: Change, readings: Readings) -> Judged:
    """Return how one change scores, minute by minute."""
    past, live = minutes(readings, change.start_s)
    yardstick = seasonal_yardstick(past, HORIZON)
    return Judged(scores=yardstick.scores(live), placebos=yardstick.placebos)


def verdict_line(change: Change, said: Judged) -> str:
    """Return a line of the verdicts file."""
    minute = said.alarm(THRESHOLD)
    return json.dumps(
        {
            "change": change.id,
            "rolled_back": minute is not None,
            "at": None if minute is None else change.start_s + minute * _MINUTE,
            "score": round(said.score, 6),
        }
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/kontrast"))
    parser.add_argument("--verdicts", type=Path)
    given = parser.parse_args(arguments)
    started = Started()
    source = given.data / "series.parquet"
    series = read_series(source)
    changes = read_starts(given.data)
    print(f"{len(changes)} changes", file=sys.stderr)
    nothing = Readings(np.zeros(0, dtype=np.int64), np.zeros(0))
    said = [judged(change, series.get(change.id, nothing)) for change in changes]
    if given.verdicts is not None:
        lines = (verdict_line(change, one) + "\n" for change, one in zip(changes, said, strict=True))
        given.verdicts.write_text("".join(lines))
    report(figures(changes, said, THRESHOLD), started, source, packages=("pyarrow",))


if __name__ == "__main__":
    main()
