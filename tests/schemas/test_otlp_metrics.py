"""OTLP metrics in both forms: what becomes of every kind of point."""

import contextlib
import json
from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics

from schemas.errors import SchemaError
from schemas.otlp_metrics import MetricsRead, read_metrics
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import Field

NOW = 1_795_000_000_123_456_789
NOW_MS = 1_795_000_000_123
CART = {"service.name": "cart", "k8s.pod.name": "cart-1"}


def pairs(values: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in values.items()]


def request(
    *metrics: Metric, resource: dict[str, str] | None = None, scope: str = ""
) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    add(message, *metrics, resource=resource, scope=scope)
    return message


def add(
    message: ExportMetricsServiceRequest,
    *metrics: Metric,
    resource: dict[str, str] | None = None,
    scope: str = "",
) -> None:
    one = message.resource_metrics.add()
    one.resource.attributes.extend(pairs(CART if resource is None else resource))
    scoped = one.scope_metrics.add()
    scoped.scope.name = scope
    scoped.metrics.extend(metrics)


def total(
    value: float, *, temporality: int = 2, is_monotonic: bool = True, name: str = "n", **point: Any
) -> Metric:
    metric = Metric(name=name)
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]  # the enum's number
    metric.sum.is_monotonic = is_monotonic
    metric.sum.data_points.add(**({"time_unix_nano": NOW, "as_double": value} | point))
    return metric


def gauge(value: float, **point: Any) -> Metric:
    metric = Metric(name="g")
    metric.gauge.data_points.add(**({"time_unix_nano": NOW, "as_double": value} | point))
    return metric


def read(message: ExportMetricsServiceRequest) -> MetricsRead:
    return read_metrics(message.SerializeToString())


def rows(batch: SampleBatch) -> list[tuple[Series, int, float]]:
    columns = zip(batch.series_ids.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True)
    return [(batch.series[series], time_ms, value) for series, time_ms, value in columns]


def only(read_: MetricsRead) -> list[tuple[Series, int, float]]:
    (batch,) = read_.batches
    assert read_.refused == ()
    return rows(batch)


def refused(read_: MetricsRead) -> dict[str, int]:
    return {entry.reason: entry.count for entry in read_.refused}


@pytest.mark.parametrize(
    ("metric", "temporality"),
    [
        (total(5.0), Temporality.CUMULATIVE),
        (total(5.0, temporality=1), Temporality.DELTA),
        (total(5.0, is_monotonic=False), Temporality.GAUGE),
        (total(5.0, temporality=1, is_monotonic=False), Temporality.DELTA),
        (gauge(5.0), Temporality.GAUGE),
        (gauge(0, as_int=5), Temporality.GAUGE),
    ],
)
def test_a_number_becomes_one_sample_that_says_what_it_means_over_time(
    metric: Metric, temporality: Temporality
) -> None:
    ((series, time_ms, value),) = only(read(request(metric)))
    assert (series.field, series.temporality, series.pod) == (Field.VALUE, temporality, "cart-1")
    assert (time_ms, value) == (NOW_MS, 5.0)


def test_a_histogram_gives_count_sum_and_buckets_that_count_everything_below() -> None:
    metric = Metric(name="h")
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]  # the enum's number
    metric.histogram.data_points.add(
        time_unix_nano=NOW, count=6, sum=7.5, explicit_bounds=[0.5, 1.0], bucket_counts=[1, 2, 3]
    )
    found = {(series.field, series.upper_bound): value for series, _, value in only(read(request(metric)))}
    assert found == {
        (Field.COUNT, None): 6.0,
        (Field.SUM, None): 7.5,
        (Field.BUCKET, 0.5): 1.0,
        (Field.BUCKET, 1.0): 3.0,
        (Field.BUCKET, inf): 6.0,
    }
    without = read_metrics(request(metric).SerializeToString(), every_bucket=False)
    assert [series.field for series, _, _ in only(without)] == [Field.COUNT, Field.SUM]


