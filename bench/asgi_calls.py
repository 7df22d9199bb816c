"""Requests to an ASGI application in this process, byte for byte: nothing between tidies a header."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

Headers = Sequence[tuple[bytes, bytes]]


async def post(app: FastAPI, path: str, body: bytes, headers: Headers) -> tuple[int, bytes]:
    """Return the status and the body with which a POST is answered.

    Args:
        app: The application.
        path: Of the URL.
        body: Sent in one piece.
        headers: As a server would hand them on: names in lower case.
    """
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    status, parts = 0, [b""]

    async def receive() -> dict[str, Any]:
        return sent.pop() if sent else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        "client": ("192.0.2.1", 1),
        "server": ("gateway", 80),
    }
    await app(scope, receive, send)  # type: ignore[arg-type]  # a scope is a mutable mapping of anything
    return status, b"".join(parts)
