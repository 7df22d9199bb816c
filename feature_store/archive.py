"""The archive: the ordered log as it was, for longer than Kafka keeps it.

What is decided is a function of this log, so whoever has it can run it again: an audit, a backtest, a
model that learns. It is written as the journal is: a file's name says which offsets it holds, it appears
in one atomic rename, and the names alone tell where to go on after a crash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from feature_store.archive_files import (
    archive_files,
    archive_path,
    encode_records,
    read_archive_footer,
)
from feature_store.stores import JournalPlace, Store, open_store
from schemas.errors import SutureError
from schemas.instants import EPOCH
from schemas.records import Record

_NEWS_MS = 10 * 60 * 1000
"""A supposed repeat that is newer by this than all that is kept is no repeat; clocks differ by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """When entries in memory become a file.

    Attributes:
        age: So long after the first of them came. Shorter makes more files; what is not in one yet is
            still in Kafka, where readers look next.
        size_bytes: So many bytes of one partition; bounds memory.
    """

    age: timedelta = timedelta(minutes=15)
    size_bytes: int = 16 * 1024 * 1024


class ArchivedLogReplacedError(SutureError):
    """The log is another one than the files are of: they cannot stand side by side."""


Place = tuple[str, int]
"""Topic, without an installation's prefix, and partition."""


@dataclass(slots=True)
class _Partition:
    """One partition of an archived topic.

    Attributes:
        next_offset: Lowest offset that was not taken yet; None before the first.
        newest_ms: When the newest entry taken was written.
        day: Day of the newest entry taken; a file never goes past its end.
        oldest_at: When the oldest pending entry came, by the clock.
    """

    next_offset: int | None = None
    newest_ms: int = -1
    day: date | None = None
    pending: list[Record] = field(default_factory=list)
    pending_bytes: int = 0
    oldest_at: datetime | None = None


class Archive:
    """Appends entries of topics to Parquet files in a folder or a bucket.

    Several archives may share a place when each appends its own partitions; call `refresh` when a
    partition changes hands.

    Args:
        place: A folder, `s3://bucket/prefix`, or a store. A folder is created when missing, a bucket is not.
        topics: Names without prefix.
        clock: The current time, for the age limit and for what has been kept long enough.
        limits: When entries become a file.
        log: Which Kafka the entries come from, such as its cluster id; "" does not say.

    Raises:
        ArchiveFileError: something else lies among the files.
        ArchivedLogReplacedError: the files are of another log.
    """

    def __init__(
        self,
        place: JournalPlace | Store,
        topics: Sequence[str],
        *,
        clock: Callable[[], datetime],
        limits: ArchiveLimits | None = None,
        log: str = "",
    ) -> None:
        self._store, self._topics, self._clock, self._log = open_store(place), tuple(topics), clock, log
        self._limits = limits or ArchiveLimits()
        self._partitions: dict[Place, _Partition] = {}
        self.swept = tuple(self._store.sweep())
        self._load(None)

    def resume_offsets(self) -> dict[Place, int]:
        """Return, per partition that has files, the offset behind its last one."""
        return {
            place: state.pending[0].offset if state.pending else state.next_offset
            for place, state in sorted(self._partitions.items())
            if state.next_offset is not None
        }

    def refresh(self, places: Iterable[Place]) -> None:
        """Forget what is in memory of partitions and look at their files again."""
        self._load(set(places))

    def append(self, place: Place, records: Sequence[Record]) -> int:
        """Take entries of a partition in the log's order, and return how many offsets were missing.

        One below the offset expected was taken before and is dropped. Nothing is durable before it is
        flushed.

        Raises:
            OSError: a file could not be written; its entries stay in memory.
            ArchivedLogReplacedError: what counts as a repeat is newer than all that is kept.
        """
        state = self._partitions.setdefault(place, _Partition())
        missing = 0
        for record in records:
            if state.next_offset is not None and record.offset < state.next_offset:
                self._refuse_news(place, state, record)
                continue
            if state.next_offset is not None and record.offset > state.next_offset:
                # A file's range holds no hole, so that its name says all.
                missing += record.offset - state.next_offset
                self._write(place, state)
            day = _day_of(record)
            if state.day is not None and day > state.day:
                self._write(place, state)
            self._take(state, record, day)
            if state.pending_bytes >= self._limits.size_bytes:
                self._write(place, state)
        self.flush_due()
        return missing

    def flush_due(self) -> None:
        """Write what has waited longer than the age limit; call it when the log is quiet, too."""
        now = self._clock()
        for place, state in sorted(self._partitions.items()):
            if state.oldest_at is not None and now - state.oldest_at >= self._limits.age:
                self._write(place, state)

    def flush(self) -> None:
        """Write everything that waits.

        Raises:
            OSError: a file could not be written; its entries stay in memory.
        """
        for place, state in sorted(self._partitions.items()):
            self._write(place, state)

    def remove_older(self, keep: timedelta) -> int:
        """Remove files whose entries are all older than this; return their number.

        Each partition's newest file stays: its name says where to go on.
        """
        oldest = (self._clock() - keep).astimezone(UTC).date()
        removed = 0
        for topic in self._topics:
            files = archive_files(self._store, topic)
            newest = {file.partition: file for file in files}
            for file in files:
                if file.day < oldest and file != newest[file.partition]:
                    self._store.remove(file.path)
                    removed += 1
        return removed

    def _take(self, state: _Partition, record: Record, day: date) -> None:
        state.next_offset = record.offset + 1
        state.newest_ms = max(state.newest_ms, record.timestamp_ms)
        # Clocks of producers differ: an entry of the evening before may stand behind one of the morning.
        state.day = day if state.day is None else max(state.day, day)
        state.pending.append(record)
        state.pending_bytes += len(record.value or b"") + len(record.key or b"")
        if state.oldest_at is None:
            state.oldest_at = self._clock()

    def _refuse_news(self, place: Place, state: _Partition, record: Record) -> None:
        if record.timestamp_ms > state.newest_ms + _NEWS_MS:
            topic, partition = place
            raise ArchivedLogReplacedError(
                f"{topic}/{partition} has at offset {record.offset} an entry of {_instant(record)}, but "
                f"{self._store.root} holds it up to {(state.next_offset or 0) - 1} and nothing so late: "
                "the topic was created anew; move the folder away and start with an empty one"
            )

    def _write(self, place: Place, state: _Partition) -> None:
        if not state.pending or state.day is None:
            return
        first, last = state.pending[0].offset, state.pending[-1].offset
        path = archive_path(self._store.root, place[0], state.day, place[1], first, last)
        self._store.publish(path, encode_records(state.pending, self._log))
        state.pending, state.pending_bytes, state.oldest_at = [], 0, None

    def _load(self, places: set[Place] | None) -> None:
        """Read names and newest footers; of all partitions when None."""
        for place in places or ():
            self._partitions.pop(place, None)
        for topic in self._topics:
            newest = {file.partition: file for file in archive_files(self._store, topic)}
            for partition, file in newest.items():
                if places is not None and (topic, partition) not in places:
                    continue
                footer = read_archive_footer(self._store, file.path)
                if self._log and footer.log and footer.log != self._log:
                    raise ArchivedLogReplacedError(
                        f"{file.path} is of log {footer.log}, expected {self._log}: move the folder away and "
                        "start with an empty one"
                    )
                self._partitions[topic, partition] = _Partition(
                    next_offset=file.last + 1, newest_ms=footer.newest_ms, day=file.day
                )


def _instant(record: Record) -> datetime:
    return EPOCH + timedelta(milliseconds=record.timestamp_ms)


def _day_of(record: Record) -> date:
    return _instant(record).date()
