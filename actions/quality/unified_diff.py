"""Unified diffs, as `git diff` writes them: which lines a change added or touched, by file.

Source: POSIX diff, "Diff -u Output Format"; git-diff(1), "Generating patch text with -p", for quoted
names and `/dev/null`.
"""

import re
from collections.abc import Iterator

from actions.quality.readers.fields import LAST_LINE, clean
from schemas.errors import SchemaError
from schemas.quality import Change

LARGEST_BYTES = 32 * 1024 * 1024
_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPED = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11}


def read_diff(data: bytes, author: str = "") -> Change:
    """Return the change that a diff describes; an empty diff is a change of nothing.

    Lines are counted by the hunks' own numbers, so that a removed line that begins with `-- ` or an added
    one with `++ ` is not taken for a header.

    Raises:
        SchemaError: it is too large, holds no hunk although it is not empty, or a hunk ends early.
    """
    if len(data) > LARGEST_BYTES:
        raise SchemaError(f"the diff has {len(data)} bytes, expected at most {LARGEST_BYTES}")
    touched: dict[str, list[int]] = {}
    announced = headed = changed = 0
    path = ""
    lines = iter(data.split(b"\n"))
    for line in lines:
        if line.startswith(b"diff --git "):
            announced += 1
        elif line.startswith(b"+++ "):
            headed += 1
            path = _name(line[4:])
        elif (hunk := _HUNK.match(line)) is not None:
            added, removed = _read_hunk(hunk, lines)
            changed += len(added) + removed
            if added and path:
                touched.setdefault(path, []).extend(added)
    if not announced and not headed and data.strip():
        raise SchemaError("is no unified diff, expected the output of git diff")
    return Change(
        lines=changed,
        # git announces every file, also renamed and binary ones; plain diff only those with hunks.
        files=announced or headed,
        lines_by_file=tuple((name, tuple(touched[name])) for name in sorted(touched)),
        author=clean(author),
    )


def _read_hunk(hunk: re.Match[bytes], lines: Iterator[bytes]) -> tuple[list[int], int]:
    """Return the numbers of the added lines, and how many were removed."""
    before, after = int(hunk[2] or 1), int(hunk[4] or 1)
    at = int(hunk[3])
    if at + after > LAST_LINE:
        raise SchemaError(f"a hunk of the diff goes beyond line {LAST_LINE}")
    added: list[int] = []
    removed = 0
    while before > 0 or after > 0:
        line = next(lines, None)
        if line is None:
            raise SchemaError("the diff ends within a hunk")
        match line[:1]:
            case b"+":
                added.append(at)
                after, at = after - 1, at + 1
            case b"-":
                before, removed = before - 1, removed + 1
            case b" " | b"" | b"\r":
                before, after, at = before - 1, after - 1, at + 1
            case b"\\":
                # No newline at the end of the file.
                continue
            case _:
                raise SchemaError("a hunk of the diff has fewer lines than it says")
        if before < 0 or after < 0:
            raise SchemaError("a hunk of the diff has other lines than it says")
    return added, removed


def _name(raw: bytes) -> str:
    r"""Return a file's name without git's prefix, "" for none.

    >>> _name(b"b/src/cart.py"), _name(b"/dev/null"), _name(rb'"b/caf\303\251.py"')
    ('src/cart.py', '', 'café.py')
    """
    text = raw.rstrip(b"\r").split(b"\t")[0].decode("utf-8", "replace")
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        text = _ESCAPE.sub(_unescape, text[1:-1]).encode("latin-1", "replace").decode("utf-8", "replace")
    if text == "/dev/null":
        return ""
    return clean(text[2:] if text.startswith(("a/", "b/")) else text)


def _unescape(match: re.Match[str]) -> str:
    found = match[1]
    if len(found) == 3:
        return chr(int(found, 8) & 0xFF)
    return chr(_ESCAPED.get(found, ord(found)))
