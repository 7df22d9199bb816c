"""The ChangeRCA benchmark on a small made-up case: it runs without labels and says all that is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.changerca import main
from tests.bench.recording import READY, write

KEYS = ("f1", "f1_cv", "precision", "recall", "false_share", "hr1", "hr3", "median_min")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path).parent


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(list(arguments))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_runs_without_labels_and_writes_every_verdict(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = tmp_path / "verdicts.jsonl"
    found = run(capsys, "--data", str(data), "--verdicts", str(verdicts))
    assert {found[key] for key in KEYS} == {None}
    said = [json.loads(line) for line in verdicts.read_text().splitlines()]
    changes = {entry["change"]: entry for entry in said if "change" in entry}
    assert not changes["one/ads"]["rolled_back"]
    assert changes["one/cart"]["rolled_back"]
    assert READY < changes["one/cart"]["at"] <= READY + 300
    assert [entry["ranking"][0] for entry in said if "case" in entry] == ["one/cart"]


def test_labels_give_the_figures(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "labels.csv").write_text("change_id,case_id,bad\none/ads,one,0\none/cart,one,1\n")
    found = run(capsys, "--data", str(data))
    assert (found["f1"], found["hr1"], found["false_rollbacks"]) == (1.0, 1.0, 0)
    assert found["median_min"] <= 5


def test_the_same_lines_give_the_same_verdicts_byte_for_byte(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []
    for name in ("first", "second"):
        run(capsys, "--data", str(data), "--verdicts", str(tmp_path / name))
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("how", [(), ("--replacing",)], ids=["added", "replacing"])
def test_quiet_pods_that_pose_as_canaries_are_not_rolled_back(
    data: Path, capsys: pytest.CaptureFixture[str], how: tuple[str, ...]
) -> None:
    found = run(capsys, "--data", str(data), "--aa", *how)
    assert found["counts"] == {"pods": 6, "rolled_back": 0, "mute": 0, "mute_rolled_back": 0}
    assert found["share"] == 0.0
