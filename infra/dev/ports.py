"""Free TCP ports, as the operating system gives them out."""

from __future__ import annotations

import socket
from contextlib import ExitStack

__all__ = ["accepts_connections", "free_ports"]

LOOPBACK = "127.0.0.1"


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Return distinct ports that nothing listens on.

    All are bound at once, so that they differ, and then released. Another program may take one before
    it is used: a starter must be ready to try again with new ports.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]


def accepts_connections(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether something listens on `host:port`."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
