"""The recorded log: what stood on the ordered topics, wherever it is kept by now.

The archive first, then Kafka, which still has what came since; or a recording. Each partition comes in the
order of its offsets, none twice. Partitions share nothing, so that several processes may read, and run,
one each.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from pathlib import Path
from typing import Protocol

from feature_store.archive_files import ArchiveFile, archive_files, read_archive_file
from feature_store.stores import bucket_of, open_store
from schemas.instants import EPOCH
from schemas.records import Record
from schemas.topics import Topic, topic_name
from streams.kafka_log import RangeReader, held_offsets, offset_at, partition_of
from streams.recording import ORDERED, read_recording
from streams.settings import Settings

Place = tuple[str, int]
"""Topic, without an installation's prefix, and partition."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Offsets `first` to `last`, both included, without a hole between them."""

    first: int
    last: int


class RecordedLog(Protocol):
    """Entries of the ordered topics, kept somewhere."""

    def places(self) -> tuple[Place, ...]:
        """Return the partitions of which there is anything."""

    def stretches(self, place: Place) -> tuple[Stretch, ...]:
        """Return what there is of a partition, in the order of offsets."""

    def read(
        self, place: Place, start: int = 0, stop: int | None = None, since: datetime | None = None
    ) -> Iterator[Record]:
        """Yield a partition's entries from `start`, and from the first of `since`, up to before `stop`.

        Holes between stretches are passed over.
        """


def recorded_log(
    source: Settings | Path | RecordedLog, since: datetime | None = None, services: Collection[str] = ()
) -> Iterator[Record]:
    """Yield the entries of all partitions, each partition's in order, together in the order of time.

    Args:
        source: An installation's settings: its archive, and the rest from Kafka where they name one. Or an
            archive's folder, a recording's file, or an open log.
        since: Begin at each partition's first entry at or after this. What was known before, settings too,
            is not told again.
        services: Only what these hear, as `environment/service`: their own entries, ticks and settings,
            and everything that their environments hear. All when empty.

    Raises:
        LogError: Kafka cannot be reached.
        ArchiveFileError: a file of the archive cannot be read.
        SchemaError: the file is no recording.
    """
    log = open_log(source)
    places = [place for place in log.places() if not services or place in places_of(services)]
    merged = heapq.merge(*(log.read(place, since=since) for place in places), key=_time)
    heard = _heard_by(services)
    yield from merged if heard is None else (record for record in merged if record.key in heard)


def open_log(source: Settings | Path | RecordedLog) -> RecordedLog:
    """Return the log that settings, an archive's folder or a recording's file hold."""
    match source:
        case Settings():
            return ArchivedLog(source.archive_folder, source.bootstrap, source.prefix)
        case Path():
            is_archive = source.is_dir() or bucket_of(source) is not None
            return ArchivedLog(source) if is_archive else RecordingLog(source)
        case _:
            return source


def places_of(services: Iterable[str]) -> frozenset[Place]:
    """Return the partitions in which services and their environments stand.

    >>> sorted(places_of(["prod/cart"]))
    [('environment-observations', 3), ('observations', 2)]
    """
    found = set()
    for service in services:
        environment, _, _ = service.partition("/")
        found.add((Topic.OBSERVATIONS.value, partition_of(service.encode())))
        found.add((Topic.ENVIRONMENT_OBSERVATIONS.value, partition_of(environment.encode())))
    return frozenset(found)