def test_of_a_duration_only_the_bounds_that_tell_slow_requests_are_kept() -> None:
    metric = Metric(name="http.server.request.duration")
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]  # the enum's number
    metric.histogram.data_points.add(
        time_unix_nano=NOW, count=15, explicit_bounds=[0.1, 0.2, 0.5, 10.0], bucket_counts=[1, 2, 3, 4, 5]
    )
    metric.histogram.data_points.add(
        time_unix_nano=NOW, count=3, explicit_bounds=[0.11, 5.0], bucket_counts=[1, 1, 1]
    )
    read_ = read_metrics(request(metric).SerializeToString(), every_bucket=False)
    found = [(series.field, series.upper_bound, value) for series, _, value in only(read_)]
    assert found == [
        (Field.COUNT, None, 15.0),
        (Field.BUCKET, 0.1, 1.0),
        (Field.BUCKET, 0.5, 6.0),
        (Field.COUNT, None, 3.0),
    ]


def test_a_histogram_without_a_sum_gives_none() -> None:
    metric = Metric(name="h")
    metric.histogram.aggregation_temporality = 1  # type: ignore[assignment]  # the enum's number
    metric.histogram.data_points.add(time_unix_nano=NOW, count=6)
    assert [(series.field, value) for series, _, value in only(read(request(metric)))] == [(Field.COUNT, 6.0)]


def test_exponential_histograms_and_summaries_give_count_and_sum() -> None:
    scaled, summary = Metric(name="e"), Metric(name="s")
    scaled.exponential_histogram.aggregation_temporality = 1  # type: ignore[assignment]  # the enum's number
    scaled.exponential_histogram.data_points.add(time_unix_nano=NOW, count=3, sum=10.0, scale=0)
    summary.summary.data_points.add(time_unix_nano=NOW, count=4, sum=0.0)
    found = [
        (series.metric, series.field, series.temporality, value)
        for series, _, value in only(read(request(scaled, summary)))
    ]
    assert found == [
        ("e", Field.COUNT, Temporality.DELTA, 3.0),
        ("e", Field.SUM, Temporality.DELTA, 10.0),
        ("s", Field.COUNT, Temporality.CUMULATIVE, 4.0),
        ("s", Field.SUM, Temporality.CUMULATIVE, 0.0),
    ]


def test_a_point_without_a_recorded_value_is_left_out_without_being_refused() -> None:
    assert read(request(gauge(nan, flags=1))) == MetricsRead(batches=(), refused=())


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (gauge(nan), "value is missing or not finite"),
        (gauge(-inf), "value is missing or not finite"),
        (gauge(1.0, time_unix_nano=0), "time is missing or absurd"),
        (gauge(1.0, time_unix_nano=NOW // 1000), "time is missing or absurd"),
        (gauge(1.0, time_unix_nano=2**63), "time is missing or absurd"),
        (gauge(1.0, attributes=pairs({f"a{n}": "x" for n in range(70)})), "point has too many attributes"),
        (total(1.0, temporality=0), "aggregation temporality is unspecified"),
        (total(1.0, name=""), "metric has no name"),
        (Metric(name="empty"), "metric is of no known kind"),
    ],
)
def test_a_point_that_cannot_be_used_is_counted_and_the_others_go_on(metric: Metric, reason: str) -> None:
    found = read(request(metric, gauge(2.0)))
    assert refused(found) == {reason: 1}
    assert [value for _, _, value in rows(found.batches[0])] == [2.0]


