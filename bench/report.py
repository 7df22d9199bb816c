"""What every benchmark says at its end: one JSON object of figures, cost, versions and the input's digest."""

import hashlib
import json
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

USED = ("numpy", "scipy")
"""Distributions whose versions every report names, because figures hang on them."""


@dataclass(frozen=True, slots=True)
class Started:
    """When a benchmark began, by the wall's clock and by the processor's; both in seconds."""

    wall_s: float = field(default_factory=time.perf_counter)
    cpu_s: float = field(default_factory=time.process_time)


def digest_of(source: Path | Sequence[Path]) -> str:
    """Return the SHA-256 of an input: of one file's bytes, or of several files' names and digests.

    Args:
        source: A file; a folder, which stands for all files below it; or several of either. Files of a
            folder count by their path below it, so that a copy elsewhere has the same digest.

    Raises:
        FileNotFoundError: there is nothing at a path.
    """
    if isinstance(source, Path) and source.is_file():
        return _of_file(source)
    whole = hashlib.sha256()
    for path in [source] if isinstance(source, Path) else source:
        for name, file in _files(path):
            whole.update(f"{name}\0{_of_file(file)}\n".encode())
    return whole.hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _files(path: Path) -> Iterable[tuple[str, Path]]:
    if path.is_file():
        return [(path.name, path)]
    if not path.is_dir():
        raise FileNotFoundError(f"there is nothing at {path}, expected a benchmark's input")
    found = sorted(file for file in path.rglob("*") if file.is_file())
    return [(file.relative_to(path).as_posix(), file) for file in found]


def report(
    figures: Mapping[str, Any],
    started: Started,
    source: Path | Sequence[Path] | None = None,
    *,
    seed: int | None = None,
    packages: Sequence[str] = (),
) -> None:
    """Print the benchmark's one JSON object on standard output.

    Args:
        figures: What was measured; NaN and infinities are refused.
        started: When the benchmark began.
        source: Its input files; None when it makes its own.
        seed: What its random numbers came from; None when there are none.
        packages: Distributions beside numpy and scipy whose versions matter.

    Raises:
        ValueError: a figure is no finite number.
    """
    said: dict[str, Any] = dict(figures)
    said["seconds"] = round(time.perf_counter() - started.wall_s, 3)
    said["cpu_seconds"] = round(time.process_time() - started.cpu_s, 3)
    if seed is not None:
        said["seed"] = seed
    named = {name: version(name) for name in (*USED, *packages)}
    said["versions"] = {"python": platform.python_version(), **named}
    if source is not None:
        said["sha256"] = digest_of(source)
    print(json.dumps(said, allow_nan=False))
