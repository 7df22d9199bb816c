"""A sender over HTTP that costs little: requests as bytes, over connections that stay open."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What came of a load.

    Attributes:
        asked: Requests that were due.
        latencies_s: Of each that was answered, from when it was due.
        statuses: How often each status was answered; 0 for a connection that broke.
        seconds: From the first that was due to the last answer.
    """

    asked: int = 0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return a POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection, on which requests follow each other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, message: bytes) -> int:
        """Send a request, and return the status of its answer."""
        self._writer.write(message)
        head = await self._reader.readuntil(b"\r\n\r\n")
        low = head.lower()
        at = low.find(b"content-length:")
        if at >= 0:
            size = int(low[at + 15 : low.index(b"\r\n", at)])
            if size:
                await self._reader.readexactly(size)
        return int(head[9:12])


@asynccontextmanager
async def connections(host: str, port: int, count: int) -> AsyncIterator[list[Connection]]:
    """Open connections for the length of a block."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(host, port)
            stack.callback(writer.close)
            opened.append(Connection(reader, writer))
        yield opened


async def closed_loop(host: str, port: int, messages: Sequence[bytes], seconds: float, at_once: int) -> Load:
    """Send as fast as answers come, so many requests at once."""
    load, loop = Load(), asyncio.get_running_loop()
    began = loop.time()

    async def send(connection: Connection, turn: int) -> None:
        while loop.time() - began < seconds:
            due = loop.time()
            load.asked += 1
            load.statuses[await connection.ask(messages[turn % len(messages)])] += 1
            load.latencies_s.append(loop.time() - due)
            turn += at_once

    async with connections(host, port, at_once) as opened:
        await asyncio.gather(*(send(connection, turn) for turn, connection in enumerate(opened)))
    load.seconds = loop.time() - began
    return load


async def open_loop(
    host: str, port: int, message: Callable[[int], bytes], rate: float, seconds: float, at_most: int
) -> Load:
    """Send at a rate, whether answers come or not; a request that finds no connection free waits for one.

    That wait is a part of its latency: whoever sends at a rate does not wait for others' answers.
    """
    load, loop = Load(), asyncio.get_running_loop()
    free: asyncio.Queue[Connection] = asyncio.Queue()
    began = loop.time()

    async def send(turn: int, due: float) -> None:
        connection = await free.get()
        try:
            status = await connection.ask(message(turn))
        except (OSError, EOFError):
            load.statuses[0] += 1
            return
        load.statuses[status] += 1
        load.latencies_s.append(loop.time() - due)
        free.put_nowait(connection)

    async with connections(host, port, at_most) as opened, asyncio.TaskGroup() as group:
        for connection in opened:
            free.put_nowait(connection)
        began = loop.time()
        for turn in range(round(rate * seconds)):
            due = began + turn / rate
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            load.asked += 1
            group.create_task(send(turn, due))
    load.seconds = loop.time() - began
    return load
