"""OTLP in JSON, read by hand.

Not through protobuf's own JSON reader: that one takes hexadecimal ids for base64 without a word and
raises on unknown keys, which OTLP wants ignored.

Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from math import inf, nan
from typing import cast

from schemas.errors import SchemaError
from schemas.foreign_json import Json, kind_of, read_object, require_object
from schemas.otlp_columns import CountedPoint, NumberPoint
from schemas.otlp_points import LogRecord, Metric, ResourceLogs, ResourceMetrics, Shape
from schemas.otlp_values import Plain, bounded_attributes

_AGGREGATIONS = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
}
_SHAPES = (
    ("gauge", Shape.GAUGE),
    ("sum", Shape.SUM),
    ("histogram", Shape.HISTOGRAM),
    ("exponentialHistogram", Shape.HISTOGRAM),
    ("summary", Shape.SUMMARY),
)
_SEVERITIES = {
    f"SEVERITY_NUMBER_{name}{digit or ''}": 1 + 4 * group + max(digit - 1, 0)
    for group, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for digit in (0, 2, 3, 4)
}
_DOUBLES = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
_Object = dict[str, Json]


def json_metrics(data: bytes) -> Iterator[ResourceMetrics]:
    """Return the resources of an ExportMetricsServiceRequest in JSON.

    Raises:
        SchemaError: the text is none; also while the resources are being read.
    """
    request = read_object(data, "OTLP metrics")
    if request and "resourceMetrics" not in request:
        raise SchemaError("message holds no resourceMetrics, expected OTLP metrics")
    return (
        ResourceMetrics(
            _attributes(_object(resource, "resource")),
            (
                _metric(metric, _text(_object(scope, "scope"), "name"))
                for scope in _objects(resource, "scopeMetrics")
                for metric in _objects(scope, "metrics")
            ),
        )
        for resource in _objects(request, "resourceMetrics")
    )


def json_logs(data: bytes) -> Iterator[ResourceLogs]:
    """Return the resources of an ExportLogsServiceRequest in JSON.

    Raises:
        SchemaError: the text is none; also while the resources are being read.
    """
    request = read_object(data, "OTLP logs")
    if request and "resourceLogs" not in request:
        raise SchemaError("message holds no resourceLogs, expected OTLP logs")
    return (
        ResourceLogs(
            _attributes(_object(resource, "resource")),
            sum(len(_objects(scope, "logRecords")) for scope in _objects(resource, "scopeLogs")),
            (
                _record(record)
                for scope in _objects(resource, "scopeLogs")
                for record in _objects(scope, "logRecords")
            ),
        )
        for resource in _objects(request, "resourceLogs")
    )


def _record(record: _Object) -> LogRecord:
    return LogRecord(
        _natural(record, "timeUnixNano"),
        _natural(record, "observedTimeUnixNano"),
        _choice(record, "severityNumber", _SEVERITIES),
        _text(record, "severityText"),
        _plain(record.get("body")),
        _attributes(record),
    )


def _metric(metric: _Object, scope: str) -> Metric:
    name = _text(metric, "name")
    key, shape = next(((key, shape) for key, shape in _SHAPES if metric.get(key) is not None), ("", None))
    data = _object(metric, key)
    points = _objects(data, "dataPoints")
    numbers: Iterable[NumberPoint] = ()
    counted: Iterable[CountedPoint] = ()
    match shape:
        case Shape.GAUGE | Shape.SUM:
            numbers = (_number_point(point, scope) for point in points)
        case Shape.HISTOGRAM | Shape.SUMMARY:
            is_explicit = key == "histogram"
            counted = (_counted_point(point, scope, shape, is_explicit) for point in points)
    how = _choice(data, "aggregationTemporality", _AGGREGATIONS)
    is_monotonic = data.get("isMonotonic") is True
    size = len(points) if shape else 1
    return Metric(name, shape, how, is_monotonic, size, numbers, counted)


def _number_point(point: _Object, scope: str) -> NumberPoint:
    value: float | None = None
    if point.get("asDouble") is not None:
        value = _double(point["asDouble"], "asDouble")
    elif point.get("asInt") is not None:
        value = float(_integer(point["asInt"], "asInt"))
    attributes = bounded_attributes(_attributes(point), scope)
    return NumberPoint(attributes, _natural(point, "timeUnixNano"), _natural(point, "flags"), value)


def _counted_point(point: _Object, scope: str, shape: Shape, is_explicit: bool) -> CountedPoint:
    total = point.get("sum")
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    if is_explicit:
        bounds = tuple(_double(edge, "explicitBounds") for edge in _array(point, "explicitBounds"))
        counts = tuple(_unsigned(count, "bucketCounts") for count in _array(point, "bucketCounts"))
    # A summary's sum is a plain field, so that protobuf leaves a zero out of the JSON.
    missing = 0.0 if shape is Shape.SUMMARY else None
    return CountedPoint(
        bounded_attributes(_attributes(point), scope),
        _natural(point, "timeUnixNano"),
        _natural(point, "flags"),
        _natural(point, "count"),
        missing if total is None else _double(total, "sum"),
        bounds,
        counts,
    )


def _attributes(holder: _Object) -> dict[str, Plain]:
    return {_text(pair, "key"): _plain(pair.get("value")) for pair in _objects(holder, "attributes")}


def _plain(value: Json) -> Plain:
    """Return what an AnyValue holds."""
    if isinstance(value, dict) and isinstance(text := value.get("stringValue"), str):
        return text
    if value is None:
        return None
    for kind, held in require_object(value, "attribute value").items():
        match kind, held:
            case _, None:
                continue
            case "stringValue", str():
                return held
            case "boolValue", bool():
                return held
            case "intValue", _:
                return _integer(held, kind)
            case "doubleValue", _:
                return _double(held, kind)
            case "bytesValue", str():
                return _bytes(held)
            case "arrayValue", dict():
                return [_plain(entry) for entry in _array(held, "values")]
            case "kvlistValue", dict():
                return {_text(pair, "key"): _plain(pair.get("value")) for pair in _objects(held, "values")}
            case (("stringValue" | "boolValue" | "bytesValue" | "arrayValue" | "kvlistValue"), _):
                raise SchemaError(f"{kind} is {kind_of(held)}")
    return None


def _bytes(text: str) -> bytes:
    """Return bytes from base64 in either alphabet, with padding or without, as protobuf's JSON allows."""
    try:
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise SchemaError("bytesValue is not base64") from error


