"""The gate's demonstration: a real project, tested for real, passes, warns and fails."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demonstration_shows_pass_warn_and_fail(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.gate_demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heads = [line.partition(",")[0] for line in done.stdout.splitlines() if line.startswith("cart 1.")]
    assert heads == ["cart 1.0 in prod: PASS", "cart 1.1 in prod: WARN", "cart 1.2 in prod: FAIL"]
    assert list(tmp_path.iterdir()) == []
