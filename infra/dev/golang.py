"""Build Go programs from a module that is kept in this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.dev.cache import PartUnavailableError

__all__ = ["build", "missing", "run"]


def missing() -> str | None:
    """Return why nothing can be built here, None when it can."""
    return None if shutil.which("go") else "go is not installed, expected Go 1.26 or later"


def build(
    module: Path,
    packages: Sequence[str],
    into: Path,
    *,
    static: bool = False,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Build packages of a module into a folder, without symbol tables.

    Args:
        module: A folder with `go.mod` and `go.sum`; it is only read.
        packages: Import paths, or paths relative to the module.
        into: Where the programs go, named for the last element of their import path.
        static: Whether they shall need no library of the system, for images that hold nothing else.
        variables: Values for string variables of Go, by full name.

    Raises:
        PartUnavailableError: There is no Go, or the build failed.
    """
    options = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in (variables or {}).items())])
    run(["build", f"-ldflags={options}", "-o", f"{into}/", *packages], module, static=static)


def run(arguments: Sequence[str], folder: Path, *, static: bool = False) -> None:
    """Run the Go tool in a folder, with its output shown only when it fails.

    Raises:
        PartUnavailableError: There is no Go, or it failed.
    """
    if reason := missing():
        raise PartUnavailableError(reason)
    environment = {**os.environ, "CGO_ENABLED": "0"} if static else dict(os.environ)
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PartUnavailableError(f"go {arguments[0]} in {folder.name} failed:\n{done.stderr[-2000:]}")
