"""Signals: what of a service's telemetry is watched, and which way is bad."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isinf

from pydantic import ConfigDict

from schemas.keys import SignalName

_STRICT = ConfigDict(extra="forbid")

TAIL_BOUNDS_S = (0.1, 0.5, 2.5)
"""Bounds in seconds by which slow requests are told: some of those that histograms of durations mostly have.
Each costs a sample of every histogram that is read; fewer leave gaps in which a service's tail hides."""


class Direction(StrEnum):
    """Which way of moving is damage."""

    UP = "up"
    DOWN = "down"


class SignalKind(StrEnum):
    """How a signal's numbers come about, which decides the test that weighs them.

    COUNTS: events out of an exposure (errors of requests). MEANS: a sum over a count (latency of
    requests). LEVELS: a gauge that is read now and then (memory). Counts beat ratios: a ratio
    without its exposure is a LEVEL.
    """

    COUNTS = "counts"
    MEANS = "means"
    LEVELS = "levels"


class Field(StrEnum):
    """Which number of a telemetry point a series carries."""

    VALUE = "value"
    COUNT = "count"
    SUM = "sum"
    BUCKET = "bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which series add up to one side of a signal.

    Attributes:
        metric: Metric's name as OpenTelemetry writes it; Prometheus' spelling (dots and slashes as
            underscores, unit and `_total` suffixes) matches as well.
        field: Which number of the point; VALUE for gauges and sums.
        where: Attribute name to a regular expression that must match the whole value. A series
            without the attribute does not match.
        without: Attribute name to a regular expression that must not match the whole value.
    """

    __pydantic_config__ = _STRICT

    metric: str
    field: Field = Field.VALUE
    where: tuple[tuple[str, str], ...] = ()
    without: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing to watch about a service.

    Attributes:
        name: What people call it, such as `errors`.
        kind: Which test weighs it.
        direction: Which way is bad.
        events: What is counted, summed or read.
        exposure: For COUNTS and MEANS: out of how many; None for LEVELS.
        margin_ratio: Relative change that nobody minds and that is part of "no damage": 0.1 lets a
            level rise by a tenth. Too small convicts trifles on busy services; too large is late.
        margin_floor: Absolute change in the signal's unit that nobody minds, whatever the ratio.
        share: Share of the release's false-rollback budget that this signal may spend, relative to
            the other signals' shares; 0 shows the signal and never convicts by it.
        unit: UCUM unit, for people.
        ceiling: For LEVELS that say how much goes well: the reading of a service that always succeeds, such
            as 100 for percent. The signal is then what is missing from it, which `direction`, the margins
            and the texts are about: twice the failures matter, not half a percent of success. None weighs
            the readings as they are.
        warm_up: Intervals of a fresh pod that do not count, for MEANS, LEVELS and slow requests: caches fill,
            code is compiled, pools open. Shorter convicts cold pods; longer finds slow ones later.
        bound: For COUNTS of a histogram's buckets: an event is a measurement above this bound, in `unit`,
            which must be one of the histogram's own; OTLP offers `TAIL_BOUNDS_S` of metrics that end in
            `.duration`. None counts as `events` says.
        bound_share: The same with a bound that is learnt of each service at each look: the smallest of
            `TAIL_BOUNDS_S` that at most this share of its measurements exceeds without the release. Larger
            takes smaller bounds, nearer to the middle; smaller needs a rarer tail to be there. None learns
            nothing.
        expected_ratio: By how many times damage is thought to move it; None thinks of every size alike. A
            good guess finds such damage sooner and other damage a little later.
    """

    __pydantic_config__ = _STRICT

    name: SignalName
    kind: SignalKind
    direction: Direction = Direction.UP
    events: Selector
    exposure: Selector | None = None
    margin_ratio: float = 0.1
    margin_floor: float = 0.0
    share: float = 1.0
    unit: str = "1"
    warm_up: int = 2
    ceiling: float | None = None
    bound: float | None = None
    bound_share: float | None = None
    expected_ratio: float | None = None

    def __post_init__(self) -> None:
        if (self.exposure is None) != (self.kind is SignalKind.LEVELS):
            raise ValueError(
                f"signal {self.name} is of kind {self.kind}, expected an exposure unless it is levels"
            )
        if self.margin_ratio < 0 or self.margin_floor < 0 or self.share < 0 or self.warm_up < 0:
            raise ValueError(f"signal {self.name}: margins, share and warm-up must not be negative")
        if self.expected_ratio is not None and not self.expected_ratio > 1:
            raise ValueError(
                f"signal {self.name}: expected_ratio is {self.expected_ratio:g}, expected more than 1"
            )
        if self.ceiling is not None and self.kind is not SignalKind.LEVELS:
            raise ValueError(f"signal {self.name} is of kind {self.kind} with a ceiling, expected levels")
        if self.is_tail:
            self._check_tail()

    def _check_tail(self) -> None:
        if self.bound is not None and self.bound_share is not None:
            raise ValueError(f"signal {self.name} has a bound and a bound_share, expected one of them")
        if self.bound is not None and not self.bound > 0:
            raise ValueError(f"signal {self.name}: bound is {self.bound:g}, expected more than 0")
        if self.bound_share is not None and not 0 < self.bound_share < 1:
            raise ValueError(
                f"signal {self.name}: bound_share is {self.bound_share:g}, expected between 0 and 1"
            )
        if self.kind is not SignalKind.COUNTS or self.direction is not Direction.UP:
            raise ValueError(f"signal {self.name} has a bound, expected counts of which more is bad")
        # Both come in one point of a histogram, so what one series lacks is known from the other.
        if self.events.field is not Field.BUCKET or self.exposure != replace(self.events, field=Field.COUNT):
            raise ValueError(
                f"signal {self.name} has a bound, expected events of the field bucket, and the same metric's "
                "count as exposure"
            )

    @property
    def is_tail(self) -> bool:
        """Return whether it counts measurements above a bound, known or yet to be learnt."""
        return self.bound is not None or self.bound_share is not None

    @property
    def has_warm_up(self) -> bool:
        """Return whether fresh pods are given time: what they do slowly, they need not do wrongly."""
        return self.kind is not SignalKind.COUNTS or self.is_tail

    @property
    def asked(self) -> tuple[Selector, ...]:
        """Return the series that it goes by, those of every bound that it may learn among them."""
        events: tuple[Selector, ...]
        if self.bound is not None:
            events = (within(self.events, self.bound),)
        elif self.bound_share is not None:
            events = tuple(within(self.events, bound) for bound in TAIL_BOUNDS_S)
        else:
            events = (self.events,)
        return events if self.exposure is None else (*events, self.exposure)


