"""`suture up` as a user runs it: everything comes up, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from infra.dev.kafka import Broker
from infra.dev.ports import free_ports
from infra.dev.waiting import wait_until
from streams.process_tree import PARTS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def answers(listen: str, path: str) -> bool:
    """Return whether the gateway says that it is well."""
    try:
        return httpx.get(f"http://{listen}{path}", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; one that nobody has buried yet does not."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda process: process.send_signal(signal.SIGINT), id="interrupted"),
        pytest.param(lambda process: process.kill(), id="killed"),
    ],
)
def test_nothing_outlives_suture_up(
    kafka_broker: Broker,
    tmp_path: Path,
    end: Callable[[subprocess.Popen[bytes]], None],
    request: pytest.FixtureRequest,
) -> None:
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP": kafka_broker.bootstrap,
        "SUTURE_PREFIX": f"up-{request.node.callspec.id}.",
        "SUTURE_DATA": str(tmp_path),
        "SUTURE_LISTEN": listen,
    }
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "up"], env=environment, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: answers(listen, "/readyz"), deadline_s=120, what="a gateway that is ready")
            parts = psutil.Process(process.pid).children(recursive=True)
            assert len(parts) >= len(PARTS)
        finally:
            end(process)
            process.wait(60)
    wait_until(lambda: not any(map(is_alive, parts)), deadline_s=60, what="end of every part")
