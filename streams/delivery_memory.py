"""Which deliveries of webhooks were taken lately."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from weakref import WeakValueDictionary


class DeliveryMemory:
    """The newest deliveries, bounded in number and age.

    It spares Kafka repeats and no more: what it forgets, or another gateway took, becomes an event with an
    id that is known further on.

    Args:
        window: How long a delivery is remembered.
        most: How many are.
    """

    def __init__(self, window: timedelta, most: int = 10_000) -> None:
        self._window = window
        self._most = most
        self._seen: OrderedDict[bytes, datetime] = OrderedDict()
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def knows(self, now: datetime, *ids: str) -> bool:
        """Return whether one of a delivery's ids was taken within the window."""
        times = [at for one in ids if (at := self._seen.get(_digest(one))) is not None]
        return any(now - at <= self._window for at in times)

    def take(self, now: datetime, *ids: str) -> None:
        """Remember a delivery by all of its ids, and forget the oldest beyond the bound."""
        for one in ids:
            key = _digest(one)
            self._seen[key] = now
            self._seen.move_to_end(key)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    @asynccontextmanager
    async def once(self, now: datetime, one: str) -> AsyncIterator[bool]:
        """Yield whether a delivery is new; it is remembered when the block ends without an error.

        The same delivery that comes meanwhile waits for that end: of two at once one is new.
        """
        lock = self._under_way.setdefault(one, asyncio.Lock())
        async with lock:
            is_new = not self.knows(now, one)
            yield is_new
            if is_new:
                self.take(now, one)


def _digest(one: str) -> bytes:
    """Return a key of bounded length, for ids are as long as a header may be."""
    return hashlib.sha256(one.encode("utf-8", "surrogatepass")).digest()
