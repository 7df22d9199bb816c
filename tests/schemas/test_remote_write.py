"""Prometheus remote write in both versions: what becomes of every kind of series."""

import contextlib
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.remote_write_proto import (
    FIRST_MESSAGES,
    SECOND_MESSAGES,
    Request,
    WriteRequest,
    first,
    second,
)
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName
from schemas.prometheus_labels import DEFAULT_LABELS
from schemas.remote_write import RemoteWriteRead, RemoteWriteVersion, read_remote_write, version_of
from schemas.remote_write_messages import read_remote_write_record
from schemas.remote_write_walk import MOST_LABEL_BYTES
from schemas.samples import Series, Temporality
from schemas.signals import Field
from schemas.snappy_block import TooLargeError, packed_block, unpacked_block

NOW_MS = 1_795_000_000_123
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
WHO = {"service": "cart", "namespace": "prod", "pod": "cart-1", "version": "7", "pod_template_hash": "5d9c7"}
FIRST, SECOND = RemoteWriteVersion.FIRST, RemoteWriteVersion.SECOND

Write = Callable[..., bytes]
both = pytest.mark.parametrize(("write", "version"), [(first, FIRST), (second, SECOND)], ids=["1.0", "2.0"])


def one(name: str, *values: float, kind: int = 0, at: int = NOW_MS, **labels: str) -> dict[str, Any]:
    samples = [(value, at + 1000 * place) for place, value in enumerate(values)]
    return {"labels": {"__name__": name, **WHO, **labels}, "samples": samples, "type": kind}


def told(read: RemoteWriteRead) -> list[tuple[Series, int, float]]:
    return [
        (batch.series[number], time_ms, value)
        for batch in read.batches
        for number, time_ms, value in zip(
            batch.series_ids.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True
        )
    ]


def series(metric: str, field: Field, temporality: Temporality, **changes: Any) -> Series:
    usual = Series(
        metric=metric,
        field=field,
        temporality=temporality,
        pod="cart-1",
        version="7",
        template=WHO["pod_template_hash"],  # type: ignore[arg-type]  # a NewType
    )
    return replace(usual, **changes)


@both
def test_a_counter_keeps_its_name_and_counts_on(write: Write, version: RemoteWriteVersion) -> None:
    read = read_remote_write(write(one("http_requests_total", 3.0, 4.0, code="500")), version)
    counter = series(
        "http_requests_total", Field.VALUE, Temporality.CUMULATIVE, attributes=(("code", "500"),)
    )
    assert told(read) == [(counter, NOW_MS, 3.0), (counter, NOW_MS + 1000, 4.0)]
    assert (read.batches[0].environment, read.batches[0].service) == ("prod", "cart")
    assert (read.samples, read.histograms, read.exemplars, read.refused, read.invalid) == (2, 0, 0, (), ())


@both
def test_any_other_series_is_a_level(write: Write, version: RemoteWriteVersion) -> None:
    ((found, _, _),) = told(read_remote_write(write(one("process_resident_memory_bytes", 1e6)), version))
    assert found == series("process_resident_memory_bytes", Field.VALUE, Temporality.GAUGE)


@both
def test_a_classic_histogram_becomes_what_otlps_becomes(write: Write, version: RemoteWriteVersion) -> None:
    name = "http_request_duration_seconds"
    data = write(
        one(f"{name}_bucket", 5.0, le="0.5"),
        one(f"{name}_bucket", 7.0, le="+Inf"),
        one(f"{name}_count", 7.0),
        one(f"{name}_sum", 2.5),
    )
    cumulative = Temporality.CUMULATIVE
    assert [(found, value) for found, _, value in told(read_remote_write(data, version))] == [
        (series(name, Field.BUCKET, cumulative, upper_bound=0.5), 5.0),
        (series(name, Field.BUCKET, cumulative, upper_bound=inf), 7.0),
        (series(name, Field.COUNT, cumulative), 7.0),
        (series(name, Field.SUM, cumulative), 2.5),
    ]


@both
def test_of_many_buckets_those_are_kept_that_tell_of_slow_requests(
    write: Write, version: RemoteWriteVersion
) -> None:
    buckets = [one("d_seconds_bucket", 1.0, le=le) for le in ("0.05", "0.1", "0.5", "1", "2.5", "+Inf")]
    data = write(*buckets, one("size_bytes_bucket", 1.0, le="0.5"))
    read = read_remote_write(data, version, every_bucket=False)
    assert [found.upper_bound for found, _, _ in told(read)] == [0.1, 0.5, 2.5]
    assert (read.samples, read.refused) == (7, ())


