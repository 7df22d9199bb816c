"""NAB: the Numenta Anomaly Benchmark v1.1, 58 series with 116 labelled windows.

`python -m bench.nab --data DIR [--verdicts FILE]` prints one JSON object; DIR holds NAB's `data/` and, for
the figures, `labels/`. One detector and one setting for all files, one pass; the threshold is the best over
all files, as NAB does it, and for `split` the best over the other half of the files.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.nab_scoring import PROFILES, LabelledFile, label, normalised, sweep
from bench.points import DETECTORS, scores_of, write_scores
from bench.report import Started, report
from bench.series_files import SeriesFile, read_series

Floats = NDArray[np.float64]
Labelled = Sequence[tuple[LabelledFile, Floats]]


def labelled(files: Sequence[SeriesFile], scores: Sequence[Floats], source: Path) -> Labelled:
    """Return labels and scores of the files that NAB has windows for; a file with none has no anomaly."""
    windows: dict[str, list[tuple[str, str]]] = json.loads(source.read_text())
    found = []
    for file, score in zip(files, scores, strict=True):
        if file.name not in windows:
            continue
        edges = [
            (_place(file, first, "left"), _place(file, last, "right") - 1)
            for first, last in windows[file.name]
        ]
        found.append((label(len(score), edges), score))
    return found


def _place(file: SeriesFile, stamp: str, side: str) -> int:
    at = (pd.Timestamp(stamp) - pd.Timestamp(0)).total_seconds()
    return int(np.searchsorted(file.times_s, at, side="left" if side == "left" else "right"))


def figures(found: Labelled) -> dict[str, float]:
    """Return NAB's three scores and the split one, rounded to two digits."""
    windows = sum(labels.windows for labels, _ in found)
    said = {}
    for name, profile in PROFILES.items():
        _, raw = sweep(found, profile).best()
        said[name] = round(normalised(raw, windows, profile), 2)
    profile = PROFILES["standard"]
    halves = sweep(found[0::2], profile), sweep(found[1::2], profile)
    raw = halves[0].at(halves[1].best()[0]) + halves[1].at(halves[0].best()[0])
    said["split"] = round(normalised(raw, windows, profile), 2)
    return said


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/nab"))
    parser.add_argument("--verdicts", type=Path)
    parser.add_argument("--detector", choices=DETECTORS, default="bank", help="what scores; river's compare")
    given = parser.parse_args(arguments)
    started = Started()
    data, windows = given.data / "data", given.data / "labels" / "combined_windows.json"
    files = read_series(data)
    print(f"{len(files)} files", file=sys.stderr)
    scores = scores_of(files, given.detector)
    if given.verdicts is not None:
        write_scores(given.verdicts, files, scores)
    said: dict[str, Any] = dict.fromkeys((*PROFILES, "split"))
    if windows.exists():
        said = dict(figures(labelled(files, scores, windows)))
    said["detector"] = given.detector
    said["counts"] = {"files": len(files), "samples": sum(len(file.values) for file in files)}
    report(said, started, data, packages=("numba", "pandas", "river"))


if __name__ == "__main__":
    main()
