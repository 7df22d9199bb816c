"""What every benchmark says at its end."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from bench.report import Started, digest_of, report


def test_one_files_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    """So that it can be checked with sha256sum."""
    file = tmp_path / "replay.jsonl"
    file.write_bytes(b"{}\n")

    assert digest_of(file) == hashlib.sha256(b"{}\n").hexdigest()


def test_a_copied_folder_has_the_same_digest_and_a_changed_one_another(tmp_path: Path) -> None:
    """Where the input lies does not matter, every byte in it does."""
    one = tmp_path / "one"
    (one / "deep").mkdir(parents=True)
    (one / "deep" / "a.csv").write_text("1")
    (one / "b.csv").write_text("2")
    two = tmp_path / "two"
    shutil.copytree(one, two)

    assert digest_of(one) == digest_of(two)
    (two / "b.csv").write_text("3")
    assert digest_of(one) != digest_of(two)


def test_an_input_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A digest of nothing would look like a digest."""
    with pytest.raises(FileNotFoundError, match="nothing at"):
        digest_of(tmp_path / "absent")


def test_a_report_is_one_json_object_with_cost_versions_and_seed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing else stands on standard output."""
    file = tmp_path / "input"
    file.write_bytes(b"x")

    report({"f1": 0.5, "hr1": None}, Started(), file, seed=7, packages=("pydantic",))

    said = json.loads(capsys.readouterr().out)
    assert said["f1"] == 0.5
    assert said["hr1"] is None
    assert said["seed"] == 7
    assert set(said["versions"]) == {"python", "numpy", "scipy", "pydantic"}
    assert said["sha256"] == digest_of(file)
    assert said["seconds"] >= 0.0
    assert said["cpu_seconds"] >= 0.0


def test_a_figure_that_is_no_number_is_refused() -> None:
    """Bare NaN is no JSON."""
    with pytest.raises(ValueError, match="JSON compliant"):
        report({"f1": float("nan")}, Started())
