"""Pauses before something that failed is tried again: each thing by itself, doubled with each failure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.errors import ActionError, TransientActionError

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(seconds=60)
_LONGEST_ASKED = timedelta(minutes=10)
_MOST_DOUBLINGS = 10


@dataclass(slots=True, kw_only=True)
class _Pause:
    failures: int
    due: datetime


class Pauses:
    """What failed lately, and when each is due again.

    Args:
        now: The present instant.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._paused: dict[str, _Pause] = {}

    @property
    def is_any(self) -> bool:
        """Return whether something failed and has not succeeded since: the other side may be down."""
        return bool(self._paused)

    def holds(self, key: str) -> bool:
        """Return whether a thing is not to be tried yet."""
        paused = self._paused.get(key)
        return paused is not None and self._now() < paused.due

    def failed(self, key: str, error: ActionError) -> None:
        """Remember a failure; the other side may ask for a longer pause than ours."""
        known = self._paused.get(key)
        failures = min(known.failures + 1 if known else 1, _MOST_DOUBLINGS)
        asked = error.retry_after_s if isinstance(error, TransientActionError) else None
        own = min(_FIRST * 2 ** (failures - 1), _LONGEST)
        pause = max(own, min(timedelta(seconds=asked or 0.0), _LONGEST_ASKED))
        self._paused[key] = _Pause(failures=failures, due=self._now() + pause)

    def succeeded(self, key: str) -> None:
        """Forget that a thing failed."""
        self._paused.pop(key, None)
