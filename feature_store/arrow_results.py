"""Results of queries in Arrow's types: streamed as they come, into Parquet or an IPC stream.

Source: Apache Arrow, "IPC Streaming Format"; Apache Parquet format.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.formats import Format
from feature_store.sql import SqlError, distinct, explain, refuse_empty
from feature_store.views import Connection, QueryError

BATCH_ROWS = 65_536
"""Rows that are in memory at once. More compresses better in Parquet; each batch is a row group there."""

ARROW_STREAM = "application/vnd.apache.arrow.stream"
"""Media type of an IPC stream, as IANA has it."""


def stream_query(
    connection: Connection, text: str, parameters: Sequence[object] | Mapping[str, object] = ()
) -> pa.RecordBatchReader:
    """Return what a query gives, batch after batch; it runs as far as it is read.

    Errors may come while it is read: read it within `sql_errors`.

    Args:
        connection: From `feature_store.views.connect`.
        text: A statement in DuckDB's SQL; of several the last one's result counts.
        parameters: Values for `$1`, or by name for `$name`.

    Raises:
        SqlError: the text is empty, is no query, names what is not there, or asks for what is not allowed.
    """
    refuse_empty(text)
    with sql_errors():
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        relation = connection.sql(text, params=given or None)
        if relation is None:
            raise SqlError("statement gives no rows, expected a query such as: SELECT * FROM releases")
        reader: pa.RecordBatchReader = relation.to_arrow_reader(BATCH_ROWS)
        return reader


@contextmanager
def sql_errors() -> Iterator[None]:
    """Raise what a query fails with as SqlError."""
    try:
        yield
    except (QueryError, OSError, pa.ArrowException) as error:
        raise SqlError(explain(str(error))) from error


def write_stream(reader: pa.RecordBatchReader, form: Format, out: BinaryIO) -> int:
    """Write batches as they come, and return how many rows there were.

    Args:
        reader: From `stream_query`.
        form: PARQUET or ARROW.
        out: Where the bytes go; Parquet needs no seeking.

    Raises:
        SqlError: the query failed on the way; what was written is not whole.
    """
    assert form.is_binary, "text is written by feature_store.sql"
    rows = 0
    schema = distinct_names(reader.schema)
    with sql_errors(), _writer(form, schema, out) as writer:
        for batch in reader:
            rows += batch.num_rows
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    return rows


def _writer(form: Format, schema: pa.Schema, out: BinaryIO) -> pq.ParquetWriter | pa.RecordBatchStreamWriter:
    if form is Format.PARQUET:
        return pq.ParquetWriter(out, schema, compression="zstd")
    return pa.ipc.new_stream(out, schema)  # type: ignore[arg-type]  # the stubs want a class of io's


def distinct_names(schema: pa.Schema) -> pa.Schema:
    """Return a schema in which two columns of one name have two, for readers that go by names."""
    names = distinct(schema.names)
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
