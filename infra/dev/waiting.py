"""Wait for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(
    condition: Callable[[], bool],
    *,
    deadline_s: float,
    what: str,
    poll_s: float = 0.05,
) -> None:
    """Return as soon as `condition` holds.

    Args:
        condition: Asked again every `poll_s`; an exception of its own ends the wait.
        deadline_s: Seconds until giving up; generous, since it is only reached when something is broken.
        what: The condition in words, for the error.
        poll_s: Seconds between two questions; shorter burns a core, longer adds itself to every start.

    Raises:
        TimeoutError: The condition did not hold in time.
    """
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not seen within {deadline_s:g} s")
        time.sleep(poll_s)
