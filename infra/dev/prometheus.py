"""A Prometheus server with a configuration of the caller's.

with prometheus.running(config) as server:
    query(f"{server.url}/api/v1/query?query=up")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.dev import web_server
from infra.dev.instances import Instance
from infra.dev.web_server import Program, WebServer

__all__ = ["available", "fetch", "running", "up"]

PROMETHEUS = Program(
    part="prometheus",
    executable="prometheus",
    package="prometheus",
    options=(
        "--config.file={config}",
        "--storage.tsdb.path={data}",
        "--web.listen-address={address}",
        "--web.enable-lifecycle",
        "--web.enable-remote-write-receiver",
    ),
)


def available() -> str | None:
    """Return why it cannot run here, None when it can."""
    return web_server.available(PROMETHEUS)


def fetch() -> Path:
    """Return the program, installed if need be.

    Raises:
        PartUnavailableError: It cannot be installed here.
    """
    return web_server.fetch(PROMETHEUS)


@contextmanager
def running(config: str | Path, *, name: str | None = None, keep: bool = False) -> Iterator[WebServer]:
    """Run Prometheus for the length of a `with` block.

    Args:
        config: Its configuration, as text or as a file: `scrape_configs`, `remote_write`, `alerting` ...
        name: The instance's name; by default one that nobody else has.
        keep: Leave it running when the block ends well.

    Raises:
        PartUnavailableError: It cannot be installed here.
        StartError: It refused the configuration, or did not come up.
    """
    with web_server.running(PROMETHEUS, config, name=name, keep=keep) as server:
        yield server


def up(name: str) -> Instance:
    """Start a Prometheus that stays until `down` and reads itself; give others in its configuration."""
    with running("scrape_configs: []\n", name=name, keep=True) as server:
        return server.instance
