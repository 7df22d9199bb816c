"""Waiting for a release's verdict: many wait at once, each a small object on the event loop and no thread.

Everything here belongs to one event loop, which is also the one that teaches the verdicts.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from schemas.keys import EnvironmentName, ServiceName
from streams.release_board import VersionKey
from streams.release_verdicts import ReleaseVerdict, ReleaseVerdicts

LONGEST_WAIT = timedelta(seconds=120)
"""Proxies give up on an answer after a minute or more; who wants to wait longer asks again."""

MOST_WAITERS = 2_000
"""Each holds a connection. Whoever comes beyond is answered at once with what is held."""


class VerdictWaiters:
    """Those who wait for verdicts.

    Args:
        held: What is held of releases; from here on it tells this object what changes.
        most: How many may wait at once.
    """

    def __init__(self, held: ReleaseVerdicts, most: int = MOST_WAITERS) -> None:
        self.held = held
        self._most = most
        self._waiting: dict[VersionKey, dict[int, asyncio.Event]] = {}
        self._is_closed = False
        held.tell(self._changed)

    @property
    def count(self) -> int:
        """Return how many wait."""
        return sum(len(events) for events in tuple(self._waiting.values()))

    async def answer(
        self,
        environment: EnvironmentName,
        service: ServiceName,
        version: str,
        template: str,
        at_most: timedelta,
        *,
        until_asked: bool = False,
    ) -> ReleaseVerdict:
        """Return what is held of a version once it is settled, or when the time is over.

        Args:
            environment: Where.
            service: Of what.
            version: Which.
            template: Hash of the pod template that is asked about; "" for any.
            at_most: How long to wait; 0 for no wait.
            until_asked: That a human is asked about the release ends the waiting as well.
        """
        answer = self.held.answer(environment, service, version, template)
        if not at_most or self.count >= self._most:
            return answer
        with self._listening((environment, service, version)) as changed, suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                while not (answer.is_settled or (until_asked and answer.holds) or self._is_closed):
                    await changed.wait()
                    changed.clear()
                    answer = self.held.answer(environment, service, version, template)
        return answer

    def close(self) -> None:
        """Answer everybody who waits with what is held, and let nobody wait any more."""
        self._is_closed = True
        self._changed(None)

    def _changed(self, key: VersionKey | None) -> None:
        concerned = self._waiting.values() if key is None else (self._waiting.get(key, {}),)
        for events in concerned:
            for event in events.values():
                event.set()

    @contextmanager
    def _listening(self, key: VersionKey) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.setdefault(key, {})[id(event)] = event
        try:
            yield event
        finally:
            left = self._waiting[key]
            del left[id(event)]
            if not left:
                del self._waiting[key]