def test_what_the_sender_says_of_a_type_counts_more_than_the_name() -> None:
    data = second(
        one("jobs_done", 1.0, kind=1), one("jobs_total", 1.0, kind=2), one("queue_count", 1.0, kind=2)
    )
    assert [(found.metric, found.field, found.temporality) for found, _, _ in told(_second(data))] == [
        ("jobs_done", Field.VALUE, Temporality.CUMULATIVE),
        ("jobs_total", Field.VALUE, Temporality.GAUGE),
        ("queue_count", Field.VALUE, Temporality.GAUGE),
    ]


def _second(data: bytes) -> RemoteWriteRead:
    return read_remote_write(data, SECOND)


@both
def test_a_metric_that_is_named_a_gauge_is_one(write: Write, version: RemoteWriteVersion) -> None:
    labels = replace(DEFAULT_LABELS, gauges=("queue_count",))
    ((found, _, _),) = told(read_remote_write(write(one("queue_count", 1.0)), version, labels))
    assert (found.metric, found.field, found.temporality) == ("queue_count", Field.VALUE, Temporality.GAUGE)


@both
def test_a_native_histogram_gives_its_count_and_its_sum(write: Write, version: RemoteWriteVersion) -> None:
    whole: dict[str, Any] = {"count_int": 12, "sum": 3.5, "schema": 3, "timestamp": NOW_MS}
    whole |= {"positive_deltas": [1, -1], "positive_spans": [{"offset": 0, "length": 2}]}
    floating = {"count_float": 12.5, "sum": 4.0, "timestamp": NOW_MS + 1}
    ended = {"count_int": 0, "sum": STALE, "timestamp": NOW_MS + 2}
    data = write(one("d_seconds") | {"histograms": [whole, floating, ended]})
    read = read_remote_write(data, version)
    assert [(found.field, time_ms, value) for found, time_ms, value in told(read)] == [
        (Field.COUNT, NOW_MS, 12.0),
        (Field.SUM, NOW_MS, 3.5),
        (Field.COUNT, NOW_MS + 1, 12.5),
        (Field.SUM, NOW_MS + 1, 4.0),
    ]
    assert (read.samples, read.histograms) == (0, 3)


@both
def test_a_native_histogram_whose_counts_may_fall_is_refused(
    write: Write, version: RemoteWriteVersion
) -> None:
    falling = {"count_int": 1, "sum": 1.0, "timestamp": NOW_MS, "reset_hint": 3}
    read = read_remote_write(write(one("g", 1.0), one("d_seconds") | {"histograms": [falling]}), version)
    assert [(entry.reason, entry.count) for entry in read.refused] == [("native histogram is a gauge", 1)]
    assert (read.samples, read.histograms, len(told(read))) == (1, 0, 1)


@both
@pytest.mark.parametrize("value", [STALE, nan, inf, -inf], ids=["stale", "nan", "inf", "-inf"])
def test_what_is_not_finite_is_no_value_and_no_fault(
    write: Write, version: RemoteWriteVersion, value: float
) -> None:
    read = read_remote_write(write(one("quantile", 1.0, value)), version)
    assert [found for _, _, found in told(read)] == [1.0]
    assert (read.samples, read.refused, read.invalid) == (2, (), ())


@both
def test_a_series_without_a_service_is_refused_and_the_rest_goes_on(
    write: Write, version: RemoteWriteVersion
) -> None:
    rule = {"labels": {"__name__": "job:errors:rate5m"}, "samples": [(1.0, NOW_MS), (2.0, NOW_MS)]}
    read = read_remote_write(write(rule, one("g", 1.0)), version)
    assert [(entry.reason, entry.count) for entry in read.refused] == [("no label names a service", 2)]
    assert (read.samples, len(told(read))) == (1, 1)


@both
@pytest.mark.parametrize("time_ms", [0, -1, 1, NOW_MS * 1000])
def test_a_time_that_nobody_meant_is_refused(write: Write, version: RemoteWriteVersion, time_ms: int) -> None:
    read = read_remote_write(write(one("g", 1.0, at=time_ms), one("h", 1.0)), version)
    assert [(entry.reason, entry.count) for entry in read.refused] == [("time is missing or absurd", 1)]
    assert (read.samples, len(told(read))) == (1, 1)


