"""The baselines of the ChangeRCA benchmark: Kayenta's rule in Suture's place."""

import json
from pathlib import Path

import pytest

from bench.changerca import main
from tests.bench.recording import write


def test_a_baseline_judges_each_change_once_before_its_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path).parent
    verdicts = tmp_path / "verdicts.jsonl"

    main(["--data", str(folder), "--judge", "kayenta", "--verdicts", str(verdicts)])

    assert json.loads(capsys.readouterr().out)["counts"]["changes"] == 2
    said = [json.loads(line) for line in verdicts.read_text().splitlines()]
    assert {entry["change"] for entry in said if "change" in entry} == {"one/ads", "one/cart"}
    assert all(entry["verdict"] != "inconclusive" for entry in said if entry.get("change") == "one/ads")


def test_a_baseline_does_not_run_through_kafka(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--judge", "kayenta", "--through", "kafka"])
    assert "runs in the engine only" in capsys.readouterr().err
