"""The engines of the partitions that a worker holds: restored lazily, caught up from the log, saved.

Correctness hangs on nothing but the log. At a partition's first event its newest snapshot is restored and
the log between that snapshot and the event is read directly; what follows in order is applied; an event
that leaves a gap makes the gap be read; one that was applied already changes nothing. Effects said
while catching up are said again: they carry the same ids, and whoever keeps them drops repeats.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from streams.engine import Engine
from streams.kafka_log import Record
from streams.snapshots import Snapshot, newest_snapshot, snapshot_messages

logger = logging.getLogger("suture.runtime")


class Log(Protocol):
    """The ordered topics and their snapshots, as something to read from."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterable[Record]:
        """Yield a partition's entries from `start` up to before `stop`."""

    def snapshots(self, partition: int) -> Iterable[Record]:
        """Yield one partition of the snapshots topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An entry that no engine can read."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What came of one entry: what the engine said, or why it was refused."""

    record: Record
    effects: tuple[Effect, ...] = ()
    refused: Refused | None = None


@dataclass(slots=True, kw_only=True)
class _Running:
    engine: Engine
    next_offset: int
    saved_position: int
    slot: int


class Runtime:
    """Runs one engine for each partition of one ordered topic.

    Args:
        topic: The topic's name without prefix, which positions carry.
        log: Where to read gaps and snapshots from.
    """

    def __init__(self, topic: str, log: Log) -> None:
        self._topic, self._log = topic, log
        self._running: dict[int, _Running] = {}

    @property
    def partitions(self) -> tuple[int, ...]:
        """Return the partitions whose engines are running."""
        return tuple(sorted(self._running))

    def is_current(self, record: Record) -> bool:
        """Return whether `take` can go on with this entry at once, without reading the log first."""
        running = self._running.get(record.partition)
        return running is not None and record.offset <= running.next_offset

    def catch_up(self, partition: int, before: int) -> Iterator[Step]:
        """Restore the partition if need be, and apply the log up to before an offset. Blocks on reads."""
        running = self._running.get(partition)
        if running is None:
            running = self._restored(partition)
            self._running[partition] = running
        for record in self._log.read(self._topic, partition, running.next_offset, before):
            yield self._apply(running, record)
        running.next_offset = max(running.next_offset, before)

    def take(self, record: Record) -> Step:
        """Apply one entry that `is_current`; a repeat changes nothing."""
        running = self._running[record.partition]
        if record.offset < running.next_offset:
            return Step(record=record)
        return self._apply(running, record)

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget partitions that were taken away: whoever has them now goes on from the log."""
        for partition in partitions:
            self._running.pop(partition, None)

    def engine(self, partition: int) -> Engine | None:
        """Return a partition's engine, for reading."""
        running = self._running.get(partition)
        return running.engine if running else None

    def save(self, partition: int) -> list[Message]:
        """Return the messages that save a partition's state; none when nothing was applied since.

        Everything that the engine said up to here must have arrived before these are sent.
        """
        running = self._running.get(partition)
        if running is None or running.next_offset - 1 <= running.saved_position:
            return []
        running.slot = 1 - running.slot
        running.saved_position = running.next_offset - 1
        return snapshot_messages(
            self._topic,
            partition,
            Snapshot(position=running.saved_position, slot=running.slot, state=running.engine.snapshot()),
        )

    def _restored(self, partition: int) -> _Running:
        found = newest_snapshot(self._topic, partition, self._log.snapshots(partition))
        if found is not None:
            try:
                engine = Engine.restore(found.state)
            except SchemaError:
                # Written by other code under the same version: the log is the truth.
                found = None
            else:
                return _Running(
                    engine=engine,
                    next_offset=found.position + 1,
                    saved_position=found.position,
                    slot=found.slot,
                )
        return _Running(engine=Engine(), next_offset=0, saved_position=-1, slot=1)

    def _apply(self, running: _Running, record: Record) -> Step:
        running.next_offset = record.offset + 1
        position = LogPosition(topic=self._topic, partition=record.partition, offset=record.offset)
        try:
            observation = read_observation(position, record.key, record.value, record.headers)
        except SchemaError as error:
            return Step(record=record, refused=Refused(record=record, reason=str(error)))
        try:
            return Step(record=record, effects=running.engine.apply(observation))
        except Exception as error:  # a worker that dies of one entry dies of it for ever
            logger.exception(
                "engine failed", extra={"topic": self._topic, "offset": record.offset, "key": observation.key}
            )
            reason = f"engine failed with {type(error).__name__}"
            return Step(record=record, refused=Refused(record=record, reason=reason))
