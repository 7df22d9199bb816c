from __future__ import annotations

import threading
from pathlib import Path

import pytest

from infra.dev import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUTURE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def inputs(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir(exist_ok=True)
    (folder / "go.mod").write_text(text)
    return folder


def fill(folder: Path) -> None:
    (folder / "program").write_text("built")


def test_a_part_is_built_once_and_again_when_an_input_changes(tmp_path: Path) -> None:
    builds: list[Path] = []

    def build(folder: Path) -> None:
        builds.append(folder)
        fill(folder)

    first = cache.cached("part", "1", [inputs(tmp_path, "a")], build)
    again = cache.cached("part", "1", [inputs(tmp_path, "a")], build)
    changed = cache.cached("part", "1", [inputs(tmp_path, "b")], build)
    assert first == again != changed
    assert len(builds) == 2
    assert (first / "program").read_text() == "built"


def test_a_build_that_fails_leaves_nothing_that_looks_whole(tmp_path: Path, own_cache: Path) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.cached("part", "1", [inputs(tmp_path, "a")], fail)
    assert [path.name for path in own_cache.iterdir() if path.is_dir()] == []


def test_remains_of_a_killed_build_are_removed_by_the_next(tmp_path: Path, own_cache: Path) -> None:
    entry = cache.entry_of("part", "1", [inputs(tmp_path, "a")])
    (own_cache / f"{entry.name}.partial-dead").mkdir(parents=True)
    cache.cached("part", "1", [inputs(tmp_path, "a")], fill)
    assert [path for path in own_cache.iterdir() if path.is_dir()] == [entry]


def test_two_runs_at_once_build_once(tmp_path: Path) -> None:
    given = inputs(tmp_path, "a")
    both_called = threading.Barrier(2)
    builds: list[Path] = []

    def build(folder: Path) -> None:
        builds.append(folder)
        fill(folder)

    def run() -> None:
        both_called.wait()
        cache.cached("part", "1", [given], build)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert len(builds) == 1


def test_a_file_that_only_changes_its_name_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    assert cache.digest([tmp_path / "a"]) != cache.digest([tmp_path / "b"])
