"""A gateway on a free port of this machine, taught by a log that the test writes."""

import asyncio
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import uvicorn

from streams.gateway import create_app
from streams.gateway_publishing import Publisher
from streams.gateway_service import GatewayServer
from streams.release_board import Fact
from streams.release_verdicts import ReleaseVerdicts
from streams.verdict_reader import Facts, follow
from streams.verdict_waiting import VerdictWaiters


class EnoughError(Exception):
    """The log has been read as often as the test wants."""


class Nowhere:
    """A publisher that nobody asks."""

    async def publish(self, *_: Any) -> None:
        raise AssertionError


class Log:
    """A log that grows when the test says so, and can be read in between."""

    def __init__(self, *facts: Fact) -> None:
        self._facts: queue.Queue[Facts | None] = queue.Queue()
        self.put(*facts)

    def put(self, *facts: Fact) -> None:
        """Write."""
        self._facts.put(facts)

    def end(self) -> None:
        """Say that nothing more is written."""
        self._facts.put(None)

    def read(self) -> Facts:
        """Return what was written; block until something is."""
        facts = self._facts.get()
        if facts is None:
            raise EnoughError
        return facts


class Served:
    """A gateway that runs.

    Attributes:
        url: Its address.
        waiting: Those who wait at it.
        log: What it is taught from.
    """

    def __init__(self, url: str, waiting: VerdictWaiters, log: Log, server: GatewayServer) -> None:
        self.url = url
        self.waiting = waiting
        self.log = log
        self._server = server

    def stop(self) -> None:
        """Tell it to stop."""
        self._server.should_exit = True

    def until_waiting(self, count: int) -> None:
        """Return when so many wait."""
        nothing = threading.Event()
        while self.waiting.count < count:
            nothing.wait(0.005)


@contextmanager
def serving(
    *facts: Fact, hook_tokens: str = "", port: int = 0, publisher: Publisher | None = None
) -> Iterator[Served]:
    """Serve the gateway until the block ends, from when on it has learnt these facts."""
    log, waiting = Log(*facts), VerdictWaiters(ReleaseVerdicts())

    async def serve(listening: socket.socket) -> None:
        following = asyncio.create_task(follow(waiting.held, log.read, timedelta(0)))
        await server.serve(sockets=[listening])
        log.end()
        await asyncio.wait([following])

    with socket.create_server(("127.0.0.1", port)) as listening:
        app = create_app(publisher or Nowhere(), waiting=waiting, hook_tokens=hook_tokens)
        server = GatewayServer(uvicorn.Config(app, log_level="warning", lifespan="off"), waiting)
        thread = threading.Thread(target=lambda: asyncio.run(serve(listening)), daemon=True)
        thread.start()
        served = Served(f"http://127.0.0.1:{listening.getsockname()[1]}", waiting, log, server)
        try:
            nothing = threading.Event()
            while not waiting.held.is_current:
                nothing.wait(0.005)
            yield served
        finally:
            served.stop()
            thread.join(timeout=60)
            assert not thread.is_alive()
