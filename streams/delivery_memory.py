"""Which deliveries of webhooks were taken lately."""

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta


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


def _digest(one: str) -> bytes:
    """Return a key of bounded length, for ids are as long as a header may be."""
    return hashlib.sha256(one.encode("utf-8", "surrogatepass")).digest()
