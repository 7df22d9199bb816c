"""Series that were asked for, and the OTLP that they become: from there on nothing knows the difference.

A sample's identity is its series and the instant that was asked about, both the same at every asking: what is
put onto the log twice counts once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from pydantic import ConfigDict

MOST_POINTS = 20_000
"""Points of one message; some two megabytes, where ten fit."""

_NS_IN_MS = 1_000_000
_NAME = "__name__"


class PulledKind(StrEnum):
    """What the values of a query say about time.

    COUNTER: everything since the process started; a fall is a restart. DELTA: what was added in the step that
    ends at the sample. GAUGE: the level at that instant.
    """

    COUNTER = "counter"
    DELTA = "delta"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """One text for each thing that a sample must be joined by; "" for none.

    Attributes:
        service: Of the service.
        environment: Where it runs.
        pod: Pod or instance.
        version: What it runs.
        template: Hash of its pod template.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    service: str = ""
    environment: str = ""
    pod: str = ""
    version: str = ""
    template: str = ""

    def over(self, others: "Names") -> "Names":
        """Return these names, and the others' where these have none."""
        names = [one.name for one in fields(self)]
        return Names(**{name: getattr(self, name) or getattr(others, name) for name in names})


_ATTRIBUTES = {
    "service": "service.name",
    "environment": "deployment.environment.name",
    "pod": "k8s.pod.name",
    "version": "service.version",
    "template": "suture.template",
}
"""What a resource calls each name (`schemas.otlp_resources`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledSeries:
    """What a source answered of one series.

    Attributes:
        labels: Its labels or tags.
        points: Milliseconds since the epoch and value, the value finite, rising in time.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledMetric:
    """What a source answered to one query.

    Attributes:
        metric: Name that its samples are given.
        labels: Which label holds which name.
        fixed: Names that hold whatever the labels say.
        series: What came.
    """

    metric: str
    kind: PulledKind
    labels: Names
    fixed: Names
    series: tuple[PulledSeries, ...]

    def resource_of(self, series: PulledSeries) -> dict[str, str]:
        """Return who a series is of, as a resource's attributes; no `service.name` where it is unknown."""
        told = {}
        for role, attribute in _ATTRIBUTES.items():
            text = getattr(self.fixed, role) or series.labels.get(getattr(self.labels, role), "")
            if text:
                told[attribute] = text
        return told

    def attributes_of(self, series: PulledSeries) -> dict[str, str]:
        """Return the labels that name none of these things."""
        used = {getattr(self.labels, role) for role in _ATTRIBUTES if not getattr(self.fixed, role)}
        return {name: text for name, text in series.labels.items() if name != _NAME and name not in used}


def is_named(resource: Mapping[str, str]) -> bool:
    """Return whether a resource names its service, without which nothing can be joined."""
    return bool(resource.get("service.name", "").strip())


def finite(points: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Return the points whose value is a number: a quotient of nothing by nothing says nothing."""
    return tuple((at, value) for at, value in points if isfinite(value))


def otlp_requests(metrics: Iterable[PulledMetric]) -> Iterator[ExportMetricsServiceRequest]:
    """Yield the samples of series that name a service, as OTLP requests of bounded size."""
    rows: list[tuple[PulledMetric, PulledSeries]] = []
    count = 0
    for metric in metrics:
        for series in metric.series:
            if not series.points or not is_named(metric.resource_of(series)):
                continue
            if rows and count + len(series.points) > MOST_POINTS:
                yield _request(rows)
                rows, count = [], 0
            rows.append((metric, series))
            count += len(series.points)
    if rows:
        yield _request(rows)


def _request(rows: Iterable[tuple[PulledMetric, PulledSeries]]) -> ExportMetricsServiceRequest:
    resources: dict[tuple[tuple[str, str], ...], dict[str, list[tuple[PulledMetric, PulledSeries]]]] = (
        defaultdict(lambda: defaultdict(list))
    )
    for metric, series in rows:
        who = tuple(metric.resource_of(series).items())
        resources[who][f"{metric.metric}\x1f{metric.kind}"].append((metric, series))
    request = ExportMetricsServiceRequest()
    for who, by_metric in resources.items():
        resource = request.resource_metrics.add()
        resource.resource.attributes.extend(_key_values(dict(who)))
        scope = resource.scope_metrics.add()
        for found in by_metric.values():
            first, _ = found[0]
            into = _named(scope.metrics.add(), first)
            points = into.gauge.data_points if first.kind is PulledKind.GAUGE else into.sum.data_points
            for metric, series in found:
                attributes = _key_values(metric.attributes_of(series))
                for at_ms, value in series.points:
                    points.add(attributes=attributes, time_unix_nano=at_ms * _NS_IN_MS, as_double=value)
    return request


def _named(into: Metric, metric: PulledMetric) -> Metric:
    """Return OTLP's metric with what its points mean."""
    into.name = metric.metric
    if metric.kind is PulledKind.GAUGE:
        return into
    into.sum.is_monotonic = True
    into.sum.aggregation_temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        if metric.kind is PulledKind.COUNTER
        else AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    )
    return into


def _key_values(texts: Mapping[str, str]) -> list[KeyValue]:
    found = []
    for name, text in texts.items():
        one = KeyValue(key=name)
        one.value.string_value = text
        found.append(one)
    return found