def _array(holder: _Object, key: str) -> list[Json]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SchemaError(f"{key} is {kind_of(value)}, expected an array")
    return value


def _objects(holder: _Object, key: str) -> list[_Object]:
    entries = _array(holder, key)
    for entry in entries:
        if not isinstance(entry, dict):
            raise SchemaError(f"{key} holds {kind_of(entry)}, expected objects")
    return cast("list[_Object]", entries)


def _object(holder: _Object, key: str) -> _Object:
    value = holder.get(key)
    return {} if value is None else require_object(value, key)


def _text(holder: _Object, key: str) -> str:
    value = holder.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SchemaError(f"{key} is {kind_of(value)}, expected a string")
    return value


def _natural(holder: _Object, key: str) -> int:
    value = holder.get(key)
    return 0 if value is None else _unsigned(value, key)


def _unsigned(value: Json, key: str) -> int:
    number = _whole(value, key)
    if not 0 <= number < 2**64:
        raise SchemaError(f"{key} does not fit into 64 bits without a sign")
    return number


def _integer(value: Json, key: str) -> int:
    number = _whole(value, key)
    if not -(2**63) <= number < 2**63:
        raise SchemaError(f"{key} does not fit into 64 bits")
    return number


def _whole(value: Json, key: str) -> int:
    """Return a 64-bit integer, which JSON carries as a string and some senders as a number."""
    if isinstance(value, str):
        if len(value) <= 20 and value.isascii() and value.removeprefix("-").isdigit():
            return int(value)
    elif isinstance(value, float):
        if value.is_integer():
            return int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise SchemaError(f"{key} is {kind_of(value)} that is no whole number")


def _double(value: Json, key: str) -> float:
    match value:
        case bool():
            pass
        case int() | float():
            try:
                return float(value)
            except OverflowError:
                return inf if value > 0 else -inf
        case str():
            if value in _DOUBLES:
                return _DOUBLES[value]
            try:
                return (
                    float(value) if len(value) <= 40 and value.isascii() and value.strip() == value else nan
                )
            except ValueError:
                pass
    raise SchemaError(f"{key} is {kind_of(value)} that is no number")


def _choice(holder: _Object, key: str, names: dict[str, int]) -> int:
    """Return an enum's number; OTLP writes the number, older senders wrote the name."""
    value = holder.get(key)
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        return names.get(value, 0)
    return 0 if value is None else _integer(value, key)
