"""Columns in the making: points of one message, sorted into one batch a service.

Whatever form the message has, its reader hands over points through `MetricColumns`; what a point of each
kind means is said once, here.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, pairwise
from math import inf, isfinite
from typing import NamedTuple, TypeAlias

import numpy as np

from schemas.otlp_resources import Identity
from schemas.otlp_values import MOST_ATTRIBUTES, Attributes, Refusals, milliseconds
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import TAIL_BOUNDS_S, Field

NO_RECORDED_VALUE = 1
"""Bit of a point's flags: the series ended here, and the value means nothing."""


DURATIONS = ".duration"
"""How the semantic conventions end the names of durations in seconds."""

_NO_BUCKETS: tuple[tuple[int, ...], tuple[float, ...]] = ((), ())
_Kept: TypeAlias = Attributes | tuple[Attributes, tuple[float, ...], bool]


class NumberPoint(NamedTuple):
    """A point of a gauge or a sum; `value` is None when the point carries none."""

    attributes: Attributes
    time_ns: int
    flags: int
    value: float | None


class CountedPoint(NamedTuple):
    """A point of a histogram or a summary.

    Attributes:
        recorded: How many measurements the point stands for.
        sum: None when the sender kept none.
        bounds: Inclusive upper edges of all buckets but the last, rising.
        counts: Points in each bucket, one more than bounds; empty without buckets.
    """

    attributes: Attributes
    time_ns: int
    flags: int
    recorded: int
    sum: float | None
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class MetricColumns:
    """The samples of one service in one environment, while its message is being read.

    Args:
        refusals: Where to count what cannot be used.
        every_bucket: Keep all buckets of histograms; else the few that tell of slow requests.
    """

    __slots__ = ("_every_bucket", "_ids", "_known", "_refusals", "_series", "_times", "_values")

    def __init__(self, refusals: Refusals, *, every_bucket: bool) -> None:
        self._refusals = refusals
        self._every_bucket = every_bucket
        self._series: list[Series] = []
        # Which ids a resource's metric has, by what tells its series apart: hashing a Series is slow.
        self._known: dict[tuple[Identity, str, Temporality], dict[_Kept, tuple[int, ...]]] = {}
        self._ids: list[int] = []
        self._times: list[int] = []
        self._values: list[float] = []

    def numbers(
        self, who: Identity, metric: str, temporality: Temporality, points: Iterable[NumberPoint]
    ) -> None:
        """Add the points of a gauge or a sum."""
        known = self._known.setdefault((who, metric, temporality), {})
        for attributes, time_ns, flags, value in points:
            if flags & NO_RECORDED_VALUE:
                continue
            if value is None or not isfinite(value):
                self._refusals.add("value is missing or not finite")
                continue
            time_ms = self._usable(attributes, time_ns)
            if time_ms is None:
                continue
            ids = known.get(attributes)
            if ids is None:
                ids = (self._id(self._named(who, metric, Field.VALUE, temporality, attributes)),)
                known[attributes] = ids
            self._add(ids[0], time_ms, value)

    def counted(
        self, who: Identity, metric: str, temporality: Temporality, points: Iterable[CountedPoint]
    ) -> None:
        """Add the points of a histogram or a summary: COUNT, SUM, and BUCKET series.

        Buckets are made cumulative over bounds, as Prometheus' `le` has them: a BUCKET series counts
        the points at or below its upper bound, and the last one, at infinity, counts all. Where only a few
        are kept, they are those of `TAIL_BOUNDS_S` that the histogram has, of metrics that say `.duration`:
        the same of every pod and point.
        """
        are_few = not self._every_bucket
        are_none = are_few and not metric.endswith(DURATIONS)
        known = self._known.setdefault((who, metric, temporality), {})
        for attributes, time_ns, flags, recorded, total, bounds, counts in points:
            if flags & NO_RECORDED_VALUE:
                continue
            if total is not None and not isfinite(total):
                self._refusals.add("sum is not finite")
                continue
            if counts and not _are_buckets(bounds, counts):
                self._refusals.add("buckets do not fit their bounds")
                continue
            time_ms = self._usable(attributes, time_ns)
            if time_ms is None:
                continue
            places, edges = _NO_BUCKETS if are_none or not counts else _kept_buckets(bounds, are_few)
            kept: _Kept = (attributes, edges, total is None)
            ids = known.get(kept)
            if ids is None:
                fields = [(Field.COUNT, None), *((Field.BUCKET, edge) for edge in edges)]
                if total is not None:
                    fields.append((Field.SUM, None))
                ids = tuple(
                    self._id(self._named(who, metric, field, temporality, attributes, edge))
                    for field, edge in fields
                )
                known[kept] = ids
            self._add(ids[0], time_ms, float(recorded))
            if total is not None:
                self._add(ids[-1], time_ms, total)
            if places:
                below = list(accumulate(counts))
                for number, place in enumerate(places, start=1):
                    self._add(ids[number], time_ms, float(below[place]))

    def batch(self, who: Identity) -> SampleBatch | None:
        """Return the columns, or None when there is no sample."""
        if not self._values:
            return None
        return SampleBatch(
            environment=who.environment,
            service=who.service,
            series=tuple(self._series),
            series_ids=np.asarray(self._ids, dtype=np.int32),
            times_ms=np.asarray(self._times, dtype=np.int64),
            values=np.asarray(self._values, dtype=np.float64),
        )

    def _usable(self, attributes: Attributes, time_ns: int) -> int | None:
        time_ms = milliseconds(time_ns)
        if time_ms is None:
            self._refusals.add("time is missing or absurd")
            return None
        if len(attributes) > MOST_ATTRIBUTES:
            self._refusals.add("point has too many attributes")
            return None
        return time_ms

    def _named(
        self,
        who: Identity,
        metric: str,
        field: Field,
        temporality: Temporality,
        attributes: Attributes,
        edge: float | None = None,
    ) -> Series:
        if who.instance:
            attributes = tuple(sorted((*attributes, ("service.instance.id", who.instance))))
        return Series(
            metric=metric,
            field=field,
            temporality=temporality,
            pod=who.pod,
            version=who.version,
            template=who.template,
            attributes=attributes,
            upper_bound=edge,
        )

    def _id(self, series: Series) -> int:
        self._series.append(series)
        return len(self._series) - 1

    def _add(self, series: int, time_ms: int, value: float) -> None:
        self._ids.append(series)
        self._times.append(time_ms)
        self._values.append(value)


@lru_cache(maxsize=1024)
def _kept_buckets(bounds: tuple[float, ...], are_few: bool) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the numbers and upper bounds of the buckets to keep."""
    edges = (*bounds, inf)
    kept = [place for place, edge in enumerate(edges) if not are_few or edge in TAIL_BOUNDS_S]
    return tuple(kept), tuple(edges[place] for place in kept)


def _are_buckets(bounds: tuple[float, ...], counts: tuple[int, ...]) -> bool:
    """Return whether there is one more count than bounds, and the bounds rise."""
    return (
        len(counts) == len(bounds) + 1
        and all(isfinite(bound) for bound in bounds)
        and all(low < high for low, high in pairwise(bounds))
    )