class ArchivedLog:
    """The archive's files, and what Kafka has behind them.

    Args:
        place: The archive's folder or bucket; one that does not exist is empty.
        bootstrap: Kafka's addresses; "" reads the files alone.
        prefix: The installation's, of topics.
    """

    def __init__(self, place: Path, bootstrap: str = "", prefix: str = "") -> None:
        self._store, self._bootstrap, self._prefix = open_store(place), bootstrap, prefix

    def places(self) -> tuple[Place, ...]:
        """Return the partitions of which there is anything."""
        found = {(topic.value, file.partition) for topic in ORDERED for file in self._files(topic)}
        return tuple(sorted(found | self._held().keys()))

    def stretches(self, place: Place) -> tuple[Stretch, ...]:
        """Return what there is of a partition, in the order of offsets."""
        topic, partition = place
        held = [Stretch(file.first, file.last) for file in self._files(topic) if file.partition == partition]
        if place in self._held():
            beginning, end = self._held()[place]
            held.append(Stretch(beginning, end - 1))
        joined: list[Stretch] = []
        for stretch in sorted(held, key=lambda stretch: stretch.first):
            if joined and stretch.first <= joined[-1].last + 1:
                joined[-1] = Stretch(joined[-1].first, max(joined[-1].last, stretch.last))
            else:
                joined.append(stretch)
        return tuple(joined)

    def read(
        self, place: Place, start: int = 0, stop: int | None = None, since: datetime | None = None
    ) -> Iterator[Record]:
        """Yield a partition's entries from `start`, and from the first of `since`, up to before `stop`."""
        entries = self._entries(place, start, stop, since)
        return entries if since is None else dropwhile(_is_before(since), entries)

    def _entries(
        self, place: Place, start: int, stop: int | None, since: datetime | None
    ) -> Iterator[Record]:
        topic, partition = place
        position = start
        has_begun = since is None
        for file in self._files(topic):
            if file.partition != partition or file.last < position:
                continue
            if since is not None and file.day < since.astimezone(UTC).date():
                position = file.last + 1
                continue
            if self._bootstrap and file.first > position:
                # Kafka may still have what an archive was not there to keep.
                upto = file.first if stop is None else min(file.first, stop)
                yield from self._tail(place, position, upto, None if has_begun else since)
            if stop is not None and file.first >= stop:
                return
            has_begun = True
            yield from read_archive_file(self._store, file.path, position, stop)
            position = file.last + 1
        if self._bootstrap and (stop is None or position < stop):
            yield from self._tail(place, position, stop, None if has_begun else since)

    def _tail(self, place: Place, start: int, stop: int | None, since: datetime | None) -> Iterator[Record]:
        topic, partition = place
        name = topic_name(Topic(topic), self._prefix)
        if since is not None:
            found = offset_at(self._bootstrap, name, partition, int(since.timestamp() * 1000))
            if found is None:
                return
            start = max(start, found)
        reader = RangeReader(self._bootstrap)
        try:
            for record in reader.read(name, partition, start, stop):
                yield replace(record, topic=topic)
        finally:
            reader.close()

    def _files(self, topic: str) -> Iterable[ArchiveFile]:
        return archive_files(self._store, topic)

    def _held(self) -> dict[Place, tuple[int, int]]:
        """Return what Kafka holds of each partition that is not empty."""
        if not self._bootstrap:
            return {}
        plain = {topic_name(topic, self._prefix): topic.value for topic in ORDERED}
        return {
            (plain[topic], partition): (beginning, end)
            for (topic, partition), (beginning, end) in held_offsets(self._bootstrap, list(plain)).items()
            if end > beginning
        }


class RecordingLog:
    """A recording, held in memory.

    Args:
        file: What `suture record` wrote.

    Raises:
        SchemaError: the file is no recording.
    """

    def __init__(self, file: Path) -> None:
        self._entries: dict[Place, list[Record]] = defaultdict(list)
        for record in read_recording(file):
            if record.topic in ORDERED:
                self._entries[record.topic, record.partition].append(record)

    def places(self) -> tuple[Place, ...]:
        """Return the partitions of which there is anything."""
        return tuple(sorted(self._entries))

    def stretches(self, place: Place) -> tuple[Stretch, ...]:
        """Return what there is of a partition, in the order of offsets."""
        joined: list[Stretch] = []
        for record in self._entries.get(place, ()):
            if joined and record.offset == joined[-1].last + 1:
                joined[-1] = Stretch(joined[-1].first, record.offset)
            else:
                joined.append(Stretch(record.offset, record.offset))
        return tuple(joined)

    def read(
        self, place: Place, start: int = 0, stop: int | None = None, since: datetime | None = None
    ) -> Iterator[Record]:
        """Yield a partition's entries from `start`, and from the first of `since`, up to before `stop`."""
        entries = (
            record
            for record in self._entries.get(place, ())
            if record.offset >= start and (stop is None or record.offset < stop)
        )
        return entries if since is None else dropwhile(_is_before(since), entries)


def _heard_by(services: Collection[str]) -> frozenset[bytes | None] | None:
    """Return the keys of what services hear; None for every key."""
    if not services:
        return None
    environments = {service.partition("/")[0] for service in services}
    return frozenset({None, b""} | {key.encode() for key in (*services, *environments)})


def _is_before(since: datetime) -> Callable[[Record], bool]:
    since_ms = (since - EPOCH) // timedelta(milliseconds=1)
    return lambda record: record.timestamp_ms < since_ms


def _time(record: Record) -> int:
    return record.timestamp_ms
