"""Traffic: real requests at a steady, bounded rate, in turn to whatever is ready, counted by version."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException

from streams import clock
from streams.demo.shop import ROUTE as CHECKOUT

RATE_MAX = 200.0
SLOW_SECONDS = 0.1
"""An answer that takes longer counts as bad: twenty times what a checkout takes."""

_WORKERS = 8
_TIMEOUT_SECONDS = 3.0
_LOOK_SECONDS = 0.15
_RECENT_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests can be sent to.

    Attributes:
        address: `host:port`.
        version: What is known to run there, for requests that nobody answers.
    """

    address: str
    version: str


@dataclass(slots=True, kw_only=True)
class Count:
    """What became of one version's requests.

    Attributes:
        failed: Answered with a server error, or not at all.
        slow: Answered well, but later than `SLOW_SECONDS`.
        seconds: Time that all answers took together.
    """

    sent: int = 0
    failed: int = 0
    slow: int = 0
    seconds: float = 0.0
    first_at: datetime | None = None
    first_bad_at: datetime | None = None

    @property
    def bad(self) -> int:
        """Return how many requests a user would complain of."""
        return self.failed + self.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One version's requests of the last seconds.

    Attributes:
        per_second: Requests.
        failed_per_second: Of these, failed.
        latency_s: Mean time of an answer; None without one.
    """

    per_second: float
    failed_per_second: float
    latency_s: float | None


@dataclass(slots=True)
class Tally:
    """Counts by version, for many threads at once."""

    counts: dict[str, Count] = field(default_factory=dict)
    _recent: deque[tuple[float, str, bool, float]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, version: str, at: datetime, seconds: float, is_failed: bool) -> None:
        """Count one request.

        Args:
            version: Who answered, or who should have.
            at: When it was sent.
            seconds: How long it took.
            is_failed: The answer was a server error, or there was none.
        """
        is_slow = not is_failed and seconds > SLOW_SECONDS
        now = time.monotonic()
        with self._lock:
            count = self.counts.setdefault(version, Count())
            count.sent += 1
            count.failed += is_failed
            count.slow += is_slow
            count.seconds += seconds
            count.first_at = count.first_at or at
            if is_failed or is_slow:
                count.first_bad_at = count.first_bad_at or at
            self._recent.append((now, version, is_failed, seconds))
            self._forget(now)

    def count(self, version: str) -> Count:
        """Return a version's counts; nothing when it got no request."""
        with self._lock:
            return self.counts.get(version) or Count()

    def rates(self) -> dict[str, Rate]:
        """Return the rates of the last seconds by version, sorted by version."""
        with self._lock:
            self._forget(time.monotonic())
            recent = list(self._recent)
        found = {}
        for version in sorted({entry[1] for entry in recent}):
            own = [entry for entry in recent if entry[1] == version]
            found[version] = Rate(
                per_second=len(own) / _RECENT_SECONDS,
                failed_per_second=sum(entry[2] for entry in own) / _RECENT_SECONDS,
                latency_s=sum(entry[3] for entry in own) / len(own),
            )
        return found

    def _forget(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > _RECENT_SECONDS:
            self._recent.popleft()


class Traffic:
    """Sends requests until it is closed.

    Args:
        places: Returns what is ready now; asked several times a second, from one of the threads.
        rate: Requests per second over all places; at most `RATE_MAX`.
        tally: Where they are counted.
        route: Path that is asked for.
    """

    def __init__(
        self, places: Callable[[], Sequence[Place]], rate: float, tally: Tally, route: str = CHECKOUT
    ) -> None:
        if not 0 < rate <= RATE_MAX:
            raise ValueError(f"rate is {rate}, expected more than 0 and at most {RATE_MAX} a second")
        self._places, self._rate, self._tally, self._route = places, rate, tally, route
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._known: Sequence[Place] = ()
        self._looked = float("-inf")
        self._number = 0
        self._due = 0.0
        self._threads = [
            threading.Thread(target=self._work, name=f"traffic-{number}", daemon=True)
            for number in range(_WORKERS)
        ]

    def start(self) -> None:
        """Begin to send."""
        self._due = time.monotonic()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop sending; returns when the last request has ended."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_TIMEOUT_SECONDS + 1.0)

    def _work(self) -> None:
        while not self._stop.is_set():
            place, pause = self._next()
            if self._stop.wait(pause):
                return
            if place is not None:
                self._send(place)

    def _next(self) -> tuple[Place | None, float]:
        """Return whose turn it is and how long to wait for it."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked > _LOOK_SECONDS:
                self._known, self._looked = self._places(), now
            # What could not be sent in time is not made up for: a backlog would come as a flood.
            self._due = max(self._due + 1.0 / self._rate, now - 1.0 / self._rate)
            self._number += 1
            if not self._known:
                return None, max(self._due - now, 0.05)
            return self._known[self._number % len(self._known)], max(self._due - now, 0.0)

    def _send(self, place: Place) -> None:
        at, began = clock.now(), time.perf_counter()
        version, is_failed = place.version, False
        connection = HTTPConnection(place.address, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", self._route)
            answer = connection.getresponse()
            answer.read()
            version = answer.getheader("X-Version") or version
            is_failed = answer.status >= 500
        except (OSError, HTTPException):
            is_failed = True
        finally:
            connection.close()
        self._tally.add(version, at, time.perf_counter() - began, is_failed)
