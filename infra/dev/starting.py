"""Start on ports from the system, again when another program was quicker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from infra.dev.instances import StartError
from infra.dev.ports import free_ports

__all__ = ["start_on_free_ports"]

T = TypeVar("T")
# As Java, Go and Python word it, without the letter that they differ in.
PORT_TAKEN = "ddress already in use"


def start_on_free_ports(count: int, start: Callable[[Sequence[int]], T], attempts: int = 3) -> T:
    """Return what `start` returns for `count` free ports.

    Between our release of a port and its use another program may take it. `start` is then called again
    with other ports, so it must begin with removing what an earlier call left.

    Raises:
        StartError: It failed otherwise, or `attempts` times in this way.
    """
    for _ in range(attempts - 1):
        try:
            return start(free_ports(count))
        except StartError as error:
            if PORT_TAKEN not in str(error):
                raise
    return start(free_ports(count))
