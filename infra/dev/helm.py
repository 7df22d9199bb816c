"""Helm's own program, on this machine: `helm.fetch() / helm.PROGRAM`."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from infra.dev import cache, golang, instances

__all__ = ["PROGRAM", "available", "fetch", "is_fetched", "up"]

VERSION = "3.19.5"
SOURCE = Path(__file__).parent / "helm-v3"
MODULE = "helm.sh/helm/v3"
PROGRAM = "helm"


def available() -> str | None:
    """Return why it cannot be built here, None when it can."""
    return golang.missing()


def is_fetched() -> bool:
    """Tell whether the long part of `fetch` is done."""
    return cache.entry_of("helm", VERSION, [SOURCE]).is_dir()


def fetch() -> Path:
    """Return the folder of the program, built if need be (some two minutes on two cores).

    Raises:
        PartUnavailableError: There is no Go, or the build failed.
    """
    return cache.cached(
        "helm",
        VERSION,
        [SOURCE],
        lambda folder: golang.build(SOURCE, [f"{MODULE}/cmd/{PROGRAM}"], folder),
    )


def up(name: str) -> NoReturn:
    """Say that there is nothing to start: it is a program, and not a server."""
    raise instances.StartError(f"{name} is a program that runs by itself, expected `helm fetch`")
