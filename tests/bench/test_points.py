import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.points import main
from bench.points_events import count, crossed, events_of
from bench.points_generated import series
from bench.series_files import read_series


def labels_at(samples: int, *runs: tuple[int, int]) -> np.ndarray:
    labels = np.zeros(samples, dtype=np.int64)
    for first, last in runs:
        labels[first : last + 1] = 1
    return labels


def alerts_at(samples: int, *places: int) -> np.ndarray:
    scores = np.zeros(samples)
    scores[list(places)] = 1.0
    return scores


@pytest.mark.parametrize(("place", "is_hit"), [(47, False), (48, True), (60, True), (65, True), (66, False)])
def test_an_alert_hits_from_two_samples_before_an_event_to_five_after(place: int, is_hit: bool) -> None:
    found = count(alerts_at(200, place), labels_at(200, (50, 60)), np.array([0.5]))[0]
    assert (found.hits, found.found, found.alerts, found.events) == (int(is_hit), int(is_hit), 1, 1)


def test_a_sample_within_twenty_of_an_alert_is_no_alert() -> None:
    scores = alerts_at(200, 50, 60, 70, 71)
    assert count(scores, labels_at(200), np.array([0.5]))[0].alerts == 2


def test_two_alerts_on_one_event_find_it_once_and_both_hit() -> None:
    found = count(alerts_at(200, 50, 75), labels_at(200, (50, 80)), np.array([0.5]))[0]
    assert (found.hits, found.found, found.f1) == (2, 1, 1.0)


def test_one_alert_may_find_two_events() -> None:
    found = count(alerts_at(200, 54), labels_at(200, (50, 51), (55, 56)), np.array([0.5]))[0]
    assert (found.hits, found.found) == (1, 2)


def test_events_are_runs_of_labelled_samples() -> None:
    assert events_of(labels_at(10, (0, 1), (9, 9))).tolist() == [[0, 1], [9, 9]]


def test_each_half_is_counted_at_the_threshold_of_the_other() -> None:
    right = (alerts_at(100, 50), labels_at(100, (50, 52)))
    loud = (alerts_at(100, 50) * 2, labels_at(100, (50, 52)))
    total = crossed([right, loud])
    # The first half's threshold, 2, is above all of the first file's scores.
    assert (total.found, total.events) == (1, 2)


def test_made_up_series_repeat_with_their_seed() -> None:
    first, again = (series(np.random.default_rng(3)) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert first["label"].any()


def test_nested_folders_and_unix_times_are_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.csv").write_text("timestamp,value\n1700000000,1\n1700000060,x\n")
    (tmp_path / "b.csv").write_text("timestamp,value,label\n2023-11-14 22:13:20,2,1\n")
    (tmp_path / "other.csv").write_text("name\nx\n")
    b, a = read_series(tmp_path)
    assert (a.name, b.name) == ("deep/a.csv", "b.csv")
    assert a.times_s[0] == b.times_s[0] == 1_700_000_000
    assert np.isnan(a.values[1])
    assert a.labels is None


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected at least one"):
        read_series(tmp_path)


def test_files_without_labels_have_scores_and_no_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = series(np.random.default_rng(3)).iloc[:300]
    frame.drop(columns="label").to_csv(tmp_path / "a.csv", index=False)
    main(["--data", str(tmp_path), "--verdicts", str(tmp_path / "scores.parquet")])
    said = json.loads(capsys.readouterr().out)
    assert said["event_f1"] is None
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert scores["index"].tolist() == list(range(len(frame)))
    assert scores["score"].between(0, 1).all()
    assert set(scores["file"]) == {"a.csv"}
