"""Waiting with an end: for something to be true, until a deadline, unless somebody says stop."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from schemas.errors import SutureError

_POLL_SECONDS = 0.1


class StoppedError(SutureError):
    """Somebody asked the demonstration to stop."""


class TooLateError(SutureError):
    """What was waited for did not come."""


@dataclass(slots=True)
class Patience:
    """How long the demonstration as a whole waits for things.

    Args:
        stop: Set when somebody asks to stop.
        deadline: On the monotonic clock; nothing is waited for beyond it.
        meanwhile: Called at every look, to keep things going.
    """

    stop: Event
    deadline: float
    meanwhile: Callable[[], None]

    def until(self, is_true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Return once something is true.

        Raises:
            StoppedError: somebody asked to stop.
            TooLateError: it does not become true in time; names `what`.
        """
        end = min(time.monotonic() + seconds, self.deadline)
        while not is_true():
            if time.monotonic() >= end:
                raise TooLateError(f"{what} did not come about in time")
            self._pause()

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            StoppedError: somebody asked to stop.
            TooLateError: the deadline of the whole has passed.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if time.monotonic() >= self.deadline:
                raise TooLateError("the demonstration took longer than it may")
            self._pause()

    def _pause(self) -> None:
        self.meanwhile()
        if self.stop.wait(_POLL_SECONDS):
            raise StoppedError("stopped as asked")
