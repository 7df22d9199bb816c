"""Gauges above a fixed level for some time on enough pods of a service: a failure, and its end.

A threshold and a duration, and no statistics: for resources whose limit is known, where "unlike the past"
comes too late or not at all. Readings do not count as a pod's word: what the kubelet tells of a pod goes on
when the pod itself has fallen silent.

State of the engine: plain, bounded by the rules, the service's pods and the intervals that are still open.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from detectors.matching import level_matcher, selector_key
from detectors.tracks import interval_of
from schemas.failures import Failure, failure_id
from schemas.instants import from_ms, to_ms
from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash
from schemas.levels import LevelRule
from schemas.observations import FailureCleared, FailureSeen
from schemas.policy import Rule
from schemas.releases import Target
from schemas.samples import SampleBatch, Temporality

SILENT = timedelta(hours=1)
"""A failure of which no pod tells anything for so long is over, because nobody knows of it any more."""

MOST_CAUGHT_UP = 1_000
"""Intervals that are looked at after a gap; older ones are passed over."""

_MILLISECOND = timedelta(milliseconds=1)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class PodLevel:
    """What one pod read.

    Attributes:
        sums: Open interval to the sum of its readings and their number.
    """

    version: str
    template: TemplateHash
    sums: dict[int, tuple[float, int]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class HighLevel:
    """One level of one service.

    Attributes:
        bad_since_ms: Start of the first interval of those, up to now, in which enough pods were too high.
        good_since_ms: The same of those in which they were not.
        heard_ms: End of the last interval in which any pod told it.
        told: The failure that lasts, as it was said last.
    """

    pods: dict[str, PodLevel] = field(default_factory=dict)
    bad_since_ms: int | None = None
    good_since_ms: int | None = None
    heard_ms: int = 0
    told: Failure | None = None


@dataclass(slots=True, kw_only=True)
class HighLevels:
    """All levels of one service.

    Attributes:
        width_ms: Interval's width.
        next: First interval that is still open.
        levels: By name of the rule.
    """

    width_ms: int = 0
    next: int = 0
    levels: dict[str, HighLevel] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        """Return whether the passing of time may make it say something."""
        return any(one.pods or one.told is not None for one in self.levels.values())


def take(state: HighLevels, batch: SampleBatch, rule: Rule, now: datetime) -> None:
    """Take a batch's readings in."""
    if not rule.levels:
        return
    _adopt(state, rule)
    known = level_matcher(rule)
    newest_ms = to_ms(now) + rule.judge.skew // _MILLISECOND
    asked: dict[int, list[PodLevel]] = {}
    for number, series in enumerate(batch.series):
        if not series.pod:
            continue
        matched = known.feed(series).selectors
        found = [
            pod
            for one in rule.levels
            if selector_key(one.reading) in matched
            and (pod := _pod(state, one.name, series.pod, rule.judge.max_pods)) is not None
        ]
        for pod in found:
            pod.version, pod.template = series.version or pod.version, series.template or pod.template
        if found:
            asked[number] = found
    if not asked:
        return
    for number, time_ms, value in zip(
        batch.series_ids.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True
    ):
        index = interval_of(time_ms, Temporality.GAUGE, state.width_ms)
        if number not in asked or index < state.next or time_ms > newest_ms:
            continue
        for pod in asked[number]:
            total, count = pod.sums.get(index, (0.0, 0))
            pod.sums[index] = (total + value, count + 1)


