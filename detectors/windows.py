"""Windows: what every pod of one service said lately, interval by interval.

State of the engine: plain and mutable, so that it can be written as JSON and read back exactly.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from detectors.blindness import Blindness
from detectors.log_counts import ERROR_SEVERITY, LOG_TEMPLATES, LogCounts
from detectors.log_templates import LogTemplates
from detectors.matching import LOG_RECORDS, Feed, matcher
from detectors.tracks import RecentPoints, Track, interval_of
from schemas.instants import to_ms
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.observations import LogBatch, PodChange, PodChanged
from schemas.policy import Rule
from schemas.samples import SampleBatch, Series, Temporality

MOST_SERIES = 4096
"""Series of one pod that are followed; more are refused, which bounds memory against runaway attributes."""

MOST_EDGES = 32
"""Callers of one pod that are kept apart; more are counted together as `(others)`."""

MOST_ROUTES = 16
"""Routes of one service that are compared by themselves, those that had requests first; further ones count in
the total only. One keeps a track a pod and selector. Fewer hide endpoints; more split the budget further."""

LARGEST_VALUE = 1e18
"""Magnitude beyond which no reading is meant; sums of such readings would leave what floats can hold."""

_MILLISECOND = timedelta(milliseconds=1)
_SEVERITIES = ((21, "fatal"), (17, "error"), (13, "warn"), (9, "info"), (1, "debug"))
_LOG_SERIES = {
    severity: tuple(
        Series(metric=metric, temporality=Temporality.DELTA, attributes=(("severity", severity),))
        for metric in (LOG_RECORDS, LOG_TEMPLATES)
    )
    for _, severity in _SEVERITIES
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Samples that were not believed, by reason.

    Attributes:
        ahead: Their time is further ahead of the log's than `judge.skew`: a clock is wrong.
        late: Older than what is kept.
        repeated: A reading of that series at that time was there already.
        crowded: The pod sends more series than are followed.
        absurd: Larger than anything that is counted.
    """

    ahead: int = 0
    late: int = 0
    repeated: int = 0
    crowded: int = 0
    absurd: int = 0

    @property
    def total(self) -> int:
        """Return how many were refused."""
        return self.ahead + self.late + self.repeated + self.crowded + self.absurd


@dataclass(slots=True, kw_only=True)
class Pod:
    """One pod, process or instance, and what it said.

    Attributes:
        first_ms: Time of its first sample that was believed; None before.
        last_ms: Time of its newest one.
        ready_ms: When the cluster called it ready; None when nobody said.
        deleted_ms: When it was deleted; None while it lives.
        refused_ahead: Samples refused for a time ahead of the log's since it last was believed.
        refused_ms: The log's time at the newest of them; a pod of which nothing is believed is there, too.
        observer: The calling service that it belongs to, when it told of this service's answers; else "".
        spoken: Samples an interval, whatever they said.
        tracks: By selector and edge, as `key|edge`; each reading is in one.
        routes: What is in the tracks already, by selector and route once more, as `key|route:/pay`.
        series: Newest points of each series, by the series' name.
        lines: What it printed, by statement.
    """

    name: str
    version: str = ""
    template: TemplateHash = NO_TEMPLATE
    first_ms: int | None = None
    last_ms: int | None = None
    ready_ms: int | None = None
    deleted_ms: int | None = None
    refused_ahead: int = 0
    refused_ms: int | None = None
    observer: str = ""
    spoken: Track = field(default_factory=Track)
    tracks: dict[str, Track] = field(default_factory=dict)
    routes: dict[str, Track] = field(default_factory=dict)
    series: dict[str, RecentPoints] = field(default_factory=dict)
    lines: LogCounts = field(default_factory=LogCounts)

    @property
    def born_ms(self) -> int | None:
        """Return when it was ready, or else first spoke."""
        return self.ready_ms if self.ready_ms is not None else self.first_ms

    def track(self, key: str) -> Track | None:
        """Return the track of `key|edge`, where edge is a caller or a route; None for none."""
        found = self.tracks.get(key)
        return self.routes.get(key) if found is None else found

    def edges(self, selector: str) -> tuple[str, ...]:
        """Return the callers that a selector's readings name, sorted."""
        return _edges(tuple(self.tracks), selector)

    def spoke(self, first: int, end: int) -> bool:
        """Return whether it may have said anything in the intervals `first` to `end` - 1; if not, it did not.

        Every reading is in `spoken` as well, so no track holds one where this is false.
        """
        begun = self.spoken.first
        return max(first, begun) < min(end, begun + len(self.spoken.sums))


