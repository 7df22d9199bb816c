"""An Alertmanager with a configuration of the caller's.

with alertmanager.running(config) as server:
    post(f"{server.url}/api/v2/alerts", alerts)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.dev import web_server
from infra.dev.instances import Instance
from infra.dev.web_server import Program, WebServer

__all__ = ["available", "fetch", "running", "up"]

ALERTMANAGER = Program(
    part="alertmanager",
    executable="prometheus-alertmanager",
    package="prometheus-alertmanager",
    options=(
        "--config.file={config}",
        "--storage.path={data}",
        "--web.listen-address={address}",
        # Empty: alone, and no fixed port for a peer to find.
        "--cluster.listen-address=",
    ),
)


def available() -> str | None:
    """Return why it cannot run here, None when it can."""
    return web_server.available(ALERTMANAGER)


def fetch() -> Path:
    """Return the program, installed if need be.

    Raises:
        PartUnavailableError: It cannot be installed here.
    """
    return web_server.fetch(ALERTMANAGER)


@contextmanager
def running(config: str | Path, *, name: str | None = None, keep: bool = False) -> Iterator[WebServer]:
    """Run Alertmanager for the length of a `with` block.

    Args:
        config: Its configuration, as text or as a file, with at least a route and a receiver.
        name: The instance's name; by default one that nobody else has.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: It cannot be installed here.
        StartError: It refused the configuration, or did not come up.
    """
    with web_server.running(ALERTMANAGER, config, name=name, keep=keep) as server:
        yield server


def up(name: str) -> Instance:
    """Start an Alertmanager that stays until `down` and tells nobody."""
    with running("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", name=name, keep=True) as server:
        return server.instance