@pytest.mark.parametrize(
    ("bounds", "counts", "sum_"),
    [
        ([1.0], [1], 1.0),
        ([2.0, 1.0], [1, 1, 1], 1.0),
        ([1.0, 1.0], [1, 1, 1], 1.0),
        ([nan], [1, 1], 1.0),
        ([], [], inf),
    ],
)
def test_a_histogram_that_contradicts_itself_is_refused(
    bounds: list[float], counts: list[int], sum_: float
) -> None:
    metric = Metric(name="h")
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]  # the enum's number
    metric.histogram.data_points.add(
        time_unix_nano=NOW, count=2, sum=sum_, explicit_bounds=bounds, bucket_counts=counts
    )
    found = read(request(metric))
    assert found.batches == ()
    assert sum(refused(found).values()) == 1


def test_a_message_of_many_services_is_split_by_environment_and_service() -> None:
    message = request(gauge(1.0))
    add(message, gauge(2.0), resource=CART | {"deployment.environment": "prod"})
    add(
        message, gauge(3.0), resource=CART | {"deployment.environment.name": "prod", "k8s.pod.name": "cart-2"}
    )
    add(message, gauge(4.0), resource={"service.name": "shop"})
    found = {
        (batch.environment, batch.service): [(series.pod, value) for series, _, value in rows(batch)]
        for batch in read(message).batches
    }
    assert found == {
        ("default", "cart"): [("cart-1", 1.0)],
        ("prod", "cart"): [("cart-1", 2.0), ("cart-2", 3.0)],
        ("default", "shop"): [("", 4.0)],
    }


@pytest.mark.parametrize("name", ["", "unknown_service", "unknown_service:java", "a/b", "a\x00b", "x" * 300])
def test_a_resource_that_is_no_service_is_refused_point_by_point(name: str) -> None:
    message = request(gauge(1.0), total(2.0), resource={"service.name": name})
    add(message, gauge(3.0))
    found = read(message)
    assert sum(refused(found).values()) == 2
    assert [value for _, _, value in rows(found.batches[0])] == [3.0]


@pytest.mark.parametrize(
    ("resource", "pod", "template"),
    [
        ({"k8s.pod.name": "p", "service.instance.id": "i", "k8s.pod.label.pod-template-hash": "h"}, "p", "h"),
        ({"k8s.pod.labels.pod-template-hash": "h"}, "", "h"),
        ({"service.instance.id": "i", "k8s.pod.label.rollouts-pod-template-hash": "r"}, "i", "r"),
        ({"host.name": "n", "process.pid": "12", "suture.template": "t"}, "n:12", "t"),
        ({"host.name": "n", "k8s.replicaset.name": "cart-api-5d9c7b"}, "n", "5d9c7b"),
        ({"k8s.replicaset.name": "cart"}, "", ""),
    ],
)
def test_pod_and_template_come_from_the_best_attribute_there_is(
    resource: dict[str, str], pod: str, template: str
) -> None:
    ((series, _, _),) = only(read(request(gauge(1.0), resource={"service.name": "cart"} | resource)))
    assert (series.pod, series.template) == (pod, template)


def test_two_processes_of_one_pod_and_two_scopes_of_one_process_keep_apart() -> None:
    message = request(total(1.0), resource=CART | {"service.instance.id": "a"}, scope="http")
    add(message, total(2.0), resource=CART | {"service.instance.id": "b"}, scope="http")
    add(message, total(3.0), resource=CART | {"service.instance.id": "b"}, scope="grpc")
    assert len({series for series, _, _ in only(read(message))}) == 3


def test_points_of_one_series_share_an_entry_whatever_else_they_carry() -> None:
    route = pairs({"route": "/"})
    metric = gauge(1.0, attributes=route)
    metric.gauge.data_points.add(
        time_unix_nano=NOW + 10**9, start_time_unix_nano=5, as_int=2, attributes=route
    )
    metric.gauge.data_points.add(
        time_unix_nano=NOW, as_double=3.0, attributes=route, exemplars=[{"as_double": 9.0}]
    )
    metric.gauge.data_points.add(time_unix_nano=NOW, as_double=4.0, attributes=pairs({"route": "/other"}))
    (batch,) = read(request(metric, metric)).batches
    assert len(batch.series) == 2
    assert batch.series_ids.tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    assert batch.values.tolist() == [1.0, 2.0, 3.0, 4.0] * 2


