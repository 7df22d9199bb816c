"""Chromium and its driver for tests of pages; a test starts them itself, this only sees that they are there.

options.binary_location = str(browser.fetch())
for argument in browser.ARGUMENTS:
    options.add_argument(argument)
"""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.dev import cache, debian
from infra.dev.instances import Instance, StartError

__all__ = ["ARGUMENTS", "available", "driver", "fetch", "up"]

PROGRAMS = {"chromium": "chromium", "chromedriver": "chromium-driver"}
# Give it a `--user-data-dir` of its own, too: an empty folder.
ARGUMENTS = (
    "--headless",
    # Its sandbox refuses root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def available() -> str | None:
    """Return why there is no browser here, None when there is or it can be installed."""
    return debian.missing(PROGRAMS)


def fetch() -> Path:
    """Return the browser, installed with its driver if need be.

    Raises:
        PartUnavailableError: It cannot be installed here.
    """
    debian.install(PROGRAMS)
    return _found("chromium")


def driver() -> Path:
    """Return the driver that Selenium wants."""
    fetch()
    return _found("chromedriver")


def up(name: str) -> Instance:
    """Refuse: a browser is started by the test that drives it."""
    raise StartError(f"{name} is started by its test, expected fetch")


def _found(program: str) -> Path:
    path = shutil.which(program)
    if path is None:
        raise cache.PartUnavailableError(f"{program} is not in the package {PROGRAMS[program]}")
    return Path(path)
