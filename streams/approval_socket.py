"""A listener in a thread of its own, as Slack's Socket Mode is one, begun again when it ends."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread, current_thread

from schemas.errors import SutureError

logger = logging.getLogger("suture.approvals")

_PAUSE = timedelta(seconds=60)
"""Before it is begun again: what ends it is a setting that somebody has to mend."""


class Listener:
    """Keeps something listening for as long as the thread lives that looks after it.

    Args:
        name: Of the thread.
        run: Listens until the event is set; a SutureError ends it.
        now: The present instant.
    """

    def __init__(self, name: str, run: Callable[[Event], None], now: Callable[[], datetime]) -> None:
        self._name, self._run, self._now = name, run, now
        self._thread: Thread | None = None
        self._due: datetime | None = None

    def tend(self) -> None:
        """Begin it, or begin it again a while after it ended; to be called every few seconds."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._thread is not None and self._due is None:
            self._due = self._now() + _PAUSE
        if self._due is not None and self._now() < self._due:
            return
        self._due = None
        stop = _UntilTheOwnerEnds(current_thread())
        self._thread = Thread(target=self._listen, args=(stop,), name=self._name, daemon=True)
        self._thread.start()

    def _listen(self, stop: Event) -> None:
        try:
            self._run(stop)
        except SutureError as error:
            # What it stands for is asked again by `tend`, and the channel's other ways go on.
            logger.error("listener ended", extra={"listener": self._name, "reason": str(error)})  # noqa: TRY400


class _UntilTheOwnerEnds(Event):
    """Set once a thread has ended, so that nothing is left listening for a sink that is made anew."""

    def __init__(self, owner: Thread) -> None:
        super().__init__()
        self._owner = owner

    def is_set(self) -> bool:
        """Return whether to stop."""
        return super().is_set() or not self._owner.is_alive()
