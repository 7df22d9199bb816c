"""Real parts that the development tool brings: asked for by its command line, never imported."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import SutureError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout; the tool lies there beside the packages, an installed wheel lacks it."""


def fetched(part: str) -> Path:
    """Return the folder of a part's files, fetched or built if need be; building takes minutes.

    Raises:
        SutureError: it cannot be had on this machine; says why.
    """
    return Path(_tool(part, "fetch").strip().rpartition("\t")[2])


@contextmanager
def running(part: str, name: str) -> Iterator[dict[str, str]]:
    """Run a part for the length of the block; yields what a user needs to reach it.

    Raises:
        SutureError: it cannot run on this machine, or did not come up; says why.
    """
    try:
        yield dict(
            line.split("\t", 1) for line in _tool(part, "up", "--name", name).splitlines() if "\t" in line
        )
    finally:
        _run(part, "down", "--name", name)


def _tool(*arguments: str) -> str:
    done = _run(*arguments)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no word from it").splitlines()[-1]
        raise SutureError(f"python -m infra.dev {' '.join(arguments)} failed: {last}")
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.dev", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        # A Ctrl-C at the terminal ends a build, and must not tear down half of a cluster.
        start_new_session=arguments[1] != "fetch",
    )
