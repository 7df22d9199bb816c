"""How far a source was asked, read back from the log that its samples are on.

The log and no file says it: a file could be written before a message arrived or not at all after it, and a
puller that goes on elsewhere would have none.
"""

from collections.abc import Iterable
from datetime import datetime

from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.instants import to_ms
from schemas.otlp_metrics import read_metrics
from schemas.topics import Topic, topic_name
from streams.kafka_log import (
    LogError,
    LogWriter,
    RangeReader,
    Record,
    describe_topics,
    offset_at,
    partition_of,
)
from streams.pull_progress import Progress
from streams.pull_sources import PullSource
from streams.puller import POSITION_HEADER, SPOKE_LATELY, Place, key_of, position_of
from streams.settings import Settings


def pulled_partition(settings: Settings, source: PullSource) -> int:
    """Return the partition of the public topic that a source's samples go to.

    Raises:
        LogError: the broker cannot be reached, or the topic is not there.
    """
    name = topic_name(Topic.OTLP_METRICS, settings.prefix)
    partitions = describe_topics(settings.bootstrap).get(name, 0)
    if not partitions:
        raise LogError(f"topic {name} is not there, expected `suture topics` to have made it")
    # Others may have made this topic, with another number of partitions than ours.
    return partition_of(key_of(source.name)) % partitions


def remembered(
    settings: Settings, source: PullSource, partition: int, now: datetime
) -> tuple[Progress, dict[Place, int]]:
    """Return how far a source was asked, and when each service was last among what it said lately.

    Raises:
        LogError: the broker cannot be reached.
    """
    topic = topic_name(Topic.OTLP_METRICS, settings.prefix)
    start = offset_at(settings.bootstrap, topic, partition, to_ms(now - source.history - SPOKE_LATELY))
    if start is None:
        return Progress(source), {}
    reader = RangeReader(settings.bootstrap)
    try:
        return from_records(source, reader.read(topic, partition, start))
    finally:
        reader.close()


def from_records(source: PullSource, records: Iterable[Record]) -> tuple[Progress, dict[Place, int]]:
    """Return the same from the entries of the source's partition, oldest first."""
    heard_ms: int | None = None
    services: dict[Place, int] = {}
    for record in records:
        if record.key != key_of(source.name):
            continue
        header = dict(record.headers).get(POSITION_HEADER, b"")
        found = position_of(header, source.name)
        if found is not None:
            heard_ms = found if heard_ms is None else max(heard_ms, found)
        for place, at_ms in _spoken(record.value or b""):
            services[place] = max(services.get(place, 0), at_ms)
    return Progress(source, covered_ms=heard_ms, heard_ms=heard_ms), services


def _spoken(value: bytes) -> list[tuple[Place, int]]:
    try:
        batches = read_metrics(value, every_bucket=False).batches
    except SchemaError:
        # Somebody else used our key; ingest dead-letters it.
        return []
    return [((batch.environment, batch.service), int(batch.times_ms.max())) for batch in batches]


class PullWriter:
    """Puts one source's messages onto the log.

    Args:
        settings: How this installation runs.
        partition: Of the public topic.

    Raises:
        LogError: the broker cannot be reached.
    """

    def __init__(self, settings: Settings, partition: int) -> None:
        self._writer, self._partition = LogWriter(settings.bootstrap, settings.prefix), partition

    def send(self, messages: Iterable[Message]) -> None:
        """Put messages onto the log, and return when they are there.

        Raises:
            LogError: one did not arrive.
        """
        for message in messages:
            partition = self._partition if message.topic is Topic.OTLP_METRICS else None
            self._writer.send(message, partition)
        self._writer.flush()

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.close()
