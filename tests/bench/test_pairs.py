"""The pairs benchmark: a folder as the generator writes it, with and without labels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.pairs import main
from bench.pairs_cells import PLAIN, hard_cells, release
from bench.pairs_data import PairRun, runs_of


def table(run: PairRun) -> pd.DataFrame:
    """Return a run as rows."""
    frames = []
    for name, signal in run.signals.items():
        rows = {"run": run.run, "minute": run.first + np.arange(run.minutes), "signal": name}
        rows |= {"kind": "count" if signal.is_count else "value"}
        rows |= {"canary": signal.canary, "baseline": signal.baseline}
        rows |= {"canary_requests": signal.canary_requests, "baseline_requests": signal.baseline_requests}
        frames.append(pd.DataFrame(rows))
    return pd.concat(frames)


def test_a_bad_release_is_rolled_back_with_and_without_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [run for _, run in hard_cells(1, 3, "x5")]
    table(bad[0]).to_parquet(tmp_path / "minutes.parquet")
    verdicts = tmp_path / "verdicts.jsonl"
    main(["--data", str(tmp_path), "--verdicts", str(verdicts)])
    assert json.loads(capsys.readouterr().out)["cells"] is None
    said = [json.loads(line) for line in verdicts.read_text(encoding="utf-8").splitlines()]
    assert [(line["run"], line["rolled_back"]) for line in said] == [(0, True)]
    assert said[0]["minute"] <= 30
    pd.DataFrame({"run": [0], "cell": ["bad"], "bad": [1]}).to_csv(tmp_path / "labels.csv", index=False)
    main(["--data", str(tmp_path)])
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert cells == {"bad": {"rolled_back": 1.0, "median_min": said[0]["minute"], "n": 1}}


def test_a_folder_without_minutes_is_told_how_they_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path)])
    assert "make_pairs.py --out" in capsys.readouterr().err


def test_rows_in_any_order_are_the_same_run() -> None:
    run = release(PLAIN, np.random.default_rng(1))
    shuffled = table(run).sample(frac=1.0, random_state=2)
    (read,) = runs_of(shuffled)
    assert (read.run, read.first, read.minutes) == (0, -60, 90)
    for name, signal in run.signals.items():
        assert read.signals[name].is_count == signal.is_count
        np.testing.assert_array_equal(read.signals[name].canary, signal.canary)
