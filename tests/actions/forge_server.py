"""The socket that tests' forges listen on: JSON in and out, every request kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.listening import QuietHandler, listening


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

    class Handler(QuietHandler):
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

    with listening(Handler) as address:
        forge.address = f"http://{address}"
        yield forge.address
    assert not failed, failed