def test_long_attributes_are_bounded_and_stay_different() -> None:
    long = [gauge(1.0, attributes=pairs({"route": "/" * 5000 + tail})) for tail in "ab"]
    first, second = (series for series, _, _ in only(read(request(*long))))
    assert first != second
    assert all(len(text) <= 200 for series in (first, second) for _, text in series.attributes)


def json_gauge(time: str) -> bytes:
    resource = '{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]}'
    metric = f'{{"name":"g","gauge":{{"dataPoints":[{{"timeUnixNano":{time},"asInt":1}}]}}}}'
    scopes = f'[{{"metrics":[{metric}]}}]'
    return f'{{"resourceMetrics":[{{"resource":{resource},"scopeMetrics":{scopes}}}]}}'.encode()


def test_json_carries_a_time_as_a_string_or_as_a_number() -> None:
    assert only(read_metrics(json_gauge(f'"{NOW}"'))) == only(read_metrics(json_gauge(f"{NOW}")))


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"\xff\xff",
        b'{"resourceSpans":[]}',
        b'{"resourceMetrics":{}}',
        b'{"resourceMetrics":[1]}',
        b"[]",
        b'{"resourceMetrics":',
        json_gauge('"x"'),
        json_gauge("1.5"),
        json_gauge("true"),
        json_gauge('"-1"'),
        b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":{"intValue":"9223372036854775808"}}]}}]}',
    ],
)
def test_what_is_not_otlp_at_all_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(SchemaError):
        read_metrics(data)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"resourceMetrics":[]}', b' \n{"resourceMetrics":[],"new":{"a":1}}\n']
)
def test_an_empty_request_is_a_request(data: bytes) -> None:
    assert read_metrics(data) == MetricsRead(batches=(), refused=())


def test_a_protobuf_request_whose_length_is_a_brace_is_not_taken_for_json() -> None:
    message = request(gauge(1.0, attributes=pairs({"a": "}"})))
    size = message.resource_metrics[0].ByteSize()
    message.resource_metrics[0].resource.attributes[0].value.string_value += "x" * (0x7B - size)
    data = message.SerializeToString()
    assert data[:2] == b"\n{"
    assert len(read_metrics(data).batches) == 1


