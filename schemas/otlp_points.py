"""What a reader of either OTLP form hands over: resources with their metrics or log records."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from schemas.otlp_columns import CountedPoint, NumberPoint
from schemas.otlp_values import Plain


class Shape(StrEnum):
    """Which kind of data a metric holds."""

    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


class Metric(NamedTuple):
    """One metric of one resource.

    Attributes:
        shape: None when the sender wrote none that is known.
        aggregation: AggregationTemporality of OTLP: 0 unspecified, 1 delta, 2 cumulative.
        size: How many points it has.
        numbers: Points of gauges and sums, read once.
        counted: Points of histograms and summaries, read once.
    """

    name: str
    shape: Shape | None
    aggregation: int
    is_monotonic: bool
    size: int
    numbers: Iterable[NumberPoint] = ()
    counted: Iterable[CountedPoint] = ()


class ResourceMetrics(NamedTuple):
    """Metrics of one resource."""

    resource: dict[str, Plain]
    metrics: Iterator[Metric]


class LogRecord(NamedTuple):
    """One log record.

    Attributes:
        time_ns: When it happened; 0 when the source did not say.
        observed_ns: When the collector saw it.
        severity: OpenTelemetry's number, 0 when unset.
    """

    time_ns: int
    observed_ns: int
    severity: int
    severity_text: str
    body: Plain
    attributes: dict[str, Plain]


class ResourceLogs(NamedTuple):
    """Log records of one resource."""

    resource: dict[str, Plain]
    size: int
    records: Iterator[LogRecord]