@lru_cache(maxsize=65536)
def _edges(tracks: tuple[str, ...], selector: str) -> tuple[str, ...]:
    """Return the callers of a selector among the names of tracks, which the pods of a service share."""
    start = f"{selector}|"
    return tuple(sorted(key[len(start) :] for key in tracks if key.startswith(start)))


@dataclass(slots=True, kw_only=True)
class ServiceWindow:
    """What one service in one environment said lately.

    Attributes:
        width_ms: Interval's width; a change of the setting starts the window anew.
        began_ms: Time of the first sample ever seen; what speaks first long after it was born since.
        floor: First interval kept.
        pods: By name; a pod that came back as another version is a pod of its own.
        current: Key in `pods` of each pod name's newest life.
        routes: Routes that are compared by themselves, and the newest interval with requests of each.
        templates: Which statement printed a line.
        blind: When the instruments saw nothing.
    """

    width_ms: int = 0
    began_ms: int | None = None
    floor: int = 0
    pods: dict[str, Pod] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    templates: LogTemplates = field(default_factory=LogTemplates)
    blind: Blindness = field(default_factory=Blindness)

    def add_samples(self, batch: SampleBatch, rule: Rule, now: datetime) -> Refusals:
        """Take in a batch; return how many samples were refused and why.

        Args:
            batch: Samples of this service.
            rule: The rule that holds for it; says what is watched and how long it is kept.
            now: The log's time.
        """
        self._roll(rule, now)
        if self.width_ms <= 0:
            raise ValueError("the window has no width, expected a rule with an interval")
        now_ms = to_ms(now)
        newest_ms = now_ms + rule.judge.skew // _MILLISECOND
        known = matcher(rule)
        feeds = [known.feed(series) for series in batch.series]
        pods: list[Pod | None] = [None] * len(batch.series)
        ahead = late = repeated = crowded = absurd = 0
        for number, time_ms, value in zip(
            batch.series_ids.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True
        ):
            feed = feeds[number]
            if not feed.selectors:
                continue
            series = batch.series[number]
            pod = pods[number]
            if pod is None:
                pod = pods[number] = self._speaker(series, feed, rule)
            if time_ms > newest_ms:
                ahead += 1
                pod.refused_ahead += 1
                pod.refused_ms = now_ms
            elif interval_of(time_ms, series.temporality, self.width_ms) < self.floor:
                late += 1
            elif abs(value) > LARGEST_VALUE:
                absurd += 1
            else:
                taken = self._take(pod, series, feed, time_ms, value)
                repeated += taken == _REPEATED
                crowded += taken == _CROWDED
        return Refusals(ahead=ahead, late=late, repeated=repeated, crowded=crowded, absurd=absurd)

    def add_logs(self, batch: LogBatch, rule: Rule, now: datetime | None = None) -> None:
        """Count a batch of log lines as increases of `suture.log.records`, and each statement by pod.

        A trace's further records count as said and not as lines of their own.
        """
        if now is not None:
            self._roll(rule, now)
        elif not self.width_ms:
            self._roll(rule, None)
        known = matcher(rule)
        feeds = {name: [known.feed(one) for one in series] for name, series in _LOG_SERIES.items()}
        asked = {name for name, found in feeds.items() if any(feed.selectors for feed in found)}
        newest_ms = None if now is None else to_ms(now) + rule.judge.skew // _MILLISECOND
        for line in batch.lines if asked else ():
            severity = next((name for low, name in _SEVERITIES if line.severity >= low), "info")
            index = interval_of(line.time_ms, Temporality.GAUGE, self.width_ms)
            if index < self.floor or (newest_ms and line.time_ms > newest_ms):
                continue
            if severity not in asked and line.pod not in self.current:
                # What nobody counts brings no pod into being, it is only shown.
                continue
            pod = self._pod(line.pod, line.version, line.template, rule)
            if not pod.lines.tail.goes_on(line.text, line.time_ms, line.severity >= ERROR_SEVERITY):
                for feed in feeds[severity]:
                    self._book(pod, feed, index, 1.0, 1)
                statement = self.templates.group(self.templates.learn(line.text))
                pod.lines.add(line, statement, index)
            if severity in asked:
                self._heard(pod, index, line.time_ms)

    def pod_changed(self, change: PodChanged, rule: Rule | None = None) -> None:
        """Note that a pod came or went."""
        pod = self._pod(change.pod, change.version, change.template, rule)
        match change.change:
            case PodChange.READY:
                # A pod that is ready again, after a restart or a bad moment, is no younger for that.
                if pod.ready_ms is None or pod.deleted_ms is not None:
                    pod.ready_ms = to_ms(change.at)
                pod.deleted_ms = None
            case PodChange.DELETED:
                pod.deleted_ms = to_ms(change.at)

    def tick(self, rule: Rule, now: datetime) -> None:
        """Forget what is older than what is kept."""
        self._roll(rule, now)
        self.blind.forget(self.floor * self.width_ms, now)

    def serving_templates(self, before: datetime) -> tuple[TemplateHash, ...]:
        """Return the templates of the pods that spoke before an instant, newest speaker first."""
        before_ms = to_ms(before)
        heard: dict[TemplateHash, int] = {}
        for pod in self.pods.values():
            if (
                pod.template
                and pod.first_ms is not None
                and pod.last_ms is not None
                and pod.first_ms < before_ms
            ):
                last = min(pod.last_ms, before_ms)
                heard[pod.template] = max(heard.get(pod.template, last), last)
        return tuple(sorted(heard, key=lambda template: (-heard[template], template)))

    def templates_of(self, version: str) -> tuple[TemplateHash, ...]:
        """Return the templates that pods of a version were seen with, first seen first."""
        seen: dict[TemplateHash, None] = {}
        for pod in self.pods.values():
            if pod.version == version and pod.template:
                seen.setdefault(pod.template)
        return tuple(seen)

    def _roll(self, rule: Rule, now: datetime | None) -> None:
        """Adopt the rule's interval, and forget what is older than quiet time, watch and recovery."""
        width_ms = rule.judge.interval // _MILLISECOND
        if width_ms != self.width_ms:
            self.width_ms = width_ms
            self.floor = 0
            for pod in self.pods.values():
                pod.spoken, pod.tracks, pod.series, pod.lines = Track(), {}, {}, LogCounts()
                pod.routes = {}
            self.routes = {}
        if now is None:
            return
        kept = rule.judge.quiet + rule.judge.watch + rule.gate.recovery + 2 * rule.judge.interval
        floor = (to_ms(now) - kept // _MILLISECOND) // width_ms
        if floor <= self.floor:
            return
        self.floor = floor
        floor_ms = floor * width_ms
        for key in [key for key, pod in self.pods.items() if _is_forgotten(pod, floor_ms)]:
            name = self.pods.pop(key).name
            if self.current.get(name) == key:
                del self.current[name]
        for route in [route for route, newest in self.routes.items() if newest < floor]:
            del self.routes[route]
        for pod in self.pods.values():
            pod.spoken.drop_before(floor)
            pod.lines.drop_before(floor)
            for track_key in [key for key, track in pod.tracks.items() if track.first < floor]:
                pod.tracks[track_key].drop_before(floor)
                if not pod.tracks[track_key].sums:
                    del pod.tracks[track_key]
            for track_key in list(pod.routes):
                pod.routes[track_key].drop_before(floor)
                if not pod.routes[track_key].sums or track_key.partition("|")[2] not in self.routes:
                    del pod.routes[track_key]
            for series_key in [k for k, p in pod.series.items() if p.times_ms and p.times_ms[-1] < floor_ms]:
                del pod.series[series_key]

    def _speaker(self, series: Series, feed: Feed, rule: Rule) -> Pod:
        """Return the pod that a series speaks for: the service's own, or its caller's."""
        if not feed.observer:
            return self._pod(series.pod, series.version, series.template, rule)
        pod = self._pod(f"{feed.observer}>{series.pod}", "", NO_TEMPLATE, rule)
        pod.observer = feed.observer
        return pod

    def _pod(self, name: str, version: str, template: TemplateHash, rule: Rule | None) -> Pod:
        """Return the pod of that name, version and template, learning what it did not say before."""
        key = self.current.get(name)
        pod = self.pods.get(key) if key is not None else None
        if pod is not None:
            if _fits(pod.version, version) and _fits(pod.template, template):
                pod.version = pod.version or version
                pod.template = pod.template or template
                return pod
            key = f"{name}#{template or version}"
        else:
            key = name
        pod = self.pods.get(key)
        if pod is None:
            if rule is not None and len(self.pods) >= rule.judge.max_pods:
                others = f"(others of {template or version or 'no version'})"
                return self.pods.setdefault(others, Pod(name=others, version=version, template=template))
            pod = self.pods[key] = Pod(name=name, version=version, template=template)
        self.current[name] = key
        return pod

    def _take(self, pod: Pod, series: Series, feed: Feed, time_ms: int, value: float) -> int:
        """Book one sample on its pod's tracks; return what became of it."""
        # Pods that are counted together keep their series apart.
        is_shared = pod.name != series.pod and not pod.observer
        key = f"{series.pod}\x1e{feed.key}" if is_shared else feed.key
        points = pod.series.get(key)
        if points is None:
            if len(pod.series) >= MOST_SERIES:
                return _CROWDED
            is_new = not is_shared and self._is_new(pod, time_ms)
            points = pod.series[key] = RecentPoints(starts_at_zero=is_new)
        at = points.place(time_ms)
        if at < 0:
            return _REPEATED
        index = interval_of(time_ms, series.temporality, self.width_ms)
        if series.temporality is Temporality.CUMULATIVE:
            for change_ms, increase, readings in points.increases(at, time_ms, value):
                place = interval_of(change_ms, series.temporality, self.width_ms)
                if place >= self.floor:
                    self._book(pod, feed, place, increase, readings)
        else:
            points.insert(at, time_ms, value)
            self._book(pod, feed, index, value, 1)
        self._heard(pod, index, time_ms)
        return _TAKEN

    def _is_new(self, pod: Pod, time_ms: int) -> bool:
        """Return whether a series that speaks first now came into being since we listen.

        Then its first value is an increase: an error counter appears with its first error. At the very
        beginning, or when its pod was already old, the first value is history that must not count.
        """
        if pod.first_ms is not None and pod.first_ms < time_ms:
            return True
        return self.began_ms is not None and time_ms - self.began_ms > 2 * self.width_ms

    def _book(self, pod: Pod, feed: Feed, index: int, value: float, readings: int) -> None:
        for key, selector in feed.tracks:
            track = pod.tracks.get(key)
            if track is None:
                crowded = len(pod.edges(selector)) >= MOST_EDGES
                track = pod.tracks.setdefault(f"{selector}|(others)" if crowded else key, Track())
            track.add(index, value, readings)
        if feed.route_tracks and self._is_followed(feed.route, index, value):
            for key in feed.route_tracks:
                track = pod.routes.get(key)
                if track is None:
                    track = pod.routes[key] = Track()
                track.add(index, value, readings)

    def _is_followed(self, route: str, index: int, value: float) -> bool:
        """Return whether a route is compared by itself; one that has requests is, while there is room."""
        newest = self.routes.get(route)
        if newest is None:
            if value <= 0 or len(self.routes) >= MOST_ROUTES:
                return False
            self.routes[route] = index
        elif index > newest and value > 0:
            self.routes[route] = index
        return True

    def _heard(self, pod: Pod, index: int, time_ms: int) -> None:
        pod.spoken.add(index, 1.0)
        pod.refused_ahead = 0
        pod.first_ms = time_ms if pod.first_ms is None else min(pod.first_ms, time_ms)
        pod.last_ms = time_ms if pod.last_ms is None else max(pod.last_ms, time_ms)
        self.began_ms = time_ms if self.began_ms is None else min(self.began_ms, time_ms)


_TAKEN, _REPEATED, _CROWDED = range(3)


def _fits(known: str, said: str) -> bool:
    return not known or not said or known == said


def _is_forgotten(pod: Pod, floor_ms: int) -> bool:
    newest = max(pod.last_ms or 0, pod.ready_ms or 0, pod.deleted_ms or 0, pod.refused_ms or 0)
    return newest < floor_ms
