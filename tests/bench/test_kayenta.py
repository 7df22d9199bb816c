"""The benchmark of Kayenta's pairs: it runs without labels, and says all that is asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.kayenta import main

SHIPPED = Path(__file__).parents[3] / "shared/bench/kayenta_judge.json"
CONTROL = [float(value) for value in np.linspace(9, 11, 20)]


def pair(name: str, canary: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "classifier": "MannWhitneyClassifier",
        "canary": canary,
        "baseline": CONTROL,
        "tolerance": 0.25,
        "conf": 0.98,
        "effect": [1.0, 1.0],
        "critical_effect": [1.0, 1.0],
        "measure": "meanRatio",
        "direction": "Either",
        "critical_metric": False,
        "nan": "",
        **more,
    }


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(list(arguments))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_labels_every_verdict_is_written_and_no_agreement_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [pair("higher", [30.0] * 10), pair("gaps", ["NaN"] * 10), pair("same", CONTROL)]
    (tmp_path / "kayenta_judge.json").write_text(json.dumps(pairs))
    verdicts = tmp_path / "verdicts.jsonl"

    found = run(capsys, "--data", str(tmp_path), "--verdicts", str(verdicts))

    assert (found["agree"], found["of"]) == (None, 3)
    said = [json.loads(line) for line in verdicts.read_text().splitlines()]
    assert [(line["name"], line["classification"]) for line in said] == [
        ("higher", "High"),
        ("gaps", "Nodata"),
        ("same", "Pass"),
    ]


def test_a_label_that_is_not_met_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pairs.json"
    pairs = [pair("one", [30.0] * 10, expected="High"), pair("two", [30.0] * 10, expected="Low")]
    file.write_text(json.dumps(pairs))

    found = run(capsys, "--data", str(file))

    assert (found["agree"], found["of"], found["differ"]) == (1, 2, ["two"])


@pytest.mark.skipif(not SHIPPED.exists(), reason="needs the shared benchmark data")
def test_all_of_kayentas_own_pairs_are_called_as_its_tests_expect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = run(capsys, "--data", str(SHIPPED))

    assert (found["agree"], found["of"]) == (36, 36)
