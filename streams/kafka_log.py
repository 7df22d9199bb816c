"""Kafka outside of Faust: topics made, ranges read, messages sent and groups followed.

The one door to kafka-python. Everything here blocks; an event loop calls it in a thread.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from kafka import (
    ConsumerRebalanceListener,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
    TopicPartition,
)
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.partitioner import murmur2

from schemas.envelopes import Message
from schemas.errors import SutureError
from schemas.records import Record as Record
from schemas.topics import PARTITIONS, TOPICS, Topic, TopicSpec, topic_name

_FETCH_BYTES = 16 * 1024 * 1024
MAX_REQUEST_BYTES = max(spec.max_message_bytes for spec in TOPICS)
_TOPICS_SHOW_SECONDS = 30


class LogError(SutureError):
    """Kafka cannot be reached or refuses: try again later, or tell the operator."""


def create_topics(bootstrap: str, prefix: str, replication: int = 1) -> list[str]:
    """Make the topics that are missing and return their names.

    Raises:
        LogError: the broker cannot be reached, a topic exists with another number of partitions, or what
            was made does not show.
    """
    with _admin(bootstrap) as admin:
        existing = _partition_counts(admin)
        missing = [spec for spec in TOPICS if topic_name(spec.topic, prefix) not in existing]
        for spec in missing:
            _create(admin, spec, prefix, replication)
        _await_topics(admin, [topic_name(spec.topic, prefix) for spec in missing])
        for spec in TOPICS:
            count = existing.get(topic_name(spec.topic, prefix), spec.partitions)
            if spec.topic in _ORDERED and count != PARTITIONS:
                raise LogError(
                    f"topic {topic_name(spec.topic, prefix)} has {count} partitions, expected {PARTITIONS}: "
                    "the place of every key hangs on the number"
                )
    return [topic_name(spec.topic, prefix) for spec in missing]


_ORDERED = (Topic.OBSERVATIONS, Topic.ENVIRONMENT_OBSERVATIONS, Topic.EFFECTS, Topic.SNAPSHOTS)


def _create(admin: Any, spec: TopicSpec, prefix: str, replication: int) -> None:
    new = NewTopic(
        name=topic_name(spec.topic, prefix),
        num_partitions=spec.partitions,
        replication_factor=replication,
        topic_configs=spec.configuration,
    )
    try:
        admin.create_topics([new])
    except TopicAlreadyExistsError:
        return
    except KafkaError as error:
        raise LogError(f"topic {new.name} could not be made: {type(error).__name__}") from error


def _await_topics(admin: Any, names: Sequence[str]) -> None:
    """Wait until the broker shows topics: it agrees to make them a moment before it knows them."""
    deadline = time.monotonic() + _TOPICS_SHOW_SECONDS
    while hidden := sorted(set(names) - _partition_counts(admin).keys()):
        if time.monotonic() > deadline:
            raise LogError(f"topic {hidden[0]} was made and does not show after {_TOPICS_SHOW_SECONDS} s")
        time.sleep(0.05)


def describe_topics(bootstrap: str) -> dict[str, int]:
    """Return every topic's number of partitions.

    Raises:
        LogError: the broker cannot be reached.
    """
    with _admin(bootstrap) as admin:
        return _partition_counts(admin)


def _partition_counts(admin: Any) -> dict[str, int]:
    described = admin.describe_topics()
    return {str(entry.get("topic") or entry.get("name")): len(entry["partitions"]) for entry in described}


class _admin:  # noqa: N801  # reads as the function that it is
    """An admin client for the length of a `with` block."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def __enter__(self) -> Any:
        try:
            self._client = KafkaAdminClient(
                bootstrap_servers=self._bootstrap.split(","), client_id="suture", request_timeout_ms=15_000
            )
        except (KafkaError, ValueError) as error:
            raise LogError(_unreachable(self._bootstrap, error)) from error
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


