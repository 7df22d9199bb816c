"""Downloads and builds that are made once, outside the clone.

An entry is named for its part, its version and the digest of its build inputs, so that a changed
`go.mod` or `pom.xml` makes a new one. It is built under a temporary name and renamed when whole: what
is there can be used, whatever was interrupted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.dev.locks import locked

__all__ = ["PartUnavailableError", "cached", "digest", "entry_of", "report", "root"]


class PartUnavailableError(RuntimeError):
    """This machine lacks something that a part needs; the message says what to install."""


def root() -> Path:
    """Return the cache folder: `SUTURE_CACHE`, else `suture` in the user's cache folder."""
    if chosen := os.environ.get("SUTURE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "suture"


def digest(inputs: Sequence[Path]) -> str:
    """Return twelve hex digits that change with the name or the content of any file in `inputs`.

    A folder stands for all files below it.
    """
    total = hashlib.sha256()
    for given in inputs:
        files = sorted(path for path in given.rglob("*") if path.is_file()) if given.is_dir() else [given]
        for path in files:
            name = path.relative_to(given.parent).as_posix().encode()
            content = path.read_bytes()
            total.update(b"%d %d " % (len(name), len(content)) + name + content)
    return total.hexdigest()[:12]


def entry_of(part: str, version: str, inputs: Sequence[Path]) -> Path:
    """Return the folder that `cached` fills; it is there once the part is fetched."""
    return root() / f"{part}-{version}-{digest(inputs)}"


def cached(part: str, version: str, inputs: Sequence[Path], build: Callable[[Path], None]) -> Path:
    """Return the folder of a part, having `build` fill it if it is not there yet.

    Two runs at once do not build twice: the second waits for the first.

    Args:
        part: Its name, as the user knows it.
        version: The version it is built from.
        inputs: Files and folders that decide what comes out.
        build: Fills the folder it is given.
    """
    entry = entry_of(part, version, inputs)
    name = entry.name
    if entry.is_dir():
        return entry
    lock = root() / f"{name}.lock"
    with locked(lock, on_wait=lambda: report(f"{part} {version}: waiting for another run that builds it")):
        if entry.is_dir():
            return entry
        for old in root().glob(f"{name}.partial-*"):
            shutil.rmtree(old)
        partial = Path(tempfile.mkdtemp(prefix=f"{name}.partial-", dir=root()))
        began = time.monotonic()
        report(f"{part} {version}: building")
        try:
            build(partial)
            partial.rename(entry)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        report(f"{part} {version}: built in {time.monotonic() - began:.0f} s")
    return entry


def report(line: str) -> None:
    """Print one line of progress where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)
