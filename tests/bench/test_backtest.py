"""The backtest's benchmark on a small made-up case: it is timed, and says what the live run says."""

import json
from pathlib import Path

import pytest

from bench.backtest import main
from tests.bench.recording import write


def test_judging_again_says_what_the_live_run_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--data", str(write(tmp_path).parent), "--jobs", "1"])
    found = json.loads(capsys.readouterr().out)
    assert found["is_identical"]
    assert found["differing"] == 0
    assert found["verdicts"] > 0
    assert found["real_time_s"] == 40 * 60
    assert found["times_real_time_wall"] > 0
