"""OTLP in protobuf, read through the generated classes.

Source: opentelemetry-proto, collector/metrics/v1, collector/logs/v1.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

from schemas.errors import SchemaError
from schemas.otlp_columns import CountedPoint, NumberPoint
from schemas.otlp_points import LogRecord, Metric, ResourceLogs, ResourceMetrics, Shape
from schemas.otlp_values import Attributes, Plain, bounded_attributes

_Point: TypeAlias = (
    metrics_pb2.NumberDataPoint
    | metrics_pb2.HistogramDataPoint
    | metrics_pb2.ExponentialHistogramDataPoint
    | metrics_pb2.SummaryDataPoint
)
_KINDS: dict[str, type[_Point]] = {
    "NumberDataPoint": metrics_pb2.NumberDataPoint,
    "HistogramDataPoint": metrics_pb2.HistogramDataPoint,
    "ExponentialHistogramDataPoint": metrics_pb2.ExponentialHistogramDataPoint,
    "SummaryDataPoint": metrics_pb2.SummaryDataPoint,
}
_LONGEST_REMEMBERED = 2048  # bytes of a point's attributes; bounds the memory of what is remembered


def protobuf_metrics(data: bytes) -> Iterator[ResourceMetrics]:
    """Return the resources of an ExportMetricsServiceRequest.

    Raises:
        SchemaError: the bytes are none.
    """
    try:
        request = ExportMetricsServiceRequest.FromString(data)
    except DecodeError as error:
        raise SchemaError("message is neither protobuf nor JSON of OTLP metrics") from error
    if data and not request.resource_metrics:
        raise SchemaError("message holds no resource_metrics, expected OTLP metrics")
    return (
        ResourceMetrics(
            _plain_map(resource.resource.attributes),
            (
                _metric(metric, scope.scope.name)
                for scope in resource.scope_metrics
                for metric in scope.metrics
            ),
        )
        for resource in request.resource_metrics
    )


def protobuf_logs(data: bytes) -> Iterator[ResourceLogs]:
    """Return the resources of an ExportLogsServiceRequest.

    Raises:
        SchemaError: the bytes are none.
    """
    try:
        request = ExportLogsServiceRequest.FromString(data)
    except DecodeError as error:
        raise SchemaError("message is neither protobuf nor JSON of OTLP logs") from error
    if data and not request.resource_logs:
        raise SchemaError("message holds no resource_logs, expected OTLP logs")
    return (
        ResourceLogs(
            _plain_map(resource.resource.attributes),
            sum(len(scope.log_records) for scope in resource.scope_logs),
            (
                LogRecord(
                    record.time_unix_nano,
                    record.observed_time_unix_nano,
                    record.severity_number,
                    record.severity_text,
                    _plain(record.body),
                    _plain_map(record.attributes),
                )
                for scope in resource.scope_logs
                for record in scope.log_records
            ),
        )
        for resource in request.resource_logs
    )


def _metric(metric: metrics_pb2.Metric, scope: str) -> Metric:
    match metric.WhichOneof("data"):
        case "gauge":
            points = metric.gauge.data_points
            return _of(metric, Shape.GAUGE, 0, len(points), numbers=_numbers(points, scope))
        case "sum":
            points = metric.sum.data_points
            how = metric.sum.aggregation_temporality
            numbers = _numbers(points, scope)
            return _of(metric, Shape.SUM, how, len(points), metric.sum.is_monotonic, numbers=numbers)
        case "histogram":
            bars = metric.histogram.data_points
            how = metric.histogram.aggregation_temporality
            return _of(metric, Shape.HISTOGRAM, how, len(bars), counted=_histograms(bars, scope))
        case "exponential_histogram":
            scaled = metric.exponential_histogram.data_points
            how = metric.exponential_histogram.aggregation_temporality
            return _of(metric, Shape.HISTOGRAM, how, len(scaled), counted=_exponential(scaled, scope))
        case "summary":
            parts = metric.summary.data_points
            return _of(metric, Shape.SUMMARY, 0, len(parts), counted=_summaries(parts, scope))
        case _:
            return _of(metric, None, 0, 1)


def _of(
    metric: metrics_pb2.Metric,
    shape: Shape | None,
    aggregation: int,
    size: int,
    is_monotonic: bool = False,
    numbers: Iterable[NumberPoint] = (),
    counted: Iterable[CountedPoint] = (),
) -> Metric:
    return Metric(metric.name, shape, aggregation, is_monotonic, size, numbers, counted)


def _numbers(points: Iterable[metrics_pb2.NumberDataPoint], scope: str) -> Iterator[NumberPoint]:
    for point in points:
        which = point.WhichOneof("value")
        value: float | None = None
        if which == "as_double":
            value = point.as_double
        elif which == "as_int":
            value = float(point.as_int)
        time_ns, flags = point.time_unix_nano, point.flags
        if which is not None:
            point.ClearField(which)
        yield NumberPoint(_attributes(point, scope), time_ns, flags, value)


def _histograms(points: Iterable[metrics_pb2.HistogramDataPoint], scope: str) -> Iterator[CountedPoint]:
    for point in points:
        found = (
            point.time_unix_nano,
            point.flags,
            point.count,
            point.sum if point.HasField("sum") else None,
            tuple(point.explicit_bounds),
            tuple(point.bucket_counts),
        )
        for name in ("count", "sum", "min", "max", "explicit_bounds", "bucket_counts"):
            point.ClearField(name)
        yield CountedPoint(_attributes(point, scope), *found)


def _exponential(
    points: Iterable[metrics_pb2.ExponentialHistogramDataPoint], scope: str
) -> Iterator[CountedPoint]:
    for point in points:
        total = point.sum if point.HasField("sum") else None
        found = (point.time_unix_nano, point.flags, point.count, total)
        for name in ("count", "sum", "min", "max", "scale", "zero_count", "positive", "negative"):
            point.ClearField(name)
        yield CountedPoint(_attributes(point, scope), *found)


def _summaries(points: Iterable[metrics_pb2.SummaryDataPoint], scope: str) -> Iterator[CountedPoint]:
    for point in points:
        found = (point.time_unix_nano, point.flags, point.count, point.sum)
        for name in ("count", "sum", "quantile_values"):
            point.ClearField(name)
        yield CountedPoint(_attributes(point, scope), *found)


def _attributes(point: _Point, scope: str) -> Attributes:
    """Return a point's attributes, as text.

    Making Python objects of them costs more than all else, and the same series come again with every
    message. So the point, by now without what changes from one message to the next, is serialised
    again, which is cheap, and its bytes find the attributes that were read before.
    """
    point.ClearField("time_unix_nano")
    point.ClearField("start_time_unix_nano")
    point.ClearField("flags")
    if not isinstance(point, metrics_pb2.SummaryDataPoint):
        point.ClearField("exemplars")
    rest = point.SerializeToString()
    if len(rest) > _LONGEST_REMEMBERED:
        return bounded_attributes(_plain_map(point.attributes), scope)
    return _remembered(point.DESCRIPTOR.name, rest, scope)


@lru_cache(maxsize=1 << 15)
def _remembered(kind: str, rest: bytes, scope: str) -> Attributes:
    return bounded_attributes(_plain_map(_KINDS[kind].FromString(rest).attributes), scope)


def _plain_map(pairs: Iterable[common_pb2.KeyValue]) -> dict[str, Plain]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: common_pb2.AnyValue) -> Plain:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return value.double_value
        case "bytes_value":
            return value.bytes_value
        case "array_value":
            return [_plain(entry) for entry in value.array_value.values]
        case "kvlist_value":
            return _plain_map(value.kvlist_value.values)
        case _:
            return None
