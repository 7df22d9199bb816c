"""Diffs say which lines are new, by file; git's own output is read, and what is none is refused."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.quality.unified_diff import read_diff
from schemas.errors import SchemaError

# Nothing of the machine's own settings, such as prefixes or an external diff program.
GIT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"]}


def git_diff(folder: Path, old: dict[str, str], new: dict[str, str]) -> bytes:
    """Return what git says of two folders, which are made for it."""
    for name, files in (("old", old), ("new", new)):
        (folder / name).mkdir()
        for path, text in files.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["git", "diff", "--no-index", "--src-prefix=a/", "--dst-prefix=b/", "old", "new"],
        cwd=folder,
        env=GIT,
        capture_output=True,
        check=False,
    )
    return done.stdout


def test_a_diff_of_git_names_new_lines_by_their_new_numbers(tmp_path: Path) -> None:
    diff = git_diff(
        tmp_path,
        {"cart.py": "one\ntwo\nthree\n", "gone.py": "x\n", "same.py": "y\n"},
        {"cart.py": "zero\none\nTWO\nthree\n-- four\n++ five\n", "café/new.py": "a\nb", "same.py": "y\n"},
    )
    change = read_diff(diff, author="ada")
    assert change.lines_by_file == (("new/café/new.py", (1, 2)), ("new/cart.py", (1, 3, 5, 6)))
    # Four added and one removed, one file gone, two lines of a new one.
    assert (change.lines, change.files, change.author) == (8, 3, "ada")


def test_a_removed_line_that_looks_like_a_header_is_a_line(tmp_path: Path) -> None:
    diff = git_diff(tmp_path, {"q.sql": "-- a comment\nselect 1\n"}, {"q.sql": "select 1\n++ b/other.py\n"})
    assert b"\n--- a comment" in diff
    assert b"\n+++ b/other.py" in diff.partition(b"@@")[2]
    assert read_diff(diff).lines_by_file == (("new/q.sql", (2,)),)


def test_an_empty_diff_is_a_change_of_nothing() -> None:
    change = read_diff(b"")
    assert (change.lines, change.files, change.lines_by_file) == (0, 0, ())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello\n", "no unified diff"),
        (b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a", "ends within a hunk"),
        (b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\ndiff --git a/y b/y\n", "fewer lines than it says"),
        (b"--- a/x\n+++ b/x\n@@ -1,1 +1,2 @@\n-a\n-b\n", "other lines than it says"),
        (b"--- a/x\n+++ b/x\n@@ -1 +999999999 @@\n-a\n+b\n", "beyond line"),
    ],
)
def test_what_is_no_diff_or_torn_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        read_diff(data)


TEXTS = st.lists(st.sampled_from(["a", "b", "--- x", "+++ y", "@@ -1 +1 @@", ""]), max_size=8)


@given(old=TEXTS, new=TEXTS)
@settings(max_examples=8, deadline=None)
def test_the_lines_that_git_calls_new_are_those_of_the_new_file(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str]
) -> None:
    texts = ["".join(f"{line}\n" for line in lines) for lines in (old, new)]
    diff = git_diff(tmp_path_factory.mktemp("diff"), {"f": texts[0]}, {"f": texts[1]})
    change = read_diff(diff)
    added = dict(change.lines_by_file).get("new/f", ())
    # Taking the added lines out of the new file leaves a part of the old one.
    rest = [line for number, line in enumerate(new, start=1) if number not in added]
    remaining = iter(old)
    assert all(line in remaining for line in rest)
    assert change.lines == len(added) + len(old) - len(rest)