def look(
    state: HighLevels,
    rule: Rule,
    environment: EnvironmentName,
    service: ServiceName,
    target: Target,
    now: datetime,
) -> Iterator[FailureSeen | FailureCleared]:
    """Yield failures that began, changed or ended, now that intervals are over."""
    _adopt(state, rule)
    end = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // state.width_ms
    asked = {one.name: one for one in rule.levels}
    for name in [name for name in state.levels if name not in asked]:
        told = state.levels.pop(name).told
        if told is not None:
            yield _cleared(told, now)
    first = max(state.next, end - MOST_CAUGHT_UP)
    state.next = max(state.next, end)
    for name in sorted(state.levels):
        level = state.levels[name]
        # Most intervals that are passed over hold nothing.
        heard = {index for pod in level.pods.values() for index in pod.sums if first <= index < end}
        for index in sorted(heard):
            yield from _weigh(state, level, asked[name], environment, service, target, index)
        for pod_name, pod in list(level.pods.items()):
            pod.sums = {index: sums for index, sums in pod.sums.items() if index >= end}
            if not pod.sums:
                del level.pods[pod_name]
        silent_ms = end * state.width_ms - level.heard_ms
        if level.told is not None and silent_ms >= SILENT // _MILLISECOND:
            yield _cleared(level.told, now)
            level.told = None
        if level.told is None and not level.pods and silent_ms >= SILENT // _MILLISECOND:
            del state.levels[name]


def _weigh(
    state: HighLevels,
    level: HighLevel,
    rule: LevelRule,
    environment: EnvironmentName,
    service: ServiceName,
    target: Target,
    index: int,
) -> Iterator[FailureSeen | FailureCleared]:
    """Weigh one interval in which some pod told the level."""
    means = {
        name: pod.sums[index][0] / pod.sums[index][1]
        for name, pod in sorted(level.pods.items())
        if index in pod.sums
    }
    high = {name: mean for name, mean in means.items() if mean >= rule.above}
    start_ms, end_ms = index * state.width_ms, (index + 1) * state.width_ms
    level.heard_ms = end_ms
    if high and len(high) >= rule.share * len(means):
        level.good_since_ms = None
        if level.bad_since_ms is None:
            level.bad_since_ms = start_ms
        if level.told is None and end_ms - level.bad_since_ms < rule.lasting // _MILLISECOND:
            return
        if level.told is not None and (level.told.failing, level.told.replicas) == (len(high), len(means)):
            return
        since = from_ms(level.bad_since_ms) if level.told is None else level.told.since
        target = target if level.told is None else level.told.target
        level.told = Failure(
            id=failure_id(environment, service, rule.pattern, target, NO_TEMPLATE, since, rule.name),
            pattern=rule.pattern,
            environment=environment,
            service=service,
            target=target,
            since=since,
            at=from_ms(end_ms),
            template=_shared([level.pods[name].template for name in high], NO_TEMPLATE),
            version=_shared([level.pods[name].version for name in high], ""),
            failing=len(high),
            replicas=len(means),
            detail=f"{rule.name}: {rule.reading.metric} is at least {rule.above:g} on {len(high)} of "
            f"{len(means)} pods, {max(high.values()):.3g} at the highest",
        )
        yield FailureSeen(failure=level.told)
        return
    level.bad_since_ms = None
    if level.told is None:
        return
    if level.good_since_ms is None:
        level.good_since_ms = start_ms
    if end_ms - level.good_since_ms >= rule.calm // _MILLISECOND:
        yield _cleared(level.told, from_ms(end_ms))
        level.told = level.good_since_ms = None


def _adopt(state: HighLevels, rule: Rule) -> None:
    """Adopt the rule's interval; readings that were placed in others are dropped."""
    width_ms = rule.judge.interval // _MILLISECOND
    if width_ms == state.width_ms:
        return
    state.next = -(-state.next * state.width_ms // width_ms)
    state.width_ms = width_ms
    for level in state.levels.values():
        level.pods = {}


def _pod(state: HighLevels, name: str, pod: str, most: int) -> PodLevel | None:
    level = state.levels.setdefault(name, HighLevel())
    if pod not in level.pods and len(level.pods) >= most:
        return None
    return level.pods.setdefault(pod, PodLevel(version="", template=NO_TEMPLATE))


def _cleared(failure: Failure, at: datetime) -> FailureCleared:
    return FailureCleared(
        failure=failure.id, environment=failure.environment, service=failure.service, at=max(at, failure.at)
    )


def _shared(found: list[T], otherwise: T) -> T:
    """Return what all have in common."""
    return found[0] if found.count(found[0]) == len(found) else otherwise
