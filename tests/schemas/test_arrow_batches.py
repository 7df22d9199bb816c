"""Sample batches survive Arrow, and what is none is refused without an accident."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.arrow_batches import decode_batch, encode_batch
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import Field

texts = some.text(alphabet=some.characters(codec="utf-8"), max_size=8)
series = some.builds(
    Series,
    metric=texts,
    field=some.sampled_from(Field),
    temporality=some.sampled_from(Temporality),
    pod=texts,
    version=texts,
    template=texts.map(TemplateHash),
    attributes=some.lists(some.tuples(texts, texts), max_size=3).map(tuple),
    upper_bound=some.none() | some.just(math.inf) | some.floats(allow_nan=False, allow_infinity=False),
)
samples = some.tuples(
    some.integers(0, 2),
    some.integers(-(2**53), 2**53),
    some.floats(allow_nan=False, allow_infinity=False),
)


def a_batch(table: list[Series], rows: list[tuple[int, int, float]]) -> SampleBatch:
    return SampleBatch(
        environment=EnvironmentName("prod"),
        service=ServiceName("cart"),
        series=tuple(table),
        series_ids=np.array([row[0] for row in rows], dtype=np.int32),
        times_ms=np.array([row[1] for row in rows], dtype=np.int64),
        values=np.array([row[2] for row in rows], dtype=np.float64),
    )


@given(some.lists(series, min_size=3, max_size=3), some.lists(samples, max_size=20))
def test_a_batch_comes_back_as_it_went(table: list[Series], rows: list[tuple[int, int, float]]) -> None:
    batch = a_batch(table, rows)
    again = decode_batch(encode_batch(batch))
    assert (again.environment, again.service, again.series) == ("prod", "cart", batch.series)
    assert again.series_ids.tolist() == batch.series_ids.tolist()
    assert again.times_ms.tolist() == batch.times_ms.tolist()
    assert again.values.tobytes() == batch.values.tobytes()


def foreign(columns: dict[str, Any], metadata: dict[bytes, bytes]) -> bytes:
    table = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    table = table.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    return sink.getvalue().to_pybytes()


GOOD: dict[str, Any] = {
    "series": pa.array([0], pa.int32()),
    "time_ms": pa.array([1], pa.int64()),
    "value": pa.array([1.0], pa.float64()),
}
NAMED = {
    b"environment": b"prod",
    b"service": b"cart",
    b"series": b'[{"metric":"m"}]',
}


def test_the_foreign_batch_that_others_are_made_of_is_good() -> None:
    assert len(decode_batch(foreign(GOOD, NAMED))) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00" * 64, id="noughts"),
        pytest.param(foreign(GOOD, NAMED)[:-40], id="cut-off"),
        pytest.param(foreign(GOOD, {}), id="nameless"),
        pytest.param(foreign(GOOD, {**NAMED, b"series": b"[{]"}), id="no-json"),
        pytest.param(foreign(GOOD, {**NAMED, b"environment": b"\xff"}), id="no-utf-8"),
        pytest.param(foreign({**GOOD, "series": pa.array([1], pa.int32())}, NAMED), id="id-outside"),
        pytest.param(foreign({**GOOD, "series": pa.array([-1], pa.int32())}, NAMED), id="id-below"),
        pytest.param(foreign({**GOOD, "value": pa.array([math.nan])}, NAMED), id="not-finite"),
        pytest.param(foreign({**GOOD, "value": pa.array([1], pa.int64())}, NAMED), id="other-type"),
        pytest.param(foreign({**GOOD, "value": pa.array([None], pa.float64())}, NAMED), id="null"),
    ],
)
def test_what_is_no_batch_is_refused(data: bytes) -> None:
    with pytest.raises(SchemaError):
        decode_batch(data)
