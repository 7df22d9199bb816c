"""The measurement of the journal's files, in small."""

from pathlib import Path

from bench.journal_files import measure_many, measure_sizes


def test_compaction_makes_files_fewer_and_effects_smaller(tmp_path: Path) -> None:
    sizes = measure_sizes(tmp_path / "journal", 300, flush=10)

    assert sizes["fresh_files"] == 30
    assert sizes["files_after"] == 5
    assert sizes["bytes_per_effect_after"] < sizes["fresh_bytes_per_effect"] / 2


def test_many_files_are_all_counted(tmp_path: Path) -> None:
    assert measure_many(tmp_path, 130)["files"] == 240
