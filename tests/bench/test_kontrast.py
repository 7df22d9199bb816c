"""The Kontrast benchmark on two made-up series: it runs without labels and says all that is asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.kontrast import main
from bench.kontrast_scores import best_threshold, f1

START = 1_500_000_000 // 86_400 * 86_400 + 43_200
KEYS = ("f1", "f1_cv", "false_share", "median_min")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    ids, times, values = [], [], []
    for name, factor in (("001", 1.0), ("002", 1.5)):
        ts = START + 60 * np.arange(-3 * 1440, 100)
        value = 50.0 + np.random.default_rng(int(name)).normal(size=len(ts))
        value[ts >= START + 240] *= factor
        ids += [name] * len(ts)
        times += ts.tolist()
        values += value.tolist()
    table = pa.table({"change_id": ids, "ts": times, "value": values})
    pq.write_table(table, tmp_path / "series.parquet")
    (tmp_path / "starts.csv").write_text(f"change_id,change_start\n001,{START}\n002,{START}\n003,{START}\n")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(list(arguments))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_runs_without_labels_and_writes_every_verdict(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "--data", str(data), "--verdicts", str(data / "verdicts.jsonl"))
    assert {found[key] for key in KEYS} == {None}
    said = [json.loads(line) for line in (data / "verdicts.jsonl").read_text().splitlines()]
    assert [(one["change"], one["rolled_back"]) for one in said] == [
        ("001", False),
        ("002", True),
        ("003", False),
    ]
    assert START + 240 <= said[1]["at"] <= START + 300
    assert said[0]["at"] is None
    assert said[2]["score"] == 0.0


def test_labels_give_the_figures(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = f"001,{START},0,1\n002,{START},1,1\n003,{START},0,3\n"
    (data / "labels.csv").write_text("change_id,change_start,bad,group\n" + rows)
    found = run(capsys, "--data", str(data))
    assert (found["f1"], found["false_share"], found["median_min"]) == (1.0, 0.0, 4.0)
    assert found["counts"] == {"changes": 3, "alarms": 1, "bad": 1, "false": 0, "missed": 0}


def test_the_best_threshold_lies_in_the_middle_of_those_that_are_equally_good() -> None:
    scores, bad = np.array([1.0, 2.0, 4.0, 5.0]), np.array([False, False, True, True])
    assert best_threshold(scores, bad) == 3.0
    assert f1(scores > 3.0, bad) == 1.0
