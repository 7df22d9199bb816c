from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.kill_file import reason, switch_off, switch_on

AT = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


def test_a_file_that_is_there_stops_and_says_who_set_it_and_why(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "kill-switch"
    assert reason(path) == ""
    switch_on(path, by="ann", why="the database is moving", at=AT)
    assert reason(path) == "the database is moving (ann, 2026-11-01 03:00:00 UTC)"
    switch_on(path, by="bob", why="", at=AT)
    assert reason(path) == "no reason given (bob, 2026-11-01 03:00:00 UTC)"
    assert [entry.name for entry in path.parent.iterdir()] == ["kill-switch"]
    assert (switch_off(path), switch_off(path), reason(path)) == (True, False, "")


@pytest.mark.parametrize("content", [b"", b"\n", b" \x00 "])
def test_an_empty_file_stops_as_well(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kill-switch"
    path.write_bytes(content)
    assert reason(path) == f"{path} is there and says no reason"


def test_whatever_lies_there_is_shown_as_one_short_printable_line(tmp_path: Path) -> None:
    path = tmp_path / "kill-switch"
    path.write_bytes(b"a\x1b[31m\nb\xff " + b"x" * 5000)
    said = reason(path)
    assert said.startswith("a [31m b\ufffd xxx")
    assert len(said) <= 300
    assert said.isprintable()


def test_a_mounted_config_map_stops_while_its_key_is_there(tmp_path: Path) -> None:
    # As the kubelet mounts it: a link to a link that it swaps.
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "kill-switch").write_text("ann: no changes tonight")
    (tmp_path / "..data").symlink_to("first")
    path = tmp_path / "kill-switch"
    path.symlink_to("..data/kill-switch")
    assert reason(path) == "ann: no changes tonight"
    (tmp_path / "..new").symlink_to("second")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert reason(path) == ""


def test_what_is_there_and_cannot_be_read_stops_as_well(tmp_path: Path) -> None:
    assert reason(tmp_path).startswith(f"{tmp_path} is there and cannot be read: ")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "cannot be read" in reason(loop)
