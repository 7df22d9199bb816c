"""The watermark: how far time may pass, given how far the public topics have been ingested.

After an outage a worker finds hours of telemetry that nobody has read. If time went on at once, a release
would be judged by the pods that were read first, and those whose turn comes later would seem silent. So
ticks say no later time than that of the newest entry taken from a topic that is still being caught up with.

It sees one worker's partitions only.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from schemas.instants import from_ms

Place: TypeAlias = tuple[str, int]

NEAR = timedelta(seconds=2)
"""Nearer to the present than this, nothing is held back to speak of."""

IDLE = timedelta(seconds=15)
"""When nothing was taken for so long, nothing is coming: what seems left is a transaction's mark."""

LONGEST = timedelta(minutes=10)
"""Time is held back no longer in one go: senders' clocks may be wrong, and deadlines must pass some day."""


class Watermark:
    """Follows what is taken from topics and says what time it is for those who are judged by them."""

    def __init__(self) -> None:
        self._taken: dict[Place, tuple[int, int]] = {}
        self._count = 0
        self._seen: tuple[int, datetime] | None = None
        self._held_since: datetime | None = None

    def take(self, place: Place, offset: int, timestamp_ms: int) -> None:
        """Note that an entry was taken, and when Kafka says that it was written."""
        self._taken[place] = (offset, timestamp_ms)
        self._count += 1

    def forget(self, places: Iterable[Place]) -> None:
        """Forget partitions that another worker will read."""
        for place in places:
            self._taken.pop(place, None)

    def time(
        self, now: datetime, ends: Mapping[Place, int | None], starts: Mapping[Place, int | None]
    ) -> datetime | None:
        """Return how far time may pass; None when it must not be told yet.

        Args:
            now: The clock's time.
            ends: Where each partition ends; None while that is unknown.
            starts: Where each partition is read from; None when nothing of it was ever read.
        """
        if self._seen is None or self._seen[0] != self._count or self._held_since is None:
            self._seen = (self._count, now)
        at = self._oldest(now, ends, starts)
        if at is not None and now - at <= NEAR:
            self._held_since = None
            return at
        self._held_since = self._held_since or now
        if now - self._held_since > LONGEST or now - self._seen[1] > IDLE:
            return now
        return at

    def _oldest(
        self, now: datetime, ends: Mapping[Place, int | None], starts: Mapping[Place, int | None]
    ) -> datetime | None:
        oldest = now
        for place, end in ends.items():
            taken = self._taken.get(place)
            if taken is None:
                if end is None or (starts.get(place) or 0) < end:
                    return None
            elif end is not None and taken[0] + 1 < end:
                oldest = min(oldest, from_ms(max(taken[1], 0)))
        return oldest
