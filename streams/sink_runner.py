"""One sink's loop: effects from its consumer group in order, each until it is told or set aside.

A group's member has to ask for entries every few minutes or loses its partitions. So while an effect waits to
be tried again the loop goes on asking, with its partitions held still.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from actions.errors import ActionError, TransientActionError
from schemas.effect_messages import read_effect, said_at
from schemas.effects import Effect
from schemas.errors import SchemaError
from streams.kafka_log import Record
from streams.sinks import Sink, SinkHealth

logger = logging.getLogger("suture.notifier")

_POLL_S = 0.5
_SLICE_S = 5.0
_COMMIT_S = 1.0
_LONGEST_ASKED_PAUSE_S = 600.0


class Group(Protocol):
    """A consumer group's member, as `streams.kafka_log.GroupReader` is one."""

    def poll(self, timeout_ms: int = 500) -> list[Record]:
        """Return what came in."""

    def stay(self, timeout_ms: int = 0) -> list[Record]:
        """Stay a member and read nothing on; return entries of partitions that were assigned meanwhile."""

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Say that everything before these offsets is dealt with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a sink is run.

    Attributes:
        oldest: Age from which an effect is not told any more. Shorter leaves more out after an outage,
            longer tells people of what has long passed. None tells of everything.
        turn: Time between two turns.
        first_pause: Before an effect is tried again; doubled with each failure.
        longest_pause: Where doubling ends; longer asks less of a server that is down, and tells later.
    """

    oldest: timedelta | None = timedelta(hours=24)
    turn: timedelta = timedelta(seconds=3)
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(seconds=60)


class SinkRunner:
    """Gives a sink its effects.

    Args:
        sink: Takes them.
        pace: How patiently.
        set_aside: Keeps an entry that can never be told, and why; returns when it is kept.
        health: Brought up to date.
        now: The present instant.
        monotonic: Seconds that only rise.
    """

    def __init__(
        self,
        sink: Sink,
        pace: Pace,
        set_aside: Callable[[Record, str], None],
        health: SinkHealth,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._sink, self._pace, self._set_aside, self.health = sink, pace, set_aside, health
        self._now, self._monotonic = now, monotonic
        self._waiting: deque[Record] = deque()
        self._done: dict[tuple[str, int], int] = {}
        self._newest: dict[tuple[str, int], tuple[int, int]] = {}
        self._failures = 0
        self._due = self._polled = self._committed = self._turned = 0.0
        self._skipped = 0

    def run(self, group: Group, stop: Event) -> None:
        """Go on until told to stop.

        Raises:
            LogError: Kafka cannot be reached.
        """
        while not stop.is_set():
            self.step(group)
        self.commit(group)

    def step(self, group: Group) -> None:
        """Fetch, tell for a few seconds at most, take a turn, and say how far it has come."""
        self._fetch(group)
        upto = self._monotonic() + _SLICE_S
        while self._waiting and self._due <= self._monotonic() < upto:
            self._deliver(self._waiting[0])
        self._turn()
        if self._monotonic() >= self._committed + _COMMIT_S:
            self.commit(group)

    def commit(self, group: Group) -> None:
        """Say how far it has come."""
        done, self._done = self._done, {}
        if done:
            group.commit(done)
        self._committed = self._monotonic()

    def let_go(self, places: Iterable[tuple[str, int]]) -> None:
        """Forget what is left of partitions that somebody else goes on with."""
        gone = set(places)
        if self._waiting and _place(self._waiting[0]) in gone:
            self._failures, self._due, self.health.failing_since = 0, 0.0, None
        self._waiting = deque(record for record in self._waiting if _place(record) not in gone)
        self._done = {place: offset for place, offset in self._done.items() if place not in gone}

    @property
    def failures(self) -> int:
        """Return how often the present effect failed in a row."""
        return self._failures

    def _fetch(self, group: Group) -> None:
        now = self._monotonic()
        until_turn = self._turned + self._pace.turn.total_seconds() - now
        if not self._waiting:
            came = group.poll(_milliseconds(min(_POLL_S, until_turn)))
        elif now < self._due:
            came = group.stay(_milliseconds(min(_POLL_S, until_turn, self._due - now)))
        elif now >= self._polled + _SLICE_S:
            came = group.stay(0)
        else:
            return
        self._polled = self._monotonic()
        self._waiting.extend(came)

    def _deliver(self, record: Record) -> None:
        try:
            effect = read_effect(record.value)
        except SchemaError:
            # The journal puts it onto `dead-letters`, once.
            self._pass(record)
            return
        if self._is_repeat(effect):
            self._pass(record)
        elif self._pace.oldest is not None and self._now() - said_at(effect.said) > self._pace.oldest:
            self._skipped += 1
            self.health.skipped += 1
            self._pass(record)
        else:
            self._take(record, effect)

    def _take(self, record: Record, effect: Effect) -> None:
        try:
            self._sink.take(effect)
        except TransientActionError as error:
            self._failures += 1
            pause = self._pause(error.retry_after_s)
            self._due = self._monotonic() + pause
            self._failed(str(error))
            if self.health.failing_since is None:
                self.health.failing_since = self._now()
            logger.warning(
                "sink cannot tell",
                extra={**self._about(effect), "reason": str(error), "again_in_s": round(pause, 1)},
            )
            return
        except (ActionError, SchemaError) as error:
            self._put_aside(record, effect, str(error))
        else:
            self.health.told += 1
            self.health.last_success = self._now()
            if self._failures:
                logger.warning("sink tells again", extra=self._about(effect))
        self._failures, self._due, self.health.failing_since = 0, 0.0, None
        place = (effect.cause.topic, effect.cause.partition)
        self._newest[place] = (effect.cause.offset, effect.index)
        self._pass(record)

    def _put_aside(self, record: Record, effect: Effect, reason: str) -> None:
        self._set_aside(record, f"sink {self._sink.name}: {reason}")
        self.health.set_aside += 1
        self.health.last_failure, self.health.last_reason = self._now(), reason
        logger.error("sink sets an effect aside", extra={**self._about(effect), "reason": reason})

    def _turn(self) -> None:
        if self._monotonic() < self._turned + self._pace.turn.total_seconds():
            return
        if self._skipped:
            logger.warning(
                "effects too old to be told are skipped",
                extra={"sink": self._sink.name, "effects": self._skipped, "bound": str(self._pace.oldest)},
            )
            self._skipped = 0
        try:
            self._sink.turn()
        except ActionError as error:
            self._failed(str(error))
            logger.warning("sink's turn failed", extra={"sink": self._sink.name, "reason": str(error)})
        self._turned = self._monotonic()

    def _is_repeat(self, effect: Effect) -> bool:
        """Return whether a restarted worker says again what it said: causes rise along a partition."""
        newest = self._newest.get((effect.cause.topic, effect.cause.partition))
        return newest is not None and (effect.cause.offset, effect.index) <= newest

    def _pass(self, record: Record) -> None:
        self._done[_place(record)] = record.offset + 1
        self._waiting.popleft()

    def _pause(self, asked: float | None) -> float:
        pace = self._pace
        doubled = pace.first_pause.total_seconds() * 2.0 ** min(self._failures - 1, 30)
        own = min(doubled, pace.longest_pause.total_seconds())
        return max(own, min(asked or 0.0, _LONGEST_ASKED_PAUSE_S))

    def _failed(self, reason: str) -> None:
        self.health.failed += 1
        self.health.last_failure, self.health.last_reason = self._now(), reason

    def _about(self, effect: Effect) -> dict[str, str]:
        return {"sink": self._sink.name, "kind": type(effect.said).__name__, "key": effect.key}


def _place(record: Record) -> tuple[str, int]:
    return record.topic, record.partition


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
