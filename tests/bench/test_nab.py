import json
from pathlib import Path

import numpy as np
import pytest

from bench.nab import main
from bench.nab_scoring import PROFILES, LabelledFile, label, normalised, sweep

STANDARD = PROFILES["standard"]


def score_of(found: list[tuple[LabelledFile, np.ndarray]]) -> float:
    windows = sum(labels.windows for labels, _ in found)
    return normalised(sweep(found, STANDARD).best()[1], windows, STANDARD)


def alarms(samples: int, *places: int) -> np.ndarray:
    scores = np.zeros(samples)
    scores[list(places)] = 1.0
    return scores


def test_a_detector_that_says_nothing_scores_zero() -> None:
    assert score_of([(label(1000, [(400, 499)]), np.zeros(1000))]) == 0.0


def test_an_alarm_at_the_left_edge_of_each_window_scores_a_hundred() -> None:
    labels = label(1000, [(400, 499), (700, 749)])
    assert score_of([(labels, alarms(1000, 400, 700))]) == pytest.approx(100.0)


def test_a_later_alarm_in_a_window_earns_less_and_a_second_one_nothing() -> None:
    labels = label(1000, [(400, 499)])
    early, late = score_of([(labels, alarms(1000, 410))]), score_of([(labels, alarms(1000, 490))])
    assert 100 > early > late > 50
    assert score_of([(labels, alarms(1000, 410, 490))]) == pytest.approx(early)


def test_a_false_alarm_costs_its_weight_and_less_close_behind_a_window() -> None:
    labels = label(1000, [(400, 499)])
    hit = score_of([(labels, alarms(1000, 400))])
    far = score_of([(labels, alarms(1000, 400, 300))])
    near = score_of([(labels, alarms(1000, 400, 502))])
    assert hit - far == pytest.approx(100 * 0.11 / 2)
    assert hit > near > far


def test_alarms_in_the_probation_count_for_nothing() -> None:
    labels = label(1000, [(400, 499)])
    assert score_of([(labels, alarms(1000, 400, *range(150)))]) == pytest.approx(100.0)
    assert label(20_000, []).probation == 750


def test_a_sweep_says_what_any_threshold_earns() -> None:
    labels = label(1000, [(400, 499)])
    scores = alarms(1000, 400) + 0.5 * alarms(1000, 700)
    swept = sweep([(labels, scores)], STANDARD)
    assert swept.at(2.0) == swept.none == -1.0
    assert swept.at(1.0) == pytest.approx(1.0)
    assert swept.at(0.5) == pytest.approx(0.89, abs=1e-3)


def write_set(folder: Path) -> None:
    (folder / "data").mkdir()
    values = 10 + np.random.default_rng(1).standard_normal(400)
    values[300] += 40
    stamps = np.datetime64("2024-01-01T00:00:00") + np.arange(400) * np.timedelta64(5, "m")
    rows = "".join(f"{str(t).replace('T', ' ')},{v}\n" for t, v in zip(stamps, values, strict=True))
    (folder / "data" / "a.csv").write_text("timestamp,value\n" + rows)
    (folder / "labels").mkdir()
    edges = [[f"{str(stamps[at]).replace('T', ' ')}.000000" for at in (290, 320)]]
    (folder / "labels" / "combined_windows.json").write_text(json.dumps({"a.csv": edges}))


def test_a_spike_in_a_labelled_window_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path)
    main(["--data", str(tmp_path)])
    said = json.loads(capsys.readouterr().out)
    assert said["standard"] > 80


def test_without_labels_the_figures_are_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path)
    (tmp_path / "labels" / "combined_windows.json").unlink()
    main(["--data", str(tmp_path), "--verdicts", str(tmp_path / "scores.parquet")])
    said = json.loads(capsys.readouterr().out)
    assert said["standard"] is None
    assert said["split"] is None
    assert (tmp_path / "scores.parquet").exists()
