"""The runtime over a log in memory: gaps, torn and foreign snapshots, nonsense, partitions that go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.observation_messages import KIND_HEADER, observation_message
from schemas.topics import Topic
from streams import snapshots
from streams.engine import state_version
from streams.kafka_log import LogError, Record
from streams.runtime import Runtime
from tests.builders import NEW, a_release, minute, requests
from tests.streams.world import SERVICES, World, wire

TOPIC = SERVICES.value


class MemoryLog:
    """An ordered topic and its snapshots in memory.

    Attributes:
        fails_at: An offset at which reading breaks off, once.
    """

    def __init__(self, entries: list[Record]) -> None:
        self.entries = entries
        self.saved: list[Record] = []
        self.fails_at: int | None = None
        self.read_from: list[int] = []

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        """Yield a partition's entries from `start` up to before `stop`."""
        assert topic == TOPIC
        self.read_from.append(start)
        for entry in self.entries:
            if entry.partition == partition and start <= entry.offset < stop:
                if entry.offset == self.fails_at:
                    self.fails_at = None
                    raise LogError("Kafka at memory: in a test, expected a broker that answers")
                yield entry

    def snapshots(self, partition: int) -> Iterable[Record]:
        """Yield what was saved of a partition."""
        return [record for record in self.saved if record.partition == partition]

    def save(self, messages: list[Message], partition: int = 0) -> None:
        """Keep the pieces of a snapshot, as the compacted topic would."""
        for message in messages:
            assert message.topic is Topic.SNAPSHOTS
            record = Record(
                topic="snapshots",
                partition=partition,
                offset=len(self.saved),
                key=message.key,
                value=message.value,
                headers=message.headers,
            )
            self.saved = [old for old in self.saved if old.key != message.key] + [record]


def a_log(partition: int = 0) -> MemoryLog:
    """Return the log of a bad release."""
    world = World()
    for number in range(-10, 5):
        end = minute(number + 1)
        if number == 0:
            world.put("dev/cart", a_release())
        samples = [entry for pod in "ab" for entry in requests(pod, end, errors=1)]
        if number >= 0:
            samples += requests("n", end, errors=60, template=NEW)
        world.serve(samples)
        world.tick(minute(number + 1.1))
    entries = []
    for entry in world.logs[SERVICES].entries:
        message = observation_message(SERVICES, entry.key, entry.body, entry.origin)
        entries.append(
            Record(
                topic=TOPIC,
                partition=partition,
                offset=entry.position.offset,
                key=message.key,
                value=message.value,
                headers=message.headers,
            )
        )
    return MemoryLog(entries)


def deliver(runtime: Runtime, record: Record) -> list[Effect]:
    """Take one entry as a worker does: what lies before it first."""
    said: list[Effect] = []
    if not runtime.is_current(record):
        for step in runtime.catch_up(record.partition, record.offset):
            said += step.effects
    return [*said, *runtime.take(record).effects]


def all_of(log: MemoryLog) -> list[bytes]:
    """Return what one runtime says to all of a log."""
    runtime = Runtime(TOPIC, MemoryLog(log.entries))
    return wire(effect for record in log.entries for effect in deliver(runtime, record))


def test_a_gap_before_the_first_event_is_read_from_the_log() -> None:
    log = a_log()
    runtime = Runtime(TOPIC, log)
    assert wire(deliver(runtime, log.entries[-1])) == all_of(log)
    assert log.read_from == [0]


def test_a_gap_between_two_events_is_read_from_the_log() -> None:
    log = a_log()
    runtime = Runtime(TOPIC, log)
    said = (
        deliver(runtime, log.entries[0])
        + deliver(runtime, log.entries[9])
        + deliver(runtime, log.entries[-1])
    )
    assert wire(said) == all_of(log)


def test_an_entry_that_comes_again_says_nothing() -> None:
    log = a_log()
    runtime = Runtime(TOPIC, log)
    deliver(runtime, log.entries[-1])
    assert all(not deliver(runtime, record) for record in log.entries)


def test_a_saved_partition_goes_on_where_it_was() -> None:
    log = a_log()
    runtime = Runtime(TOPIC, log)
    deliver(runtime, log.entries[19])
    log.save(runtime.save(0))
    assert runtime.save(0) == [], "nothing was applied since"
    log.read_from.clear()
    successor = Runtime(TOPIC, log)
    said = deliver(successor, log.entries[-1])
    assert log.read_from == [20]
    expected = all_of(log)
    assert wire(said) == expected[-len(said) :]


