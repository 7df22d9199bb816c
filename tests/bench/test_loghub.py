"""The template miner's benchmark: figures where there are labels, groups where there are none."""

import json
from pathlib import Path

import pytest

from bench.loghub import grouping_accuracy, main

LINES = ("request 1 served", "request 2 served", "disk a1 is full", "bye")
EVENTS = ("E1", "E1", "E2", "E3")


def written(folder: Path, has_labels: bool) -> Path:
    for system in ("One", "Two"):
        (folder / system).mkdir(parents=True)
        labels = EVENTS if has_labels else ("",) * 4
        rows = [
            f"{number},{line},{event}" for number, (line, event) in enumerate(zip(LINES, labels, strict=True))
        ]
        file = folder / system / f"{system}_2k.log_structured.csv"
        file.write_text("\n".join(["LineId,Content,EventId", *rows]) + "\n", encoding="utf-8")
    return folder


def test_figures_are_said_for_each_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(written(tmp_path, True))])
    said = json.loads(capsys.readouterr().out)
    assert (said["mean"], said["mean_cv"], said["mean_strict"], said["One"]) == (1.0, 1.0, 1.0, 1.0)


def test_without_labels_groups_are_said_and_no_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, verdicts = written(tmp_path / "data", False), tmp_path / "groups.jsonl"
    main(["--data", str(data), "--verdicts", str(verdicts)])
    said = json.loads(capsys.readouterr().out)
    assert (said["mean"], said["One"]) == (None, None)
    lines = [json.loads(line) for line in verdicts.read_text().splitlines()]
    assert [(line["system"], line["line"]) for line in lines[:2]] == [("One", 0), ("One", 1)]
    assert lines[0]["group"] == lines[1]["group"] != lines[2]["group"]


@pytest.mark.parametrize(
    ("predicted", "share"),
    [([1, 1, 2, 3], 1.0), ([1, 2, 3, 4], 0.5), ([1, 1, 1, 3], 0.25), ([5, 5, 5, 5], 0.0)],
)
def test_a_line_counts_when_its_group_is_exactly_its_statement(predicted: list[int], share: float) -> None:
    assert grouping_accuracy(predicted, EVENTS) == share
