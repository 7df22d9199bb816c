"""Classes for remote write's messages, written down from its `.proto` files: no compiler is needed."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Kind = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "string": _Kind.TYPE_STRING,
    "double": _Kind.TYPE_DOUBLE,
    "int64": _Kind.TYPE_INT64,
    "uint64": _Kind.TYPE_UINT64,
    "uint32": _Kind.TYPE_UINT32,
    "sint32": _Kind.TYPE_SINT32,
    "sint64": _Kind.TYPE_SINT64,
}
_HISTOGRAM = """
1 uint64 count_int
2 double count_float
3 double sum
4 sint32 schema
5 double zero_threshold
6 uint64 zero_count_int
7 double zero_count_float
8 *BucketSpan negative_spans
9 *sint64 negative_deltas
10 *double negative_counts
11 *BucketSpan positive_spans
12 *sint64 positive_deltas
13 *double positive_counts
14 uint32 reset_hint
15 int64 timestamp
16 *double custom_values
"""
FIRST_MESSAGES = {
    "Label": "1 string name\n2 string value",
    "Sample": "1 double value\n2 int64 timestamp",
    "Exemplar": "1 *Label labels\n2 double value\n3 int64 timestamp",
    "BucketSpan": "1 sint32 offset\n2 uint32 length",
    "Histogram": _HISTOGRAM,
    "TimeSeries": "1 *Label labels\n2 *Sample samples\n3 *Exemplar exemplars\n4 *Histogram histograms",
    "MetricMetadata": "1 uint32 type\n2 string metric_family_name\n4 string help\n5 string unit",
    "WriteRequest": "1 *TimeSeries timeseries\n3 *MetricMetadata metadata",
}
SECOND_MESSAGES = {
    "Sample": "1 double value\n2 int64 timestamp\n3 int64 start_timestamp",
    "Exemplar": "1 *uint32 labels_refs\n2 double value\n3 int64 timestamp",
    "BucketSpan": "1 sint32 offset\n2 uint32 length",
    "Histogram": _HISTOGRAM + "17 int64 start_timestamp",
    "Metadata": "1 uint32 type\n3 uint32 help_ref\n4 uint32 unit_ref",
    "TimeSeries": "1 *uint32 labels_refs\n2 *Sample samples\n3 *Histogram histograms\n4 *Exemplar exemplars\n"
    "5 Metadata metadata",
    "Request": "4 *string symbols\n5 *TimeSeries timeseries",
}


def _classes(package: str, messages: dict[str, str]) -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, lines in messages.items():
        kind = file.message_type.add(name=name)
        for line in lines.strip().splitlines():
            number, form, field = line.split()
            added = kind.field.add(name=field, number=int(number), label=_Kind.LABEL_OPTIONAL)
            if form.startswith("*"):
                added.label, form = _Kind.LABEL_REPEATED, form[1:]
            if form in _TYPES:
                added.type = _TYPES[form]
            else:
                added.type, added.type_name = _Kind.TYPE_MESSAGE, f".{package}.{form}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }


WriteRequest: Any = _classes("prometheus", FIRST_MESSAGES)["WriteRequest"]
Request: Any = _classes("io.prometheus.write.v2", SECOND_MESSAGES)["Request"]


def first(*series: dict[str, Any]) -> bytes:
    """Return a 1.0 message of series such as `{"labels": {...}, "samples": [(value, time_ms)]}`."""
    message = WriteRequest()
    for one in series:
        into = message.timeseries.add()
        for name, value in one["labels"].items():
            into.labels.add(name=name, value=value)
        _fill(into, one)
    return bytes(message.SerializeToString())


def second(*series: dict[str, Any]) -> bytes:
    """Return the same as a 2.0 message; `type` is a series' MetricType."""
    message, symbols = Request(), {"": 0}
    for one in series:
        into = message.timeseries.add()
        for pair in one["labels"].items():
            into.labels_refs.extend(symbols.setdefault(text, len(symbols)) for text in pair)
        into.metadata.type = one.get("type", 0)
        _fill(into, one)
    message.symbols.extend(symbols)
    return bytes(message.SerializeToString())


def _fill(into: Any, one: dict[str, Any]) -> None:
    for value, time_ms in one.get("samples", ()):
        into.samples.add(value=value, timestamp=time_ms)
    for histogram in one.get("histograms", ()):
        into.histograms.add(**histogram)
    for value, time_ms in one.get("exemplars", ()):
        into.exemplars.add(value=value, timestamp=time_ms)
