"""Folders of series: CSV files, also nested, with `timestamp,value` and perhaps `label`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFile:
    """One file.

    Attributes:
        name: Path relative to the folder, with slashes.
        times_s: Unix times; local times are taken as UTC, (samples,).
        values: NaN where there is none, (samples,).
        labels: 1 for an anomaly, (samples,); None where the file has no labels.
    """

    name: str
    times_s: Floats
    values: Floats
    labels: Ints | None


def read_series(folder: Path) -> list[SeriesFile]:
    """Return the files below a folder that hold a series, by name.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [file for path in sorted(folder.rglob("*.csv")) if (file := _read(path, folder)) is not None]
    if not found:
        raise FileNotFoundError(f"{folder} holds no CSV file with timestamp and value, expected at least one")
    return found


def _read(path: Path, folder: Path) -> SeriesFile | None:
    frame = pd.read_csv(path)
    frame.columns = [str(column).strip().lower() for column in frame.columns]
    if not {"timestamp", "value"} <= set(frame.columns):
        return None
    labels = None
    if "label" in frame.columns:
        labels = (pd.to_numeric(frame["label"], errors="coerce").fillna(0) > 0).to_numpy(dtype=np.int64)
    return SeriesFile(
        name=path.relative_to(folder).as_posix(),
        times_s=_unix_s(frame["timestamp"]),
        values=pd.to_numeric(frame["value"], errors="coerce").to_numpy(dtype=np.float64),
        labels=labels,
    )


def _unix_s(stamps: "pd.Series[str]") -> Floats:
    """Return unix times of dates in words, or of numbers of seconds, milli- or nanoseconds since 1970."""
    numbers = pd.to_numeric(stamps, errors="coerce").to_numpy(dtype=np.float64)
    if np.isfinite(numbers).mean() > 0.5:
        size = float(np.nanmedian(np.abs(numbers)))
        per_s = 1e9 if size > 1e16 else 1e6 if size > 1e14 else 1e3 if size > 1e11 else 1.0
        return np.asarray(numbers / per_s)
    parsed = pd.to_datetime(stamps, errors="coerce", utc=True, format="mixed")
    seconds = (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return np.asarray(seconds.to_numpy(dtype=np.float64))
