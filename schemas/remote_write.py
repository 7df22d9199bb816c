"""Prometheus remote write, 1.0 and 2.0, as sample batches: one batch for each service in each environment.

Sources: prometheus.io/docs/specs/prw/remote_write_spec and remote_write_spec_2_0; OpenMetrics 1.0, section 5,
for what the ends of names mean.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName
from schemas.otlp_resources import Identity
from schemas.otlp_values import (
    EARLIEST_MS,
    LATEST_MS,
    MOST_ATTRIBUTES,
    Refusals,
    Refused,
    bounded,
    bounded_attributes,
)
from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames
from schemas.remote_write_walk import COUNT_WHOLE, GAUGE_HISTOGRAM, STALE, SUM, VALUE, Walked, walk
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import TAIL_BOUNDS_S, Field

_MOST_REMEMBERED = 1 << 16  # series of which it is known what they are; some 100 MiB
_LONGEST_REMEMBERED = 4096  # bytes of labels
_DURATIONS = "_seconds"  # how names of durations end


class RemoteWriteVersion(StrEnum):
    """Which message it is, as the content type's `proto` says it."""

    FIRST = "prometheus.WriteRequest"
    SECOND = "io.prometheus.write.v2.Request"


class MetricType(IntEnum):
    """What a series is, as 2.0 says it with each and 1.0 nowhere near."""

    UNSPECIFIED = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGE_HISTOGRAM = 4
    SUMMARY = 5
    INFO = 6
    STATE_SET = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteRead:
    """What a message held.

    Attributes:
        batches: One for each service in each environment, in the order of their first series.
        refused: Samples that cannot be used here although nothing is wrong with them, by reason.
        invalid: Samples that the protocol does not allow, by reason; their sender must not repeat them.
        samples: How many samples are neither, stale markers among them.
        histograms: How many native histograms are neither.
        exemplars: How many exemplars came; none is kept.
    """

    batches: tuple[SampleBatch, ...]
    refused: tuple[Refused, ...]
    invalid: tuple[Refused, ...]
    samples: int
    histograms: int
    exemplars: int


def version_of(data: bytes) -> RemoteWriteVersion:
    """Return which message it is, told from its first byte: the two share no field.

    >>> version_of(bytes([0x0A, 0x00])), version_of(bytes([0x22, 0x00]))
    (<RemoteWriteVersion.FIRST: 'prometheus.WriteRequest'>, <RemoteWriteVersion.SECOND: \
'io.prometheus.write.v2.Request'>)
    """
    return RemoteWriteVersion.SECOND if data[:1] in (b"\x22", b"\x2a") else RemoteWriteVersion.FIRST


