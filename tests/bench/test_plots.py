"""The plots: every one of them is drawn from what the benchmarks print, and is small."""

import csv
import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from bench.calibration import ALPHAS, curve
from bench.plots import main
from tests.bench.recording import write

FIGURE = {"value": 0.9, "interval": [0.8, 1.0], "change": [-0.1, 0.0]}
PAIRS = {"lag .8": {"rolled_back": 0.01}, "+20% x2": {"rolled_back": 0.9}}


def test_calibration_and_ablations_are_drawn(tmp_path: Path) -> None:
    curves = {"iid": curve([1.0, 0.3, 0.01])}
    calibration = {
        "alphas": ALPHAS,
        "cells": curves,
        "mann_whitney": curves,
        "pods": {"heard": curves["iid"]},
    }
    entry = {"changerca": {"f1": FIGURE, "false_share": FIGURE, "aa_share": FIGURE}, "pairs": PAIRS}
    unlabelled = {"changerca": {"f1": None, "false_share": None, "aa_share": FIGURE}, "pairs": None}
    (tmp_path / "c.json").write_text(json.dumps(calibration))
    (tmp_path / "a.json").write_text(json.dumps({"without": {"shipped": entry, "presence": unlabelled}}))

    main(["--out", str(tmp_path), "--calibration", f"{tmp_path}/c.json", "--ablations", f"{tmp_path}/a.json"])

    for name in ("calibration.png", "ablations.png"):
        assert 1_000 < (tmp_path / name).stat().st_size < 100_000


def test_delays_and_traces_are_drawn(tmp_path: Path) -> None:
    folder = write(tmp_path).parent
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([("change_id", "bad"), ("one/ads", 0), ("one/cart", 1)])
    (tmp_path / "pairs.csv").write_text("run,cell,bad\n0,iid,0\n1,+20% x2,1\n")
    said = [{"run": 0, "minute": None}, {"run": 1, "minute": 4}]
    (tmp_path / "verdicts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in said))

    main(
        [
            *("--out", str(tmp_path / "plots"), "--traces", str(folder)),
            *("--delays", f"Suture={tmp_path}/verdicts.jsonl", "--labels", str(tmp_path / "pairs.csv")),
        ]
    )

    assert {file.name for file in (tmp_path / "plots").iterdir()} == {"delays.png", "evidence.png"}
