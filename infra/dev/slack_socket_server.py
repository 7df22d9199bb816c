"""Slack's Socket Mode, the server's side: hello, envelopes that want an acknowledgement, disconnect."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from infra.dev.ports import LOOPBACK

__all__ = ["ACKNOWLEDGE_WITHIN_S", "SocketEndpoint"]

Json = dict[str, Any]

ACKNOWLEDGE_WITHIN_S = 30.0
"""How long an acknowledgement is waited for; Slack gives 3 s, and a loaded machine is not a slow program."""


class SocketEndpoint:
    """Where an app's sockets arrive.

    Attributes:
        sent: Ids of envelopes, in the order in which they went out.
        acknowledged: The same, in the order in which they were acknowledged.
        opened: How many connections there have been.
    """

    def __init__(self, app: str) -> None:
        self._app, self._port, self._tickets = app, 0, 0
        self._unused: list[str] = []
        self._connections: list[ServerConnection] = []
        self._changed = threading.Condition()
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.opened = 0

    def new_url(self) -> str:
        """Return an address that works once."""
        with self._changed:
            self._tickets += 1
            ticket = f"ticket-{self._tickets}"
            self._unused.append(ticket)
        return f"ws://{LOOPBACK}:{self._port}/link/?ticket={ticket}&app_id={self._app}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the length of a `with` block."""
        with serve(self._handle, LOOPBACK, 0, compression=None, close_timeout=1) as server:
            self._port = server.socket.getsockname()[1]
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield
            finally:
                self.drop()
                server.shutdown()
                thread.join()

    def send(self, kind: str, payload: Json) -> bool:
        """Send an envelope through one of the connections, and return whether it was acknowledged.

        Raises:
            TimeoutError: no app is connected.
        """
        connection, envelope = self._sent(kind, payload)
        with self._changed:
            self._changed.wait_for(
                lambda: envelope in self.acknowledged or connection not in self._connections,
                ACKNOWLEDGE_WITHIN_S,
            )
            return envelope in self.acknowledged

    def send_soon(self, kind: str, payload: Json) -> None:
        """Send an envelope, and wait for nothing.

        Raises:
            TimeoutError: no app is connected.
        """
        self._sent(kind, payload)

    def send_text(self, text: str) -> None:
        """Send a message as it is."""
        with self._changed:
            connection = self._connections[-1]
        connection.send(text)

    def _sent(self, kind: str, payload: Json) -> tuple[ServerConnection, str]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._connections, ACKNOWLEDGE_WITHIN_S):
                raise TimeoutError("no app is connected")
            connection, envelope = self._connections[-1], f"envelope-{len(self.sent) + 1}"
            self.sent.append(envelope)
            self._changed.notify_all()
        message = {
            "envelope_id": envelope,
            "payload": payload,
            "type": kind,
            "accepts_response_payload": False,
        }
        with suppress(ConnectionClosed):
            connection.send(json.dumps(message))
        return connection, envelope

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell every connection that it will end, as Slack does every few hours."""
        with self._changed:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.send(
                    json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "x"}})
                )
            except ConnectionClosed:
                continue

    def drop(self) -> None:
        """End every connection."""
        with self._changed:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Return once a condition on what was sent, acknowledged and opened holds.

        Raises:
            TimeoutError: it did not.
        """
        with self._changed:
            if not self._changed.wait_for(condition, ACKNOWLEDGE_WITHIN_S):
                raise TimeoutError(f"sent {self.sent}, acknowledged {self.acknowledged}")

    def wait_opened(self, count: int) -> None:
        """Return once there have been so many connections.

        Raises:
            TimeoutError: there have not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.opened >= count, ACKNOWLEDGE_WITHIN_S):
                raise TimeoutError(f"{self.opened} connections so far, expected {count}")

    def _handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        ticket = parse_qs(urlsplit(connection.request.path).query).get("ticket", [""])[0]
        with self._changed:
            if ticket not in self._unused:
                return
            self._unused.remove(ticket)
        connection.send(
            json.dumps(
                {
                    "type": "hello",
                    "num_connections": 1,
                    "debug_info": {"host": "applink", "approximate_connection_time": 18060},
                    "connection_info": {"app_id": self._app},
                }
            )
        )
        with self._changed:
            self._connections.append(connection)
            self.opened += 1
            self._changed.notify_all()
        try:
            for text in connection:
                answer = json.loads(text)
                with self._changed:
                    self.acknowledged.append(answer["envelope_id"])
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        finally:
            with self._changed:
                self._connections.remove(connection)
                self._changed.notify_all()
