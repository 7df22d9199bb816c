"""Parquet files of the journal: what is in one, how it is written and read.

A fresh file holds consecutive effects of one partition of the effects topic, all kinds together. Its
metadata carries the schema version, its record of the chain (`feature_store.chain`) and the marks: the
highest offset and index seen of each cause partition up to the file's end, so that the newest file alone
tells a repeat from news. A kind's file holds the rows of one kind of a longer range, sorted for queries.

Source: Apache Parquet format, "File format" (the footer is written last, so a torn file has none).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, assert_never

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from pyarrow.fs import FileSystem, LocalFileSystem

from feature_store.columns import COLUMNS, ColumnType
from feature_store.marks import Mark, Marks, marks_from_json, marks_to_json
from feature_store.rows import Row
from feature_store.stores import Store
from schemas.errors import SutureError

__all__ = [
    "Footer",
    "JournalFileError",
    "Mark",
    "Marks",
    "dataset",
    "encode",
    "encode_sorted",
    "read_footer",
    "read_rows",
    "table_of",
]

SCHEMA_VERSION = 1
_VERSION_KEY, _MARKS_KEY, _LOG_KEY = b"suture.schema_version", b"suture.marks", b"suture.log"
_RECORD_KEY = b"suture.chain"

_ROW_GROUP = 32_768
"""Rows of a group in a kind's file. Fewer skips more of a file for one release; more compresses better."""
_ORDER: list[tuple[str, Literal["ascending", "descending"]]] = [
    ("release", "ascending"),
    ("happened_at", "ascending"),
    ("log_offset", "ascending"),
]


class JournalFileError(SutureError):
    """A file in the journal's folder cannot be read as a part of the journal: it is named and left out."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says about itself; `log` and `record` are "" where its writer did not say."""

    rows: int
    marks: Marks
    log: str = ""
    record: str = ""


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


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table, in their order; missing columns are null."""
    columns = [pa.array([row.get(field.name) for row in rows], type=field.type) for field in _SCHEMA]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


def encode(table: pa.Table, marks: Marks, log: str = "", record: str = "") -> bytes:
    """Return a fresh file with the rows of a table."""
    return _file_bytes(
        table,
        {_MARKS_KEY: marks_to_json(marks), _LOG_KEY: log.encode(), _RECORD_KEY: record.encode()},
    )


def encode_sorted(table: pa.Table) -> bytes:
    """Return a kind's file: rows by release, then by time, so that a question reads few of its groups."""
    return _file_bytes(table.sort_by(_ORDER), {})


def read_footer(store: Store, path: PurePath) -> Footer:
    """Return a fresh file's own account of itself, without reading its rows.

    Raises:
        JournalFileError: it is torn, no Parquet file, not the journal's, or of a newer schema.
    """
    try:
        metadata = pq.read_metadata(path.as_posix(), filesystem=store.filesystem)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise JournalFileError(f"{path} is no whole Parquet file: {reason}") from error
    pairs = metadata.metadata or {}
    if _VERSION_KEY not in pairs:
        raise JournalFileError(f"{path} is a Parquet file that the journal did not write")
    try:
        version = int(pairs[_VERSION_KEY])
        marks = marks_from_json(pairs[_MARKS_KEY])
    except (KeyError, TypeError, ValueError) as error:
        raise JournalFileError(f"{path} has unreadable metadata: {error!r}") from error
    if version > SCHEMA_VERSION:
        raise JournalFileError(
            f"{path} has schema version {version}, expected at most {SCHEMA_VERSION}: a newer Suture wrote it"
        )
    return Footer(
        rows=metadata.num_rows,
        marks=marks,
        log=pairs.get(_LOG_KEY, b"").decode(),
        record=pairs.get(_RECORD_KEY, b"").decode(),
    )


def read_rows(store: Store, paths: Sequence[PurePath]) -> pa.Table:
    """Return the rows of files as one table, in the order of the effects topic.

    Raises:
        JournalFileError: a file cannot be read.
    """
    try:
        table = dataset(paths, store.filesystem).to_table()
    except (pa.ArrowException, OSError) as error:
        raise JournalFileError(f"reading {paths[0]} to {paths[-1].name}: {error}") from error
    return table.sort_by("log_offset")


def dataset(paths: Sequence[PurePath], filesystem: FileSystem | None = None) -> pads.Dataset:
    """Return files as one table that is read when it is asked; a column that a file lacks is null."""
    return pads.FileSystemDataset.from_paths(
        [path.as_posix() for path in paths],
        schema=_SCHEMA,
        format=pads.ParquetFileFormat(),
        filesystem=filesystem or LocalFileSystem(),
    )


def _file_bytes(table: pa.Table, metadata: dict[bytes, bytes]) -> bytes:
    described = table.replace_schema_metadata({_VERSION_KEY: str(SCHEMA_VERSION).encode(), **metadata})
    sink = pa.BufferOutputStream()
    pq.write_table(described, sink, compression="zstd", row_group_size=_ROW_GROUP, write_page_index=True)
    return sink.getvalue().to_pybytes()