@both
def test_services_and_environments_are_told_apart(write: Write, version: RemoteWriteVersion) -> None:
    data = write(one("a", 1.0), one("a", 2.0, service="mail"), one("a", 3.0, namespace="dev"), one("b", 4.0))
    batches = read_remote_write(data, version).batches
    assert [(batch.environment, batch.service, batch.values.tolist()) for batch in batches] == [
        ("prod", "cart", [1.0, 4.0]),
        ("prod", "mail", [2.0]),
        ("dev", "cart", [3.0]),
    ]


def test_what_a_series_must_not_be_is_invalid() -> None:
    message = WriteRequest()
    for labels in (
        [("service", "cart")],
        [("__name__", "a"), ("service", "cart"), ("service", "mail")],
        [("__name__", "a_bucket"), ("service", "cart"), ("le", "much")],
    ):
        into = message.timeseries.add()
        for name, value in labels:
            into.labels.add(name=name, value=value)
        into.samples.add(value=1.0, timestamp=NOW_MS)
    data = message.SerializeToString() + first(one("g", 1.0))
    read = read_remote_write(data, FIRST)
    assert [(entry.reason, entry.count) for entry in read.invalid] == [
        ("bucket's bound is no number", 1),
        ("label comes twice", 1),
        ("series has no name", 1),
    ]
    assert (read.samples, len(told(read))) == (1, 1)


def test_a_label_that_is_not_utf_8_is_invalid() -> None:
    data = first(one("g", 1.0, city="Koeln")).replace(b"Koeln", b"K\xf6\xff\xfen")
    assert [entry.reason for entry in read_remote_write(data, FIRST).invalid] == ["label is not UTF-8"]


def test_twins_of_prometheus_write_the_same_series() -> None:
    data = first(one("g_total", 1.0, prometheus_replica="a"), one("g_total", 2.0, prometheus_replica="b"))
    assert len({found for found, _, _ in told(read_remote_write(data, FIRST))}) == 1


def test_the_version_of_something_else_is_not_the_services() -> None:
    (found, _, _), _ = told(
        read_remote_write(first(one("go_info", 1.0, version="go1.25"), one("g", 1.0)), FIRST)
    )
    assert (found.version, found.attributes) == ("", (("version", "go1.25"),))


def test_a_namespace_may_have_another_name_as_an_environment() -> None:
    labels = replace(DEFAULT_LABELS, environments=(("prod", EnvironmentName("production")),))
    (batch,) = read_remote_write(first(one("g", 1.0)), FIRST, labels).batches
    assert batch.environment == "production"


@pytest.mark.parametrize("references", [[0, 9], [0, 2**31], [1]], ids=["beyond", "far-beyond", "odd"])
def test_references_to_nothing_are_refused(references: list[int]) -> None:
    message = Request()
    message.symbols.extend(["", "__name__", "a"])
    message.timeseries.add().labels_refs.extend(references)
    with pytest.raises(SchemaError, match=r"symbol|label references"):
        _second(message.SerializeToString())