def read_remote_write(
    data: bytes,
    version: RemoteWriteVersion,
    labels: LabelNames = DEFAULT_LABELS,
    *,
    every_bucket: bool = True,
) -> RemoteWriteRead:
    """Return the samples of a remote write message, unpacked.

    Names that end in `_total`, and what 2.0 calls a counter, give cumulative VALUE series under the name as
    it is. `x_bucket` with a label `le`, `x_count` and `x_sum` give BUCKET, COUNT and SUM of `x`, as OTLP's
    histograms do, unless 2.0 says that they are gauges. Native histograms give COUNT and SUM. All else is a
    gauge. A stale marker ends its series and is no value, nor is any other that is not finite: a quantile of
    nothing is NaN.

    Args:
        data: The message.
        version: Which of the two it is.
        labels: Which labels say whose a series is.
        every_bucket: Give all BUCKET series; else only those of durations in seconds at `TAIL_BOUNDS_S`.

    Raises:
        SchemaError: the message is none at all. A series that cannot be used is counted instead, and the rest
            goes on.
    """
    return _reader(labels, every_bucket).read(walk(data, is_second=version is RemoteWriteVersion.SECOND))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a series is: one of a sample's, two of a histogram's, none where nobody asks for it."""

    place: tuple[EnvironmentName, ServiceName]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class _Unusable:
    """Why a series cannot be used."""

    reason: str
    is_invalid: bool


class _Place:
    """The series of one service in one environment in one message."""

    __slots__ = ("number", "series")

    def __init__(self, number: int) -> None:
        self.number = number
        self.series: list[Series] = []


_NOWHERE = -1


class _Reader:
    """Reads messages, and remembers what the series are that it has met.

    Args:
        labels: Which labels say whose a series is.
        every_bucket: Give all BUCKET series.
    """

    def __init__(self, labels: LabelNames, every_bucket: bool) -> None:
        self._labels = labels
        self._every_bucket = every_bucket
        self._known: dict[tuple[bytes, int, bool], _Known | _Unusable] = {}

    def read(self, walked: Walked) -> RemoteWriteRead:
        """Return a message's samples."""
        refusals, invalid = Refusals(), Refusals()
        count = len(walked.starts)
        is_whole = walked.holds == VALUE
        as_samples = np.bincount(walked.owners[is_whole], minlength=count)
        histograms = (walked.holds != VALUE) & (walked.holds != SUM)
        as_histograms = np.bincount(walked.owners[histograms], minlength=count)
        places: dict[tuple[EnvironmentName, ServiceName], _Place] = {}
        # Of each series, first as one of samples, then as one of histograms: its place, and its number there.
        where, first = np.full((2, count), _NOWHERE, np.int64), np.zeros((2, count), np.int64)
        usable = [0, 0]
        starts, stops, kinds = walked.starts.tolist(), walked.stops.tolist(), walked.kinds.tolist()
        for form, sizes in enumerate((as_samples, as_histograms)):
            found_where: list[int] = []
            found_first: list[int] = []
            owners = np.flatnonzero(sizes)
            for owner, size in zip(owners.tolist(), sizes[owners].tolist(), strict=True):
                known = self._what(walked.labels[starts[owner] : stops[owner]], kinds[owner], form == 1)
                if isinstance(known, _Unusable):
                    (invalid if known.is_invalid else refusals).add(known.reason, size)
                    found_where.append(_NOWHERE)
                    found_first.append(0)
                    continue
                usable[form] += size
                if not known.series:
                    found_where.append(_NOWHERE)
                    found_first.append(0)
                    continue
                place = places.get(known.place)
                if place is None:
                    place = places[known.place] = _Place(len(places))
                found_where.append(place.number)
                found_first.append(len(place.series))
                place.series += known.series
            where[form, owners], first[form, owners] = found_where, found_first
        form_of_row = (~is_whole).astype(np.int64)
        places_of_rows = where[form_of_row, walked.owners]
        ids = first[form_of_row, walked.owners] + (walked.holds == SUM)
        falling = (walked.holds == GAUGE_HISTOGRAM) & (places_of_rows != _NOWHERE)
        if falling.any():
            refusals.add("native histogram is a gauge", int(falling.sum()))
            usable[1] -= int(falling.sum())
            places_of_rows[falling] = _NOWHERE
        values = np.where(walked.holds == COUNT_WHOLE, walked.bits.astype(np.float64), _doubles(walked.bits))
        is_timed = (walked.times_ms >= EARLIEST_MS) & (walked.times_ms < LATEST_MS)
        untimed = (places_of_rows != _NOWHERE) & ~is_timed & (walked.holds != SUM)
        if untimed.any():
            refusals.add("time is missing or absurd", int(untimed.sum()))
            usable[0] -= int((untimed & is_whole).sum())
            usable[1] -= int((untimed & ~is_whole).sum())
        is_kept = (places_of_rows != _NOWHERE) & is_timed & np.isfinite(values)
        batches = []
        for (environment, service), place in places.items():
            rows = is_kept if len(places) == 1 else is_kept & (places_of_rows == place.number)
            if rows.any():
                batches.append(
                    _batch(environment, service, place.series, ids[rows], walked.times_ms[rows], values[rows])
                )
        return RemoteWriteRead(
            batches=tuple(batches),
            refused=refusals.sorted(),
            invalid=invalid.sorted(),
            samples=usable[0],
            histograms=usable[1],
            exemplars=walked.exemplars,
        )

    def _what(self, labels: bytes, kind: int, is_histogram: bool) -> _Known | _Unusable:
        key = (labels, kind, is_histogram)
        found = self._known.get(key)
        if found is None:
            found = self._made(labels, kind, is_histogram)
            if len(labels) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[key] = found
        return found

    def _made(self, labels: bytes, kind: int, is_histogram: bool) -> _Known | _Unusable:
        try:
            pairs = list(_labels(labels))
        except UnicodeDecodeError:
            return _Unusable("label is not UTF-8", is_invalid=True)
        said = dict(pairs)
        if len(said) < len(pairs):
            return _Unusable("label comes twice", is_invalid=True)
        name = said.pop("__name__", "")
        if not name:
            return _Unusable("series has no name", is_invalid=True)
        if "" in said:
            return _Unusable("label has no name", is_invalid=True)
        for label in self._labels.ignored:
            said.pop(label, None)
        told = self._labels.identity(said, name)
        if isinstance(told, str):
            return _Unusable(told, is_invalid=False)
        who, used = told
        attributes = {label: text for label, text in said.items() if label not in used and text}
        place = (who.environment, who.service)
        if is_histogram:
            return _Known(place, self._native(name, who, attributes))
        metric, field, temporality, bound = self._meaning(name, kind, attributes)
        if bound is not None:
            if isnan(bound):
                return _Unusable("bucket's bound is no number", is_invalid=True)
            if not self._every_bucket and not (metric.endswith(_DURATIONS) and bound in TAIL_BOUNDS_S):
                return _Known(place, ())
        if len(attributes) > MOST_ATTRIBUTES:
            return _Unusable("series has too many labels", is_invalid=False)
        return _Known(place, (_series(metric, field, temporality, who, attributes, bound),))

    def _native(self, name: str, who: Identity, attributes: dict[str, str]) -> tuple[Series, ...]:
        return tuple(
            _series(name, field, Temporality.CUMULATIVE, who, attributes, None)
            for field in (Field.COUNT, Field.SUM)
        )

    def _meaning(
        self, name: str, kind: int, attributes: dict[str, str]
    ) -> tuple[str, Field, Temporality, float | None]:
        """Return the metric, which number of it the series is, and what its values say about time.

        Takes a bucket's bound out of the attributes.
        """
        base, underscore, end = name.rpartition("_")
        is_counted = kind in (MetricType.UNSPECIFIED, MetricType.HISTOGRAM, MetricType.SUMMARY)
        if name in self._labels.gauges:
            return name, Field.VALUE, Temporality.GAUGE, None
        if is_counted and underscore and base:
            if end == "bucket" and "le" in attributes and kind != MetricType.SUMMARY:
                return base, Field.BUCKET, Temporality.CUMULATIVE, _bound(attributes.pop("le"))
            if end in ("count", "sum"):
                return base, Field(end), Temporality.CUMULATIVE, None
        is_counter = kind == MetricType.COUNTER or (kind == MetricType.UNSPECIFIED and end == "total")
        temporality = Temporality.CUMULATIVE if is_counter else Temporality.GAUGE
        return name, Field.VALUE, temporality, None


