"""Which series feed which side of a signal, in OpenTelemetry's spelling and in Prometheus'."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from schemas.codec import digest
from schemas.judgements import ROUTE_EDGE
from schemas.policy import Rule
from schemas.samples import Series
from schemas.signals import Field, Selector, Signal, SignalKind, le_text

LOG_RECORDS = "suture.log.records"
"""Metric under which log lines are counted; its attribute `severity` is debug, info, warn, error or fatal."""

_CALLERS = ("suture_caller", "client_service", "peer_service", "source_workload")
_ROUTES = ("http_route", "rpc_method", "route", "handler")
OBSERVER = "suture_observer"
"""Attribute of a sample that a calling service took of this one: who took it. Its pods are the caller's."""

_OTHER = re.compile(r"[^a-z0-9]+")
_UNITS = ("_total", "_seconds", "_milliseconds", "_bytes", "_ratio", "_percent")
_FIELDS = {Field.COUNT: "_count", Field.SUM: "_sum", Field.BUCKET: "_bucket"}
_MOST_SERIES = 100_000
_LONGEST_ROUTE = 200


def plain(name: str) -> str:
    """Return a metric's or attribute's name in the spelling that both worlds share.

    >>> plain("http.response.status_code")
    'http_response_status_code'
    """
    return _OTHER.sub("_", name.lower()).strip("_")


def without_unit(name: str) -> str:
    """Return a plain metric name without the suffixes that Prometheus' exporters add.

    >>> without_unit("http_requests_total"), without_unit("http_server_request_duration_seconds")
    ('http_requests', 'http_server_request_duration')
    """
    for _ in range(2):
        for unit in _UNITS:
            name = name.removesuffix(unit)
    return name


def selector_key(selector: Selector) -> str:
    """Return the name under which a window keeps what a selector matches; equal selectors share it."""
    return _selector_key(selector)


@lru_cache(maxsize=4096)
def _selector_key(selector: Selector) -> str:
    return digest(selector)


@dataclass(frozen=True, slots=True)
class Feed:
    """What a series feeds.

    Attributes:
        key: The series' name within its pod.
        selectors: Keys of the selectors that it matches; empty when nobody asked for it.
        edge: The caller whose requests it counts; "" when it says none.
        observer: The calling service that took the sample; "" for the service's own.
        tracks: Where each selector's readings are booked, as (`key|edge`, key).
        route: The route whose requests it counts, as an edge; "" when it says none, or nobody compares any.
        route_tracks: Where the readings are booked once more for that route, as `key|route:/pay`.
    """

    key: str
    selectors: tuple[str, ...]
    edge: str
    observer: str
    tracks: tuple[tuple[str, str], ...]
    route: str = ""
    route_tracks: tuple[str, ...] = ()


@dataclass(slots=True)
class Matcher:
    """The selectors of one rule, and a memory of the series that were matched against them.

    Attributes:
        selectors: What is asked for.
        by_route: Keys of the selectors that are compared route by route as well.
        known: What each series feeds.
    """

    selectors: tuple["_Pattern", ...]
    by_route: tuple[str, ...] = ()
    known: dict[Series, Feed] = field(default_factory=dict)

    def feed(self, series: Series) -> Feed:
        """Return what a series feeds."""
        found = self.known.get(series)
        if found is None:
            if len(self.known) >= _MOST_SERIES:
                self.known.clear()
            found = self.known[series] = self._match(series)
        return found

    def _match(self, series: Series) -> Feed:
        attributes = {plain(name): value for name, value in series.attributes}
        if series.upper_bound is not None:
            attributes.setdefault("le", le_text(series.upper_bound))
        name = plain(series.metric)
        matched = tuple(
            pattern.key for pattern in self.selectors if pattern.matches(name, series.field, attributes)
        )
        edge = next((attributes[caller] for caller in _CALLERS if attributes.get(caller)), "")
        edge = edge.removeprefix(ROUTE_EDGE)
        parts = [series.metric, series.field, series.temporality, str(series.upper_bound)]
        parts += [f"{key}={value}" for key, value in series.attributes]
        observer = attributes.get(OBSERVER, "")
        edge = observer or edge
        tracks = tuple((f"{selector}|{edge}", selector) for selector in matched)
        # What a caller tells is of its own view; routes are compared between pods only.
        shared = () if observer else tuple(key for key in matched if key in self.by_route)
        route = _route(attributes) if shared else ""
        told = tuple(f"{selector}|{route}" for selector in shared) if route else ()
        return Feed("\x1f".join(parts), matched, edge, observer, tracks, route, told)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A selector, ready to match."""

    key: str
    name: str
    field: Field
    where: tuple[tuple[str, re.Pattern[str]], ...]
    without: tuple[tuple[str, re.Pattern[str]], ...]

    def matches(self, name: str, field_: Field, attributes: dict[str, str]) -> bool:
        suffix = _FIELDS.get(self.field, "")
        is_suffixed = bool(suffix) and field_ is Field.VALUE and name.endswith(suffix)
        if field_ is not self.field and not is_suffixed:
            return False
        if is_suffixed or (suffix and name.endswith(suffix)):
            name = name.removesuffix(suffix)
        if name != self.name and without_unit(name) != without_unit(self.name):
            return False
        for key, pattern in self.where:
            value = attributes.get(key)
            if value is None or not pattern.fullmatch(value):
                return False
        return not any(key in attributes and p.fullmatch(attributes[key]) for key, p in self.without)


def _route(attributes: dict[str, str]) -> str:
    """Return the edge of the route that attributes in the plain spelling name; "" for none."""
    route = next((attributes[name] for name in _ROUTES if attributes.get(name)), "")
    return f"{ROUTE_EDGE}{route[:_LONGEST_ROUTE]}" if route else ""


@lru_cache(maxsize=4096)
def is_by_route(signal: Signal) -> bool:
    """Return whether a signal is compared route by route, where its series name one.

    Its events and what they are out of must be of one instrument: log lines name no route, and held against
    the requests of one they would be none.
    """
    if signal.exposure is None or signal.kind is SignalKind.LEVELS or signal.share <= 0:
        return False
    return without_unit(plain(signal.events.metric)) == without_unit(plain(signal.exposure.metric))


def matcher(rule: Rule) -> Matcher:
    """Return the matcher of a rule's signals and traffic; equal rules share one."""
    asked: list[Selector] = [rule.traffic]
    by_route: list[Selector] = []
    for signal in rule.signals:
        asked += signal.asked
        by_route += signal.asked if is_by_route(signal) else ()
    return _matcher(tuple(dict.fromkeys(asked)), tuple(dict.fromkeys(by_route)))


def level_matcher(rule: Rule) -> Matcher:
    """Return the matcher of a rule's levels; they are kept apart from what a service itself says."""
    return _matcher(tuple(dict.fromkeys(one.reading for one in rule.levels)), ())


@lru_cache(maxsize=256)
def _matcher(selectors: tuple[Selector, ...], by_route: tuple[Selector, ...]) -> Matcher:
    patterns = tuple(_pattern(selector) for selector in selectors)
    return Matcher(patterns, tuple(selector_key(selector) for selector in by_route))


def _pattern(selector: Selector) -> _Pattern:
    def compiled(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
        return tuple((plain(name), re.compile(expression)) for name, expression in pairs)

    return _Pattern(
        key=selector_key(selector),
        name=plain(selector.metric),
        field=selector.field,
        where=compiled(selector.where),
        without=compiled(selector.without),
    )
