"""Sample batches as Arrow IPC: the one door to pyarrow on the hot path.

One record batch with the columns `series` (int32), `time_ms` (int64) and `value` (float64); the series
dictionary is JSON in the schema's metadata, so that a reader that has seen the same dictionary before
pays for the columns only.
"""

from functools import lru_cache

import numpy as np
import pyarrow as pa

from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName
from schemas.samples import SampleBatch, Series

_COLUMNS = (("series", pa.int32()), ("time_ms", pa.int64()), ("value", pa.float64()))


def encode_batch(batch: SampleBatch) -> bytes:
    """Return the batch as an Arrow IPC stream."""
    metadata: dict[bytes | str, bytes | str] = {
        "environment": batch.environment,
        "service": batch.service,
        "series": _encode_series(batch.series),
    }
    columns = [
        pa.array(batch.series_ids.astype(np.int32, copy=False)),
        pa.array(batch.times_ms.astype(np.int64, copy=False)),
        pa.array(batch.values.astype(np.float64, copy=False)),
    ]
    schema = pa.schema([pa.field(name, kind) for name, kind in _COLUMNS], metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return sink.getvalue().to_pybytes()


def decode_batch(data: bytes) -> SampleBatch:
    """Return the batch of an Arrow IPC stream.

    Raises:
        SchemaError: it is not Arrow, lacks a column or its metadata, or its numbers are not a batch's.
    """
    try:
        with pa.ipc.open_stream(data) as reader:
            metadata = reader.schema.metadata or {}
            record = reader.read_next_batch()
        columns = {name: record.column(name) for name, _ in _COLUMNS}
        for name, kind in _COLUMNS:
            if columns[name].type != kind or columns[name].null_count:
                raise SchemaError(f"column {name} is {columns[name].type}, expected {kind} without nulls")
        return SampleBatch(
            environment=EnvironmentName(metadata[b"environment"].decode()),
            service=ServiceName(metadata[b"service"].decode()),
            series=_decode_series(metadata[b"series"]),
            series_ids=columns["series"].to_numpy(),
            times_ms=columns["time_ms"].to_numpy(),
            values=columns["value"].to_numpy(),
        )
    except (pa.ArrowException, StopIteration, OSError) as error:
        raise SchemaError(f"not an Arrow sample batch: {type(error).__name__}") from error
    except KeyError as error:
        raise SchemaError(f"sample batch lacks {error.args[0]!r}") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise SchemaError(f"sample batch: {error}") from error


@lru_cache(maxsize=4096)
def _encode_series(series: tuple[Series, ...]) -> bytes:
    return to_json(series, tuple[Series, ...])


@lru_cache(maxsize=4096)
def _decode_series(data: bytes) -> tuple[Series, ...]:
    decoded: tuple[Series, ...] = from_json(tuple[Series, ...], data)
    return decoded