@lru_cache(maxsize=8)
def _reader(labels: LabelNames, every_bucket: bool) -> _Reader:
    return _Reader(labels, every_bucket)


def _series(
    metric: str,
    field: Field,
    temporality: Temporality,
    who: Identity,
    attributes: dict[str, str],
    bound: float | None,
) -> Series:
    return Series(
        metric=bounded(metric),
        field=field,
        temporality=temporality,
        pod=who.pod,
        version=who.version,
        template=who.template,
        attributes=bounded_attributes(attributes),
        upper_bound=bound,
    )


def _batch(
    environment: EnvironmentName,
    service: ServiceName,
    series: list[Series],
    ids: NDArray[np.int64],
    times_ms: NDArray[np.int64],
    values: NDArray[np.float64],
) -> SampleBatch:
    """Return the batch, with the series that it needs and no others."""
    needed, dense = np.unique(ids, return_inverse=True)
    return SampleBatch(
        environment=environment,
        service=service,
        series=tuple(series) if len(needed) == len(series) else tuple(series[n] for n in needed.tolist()),
        series_ids=dense.astype(np.int32),
        times_ms=times_ms,
        values=values,
    )


def _doubles(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return what the bits say, stale markers as what is not finite."""
    return np.where(bits == STALE, np.uint64(0x7FF8000000000000), bits).view(np.float64)


def _bound(text: str) -> float:
    """Return a bucket's upper bound; NaN when it is none."""
    try:
        bound = float(text)
    except ValueError:
        return float("nan")
    return inf if bound == inf else bound


def _labels(data: bytes) -> list[tuple[str, str]]:
    """Return the labels of a series, which stand as fields 1 between others.

    Raises:
        SchemaError: the bytes are none.
        UnicodeDecodeError: a label is not UTF-8.
    """
    found = []
    for number, content in _fields(data):
        if number == 1:
            name = text = b""
            for part, inside in _fields(content):
                if part == 1:
                    name = inside
                elif part == 2:
                    text = inside
            found.append((name.decode(), text.decode()))
    return found


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """Return the fields of a message; other than of bytes they are empty."""
    found, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        size = {1: 8, 5: 4}.get(wire)
        if wire == 0:
            _, at = _varint(data, at)
            size = 0
        elif wire == 2:
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise SchemaError("message is no remote write request: a label is malformed")
        found.append((number, data[at : at + size] if wire == 2 else b""))
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise SchemaError("message is no remote write request: a label is malformed")
