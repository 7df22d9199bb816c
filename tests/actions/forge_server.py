"""The socket that tests' forges listen on: JSON in and out, every request kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit


class Answering(Protocol):
    """A forge."""

    address: str
    requests: list[tuple[str, str]]

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        """Return status and body."""


@contextmanager
def serving(forge: Answering) -> Iterator[str]:
    """Serve a forge; yield its address."""
    failed: list[BaseException] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def do_DELETE(self) -> None:
            self._handle()

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path, query = unquote(parts.path), dict(parse_qsl(parts.query))
            forge.requests.append((self.command, path))
            try:
                code, answer = forge.answer(self.command, path, query, body, dict(self.headers))
            except (AssertionError, LookupError) as error:
                failed.append(error)
                code, answer = 501, {"message": str(error)}
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    forge.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield forge.address
    finally:
        server.shutdown()
        server.server_close()
    assert not failed, failed
