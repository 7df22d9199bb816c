"""Recovery: whether an action helped, by the same signals that called for it."""

from collections.abc import Collection
from datetime import datetime, timedelta

import numpy as np

from detectors.panels import edges_of, panel
from detectors.sentences import counted, quantity
from detectors.tails import with_bounds
from detectors.weighing import side_of
from detectors.windows import ServiceWindow
from schemas.instants import to_ms
from schemas.judgements import RecoveryKind
from schemas.policy import Rule
from schemas.signals import Direction, Signal

STEADY_INTERVALS = 2
"""Whole intervals in a row, after the action, that must be within the margin of the quiet level."""

_MILLISECOND = timedelta(milliseconds=1)


def judge_recovery(
    window: ServiceWindow,
    signals: Collection[str],
    rule: Rule,
    acted_at: datetime,
    now: datetime,
    damaged_at: datetime | None = None,
) -> tuple[RecoveryKind, str] | None:
    """Return how the service fares after an action; None while that is open.

    Args:
        window: The service's window.
        signals: Names of the signals that called for the action; empty or unknown names stand for all.
        rule: The rule that holds for it.
        acted_at: When the action was done.
        now: The log's time.
        damaged_at: When the damage began; what lies before is quiet. None takes the time before the watch.
    """
    window.tick(rule, now)
    width = window.width_ms
    acted = to_ms(acted_at) // width + 1
    end = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // width
    is_due = now >= acted_at + rule.gate.recovery
    quiet_end = (
        to_ms(damaged_at) // width
        if damaged_at is not None
        else acted - rule.judge.watch // rule.judge.interval
    )
    pods = tuple(key for key in sorted(window.pods) if not window.pods[key].observer)
    rule = with_bounds(rule, window, pods, (window.floor, quiet_end))
    watched = [s for s in rule.signals if s.name in signals] or [s for s in rule.signals if s.share > 0]
    told = [t for signal in watched for t in _of_signal(window, pods, signal, quiet_end, acted, end)]
    steady = [t for t in told if t.after >= STEADY_INTERVALS]
    if steady and all(t.is_back for t in steady) and len(steady) == len(told):
        return RecoveryKind.RECOVERED, "; ".join(t.text for t in told)
    if not is_due:
        return None
    if not steady:
        return (
            RecoveryKind.UNKNOWN,
            f"nothing was said in {counted(max(end - acted, 0), 'interval')} after the action",
        )
    if all(t.is_back for t in steady):
        return RecoveryKind.RECOVERED, "; ".join(t.text for t in steady)
    text = "; ".join(t.text for t in steady if not t.is_back)
    kind = RecoveryKind.WORSE if any(t.is_worse for t in steady) else RecoveryKind.NOT_RECOVERED
    return kind, text


class _Told:
    """One signal of one edge: before, during and after."""

    def __init__(
        self, signal: Signal, edge: str, before: float, during: float | None, after: list[float]
    ) -> None:
        sign = 1.0 if signal.direction is Direction.UP else -1.0
        margin = max(signal.margin_ratio * abs(before), signal.margin_floor, 1e-12)
        last = after[-STEADY_INTERVALS:]
        self.after = len(after)
        self.is_back = bool(last) and all(sign * (value - before) <= margin for value in last)
        self.is_worse = bool(last) and during is not None and min(sign * (v - during) for v in last) > margin
        caller = f" as called by {edge}" if edge else ""
        middle = f", {quantity(during)} before the action" if during is not None else ""
        now = f"{quantity(last[-1])} now" if last else "nothing said since"
        self.text = f"{signal.name}{caller} {quantity(before)} in quiet time{middle}, {now}"


def _of_signal(
    window: ServiceWindow, pods: tuple[str, ...], signal: Signal, quiet_end: int, acted: int, end: int
) -> list[_Told]:
    told = []
    for edge in edges_of(window, pods, signal):
        before = side_of(panel(window, pods, signal, edge, window.floor, quiet_end)).level
        if before is None:
            continue
        during = side_of(panel(window, pods, signal, edge, max(acted - 4, quiet_end), acted - 1)).level
        events, exposure = panel(window, pods, signal, edge, acted, end).totals()
        spoke = np.flatnonzero(exposure > 0)
        after = [float(events[i] / exposure[i]) for i in spoke]
        told.append(_Told(signal, edge, before, during, after))
    return told
