"""Points: anomalies in single series, scored as they come, with one setting for all files.

`python -m bench.points --data DIR [--verdicts FILE]` prints one JSON object; DIR is any folder of `*.csv`,
also nested, with `timestamp,value` and perhaps `label`. Without labels the figures are null.
`bench.points_events` says how labelled files are scored.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.points_events import crossed
from bench.report import Started, report
from bench.series_files import SeriesFile, read_series
from detectors.bank import Bank
from detectors.river_adapter import RiverDetector, RiverKind

Floats = NDArray[np.float64]


DETECTORS = ("bank", *(kind.value for kind in RiverKind))


def scores_of(files: Sequence[SeriesFile], detector: str = "bank") -> list[Floats]:
    """Return the scores of each file, in [0, 1), each sample's before the next is read.

    Args:
        files: The series.
        detector: One of `DETECTORS`; those of river are for comparison.
    """
    found = []
    for file in files:
        if detector != "bank":
            river = RiverDetector(RiverKind(detector))
            found.append(np.array([river.score(float(value)) for value in file.values]))
            continue
        bank = Bank(1)
        found.append(bank.update(np.zeros(len(file.values), dtype=np.int64), file.times_s, file.values))
    return found


def figures(files: Sequence[SeriesFile], scores: Sequence[Floats]) -> dict[str, Any]:
    """Return the event F1 of the files that have labels; null where none has."""
    counted = {"files": len(files), "samples": sum(len(file.values) for file in files)}
    labelled = [(s, f.labels) for f, s in zip(files, scores, strict=True) if f.labels is not None]
    if not any(labels.any() for _, labels in labelled):
        return {"event_f1": None, "precision": None, "recall": None, "counts": counted}
    total = crossed(labelled)
    return {
        "event_f1": round(total.f1, 4),
        "precision": round(total.precision, 4),
        "recall": round(total.recall, 4),
        "threshold": "files in order of name: even ones have the one fitted on odd ones, and they its",
        "counts": counted | {"events": total.events, "found": total.found, "alerts": total.alerts},
    }


def write_scores(path: Path, files: Sequence[SeriesFile], scores: Sequence[Floats]) -> None:
    """Write `file,index,score` as Parquet."""
    columns = [
        pa.array([file.name for file, score in zip(files, scores, strict=True) for _ in score]),
        pa.array(np.concatenate([np.arange(len(score)) for score in scores])),
        pa.array(np.concatenate(list(scores))),
    ]
    table = pa.table(columns, names=["file", "index", "score"])
    pq.write_table(table, path)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/nab/data"))
    parser.add_argument("--verdicts", type=Path)
    parser.add_argument("--detector", choices=DETECTORS, default="bank", help="what scores; river's compare")
    given = parser.parse_args(arguments)
    started = Started()
    files = read_series(given.data)
    print(f"{len(files)} files", file=sys.stderr)
    scores = scores_of(files, given.detector)
    if given.verdicts is not None:
        write_scores(given.verdicts, files, scores)
    said = {"detector": given.detector, **figures(files, scores)}
    report(said, started, given.data, packages=("numba", "pandas", "river"))


if __name__ == "__main__":
    main()
