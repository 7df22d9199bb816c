"""Recovery: whether an action helped, by the same signals that called for it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from detectors.panels import Panel, edges_of, panel
from detectors.sentences import counted, quantity
from detectors.tails import with_bounds
from detectors.weighing import side_of
from detectors.windows import ServiceWindow
from schemas.instants import from_ms, to_ms
from schemas.judgements import RecoveryKind
from schemas.policy import Rule
from schemas.signals import Direction, Signal

STEADY_INTERVALS = 2
"""Whole intervals in a row, after the action, that must be within the margin of the quiet level."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What was done to a service, and what it must show afterwards.

    Attributes:
        signals: Names of the signals that called for it; empty or unknown names stand for all.
        began_at: When the action began to change something: what is well from then on may be its doing.
        acted_at: When it had taken effect.
        within: How long after that it may take to help.
        damaged_at: When the damage began; what lies before is quiet. None takes the time before the watch.
    """

    signals: Collection[str]
    began_at: datetime
    acted_at: datetime
    within: timedelta
    damaged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fared:
    """How a service fared after an action.

    Attributes:
        text: Before, during and after in numbers.
        recovered_at: End of the first interval from which on all signals stayed at their quiet level; None
            unless recovered. It may lie before the action was over: the last bad pod goes before the last
            good one is there.
    """

    kind: RecoveryKind
    text: str
    recovered_at: datetime | None = None


def judge_recovery(window: ServiceWindow, action: Action, rule: Rule, now: datetime) -> Fared | None:
    """Return how the service fares after an action; None while that is open.

    It is open no longer than `STEADY_INTERVALS` whole intervals after the action where all is well by then.

    Args:
        window: The service's window.
        action: What was done.
        rule: The rule that holds for the service.
        now: The log's time.
    """
    window.tick(rule, now)
    width = window.width_ms
    acted = -(-to_ms(action.acted_at) // width)
    began = min(-(-to_ms(action.began_at) // width), acted)
    bad_end = min(to_ms(action.began_at) // width, acted)
    end = (to_ms(now) - rule.judge.lateness // _MILLISECOND) // width
    is_due = now >= action.acted_at + action.within
    quiet_end = (
        to_ms(action.damaged_at) // width
        if action.damaged_at is not None
        else acted - rule.judge.watch // rule.judge.interval
    )
    own = tuple(key for key in sorted(window.pods) if not window.pods[key].observer)
    rule = with_bounds(rule, window, own, (window.floor, quiet_end))
    named = [s for s in rule.signals if s.name in action.signals]
    spans = _Spans(quiet_end=quiet_end, bad_end=bad_end, began=began, acted=acted, end=max(end, acted))
    told = [
        one
        for signal in named or [s for s in rule.signals if s.share > 0]
        for one in _of_signal(window, signal, spans)
    ]
    steady = [one for one in told if one.after >= STEADY_INTERVALS]
    is_whole = all(one.after >= STEADY_INTERVALS or not one.is_awaited for one in told)
    if steady and is_whole and all(one.is_back for one in steady):
        return _recovered(steady, width)
    if not is_due:
        return None
    if not steady:
        nothing = f"nothing was said in {counted(max(end - acted, 0), 'interval')} after the action"
        if why := window.blind.reason():
            nothing = f"{nothing}: {why}"
        return Fared(kind=RecoveryKind.UNKNOWN, text=nothing)
    if all(one.is_back for one in steady):
        return _recovered(steady, width)
    text = "; ".join(one.text for one in steady if not one.is_back)
    kind = RecoveryKind.WORSE if any(one.is_worse for one in steady) else RecoveryKind.NOT_RECOVERED
    return Fared(kind=kind, text=text)


def _recovered(steady: "list[_Told]", width: int) -> Fared:
    return Fared(
        kind=RecoveryKind.RECOVERED,
        text="; ".join(one.text for one in steady),
        recovered_at=from_ms((max(one.back_since for one in steady) + 1) * width),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spans:
    """Interval indices: where the quiet time ends, what was bad ends, and what is well may begin.

    Attributes:
        began: First whole interval after the action began.
        acted: First whole interval after it was over.
        end: First interval that is not known yet.
    """

    quiet_end: int
    bad_end: int
    began: int
    acted: int
    end: int


class _Told:
    """One signal of one edge: before, during and after."""

    def __init__(
        self, signal: Signal, edge: str, before: float, during: float | None, told: Panel, spans: _Spans
    ) -> None:
        sign = 1.0 if signal.direction is Direction.UP else -1.0
        margin = max(signal.margin_ratio * abs(before), signal.margin_floor, 1e-12)
        events, exposure = told.totals()
        spoke = np.flatnonzero(exposure > 0)
        levels = events[spoke] / exposure[spoke]
        is_well = sign * (levels - before) <= margin
        is_after = spoke + spans.began >= spans.acted
        last = levels[is_after][-STEADY_INTERVALS:]
        self.after = int(is_after.sum())
        self.is_back = bool(len(last)) and bool(is_well[is_after][-STEADY_INTERVALS:].all())
        self.back_since = spans.began + _run(is_well, spoke)
        was_bad = during is not None and sign * (during - before) > margin
        # A caller that asks now and then, and saw no damage, is not waited for.
        self.is_awaited = not edge or was_bad
        self.is_worse = (
            bool(len(last)) and during is not None and float((sign * (last - during)).min()) > margin
        )
        caller = f" as called by {edge}" if edge else ""
        middle = f", {quantity(during)} before the action" if during is not None else ""
        now = f"{quantity(float(last[-1]))} now" if len(last) else "nothing said since"
        self.text = f"{signal.name}{caller} {quantity(before)} in quiet time{middle}, {now}"


def _run(is_well: NDArray[np.bool_], spoke: NDArray[np.intp]) -> int:
    """Return the first interval of the last run of intervals that were all well; 0 without one."""
    bad = np.flatnonzero(~is_well)
    first = int(bad[-1]) + 1 if len(bad) else 0
    return int(spoke[first]) if first < len(spoke) else 0


def _of_signal(window: ServiceWindow, signal: Signal, spans: _Spans) -> list[_Told]:
    """Return what each edge of a signal tells: damage that only a caller saw must be gone where it saw it."""
    pods = tuple(sorted(window.pods))
    told = []
    for edge in edges_of(window, pods, signal):
        before = side_of(panel(window, pods, signal, edge, window.floor, spans.quiet_end)).level
        if before is None:
            continue
        bad_from = max(spans.bad_end - 3, spans.quiet_end)
        during = side_of(panel(window, pods, signal, edge, bad_from, spans.bad_end)).level
        after = panel(window, pods, signal, edge, spans.began, spans.end)
        told.append(_Told(signal, edge, before, during, after, spans))
    return told
