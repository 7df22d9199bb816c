"""OTLP metrics as sample batches: one batch for each service in each environment."""

from dataclasses import dataclass

from schemas.otlp_columns import MetricColumns
from schemas.otlp_form import is_json
from schemas.otlp_json import json_metrics
from schemas.otlp_points import Metric, ResourceMetrics, Shape
from schemas.otlp_protobuf import protobuf_metrics
from schemas.otlp_resources import Identity, identify
from schemas.otlp_values import Refusals, Refused, bounded, text_of
from schemas.samples import SampleBatch, Temporality

_DELTA, _CUMULATIVE = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRead:
    """What a message held.

    Attributes:
        batches: One for each service in each environment, in the order of their first sample.
        refused: Points that cannot be used, by reason.
    """

    batches: tuple[SampleBatch, ...]
    refused: tuple[Refused, ...]


def read_metrics(data: bytes, *, every_bucket: bool = True) -> MetricsRead:
    """Return the samples of an ExportMetricsServiceRequest, in protobuf or JSON.

    Gauges and sums give VALUE series; a sum that is cumulative and not monotonic is a gauge.
    Histograms give COUNT, SUM (where the sender kept one) and BUCKET series, each BUCKET counting
    everything at or below its upper bound. Exponential histograms and summaries give COUNT and SUM.
    Points flagged as having no recorded value are left out without being refused.

    Args:
        data: The message.
        every_bucket: Give all BUCKET series, which are most of a histogram's samples; else only those of
            durations in seconds at `TAIL_BOUNDS_S`, which tell of slow requests.

    Raises:
        SchemaError: the message is not OTLP metrics at all; a point or resource that cannot be used
            is counted in `refused` instead, and the rest goes on.
    """
    resources = json_metrics(data) if is_json(data) else protobuf_metrics(data)
    refusals = Refusals()
    columns: dict[tuple[str, str], tuple[Identity, MetricColumns]] = {}
    for resource in resources:
        who = identify({name: text_of(value) for name, value in resource.resource.items()})
        if isinstance(who, str):
            refusals.add(who, sum(metric.size for metric in resource.metrics))
            continue
        place = (who.environment, who.service)
        if place not in columns:
            columns[place] = (who, MetricColumns(refusals, every_bucket=every_bucket))
        _read_resource(resource, who, columns[place][1], refusals)
    batches = (into.batch(who) for who, into in columns.values())
    return MetricsRead(
        batches=tuple(batch for batch in batches if batch is not None), refused=refusals.sorted()
    )


def _read_resource(resource: ResourceMetrics, who: Identity, into: MetricColumns, refusals: Refusals) -> None:
    for metric in resource.metrics:
        if not metric.name:
            refusals.add("metric has no name", metric.size)
            continue
        if metric.shape is None:
            refusals.add("metric is of no known kind", metric.size)
            continue
        temporality = _temporality(metric)
        if temporality is None:
            refusals.add("aggregation temporality is unspecified", metric.size)
            continue
        name = bounded(metric.name)
        into.numbers(who, name, temporality, metric.numbers)
        into.counted(who, name, temporality, metric.counted)


def _temporality(metric: Metric) -> Temporality | None:
    """Return what a metric's values say about time, or None when its sender did not say."""
    if metric.shape is Shape.GAUGE:
        return Temporality.GAUGE
    if metric.shape is Shape.SUMMARY:
        return Temporality.CUMULATIVE
    if metric.aggregation == _DELTA:
        return Temporality.DELTA
    if metric.aggregation != _CUMULATIVE:
        return None
    if metric.shape is Shape.SUM and not metric.is_monotonic:
        return Temporality.GAUGE
    return Temporality.CUMULATIVE