def le_text(bound: float) -> str:
    """Return a bucket's upper bound as Prometheus writes its label `le`.

    >>> le_text(0.5), le_text(1.0), le_text(float("inf"))
    ('0.5', '1', '+Inf')
    """
    return "+Inf" if isinf(bound) else repr(float(bound)).removesuffix(".0")


def within(buckets: Selector, bound: float) -> Selector:
    r"""Return the selector of the one bucket that counts everything at or below a bound.

    Exporters write a whole bound with or without a fraction of zero.

    >>> within(Selector(metric="m", field=Field.BUCKET), 0.5).where
    (('le', '0\\.50*'),)
    """
    text = re.escape(le_text(bound))
    zeros = "0*" if "." in text else r"(\.0+)?"
    return replace(buckets, where=(*buckets.where, ("le", text + zeros)))


def default_signals() -> tuple[Signal, ...]:
    """Return the signals of an HTTP service under the OpenTelemetry semantic conventions, v1.44.

    Source: opentelemetry.io/docs/specs/semconv, HTTP server metrics and process metrics.
    """
    duration = "http.server.request.duration"
    requests = Selector(metric=duration, field=Field.COUNT)
    return (
        Signal(
            name=SignalName("errors"),
            kind=SignalKind.COUNTS,
            events=Selector(
                metric=duration, field=Field.COUNT, where=(("http.response.status_code", "5.."),)
            ),
            exposure=requests,
            margin_ratio=0.25,
            margin_floor=0.001,
            share=2.0,
        ),
        Signal(
            name=SignalName("latency"),
            kind=SignalKind.MEANS,
            events=Selector(metric=duration, field=Field.SUM),
            exposure=requests,
            margin_ratio=0.2,
            margin_floor=0.002,
            unit="s",
        ),
        # What the mean hides: three in a hundred that take a hundred times as long.
        Signal(
            name=SignalName("slow"),
            kind=SignalKind.COUNTS,
            events=Selector(metric=duration, field=Field.BUCKET),
            exposure=requests,
            margin_ratio=0.5,
            margin_floor=0.005,
            unit="s",
            bound_share=0.05,
        ),
        Signal(
            name=SignalName("log_errors"),
            kind=SignalKind.COUNTS,
            events=Selector(metric="suture.log.records", where=(("severity", "error|fatal"),)),
            exposure=requests,
            margin_ratio=0.5,
            margin_floor=0.01,
        ),
        # Each statement that prints errors by itself: a new one is found long before it moves the total.
        Signal(
            name=SignalName("log_templates"),
            kind=SignalKind.COUNTS,
            events=Selector(metric="suture.log.templates", where=(("severity", "error|fatal"),)),
            exposure=requests,
            margin_ratio=0.5,
            margin_floor=0.002,
            share=0.5,
        ),
        Signal(
            name=SignalName("memory"),
            kind=SignalKind.LEVELS,
            events=Selector(metric="process.memory.usage"),
            margin_ratio=0.5,
            share=0.0,
            unit="By",
        ),
    )


def requests_selector() -> Selector:
    """Return what counts as traffic for the presence checks."""
    return Selector(metric="http.server.request.duration", field=Field.COUNT)