def test_the_official_example_is_read(read_contract: Callable[[str, str], Any]) -> None:
    example = read_contract("otlp", "metrics.json")
    found = [
        (series.metric, series.field, series.upper_bound, value)
        for series, _, value in only(read_metrics(json.dumps(example).encode()))
    ]
    assert sorted(found, key=str) == sorted(
        [
            ("my.counter", Field.VALUE, None, 5.0),
            ("my.gauge", Field.VALUE, None, 10.0),
            ("my.histogram", Field.COUNT, None, 2.0),
            ("my.histogram", Field.SUM, None, 2.0),
            ("my.histogram", Field.BUCKET, 1.0, 1.0),
            ("my.histogram", Field.BUCKET, inf, 2.0),
            ("my.exponential.histogram", Field.COUNT, None, 3.0),
            ("my.exponential.histogram", Field.SUM, None, 10.0),
        ],
        key=str,
    )


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES: st.SearchStrategy[AnyValue] = st.recursive(
    st.builds(AnyValue, string_value=TEXT)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats())
    | st.builds(AnyValue, bytes_value=st.binary(max_size=8))
    | st.just(AnyValue()),
    lambda inner: st.builds(
        lambda entries: AnyValue(array_value=ArrayValue(values=entries)), st.lists(inner, max_size=3)
    ),
    max_leaves=4,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=3).map(
    lambda values: [KeyValue(key=key, value=value) for key, value in values.items()]
)
TIMES = st.sampled_from([0, NOW, NOW + 10**9]) | st.integers(0, 2**64 - 1)
FLAGS = st.sampled_from([0, 0, 1])
NATURAL = st.integers(0, 2**64 - 1)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    metric = Metric(name=draw(TEXT))
    attributes, time, flags = draw(ATTRIBUTES), draw(TIMES), draw(FLAGS)
    point: dict[str, Any] = {"attributes": attributes, "time_unix_nano": time, "flags": flags}
    value: dict[str, Any] = draw(
        st.fixed_dictionaries({"as_double": st.floats()})
        | st.fixed_dictionaries({"as_int": st.integers(-(2**63), 2**63 - 1)})
        | st.just({})
    )
    counted: dict[str, Any] = {"count": draw(NATURAL)} | draw(
        st.fixed_dictionaries({}, optional={"sum": st.floats()})
    )
    temporality: Any = draw(st.integers(0, 2))
    match draw(st.sampled_from(["gauge", "sum", "histogram", "exponential", "summary", "none"])):
        case "gauge":
            metric.gauge.data_points.add(**point, **value)
        case "sum":
            metric.sum.aggregation_temporality = temporality
            metric.sum.is_monotonic = draw(st.booleans())
            metric.sum.data_points.add(**point, **value)
        case "histogram":
            metric.histogram.aggregation_temporality = temporality
            bounds = draw(st.lists(st.floats(), max_size=3) | st.just([0.5, 1.0]))
            counts = draw(st.lists(NATURAL, max_size=4))
            metric.histogram.data_points.add(**point, **counted, explicit_bounds=bounds, bucket_counts=counts)
        case "exponential":
            metric.exponential_histogram.aggregation_temporality = temporality
            metric.exponential_histogram.data_points.add(**point, **counted, scale=3)
        case "summary":
            metric.summary.data_points.add(**point, **counted)
    return metric


@st.composite
def requests(draw: st.DrawFn) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    for _ in range(draw(st.integers(0, 3))):
        one = ResourceMetrics()
        one.resource.attributes.extend(draw(ATTRIBUTES))
        one.resource.attributes.extend(pairs(draw(st.sampled_from([CART, {}, {"service.name": "shop"}]))))
        scope = one.scope_metrics.add()
        scope.scope.name = draw(TEXT)
        scope.metrics.extend(draw(st.lists(metrics(), max_size=3)))
        message.resource_metrics.append(one)
    return message


@settings(deadline=None)
@given(requests())
def test_protobuf_and_json_of_one_message_give_the_same_samples(message: ExportMetricsServiceRequest) -> None:
    by_protobuf = read_metrics(message.SerializeToString())
    by_json = read_metrics(MessageToJson(message).encode())
    assert by_protobuf.refused == by_json.refused
    assert [(batch.environment, batch.service) for batch in by_protobuf.batches] == [
        (batch.environment, batch.service) for batch in by_json.batches
    ]
    for one, other in zip(by_protobuf.batches, by_json.batches, strict=True):
        assert one.series == other.series
        assert np.array_equal(one.series_ids, other.series_ids)
        assert np.array_equal(one.times_ms, other.times_ms)
        assert np.array_equal(one.values, other.values)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_samples_or_a_refusal(data: bytes) -> None:
    try:
        found = read_metrics(data)
    except SchemaError:
        return
    assert all(len(batch) for batch in found.batches)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_message_is_samples_or_a_refusal(damages: list[tuple[int, int]]) -> None:
    metric = Metric(name="h")
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]  # the enum's number
    metric.histogram.data_points.add(
        time_unix_nano=NOW, count=6, sum=7.5, explicit_bounds=[0.5, 1.0], bucket_counts=[1, 2, 3]
    )
    data = bytearray(request(metric, total(1.0), gauge(2.0), scope="shop").SerializeToString())
    for place, byte in damages:
        data[place % len(data)] = byte
    with contextlib.suppress(SchemaError):
        read_metrics(bytes(data))
