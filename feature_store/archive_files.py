"""Files of the archive: consecutive entries of one partition of a topic, exactly as they stood in Kafka.

A file lies in `TOPIC/day=YYYY-MM-DD/` and its name says which offsets it holds, none missing between
them. The day is that of its newest entry, in UTC. Columns are those of an entry, so that any reader of
Parquet can ask for them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.stores import JournalPlace, Store, open_store
from schemas.errors import SutureError
from schemas.records import Record

ARCHIVE_VERSION = 1
_VERSION_KEY, _LOG_KEY, _NEWEST_KEY = b"suture.archive_version", b"suture.log", b"suture.newest_ms"
_NAME = re.compile(r"p(\d{4,})-(\d{12,})-(\d{12,})\.parquet")
_READ_AT_ONCE = 512
"""Entries that a reader holds in memory; one may be as large as 10 MiB, most have a few KiB."""

_SCHEMA = pa.schema(
    [
        ("topic", pa.dictionary(pa.int32(), pa.string())),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
    ]
)


class ArchiveFileError(SutureError):
    """A file in the archive's folder cannot be read as a part of it."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file: offsets `first` to `last`, both included, of one partition."""

    path: PurePath
    topic: str
    partition: int
    day: date
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ArchiveFooter:
    """What a file says about itself.

    Attributes:
        newest_ms: When its newest entry was written, in milliseconds since 1970.
        log: Which Kafka it was read from; "" where its writer did not say.
    """

    newest_ms: int
    log: str


def archive_path(root: PurePath, topic: str, day: date, partition: int, first: int, last: int) -> PurePath:
    """Return where the file with offsets `first` to `last` lies.

    >>> print(archive_path(PurePath("archive"), "observations", date(2026, 11, 24), 3, 120, 345))
    archive/observations/day=2026-11-24/p0003-000000000120-000000000345.parquet
    """
    return root / topic / f"day={day.isoformat()}" / f"p{partition:04d}-{first:012d}-{last:012d}.parquet"


def archive_files(place: JournalPlace | Store, topic: str) -> tuple[ArchiveFile, ...]:
    """Return a topic's files by partition and offset, without those within another's range.

    Args:
        place: The archive's folder, bucket or store.
        topic: Name without prefix.

    Raises:
        ArchiveFileError: something else lies among them.
        OSError: the store cannot be reached.
    """
    store = open_store(place)
    found = [
        _file_of(item.path, topic)
        for item in store.list(store.root / topic)
        if item.path.suffix == ".parquet"
    ]
    # Of files that begin at one offset the widest comes first: a file can only lie within an earlier one.
    found.sort(key=lambda file: (file.partition, file.first, -file.last))
    counting: list[ArchiveFile] = []
    for file in found:
        before = counting[-1] if counting else None
        if before is None or before.partition != file.partition or file.last > before.last:
            counting.append(file)
    return tuple(counting)


def _file_of(path: PurePath, topic: str) -> ArchiveFile:
    match = _NAME.fullmatch(path.name)
    try:
        day = date.fromisoformat(path.parent.name.removeprefix("day="))
    except ValueError:
        match = None
    if match is None:
        raise ArchiveFileError(
            f"{path} is not the archive's, expected a name such as "
            f"{archive_path(PurePath(), topic, date(2026, 11, 24), 3, 120, 345)}"
        )
    partition, first, last = map(int, match.groups())
    return ArchiveFile(path, topic, partition, day, first, last)


def encode_records(records: Sequence[Record], log: str = "") -> bytes:
    """Return a Parquet file with entries in their order."""
    columns: dict[str, list[Any]] = {
        "topic": [record.topic for record in records],
        "partition": [record.partition for record in records],
        "offset": [record.offset for record in records],
        "timestamp": [record.timestamp_ms for record in records],
        "key": [record.key for record in records],
        "value": [record.value for record in records],
        "headers": [[{"name": name, "value": value} for name, value in record.headers] for record in records],
    }
    metadata = {
        _VERSION_KEY: str(ARCHIVE_VERSION).encode(),
        _LOG_KEY: log.encode(),
        _NEWEST_KEY: str(max(record.timestamp_ms for record in records)).encode(),
    }
    table = pa.Table.from_pydict(columns, schema=_SCHEMA).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    # A statistic of a value is the value again, and nobody looks one up.
    pq.write_table(table, sink, compression="zstd", write_statistics=["offset", "timestamp"])
    return sink.getvalue().to_pybytes()


def read_archive_footer(store: Store, path: PurePath) -> ArchiveFooter:
    """Return a file's own account of itself, without reading its entries.

    Raises:
        ArchiveFileError: it is torn, not the archive's, or of a newer version.
    """
    try:
        pairs = pq.read_metadata(path.as_posix(), filesystem=store.filesystem).metadata or {}
        version, newest_ms = int(pairs[_VERSION_KEY]), int(pairs[_NEWEST_KEY])
    except (pa.ArrowException, OSError) as error:
        raise ArchiveFileError(f"{path} is no whole Parquet file: {str(error).splitlines()[0]}") from error
    except (KeyError, ValueError) as error:
        raise ArchiveFileError(f"{path} is a Parquet file that the archive did not write") from error
    if version > ARCHIVE_VERSION:
        raise ArchiveFileError(
            f"{path} has version {version}, expected at most {ARCHIVE_VERSION}: a newer Suture wrote it"
        )
    return ArchiveFooter(newest_ms=newest_ms, log=pairs.get(_LOG_KEY, b"").decode())


def read_archive_file(
    store: Store, path: PurePath, start: int = 0, stop: int | None = None
) -> Iterator[Record]:
    """Yield a file's entries from offset `start` up to before `stop`, or its end.

    Raises:
        ArchiveFileError: it cannot be read.
    """
    read_archive_footer(store, path)
    try:
        with pq.ParquetFile(path.as_posix(), filesystem=store.filesystem) as file:
            for batch in file.iter_batches(batch_size=_READ_AT_ONCE):
                for record in _records(batch):
                    if record.offset >= start and (stop is None or record.offset < stop):
                        yield record
    except (pa.ArrowException, OSError) as error:
        raise ArchiveFileError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def _records(batch: pa.RecordBatch) -> Iterator[Record]:
    columns = {field.name: batch.column(field.name) for field in _SCHEMA}
    stamps = columns.pop("timestamp").cast(pa.int64()).to_pylist()
    names = ("topic", "partition", "offset", "key", "value", "headers")
    rows = zip(*(columns[name].to_pylist() for name in names), stamps, strict=True)
    for topic, partition, offset, key, value, headers, timestamp_ms in rows:
        yield Record(
            topic=topic,
            partition=partition,
            offset=offset,
            key=key,
            value=value,
            headers=tuple((header["name"], header["value"]) for header in headers),
            timestamp_ms=timestamp_ms,
        )
