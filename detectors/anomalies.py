"""Anomalies of a service that no release of its own explains: watched, told once, and not often."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from detectors.call_graph import callers_of
from detectors.level_watch import WatchedLevel
from detectors.panels import Floats, edges_of, panel
from detectors.sentences import quantity
from detectors.windows import ServiceWindow
from schemas.instants import from_ms, to_ms
from schemas.judgements import Anomaly
from schemas.keys import EnvironmentName, ServiceName, derived_id
from schemas.policy import Rule
from schemas.signals import Signal, SignalKind

QUIET_INTERVALS = 60
"""Intervals after an anomaly in which the same signal and edge is not told of again."""

MOST_WATCHED = 64
"""Signals and edges of one service that are watched; more callers are left out, which bounds the state."""

MOST_CAUGHT_UP = 10
"""Intervals that one look takes in at most; after a longer gap the older ones are left out."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class AnomalyWatch:
    """What is remembered of a service's levels.

    Attributes:
        next: First interval that was not looked at yet.
        levels: By `signal|edge`.
    """

    next: int = 0
    levels: dict[str, WatchedLevel] = field(default_factory=dict)


def watch(
    state: AnomalyWatch,
    window: ServiceWindow,
    rule: Rule,
    environment: EnvironmentName,
    service: ServiceName,
    now: datetime,
) -> list[Anomaly]:
    """Take in the intervals closed since the last look, and return the anomalies that they complete.

    Args:
        state: Changed in place.
        window: The service's window, rolled to `now`.
        rule: The rule that holds for it.
        environment: Where it runs.
        service: Its name.
        now: The log's time.
    """
    if window.width_ms <= 0 or not window.pods:
        return []
    end = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // window.width_ms
    first = max(state.next, end - MOST_CAUGHT_UP)
    if first >= end:
        return []
    state.next = end
    if not any(pod.spoke(first, end) for pod in window.pods.values()):
        return []
    pods = tuple(sorted(window.pods))
    told = []
    for signal in rule.signals:
        for edge in edges_of(window, pods, signal):
            levels, exposures = _levels(window, pods, signal, edge, first, end)
            if not np.isfinite(levels).any():
                continue
            watched = state.levels.get(f"{signal.name}|{edge}")
            if watched is None:
                if len(state.levels) >= MOST_WATCHED:
                    continue
                watched = state.levels[f"{signal.name}|{edge}"] = WatchedLevel()
            for index in np.flatnonzero(np.isfinite(levels)).tolist():
                expected, interval = watched.level, first + index
                if not watched.take(signal, float(levels[index]), float(exposures[index]), interval):
                    continue
                if watched.told >= 0 and interval - watched.told < QUIET_INTERVALS:
                    continue
                watched.told = interval
                since = from_ms(watched.since * window.width_ms)
                told.append(
                    Anomaly(
                        id=derived_id("anomaly", environment, service, signal.name, edge, since.isoformat()),
                        environment=environment,
                        service=service,
                        signal=signal.name,
                        edge=edge,
                        level=float(levels[index]),
                        expected=expected,
                        p_value=watched.worst,
                        since=since,
                        at=now,
                        callers=callers_of(window, rule),
                        text=_text(signal, edge, float(levels[index]), expected, watched.worst),
                    )
                )
    return told


def skip(state: AnomalyWatch, window: ServiceWindow, rule: Rule, now: datetime) -> None:
    """Leave out what was said up to now: a release is judged by other means, and must not look usual."""
    if window.width_ms > 0:
        end = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // window.width_ms
        state.next = max(state.next, end)
        for watched in state.levels.values():
            watched.run = 0


def _levels(
    window: ServiceWindow, pods: tuple[str, ...], signal: Signal, edge: str, first: int, end: int
) -> tuple[Floats, Floats]:
    events, exposure = panel(window, pods, signal, edge, first, end).totals()
    unsaid = np.full(len(events), np.nan)
    return np.divide(events, exposure, out=unsaid, where=exposure > 0), exposure


def _text(signal: Signal, edge: str, level: float, expected: float, p_value: float) -> str:
    caller = f" as called by {edge}" if edge else ""
    is_ratio = signal.kind is SignalKind.COUNTS
    unit = " %" if is_ratio else "" if signal.unit == "1" else f" {signal.unit}"
    scale = 100.0 if is_ratio else 1.0
    return (
        f"{signal.name}{caller} {quantity(scale * level)}{unit} "
        f"where {quantity(scale * expected)}{unit} is usual, two intervals in a row; "
        f"one interval in {1.0 / p_value:,.0f} is as bad, and no release is under watch"
    )