class RangeReader:
    """Reads ranges of partitions without a group, so that nobody's position moves.

    One connection serves all reads: making one takes ten times as long as a short read. One thread at a
    time, and one range after the other.

    Args:
        bootstrap: Kafka's addresses.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: Any = None

    def read(
        self, topic: str, partition: int, start: int | None = None, stop: int | None = None
    ) -> Iterator[Record]:
        """Yield a partition's entries from `start`, or its beginning, up to before `stop`, or its end.

        Raises:
            LogError: the broker cannot be reached; the next read tries a new connection.
        """
        place = TopicPartition(topic, partition)
        try:
            if self._consumer is None:
                self._consumer = _consumer(self._bootstrap)
            consumer = self._consumer
            consumer.assign([place])
            beginning = consumer.beginning_offsets([place])[place]
            end = consumer.end_offsets([place])[place]
            upto = end if stop is None else min(stop, end)
            position = max(beginning, start if start is not None else beginning)
            if position >= upto:
                return
            consumer.seek(place, position)
            while position < upto:
                for record in consumer.poll(timeout_ms=1000).get(place, ()):
                    if record.offset >= upto:
                        return
                    yield _record(record)
                # The position also passes what was compacted away and so never comes.
                position = consumer.position(place)
        except KafkaError as error:
            self.close()
            raise LogError(_unreachable(self._bootstrap, error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()


def read_range(
    bootstrap: str, topic: str, partition: int, start: int | None = None, stop: int | None = None
) -> Iterator[Record]:
    """Yield one range of a partition, as `RangeReader` does, over a connection of its own.

    Raises:
        LogError: the broker cannot be reached.
    """
    reader = RangeReader(bootstrap)
    try:
        yield from reader.read(topic, partition, start, stop)
    finally:
        reader.close()


def end_offsets(bootstrap: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Return where each partition of the topics ends.

    Raises:
        LogError: the broker cannot be reached.
    """
    consumer = _consumer(bootstrap)
    try:
        places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        return {(place.topic, place.partition): end for place, end in consumer.end_offsets(places).items()}
    except KafkaError as error:
        raise LogError(_unreachable(bootstrap, error)) from error
    finally:
        consumer.close()


