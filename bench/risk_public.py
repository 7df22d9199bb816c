"""Changes of OpenStack and Qt in the order of time, each with whether it brought a defect.

The package foxplainer 0.2.0 ships the data (`foxplainer/dataset/*.csv`); their columns are those of
S. McIntosh, Y. Kamei, "Are Fix-Inducing Changes a Moving Target?", IEEE TSE 44 (2018): lines added (`la`),
deleted (`ld`), directories, subsystems, entropy, reviews, ages and experience. They have no dates, so labels
have no delay here. Nothing says so, but rows lie in the order of time: counters of experience begin low and
rise. Which change brought a defect is found from its later repair, which errs.
"""

import csv
import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from feature_store.label_model import Floats
from feature_store.risk_trial import Labels, RiskHistory
from schemas.errors import SettingsError
from schemas.risk_prior import smoothed_rate

PROJECTS = ("openstack", "qt")
_RECENT = 1000
"""Changes over which a project's own rate is taken, for the shipped prior."""


def read_project(source: Path, project: str) -> RiskHistory:
    """Return a project's changes; `source` is the package's wheel or the folder that holds its CSV files.

    Raises:
        SettingsError: the file is not there, or has not the columns that were expected.
    """
    rows = list(csv.DictReader(io.StringIO(_text(source, project))))
    if not rows or not {"la", "defect"} <= rows[0].keys():
        raise SettingsError(f"{source} holds no changes of {project}, expected columns la ... defect")
    columns = [name for name in rows[0] if name != "defect"]
    values = np.array([[_number(row[name]) for name in columns] for row in rows])
    bad = np.array([float(row["defect"] == "True") for row in rows])
    size = values[:, columns.index("la")].copy()
    if "ld" in columns:
        size += values[:, columns.index("ld")]
    names = (*columns, "change_lines", "service_rate")
    whole = np.column_stack([values, size, _rates(bad)])

    def labels(at: float) -> Labels:
        return Labels(bad=bad, weight=(np.arange(len(bad)) < at).astype(np.float64))

    return RiskHistory(names=names, rows=whole, began=np.arange(len(bad), dtype=np.float64), labels=labels)


def _rates(bad: Floats) -> list[float]:
    whole = np.concatenate([[0.0], np.cumsum(bad)])
    starts = [max(0, number - _RECENT) for number in range(len(bad))]
    return [
        smoothed_rate(float(whole[number] - whole[start]), number - start)
        for number, start in enumerate(starts)
    ]


def _number(text: str) -> float:
    return float({"True": "1", "False": "0"}.get(text, text))


def _text(source: Path, project: str) -> str:
    try:
        if source.is_dir():
            return (source / f"{project}.csv").read_text(encoding="utf-8")
        with ZipFile(source) as archive:
            return archive.read(f"foxplainer/dataset/{project}.csv").decode()
    except (OSError, KeyError) as error:
        raise SettingsError(
            f"{source} holds no {project}.csv, expected foxplainer 0.2.0 or its files"
        ) from error