def test_references_that_unfold_to_more_than_memory_holds_are_refused() -> None:
    message = Request()
    message.symbols.extend(["", "x" * 1_000_000])
    message.timeseries.add().labels_refs.extend([1] * (MOST_LABEL_BYTES // 500_000))
    with pytest.raises(SchemaError, match="labels take"):
        _second(message.SerializeToString())


def test_a_message_of_the_other_version_is_refused() -> None:
    with pytest.raises(SchemaError):
        read_remote_write(first(one("g", 1.0)), SECOND)
    with pytest.raises(SchemaError):
        read_remote_write(second(one("g", 1.0)), FIRST)


def test_labels_may_stand_on_both_sides_of_a_sample() -> None:
    usual = first(one("g", 1.0))
    (known,) = WriteRequest.FromString(usual).timeseries
    labels = [_prefixed(0x0A, label.SerializeToString()) for label in known.labels]
    sample = _prefixed(0x12, known.samples[0].SerializeToString())
    mixed = _prefixed(0x0A, b"".join((labels[0], sample, *labels[1:])))
    assert mixed != usual
    assert told(read_remote_write(mixed, FIRST)) == told(read_remote_write(usual, FIRST))


def test_references_may_come_one_by_one() -> None:
    usual = second(one("g", 1.0))
    message = Request.FromString(usual)
    (known,) = message.timeseries
    single = b"".join(bytes((0x08, reference)) for reference in known.labels_refs)
    known.ClearField("labels_refs")
    apart = _prefixed(0x2A, single + known.SerializeToString())
    message.ClearField("timeseries")
    assert told(_second(message.SerializeToString() + apart)) == told(_second(usual))


@pytest.mark.parametrize(
    ("file", "messages"),
    [("prompb/types.proto", FIRST_MESSAGES), ("io.prometheus.write.v2.types.proto", SECOND_MESSAGES)],
)
def test_the_messages_of_these_tests_are_those_of_prometheus(
    contracts: Callable[[str], Path], file: str, messages: dict[str, str]
) -> None:
    text = (contracts("prometheus") / file).read_text(encoding="utf-8")
    for name, lines in messages.items():
        if name == "WriteRequest":
            continue
        (body,) = re.findall(rf"^message {name} {{(.*?)^}}", text, re.DOTALL | re.MULTILINE)
        body = re.sub(r"//[^\n]*|enum \w+ {.*?}", "", body, flags=re.DOTALL)
        official = dict(re.findall(r"(\w+)\s*=\s*(\d+)\s*(?:\[[^]]*])?;", body))
        ours = {line.split()[2]: line.split()[0] for line in lines.strip().splitlines()}
        assert ours == official, name


def _prefixed(tag: int, content: bytes) -> bytes:
    size, digits = len(content), []
    while size > 0x7F:
        digits.append(0x80 | size & 0x7F)
        size >>= 7
    return bytes((tag, *digits, size)) + content


def test_a_record_is_read_by_its_headers_or_by_its_first_byte() -> None:
    data = second(one("g", 1.0))
    headers = [
        ("content-type", b"application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("content-encoding", b"snappy"),
    ]
    assert told(read_remote_write_record(packed_block(data), headers)) == told(_second(data))
    assert told(read_remote_write_record(data, [])) == told(_second(data))
    assert version_of(first(one("g", 1.0))) is FIRST


def test_a_block_that_says_it_is_large_is_not_unpacked() -> None:
    with pytest.raises(TooLargeError, match="4294967295 bytes"):
        unpacked_block(b"\xff\xff\xff\xff\x0f")
    with pytest.raises(TooLargeError):
        unpacked_block(packed_block(b"x" * 101), limit=100)


@pytest.mark.parametrize("block", [b"\xff" * 10, b"\x05abc", packed_block(b"cart" * 50)[:-3]])
def test_a_block_that_is_none_is_refused(block: bytes) -> None:
    with pytest.raises(SchemaError, match="snappy"):
        unpacked_block(block)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
label_maps = st.dictionaries(texts.filter(lambda text: text not in ("", "__name__")), texts, max_size=6)
values = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(946_684_800_000, 7_258_118_399_999)
written = st.lists(
    st.fixed_dictionaries(
        {
            "labels": label_maps.map(lambda labels: {"__name__": "x_total", **WHO, **labels}),
            "samples": st.lists(st.tuples(values, times), max_size=3),
        }
    ),
    max_size=6,
)


@given(written)
@settings(deadline=None, max_examples=150)
def test_both_versions_say_the_same_and_as_often_as_was_written(wanted: list[dict[str, Any]]) -> None:
    by_first, by_second = read_remote_write(first(*wanted), FIRST), _second(second(*wanted))
    assert told(by_first) == told(by_second)
    sent = sum(len(entry["samples"]) for entry in wanted)
    counted = by_first.samples + sum(entry.count for entry in (*by_first.refused, *by_first.invalid))
    assert counted == sent
    assert len(told(by_first)) == by_first.samples


@given(
    st.sampled_from(["1.0", "2.0"]),
    written.filter(bool),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    st.integers(0, 10_000),
)
@settings(deadline=None, max_examples=400)
def test_a_mutilated_message_is_read_or_refused_and_nothing_else(
    which: str, wanted: list[dict[str, Any]], changes: list[tuple[int, int]], length: int
) -> None:
    write, version = (first, FIRST) if which == "1.0" else (second, SECOND)
    data = bytearray(write(*wanted))
    for place, byte in changes:
        data[place % len(data)] = byte
    with contextlib.suppress(SchemaError):
        for batch in read_remote_write(bytes(data[: length % (len(data) + 1)] or data), version).batches:
            assert np.isfinite(batch.values).all()


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    for version in RemoteWriteVersion:
        with contextlib.suppress(SchemaError):
            read_remote_write(data, version)
    with contextlib.suppress(SchemaError):
        unpacked_block(data, limit=1000)