def held_offsets(bootstrap: str, topics: Sequence[str]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the first offset that each partition of the topics still holds, and the one behind its last.

    Raises:
        LogError: the broker cannot be reached.
    """
    consumer = _consumer(bootstrap)
    try:
        places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        beginnings, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        return {(place.topic, place.partition): (beginnings[place], ends[place]) for place in places}
    except KafkaError as error:
        raise LogError(_unreachable(bootstrap, error)) from error
    finally:
        consumer.close()


def partition_of(key: bytes) -> int:
    """Return the partition of an ordered topic that a key stands in, as every writer of ours places it.

    >>> partition_of(b"prod"), partition_of(b"dev")
    (3, 6)
    """
    return int((murmur2(key) & 0x7FFFFFFF) % PARTITIONS)


def offset_at(bootstrap: str, topic: str, partition: int, at_ms: int) -> int | None:
    """Return the offset of a partition's first entry at or after an instant; None when there is none.

    Raises:
        LogError: the broker cannot be reached.
    """
    consumer = _consumer(bootstrap)
    place = TopicPartition(topic, partition)
    try:
        found = consumer.offsets_for_times({place: at_ms}).get(place)
    except KafkaError as error:
        raise LogError(_unreachable(bootstrap, error)) from error
    finally:
        consumer.close()
    return None if found is None else int(found.offset)


def cluster_id(bootstrap: str) -> str:
    """Return the id that a Kafka cluster gave itself when it was made; "" where it does not say.

    Raises:
        LogError: the broker cannot be reached.
    """
    with _admin(bootstrap) as admin:
        try:
            return str(admin.describe_cluster()["cluster_id"])
        except KeyError:
            # A stand-in that answers less than Kafka does.
            return ""


class Lag:
    """Tells how far a group is behind the ends of topics.

    Raises:
        LogError: the broker cannot be reached.
    """

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str]) -> None:
        self._bootstrap, self._group = bootstrap, group
        self._consumer = _consumer(bootstrap)
        self._places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        try:
            self._admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), client_id="suture")
        except (KafkaError, ValueError) as error:
            raise LogError(_unreachable(bootstrap, error)) from error

    def entries(self) -> int:
        """Return how many entries the group has not acknowledged, over all partitions.

        Raises:
            LogError: the broker cannot be reached.
        """
        try:
            ends = self._consumer.end_offsets(self._places)
            committed = self._admin.list_group_offsets({self._group: self._places})[self._group]
        except KafkaError as error:
            if error.retriable:
                # A broker that is new makes the groups' own topic at the first question, and moves it about.
                return 1
            raise LogError(_unreachable(self._bootstrap, error)) from error
        return sum(
            max(0, end - max(0, committed[place].offset if place in committed else 0))
            for place, end in ends.items()
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()
        self._admin.close()


class LogWriter:
    """Sends messages and knows which have arrived.

    Raises:
        LogError: the broker cannot be reached.
    """

    def __init__(self, bootstrap: str, prefix: str = "", linger_ms: int = 0) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                acks="all",
                linger_ms=linger_ms,
                max_request_size=MAX_REQUEST_BYTES,
                delivery_timeout_ms=30_000,
                request_timeout_ms=15_000,
            )
        except (KafkaError, ValueError) as error:
            raise LogError(_unreachable(bootstrap, error)) from error
        self._pending: list[Any] = []

    def send(self, message: Message, partition: int | None = None) -> None:
        """Hand a message over; `flush` tells whether it arrived."""
        self._pending.append(
            self._producer.send(
                topic_name(message.topic, self._prefix),
                value=message.value,
                key=message.key,
                headers=list(message.headers),
                partition=partition,
            )
        )

    def remove(self, topic: Topic, key: bytes) -> None:
        """Hand over that a key of a compacted topic holds nothing any more."""
        self._pending.append(self._producer.send(topic_name(topic, self._prefix), value=None, key=key))

    def flush(self) -> None:
        """Wait until everything sent has arrived.

        Raises:
            LogError: something did not.
        """
        pending, self._pending = self._pending, []
        try:
            self._producer.flush(timeout=60)
            for future in pending:
                future.get(timeout=60)
        except KafkaError as error:
            raise LogError(_unreachable(self._bootstrap, error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class GroupReader:
    """Reads topics as a member of a group; positions move only when told to.

    Args:
        bootstrap: Kafka's addresses.
        topics: Full names.
        group: Group id; members share the partitions.
        start_at: Called with the partitions that were assigned; returns where to start in each that has
            a place of its own to go on from, such as the journal's files.
        let_go: Called with the partitions that are taken away.
        instance: A name that is kept over restarts; "" for none.

    Raises:
        LogError: the broker cannot be reached.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[str],
        group: str,
        start_at: Callable[[Iterable[tuple[str, int]]], Mapping[tuple[str, int], int]] | None = None,
        let_go: Callable[[Iterable[tuple[str, int]]], None] | None = None,
        instance: str = "",
    ) -> None:
        self._bootstrap = bootstrap
        try:
            self._consumer = _consumer(bootstrap, group, instance)
            self._consumer.subscribe(list(topics), listener=_Seeker(self._consumer, start_at, let_go))
        except KafkaError as error:
            raise LogError(_unreachable(bootstrap, error)) from error

    def poll(self, timeout_ms: int = 500) -> list[Record]:
        """Return what came in, at most a few hundred entries, in order per partition.

        Raises:
            LogError: the broker cannot be reached.
        """
        try:
            polled = self._consumer.poll(timeout_ms=timeout_ms)
        except KafkaError as error:
            raise LogError(_unreachable(self._bootstrap, error)) from error
        return [_record(record) for records in polled.values() for record in records]

    def stay(self, timeout_ms: int = 0) -> list[Record]:
        """Stay a member and read nothing on; return entries of partitions that are assigned meanwhile.

        A member that does not ask for five minutes loses its partitions.

        Raises:
            LogError: the broker cannot be reached.
        """
        self._consumer.pause(*self._consumer.assignment())
        try:
            return self.poll(timeout_ms)
        finally:
            self._consumer.resume(*self._consumer.paused())

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Say that everything before these offsets is dealt with.

        Raises:
            LogError: the broker cannot be reached, or the group has moved on without this member.
        """
        try:
            self._consumer.commit(
                {
                    TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
                    for (topic, partition), offset in positions.items()
                }
            )
        except KafkaError as error:
            raise LogError(_unreachable(self._bootstrap, error)) from error

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False)


class TopicTail:
    """Reads a whole topic from its beginning and, at each call, what has come since; without a group.

    Args:
        bootstrap: Kafka's addresses.
        topic: Full name.
        is_news_only: Leave out what stands in the topic by now.
        since_ms: Leave out what was written before, in milliseconds since 1970.

    Raises:
        LogError: the broker cannot be reached, or the topic is not there.
    """

    def __init__(
        self, bootstrap: str, topic: str, *, is_news_only: bool = False, since_ms: int | None = None
    ) -> None:
        self._bootstrap = bootstrap
        self._consumer = _consumer(bootstrap)
        partitions = self._consumer.partitions_for_topic(topic)
        if not partitions:
            raise LogError(f"topic {topic} is not there, expected `suture topics` to have made it")
        self._places = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        self._consumer.assign(self._places)
        if not is_news_only and since_ms is None:
            self._consumer.seek_to_beginning(*self._places)
            return
        try:
            starts = dict(self._consumer.end_offsets(self._places))
            if since_ms is not None:
                found = self._consumer.offsets_for_times(dict.fromkeys(self._places, since_ms))
                starts |= {place: entry.offset for place, entry in found.items() if entry is not None}
            for place, start in starts.items():
                self._consumer.seek(place, start)
        except KafkaError as error:
            raise LogError(_unreachable(bootstrap, error)) from error

    def new_records(self) -> list[Record]:
        """Return everything that stands in the topic now and was not returned before.

        Raises:
            LogError: the broker cannot be reached.
        """
        return [record for records in self.new_batches() for record in records]

    def new_batches(self) -> Iterator[list[Record]]:
        """Yield the same piece by piece, so that not all of it has to fit into memory.

        Raises:
            LogError: the broker cannot be reached.
        """
        try:
            ends = self._consumer.end_offsets(self._places)
            while any(self._consumer.position(place) < end for place, end in ends.items()):
                polled = self._consumer.poll(timeout_ms=500)
                yield [_record(record) for records in polled.values() for record in records]
        except KafkaError as error:
            raise LogError(_unreachable(self._bootstrap, error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


class _Seeker(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Moves newly assigned partitions to where their reader goes on."""

    def __init__(
        self,
        consumer: Any,
        start_at: Callable[[Iterable[tuple[str, int]]], Mapping[tuple[str, int], int]] | None,
        let_go: Callable[[Iterable[tuple[str, int]]], None] | None,
    ) -> None:
        self._consumer, self._start_at, self._let_go = consumer, start_at, let_go

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Let go."""
        if self._let_go is not None:
            self._let_go([(place.topic, place.partition) for place in revoked])

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Seek."""
        if self._start_at is None:
            return
        places = [(place.topic, place.partition) for place in assigned]
        for (topic, partition), offset in self._start_at(places).items():
            self._consumer.seek(TopicPartition(topic, partition), offset)


def _consumer(bootstrap: str, group: str | None = None, instance: str = "") -> Any:
    try:
        return KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            group_id=group,
            group_instance_id=f"{instance}-{group}" if instance else None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            session_timeout_ms=8_000,
            heartbeat_interval_ms=2_000,
            request_timeout_ms=15_000,
        )
    except (KafkaError, ValueError) as error:
        raise LogError(_unreachable(bootstrap, error)) from error


def _record(record: Any) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((str(name), bytes(value or b"")) for name, value in record.headers or ()),
        timestamp_ms=int(record.timestamp or 0),
    )


def _unreachable(bootstrap: str, error: Exception) -> str:
    return f"Kafka at {bootstrap}: {type(error).__name__}, expected a broker that answers"
