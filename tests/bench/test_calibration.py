"""The calibration of the judge: p-values of harmless and of harmful releases."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.ablations import main as ablate
from bench.calibration import ALPHAS, curve, mann_whitney_p_value_of, p_value_of
from bench.calibration import main as calibrate
from bench.pairs_cells import Cell, release
from tests.bench.recording import write


def test_a_harmful_release_has_a_small_p_value_and_a_harmless_one_has_none() -> None:
    harmless, harmful = (
        release(cell, np.random.default_rng(4)) for cell in (Cell(), Cell(latency=2.0, errors=8.0))
    )

    assert p_value_of(harmless) > 0.2
    assert p_value_of(harmful) < 0.001
    assert mann_whitney_p_value_of(harmful) < 0.001


def test_a_curve_counts_p_values_up_to_each_alpha() -> None:
    found = curve([1.0, 0.04, 0.0005, 0.3])

    seen = dict(zip(ALPHAS, found["seen"], strict=True))
    assert (seen[0.5], seen[0.05], seen[0.02], seen[0.001]) == (0.75, 0.5, 0.25, 0.25)
    assert all(
        low <= share <= high for share, (low, high) in zip(seen.values(), found["interval"], strict=True)
    )


def test_it_says_what_was_promised_and_what_was_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibrate(["--data", str(write(tmp_path).parent), "--runs", "1"])

    found = json.loads(capsys.readouterr().out)
    assert found["alphas"] == list(ALPHAS)
    assert found["pods"]["all"]["n"] == 6
    assert all(len(cell["seen"]) == len(ALPHAS) for cell in found["cells"].values())


def test_ablations_run_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(write(tmp_path).parent)
    ablate(["--data", data, "--runs", "1", "--every", "1", "--only", "presence"])

    found = json.loads(capsys.readouterr().out)["without"]
    assert set(found) == {"shipped", "presence"}
    assert found["shipped"]["changerca"]["f1"] is None
    assert found["shipped"]["changerca"]["aa_share"]["value"] == 0.0
    assert found["presence"]["pairs"] is None
    assert found["shipped"]["pairs"]["outages"]["n"] == 1
