"""A door between executors and an API server: it passes requests on, counts the writes and holds chosen ones.

Executors speak plain HTTP to it, on loopback; it speaks TLS to the server with the token that it was
shown. What is counted is what the server accepted, whether or not anybody lived to hear of it.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from infra.dev.cluster import Cluster

WRITES = ("PATCH", "POST", "PUT", "DELETE")
PATIENCE_S = 120.0
_NAMESPACE = re.compile(r"/namespaces/([^/?]+)")
_TOLD_ON = ("Accept", "Authorization", "Content-Type", "User-Agent")
_TOLD_BACK = ("Content-Type", "Retry-After")


class Moment(StrEnum):
    """Where a write stands when it is held."""

    BEFORE = "the server has not heard of it"
    APPLIED = "the server has done it, the executor has not heard"
    ANSWERED = "the executor has heard, and done nothing since"


class Line:
    """The requests about one namespace."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._moment: Moment | None = None
        self._nth = 0
        self._is_next_held = False
        self._passes = True
        self._under_way = 0
        self._opened = threading.Event()
        self.reached = threading.Event()
        self.accepted: list[str] = []
        self.refused: list[int] = []

    def begin(self, moment: Moment | None = None, nth: int = 1) -> None:
        """Count anew; hold at a moment of the nth write that the server accepts."""
        with self._lock:
            self._moment, self._nth, self._is_next_held = moment, nth, False
            self.accepted, self.refused = [], []
            self.reached, self._opened = threading.Event(), threading.Event()

    def open(self, *, passes: bool = True) -> None:
        """Let what is held go on; else it ends as if the connection had broken."""
        with self._lock:
            self._passes = passes
            self._moment = None
            self._opened.set()

    def quiet(self) -> None:
        """Return once no request is under way."""
        with self._lock:
            if not self._lock.wait_for(lambda: self._under_way == 0, PATIENCE_S):
                raise AssertionError(f"{self._under_way} requests are still under way")

    def before(self, *, is_write: bool) -> bool:
        """Tell whether a request may go on to the server; waits for it."""
        with self._lock:
            self._under_way += 1
            is_nth = is_write and len(self.accepted) + 1 == self._nth
            is_held = self._is_next_held or (self._moment is Moment.BEFORE and is_nth)
            self._is_next_held = False
        return self._wait() if is_held else True

    def after(self, what: str, status: int, *, is_write: bool) -> bool:
        """Count a request; tell whether its answer may go on to the executor; waits for it."""
        with self._lock:
            if is_write and status < 300:
                self.accepted.append(what)
            elif is_write:
                self.refused.append(status)
            is_nth = is_write and status < 300 and len(self.accepted) == self._nth
            self._is_next_held |= is_nth and self._moment is Moment.ANSWERED
            is_held = is_nth and self._moment is Moment.APPLIED
        return self._wait() if is_held else True

    def left(self) -> None:
        """Count a request as ended."""
        with self._lock:
            self._under_way -= 1
            self._lock.notify_all()

    def _wait(self) -> bool:
        with self._lock:
            self._moment = None
            opened = self._opened
            self.reached.set()
        opened.wait(PATIENCE_S)
        return self._passes


class _Lines(defaultdict[str, Line]):
    """Lines by namespace; made by whoever asks first."""

    def __init__(self) -> None:
        super().__init__(Line)
        self._lock = threading.Lock()

    def __missing__(self, name: str) -> Line:
        with self._lock:
            if name not in self:
                self[name] = Line()
            return self[name]


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    address: ClassVar[str]
    trust: ClassVar[ssl.SSLContext]
    lines: ClassVar[_Lines]
    _upstream: http.client.HTTPSConnection | None = None

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _NAMESPACE.search(self.path)
        line = self.lines[found.group(1) if found else ""]
        is_write = self.command in WRITES and found is not None
        try:
            if not line.before(is_write=is_write):
                self.close_connection = True
                return
            status, data, headers = self._ask(body)
            if not line.after(f"{self.command} {self.path}", status, is_write=is_write):
                self.close_connection = True
                return
            self.send_response(status)
            for name in _TOLD_BACK:
                if name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (OSError, http.client.HTTPException):
            # The server is down or the executor is dead: either way the other side sees a broken line.
            self.close_connection = True
            self._upstream = None
        finally:
            line.left()

    do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815  # http.server names them

    def _ask(self, body: bytes) -> tuple[int, bytes, http.client.HTTPMessage]:
        if self._upstream is not None and self.command in WRITES:
            # It may be older than the server, and then a write would be lost here.
            self._upstream.close()
            self._upstream = None
        if self._upstream is None:
            self._upstream = http.client.HTTPSConnection(self.address, context=self.trust, timeout=30)
        headers = {name: self.headers[name] for name in _TOLD_ON if name in self.headers}
        self._upstream.request(self.command, self.path, body or None, headers)
        answer = self._upstream.getresponse()
        return answer.status, answer.read(), answer.headers

    def finish(self) -> None:
        super().finish()
        if self._upstream is not None:
            self._upstream.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server names it
        """Say nothing: requests are counted instead."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: executors are killed here all the time."""


class RequestGate:
    """A running door.

    Attributes:
        kubeconfig: Leads an executor through the door.
        lines: What is held and counted, by namespace.
    """

    def __init__(self, server: _Server, lines: _Lines, kubeconfig: Path) -> None:
        self._server = server
        self.lines = lines
        self.kubeconfig = kubeconfig


@contextmanager
def request_gate(cluster: Cluster, token: str, folder: Path) -> Iterator[RequestGate]:
    """Run a door to a cluster's API server for the length of a `with` block; the token is the executors'."""
    lines = _Lines()
    trust = ssl.create_default_context(cadata=cluster.control_plane.authority.decode())
    address = urlsplit(cluster.server).netloc
    door = type("Door", (_Door,), {"address": address, "trust": trust, "lines": lines})
    server = _Server(("127.0.0.1", 0), door)
    kubeconfig = folder / "gate.kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "gate",
        "clusters": [{"name": "gate", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "gate", "user": {"token": token}}],
        "contexts": [{"name": "gate", "context": {"cluster": "gate", "user": "gate"}}],
    }
    kubeconfig.write_text(json.dumps(config))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield RequestGate(server, lines, kubeconfig)
    finally:
        for line in list(lines.values()):
            line.open(passes=False)
        server.shutdown()
        server.server_close()
        thread.join()
