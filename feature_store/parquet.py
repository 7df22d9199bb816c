"""Parquet files of the journal: the only file here that knows pyarrow.

One file holds consecutive effects of one partition of the effects topic, all kinds together. Its
metadata carries the schema version and the marks: the highest offset and index seen of each cause
partition up to the file's end, so that the newest file alone tells a repeat from news.

Source: Apache Parquet format, "File format" (the footer is written last, so a torn file has none).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from feature_store.columns import COLUMNS, ColumnType
from feature_store.rows import Row
from schemas.errors import SutureError

SCHEMA_VERSION = 1
_VERSION_KEY, _MARKS_KEY, _LOG_KEY = b"suture.schema_version", b"suture.marks", b"suture.log"

Cause = tuple[str, int]
"""Topic and partition of a cause."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the effects of a cause partition are kept: the highest offset and index.

    `newest_us` is the latest instant that any of them tells of, in microseconds since the epoch.
    """

    offset: int
    index: int
    newest_us: int


Marks = dict[Cause, Mark]


class JournalFileError(SutureError):
    """A file in the journal's folder cannot be read as a part of the journal: it is named and left out."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says about itself; `log` is "" where its writer did not say."""

    rows: int
    marks: Marks
    log: str = ""


def _arrow_type(kind: ColumnType) -> pa.DataType:
    match kind:
        case ColumnType.TEXT:
            return pa.string()
        case ColumnType.INTEGER:
            return pa.int64()
        case ColumnType.NUMBER:
            return pa.float64()
        case ColumnType.FLAG:
            return pa.bool_()
        case ColumnType.INSTANT:
            return pa.timestamp("us", tz="UTC")
        case _:
            assert_never(kind)


_SCHEMA = pa.schema([(column.name, _arrow_type(column.type)) for column in COLUMNS])


def encode(rows: Sequence[Row], marks: Marks, log: str = "") -> bytes:
    """Return a Parquet file with the rows in their order; missing columns are null."""
    columns = [pa.array([row.get(field.name) for row in rows], type=field.type) for field in _SCHEMA]
    return _file_bytes(pa.Table.from_arrays(columns, schema=_SCHEMA), marks, log)


def read_footer(path: Path) -> Footer:
    """Return a file's own account of itself, without reading its rows.

    Raises:
        JournalFileError: it is torn, no Parquet file, not the journal's, or of a newer schema.
    """
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise JournalFileError(f"{path} is no whole Parquet file: {reason}") from error
    pairs = metadata.metadata or {}
    if _VERSION_KEY not in pairs:
        raise JournalFileError(f"{path} is a Parquet file that the journal did not write")
    try:
        version = int(pairs[_VERSION_KEY])
        marks = _marks_from_json(pairs[_MARKS_KEY])
    except (KeyError, TypeError, ValueError) as error:
        raise JournalFileError(f"{path} has unreadable metadata: {error!r}") from error
    if version > SCHEMA_VERSION:
        raise JournalFileError(
            f"{path} has schema version {version}, expected at most {SCHEMA_VERSION}: a newer Suture wrote it"
        )
    return Footer(rows=metadata.num_rows, marks=marks, log=pairs.get(_LOG_KEY, b"").decode())


def merge(paths: Sequence[Path]) -> bytes:
    """Return one file with the rows of several, in the order given, and the last one's marks.

    Raises:
        JournalFileError: a file cannot be read.
    """
    footer = read_footer(paths[-1])
    try:
        table = dataset(paths).to_table()
    except (pa.ArrowException, OSError) as error:
        raise JournalFileError(f"merging {paths[0]} to {paths[-1].name}: {error}") from error
    return _file_bytes(table, footer.marks, footer.log)


def dataset(paths: Sequence[Path]) -> pads.Dataset:
    """Return the files as one table that is read when it is asked; a column that a file lacks is null."""
    return pads.FileSystemDataset.from_paths(
        [str(path) for path in paths],
        schema=_SCHEMA,
        format=pads.ParquetFileFormat(),
        filesystem=LocalFileSystem(),
    )


def _file_bytes(table: pa.Table, marks: Marks, log: str) -> bytes:
    metadata = {
        _VERSION_KEY: str(SCHEMA_VERSION).encode(),
        _MARKS_KEY: _marks_to_json(marks),
        _LOG_KEY: log.encode(),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _marks_to_json(marks: Marks) -> bytes:
    entries = [
        [topic, partition, mark.offset, mark.index, mark.newest_us]
        for (topic, partition), mark in sorted(marks.items(), key=lambda item: item[0])
    ]
    return json.dumps(entries).encode()


def _marks_from_json(data: bytes) -> Marks:
    return {
        (str(topic), int(partition)): Mark(int(offset), int(index), int(newest_us))
        for topic, partition, offset, index, newest_us in json.loads(data)
    }
