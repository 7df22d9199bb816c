"""What a signal is expected to do without damage, where no stable pod speaks: the hour before, moved on.

The hour before the release is moved on as earlier days moved in the same minutes, and as earlier good
releases moved beyond that. How far such expectations miss is estimated from the days and releases themselves,
each against the others.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.history import without_warming
from detectors.history_memory import PastMemory, track_key
from detectors.panels import Panel
from detectors.seasonal import Movement, daily_count_ratio, daily_movement
from detectors.sentences import counted
from schemas.judgements import Side
from schemas.signals import Signal, SignalKind

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """How a service's level is expected to move from the quiet time into the live one.

    Attributes:
        quiet: Expected level over the quiet time's own, (quiet intervals,).
        live: The same for the live intervals, (live intervals,).
        is_count: The signal counts events: its exposure is scaled, so that events stay whole.
        drift: How far the expectation may miss lastingly, as a log ratio, and how many cases tell; None when
            fewer than two do.
        text: What it rests on.
    """

    quiet: Floats
    live: Floats
    is_count: bool
    drift: tuple[float, int] | None
    text: str

    def without_tide(self, canary: Panel, stable: Panel, quiet: Panel) -> tuple[Panel, Panel]:
        """Return the canary's and the quiet panel as they would be if the level stood still.

        Where a stable pod speaks, it is the better control, and the canary is left as it is.
        """
        alone = ~(stable.exposure > 0).any(axis=0)
        # Intervals that are told again, to ask what if it went on, have the same expectation again.
        live = np.where(alone, np.resize(self.live, stable.exposure.shape[1]), 1.0)
        return _divided(canary, live, self.is_count), _divided(quiet, self.quiet, self.is_count)

    def of(self, before: Side) -> Side:
        """Return the quiet time's numbers at the level that is expected now, for people to read."""
        level = None if before.level is None else before.level * float(np.mean(self.live))
        return replace(before, level=level)


def _divided(panel: Panel, ratio: Floats, is_count: bool) -> Panel:
    if is_count:
        return Panel(panel.events, panel.exposure * ratio)
    return Panel(panel.events / ratio, panel.exposure)


def expectation(
    past: PastMemory,
    signal: Signal,
    edge: str,
    span: tuple[int, int, int],
    width_ms: int,
    *,
    is_release: bool = True,
) -> Expectation | None:
    """Return what the past says of a signal; None when it says nothing.

    Args:
        past: What is remembered.
        signal: What is weighed.
        edge: Of which caller.
        span: First quiet interval, first live one, and the one after the last.
        width_ms: Width of an interval.
        is_release: The live intervals begin with a release, so what good releases cost is to be expected.
    """
    quiet, start, end = span
    key, lead = track_key(signal, edge), (quiet * width_ms, start * width_ms)
    if end <= start or start <= quiet:
        return None
    if signal.kind is SignalKind.COUNTS:
        ratio, days = daily_count_ratio(past.seasons, key, lead, (start * width_ms, end * width_ms))
        if not days:
            return None
        # Rare events tell little of tides: they may only raise what is expected, never lower it.
        live = np.full(end - start, max(ratio, 1.0))
        return Expectation(np.ones(start - quiet), live, True, None, _text(days, None, past))
    instants = np.arange(quiet, end, dtype=np.float64) * width_ms + 0.5 * width_ms
    season = daily_movement(past.seasons, key, lead, instants)
    after = past.history.moved(key, end - start) if is_release else None
    if season is None and after is None:
        return None
    usual = season.ratio if season is not None else np.ones(end - quiet)
    habit = after.ratio if after is not None else np.ones(end - start)
    known = [moved for moved in (season, after) if moved is not None and moved.cases > 1]
    drift = None
    if known:
        drift = float(np.sqrt(sum(moved.spread**2 for moved in known))), min(moved.cases for moved in known)
    text = _text(season.cases if season is not None else 0, after, past)
    return Expectation(usual[: start - quiet], usual[start - quiet :] * habit, False, drift, text)


def _text(days: int, after: Movement | None, past: PastMemory) -> str:
    rests = [f"the same minutes of {counted(days, 'earlier day')}"] if days else []
    if after is not None:
        newest = past.history.releases[-1].version
        rests.append(f"the last {after.cases} verified good releases up to {newest}")
    return f"its quiet time moved on by {' and '.join(rests)}"


def warmed(
    panel: Panel, ages: NDArray[np.int64], past: PastMemory, signal: Signal, edge: str
) -> tuple[Panel, bool]:
    """Return a panel without the warm-up that earlier good releases showed, and whether they told of any.

    Only where they agree to within half the margin: otherwise the flat warm-up stays.

    Args:
        panel: The canary's pods, (pods, intervals).
        ages: Intervals since each pod's first word, (pods, intervals), negative before.
        past: What is remembered.
        signal: Of which signal; not one of counts.
        edge: Of which caller.
    """
    usual = past.history.warming(track_key(signal, edge))
    if usual is None or usual.spread > 0.5 * np.log1p(signal.margin_ratio):
        return panel, False
    return without_warming(panel, [float(value) for value in np.log(usual.ratio)], ages), True