def test_of_two_snapshots_the_newest_whole_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 256)
    log = a_log()
    runtime = Runtime(TOPIC, log)
    deliver(runtime, log.entries[9])
    log.save(runtime.save(0))
    deliver(runtime, log.entries[19])
    newest = runtime.save(0)
    assert len(newest) > 2
    log.save([piece for number, piece in enumerate(newest) if number != 1])
    log.read_from.clear()
    assert deliver(Runtime(TOPIC, log), log.entries[-1])
    assert log.read_from == [10], "the torn one is passed over"


def test_a_snapshot_that_a_crash_left_half_overwritten_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 256)
    log = a_log()
    runtime = Runtime(TOPIC, log)
    for stop in (5, 10):
        deliver(runtime, log.entries[stop])
        log.save(runtime.save(0))
    deliver(runtime, log.entries[20])
    # The third one goes where the first one lay, and the crash comes after its first piece.
    log.save(runtime.save(0)[:1])
    log.read_from.clear()
    deliver(Runtime(TOPIC, log), log.entries[-1])
    assert log.read_from == [11]


@pytest.mark.parametrize(
    "header", [("code", b"another"), ("digest", b"0" * 64), ("position", b"x"), ("pieces", b"7")]
)
def test_a_snapshot_of_foreign_code_or_with_wrong_bytes_is_thrown_away(header: tuple[str, bytes]) -> None:
    assert header != ("code", state_version().encode())
    log = a_log()
    runtime = Runtime(TOPIC, log)
    deliver(runtime, log.entries[19])
    log.save(
        [
            replace(piece, headers=tuple({**dict(piece.headers), header[0]: header[1]}.items()))
            for piece in runtime.save(0)
        ]
    )
    log.read_from.clear()
    assert wire(deliver(Runtime(TOPIC, log), log.entries[-1])) == all_of(log)
    assert log.read_from == [0]


def test_a_snapshot_of_another_partition_or_topic_is_not_taken() -> None:
    log = a_log()
    runtime = Runtime(TOPIC, log)
    deliver(runtime, log.entries[19])
    for piece in runtime.save(0):
        for key in (f"{TOPIC}/1/0/0", "environment-observations/0/0/0", "nonsense", ""):
            log.save([replace(piece, key=key.encode())])
    log.read_from.clear()
    deliver(Runtime(TOPIC, log), log.entries[-1])
    assert log.read_from == [0]


def test_malformed_entries_are_refused_with_a_reason_and_stop_nobody() -> None:
    log = a_log()
    nonsense = [(None, b"x", ()), (b"dev/cart", b"x", ((KIND_HEADER, b"samples"),)), (None, None, ())]
    mixed: list[Record] = []
    for record in log.entries:
        key, value, headers = nonsense[len(mixed) % 3]
        bad = replace(record, offset=len(mixed), key=key, value=value, headers=headers)
        mixed += [bad, replace(record, offset=len(mixed) + 1)]
    runtime = Runtime(TOPIC, MemoryLog(mixed))
    list(runtime.catch_up(0, 0))
    steps = [runtime.take(record) for record in mixed]
    assert all(step.refused is not None and step.refused.reason for step in steps[::2])
    assert all(step.refused is None for step in steps[1::2])
    said = [effect.said for step in steps for effect in step.effects]
    straight = Runtime(TOPIC, log)
    assert said == [effect.said for record in log.entries for effect in deliver(straight, record)]


def test_a_partition_that_was_taken_away_is_restored_when_it_comes_back() -> None:
    log = a_log()
    runtime = Runtime(TOPIC, log)
    first = deliver(runtime, log.entries[9])
    runtime.drop([0, 5])
    assert runtime.partitions == ()
    assert not runtime.is_current(log.entries[10])
    again = deliver(runtime, log.entries[-1])
    assert wire(again)[: len(first)] == wire(first)
    assert wire(again) == all_of(log)


def test_partitions_share_nothing() -> None:
    one, other = a_log(0), a_log(1)
    both = MemoryLog(one.entries + other.entries)
    runtime = Runtime(TOPIC, both)
    said = [
        effect
        for pair in zip(one.entries, other.entries, strict=True)
        for record in pair
        for effect in deliver(runtime, record)
    ]
    assert wire(effect for effect in said if effect.cause.partition == 0) == all_of(one)
    assert wire(effect for effect in said if effect.cause.partition == 1) == all_of(other)
    assert runtime.partitions == (0, 1)


def test_a_log_that_breaks_off_is_read_again_from_the_start() -> None:
    log = a_log()
    log.fails_at = 7
    runtime = Runtime(TOPIC, log)
    with pytest.raises(LogError):
        list(runtime.catch_up(0, len(log.entries)))
    # What a worker does then: nothing was said of the first seven, so they are applied once more.
    runtime.drop([0])
    assert wire(deliver(runtime, log.entries[-1])) == all_of(log)
