"""Panels: one signal of many pods over consecutive intervals, as arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import add

import numpy as np
from numpy.typing import NDArray

from detectors.matching import is_by_route, selector_key
from detectors.windows import Pod, ServiceWindow
from schemas.signals import Selector, Signal, SignalKind, within

Floats = NDArray[np.float64]

Echoes = Sequence[tuple[str, str]]
"""Pairs of a pod and of a deleted pod under whose name it is heard as well."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """What pods said of one signal.

    Attributes:
        events: Events, sum of measurements or sum of readings, (pods, intervals).
        exposure: Out of how many, (pods, intervals); 0 where nothing was said.
    """

    events: Floats
    exposure: Floats

    @property
    def levels(self) -> Floats:
        """Return events over exposure, (pods, intervals), NaN where nothing was said."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.exposure > 0, self.events / self.exposure, np.nan)

    def totals(self) -> tuple[Floats, Floats]:
        """Return events and exposure of all pods together, (intervals,) each."""
        return self.events.sum(axis=0), self.exposure.sum(axis=0)

    def only(self, mask: NDArray[np.bool_]) -> "Panel":
        """Return the panel with everything outside the mask, (pods, intervals), unsaid."""
        return Panel(np.where(mask, self.events, 0.0), np.where(mask, self.exposure, 0.0))


def read(
    window: ServiceWindow,
    pods: Sequence[str],
    selector: Selector,
    edge: str | None,
    first: int,
    end: int,
    echoes: Echoes = (),
) -> tuple[Floats, Floats]:
    """Return sums and readings of a selector, (pods, intervals) each.

    A deleted pod is read up to the interval of its deletion, which it may have spent dying.

    Args:
        window: The service's window.
        pods: Keys of the pods, one a row.
        selector: What is read.
        edge: Of one caller or one route, or of all callers together for None.
        first: First interval.
        end: First interval that is left out.
        echoes: Which of the pods are heard under a deleted pod's name as well; see `detectors.echoes`.
    """
    key = selector_key(selector)
    width = max(end - first, 0)
    heard_as = dict(echoes)
    silent = [0.0] * width
    sums: list[Sequence[float]] = [silent] * len(pods)
    readings: list[Sequence[float]] = [silent] * len(pods)
    for row, name in enumerate(pods):
        pod = window.pods[name]
        echo = window.pods.get(heard_as[name]) if name in heard_as else None
        if echo is not None:
            said, count = _with_echo(window, pod, echo, (key, edge), first, end)
            sums[row], readings[row] = said.tolist(), count.tolist()
            continue
        last = until(window, pod, end)
        if not pod.spoke(first, last):
            continue
        edges = pod.edges(key) if edge is None else (edge,)
        told = [track for caller in edges if (track := pod.track(f"{key}|{caller}")) is not None]
        if len(told) == 1:
            sums[row], readings[row] = told[0].padded(first, last, end)
        elif told:
            several = [track.padded(first, last, end) for track in told]
            sums[row] = _added(one for one, _ in several)
            readings[row] = _added(one for _, one in several)
    # What is added to nothing has no negative zero.
    shape = len(pods), width
    return (
        np.array(sums, dtype=float).reshape(shape) + 0.0,
        np.array(readings, dtype=float).reshape(shape) + 0.0,
    )


def _added(rows: Iterable[Sequence[float]]) -> list[float]:
    """Return the sum of rows, interval by interval, in their order."""
    total: list[float] | None = None
    for row in rows:
        total = [0.0 + value for value in row] if total is None else list(map(add, total, row))
    return total or []


def _with_echo(
    window: ServiceWindow, pod: Pod, echo: Pod, what: tuple[str, str | None], first: int, end: int
) -> tuple[Floats, Floats]:
    """Return what a pod said, and where it said nothing, what was said under the deleted pod's name."""
    key, edge = what
    sums, readings = np.zeros(max(end - first, 0)), np.zeros(max(end - first, 0))
    last = until(window, pod, end)
    for caller in sorted({*pod.edges(key), *echo.edges(key)}) if edge is None else [edge]:
        more, count = _between(pod, f"{key}|{caller}", first, last, end)
        born = max((pod.born_ms or 0) // window.width_ms, until(window, echo, end))
        again, repeated = _between(echo, f"{key}|{caller}", max(first, born), end, end)
        again, repeated = _shifted(again, len(more)), _shifted(repeated, len(more))
        sums += np.where(count > 0, more, again)
        readings += np.where(count > 0, count, repeated)
    return sums, readings


def until(window: ServiceWindow, pod: Pod, end: int) -> int:
    """Return the first interval for which a pod is not believed: that of its deletion, or `end`."""
    return end if pod.deleted_ms is None else min(pod.deleted_ms // window.width_ms, end)


def _between(pod: Pod, track_key: str, first: int, last: int, end: int) -> tuple[Floats, Floats]:
    """Return what a track says of the intervals `first` to `end` - 1, nothing from `last` on."""
    width = max(end - first, 0)
    sums, readings = np.zeros(width), np.zeros(width)
    track = pod.track(track_key)
    if track is not None and last > first:
        sums[: last - first], readings[: last - first] = track.between(first, last)
    return sums, readings


def _shifted(values: Floats, width: int) -> Floats:
    """Return values at the end of an array of so many intervals, 0 before."""
    return np.concatenate((np.zeros(width - len(values)), values))


def panel(
    window: ServiceWindow,
    pods: Sequence[str],
    signal: Signal,
    edge: str | None,
    first: int,
    end: int,
    echoes: Echoes = (),
) -> Panel:
    """Return a signal's panel over the intervals `first` to `end` - 1.

    For counts, a missing event series beside live requests is zero events. For means, requests without
    their sum, or a sum without its requests, say nothing. For levels with a ceiling, events are what is
    missing from it. For counts above a bound, see `_above`.
    """
    if signal.is_tail and signal.exposure is not None:
        requests = read(window, pods, signal.exposure, edge, first, end, echoes)
        below = None
        if signal.bound is not None:
            below = read(window, pods, within(signal.events, signal.bound), edge, first, end, echoes)
        return _above(requests, below)
    events, readings = read(window, pods, signal.events, edge, first, end, echoes)
    if signal.exposure is None:
        if signal.ceiling is not None:
            # A reading a little above the ceiling is rounding, and no success beyond all.
            events = np.maximum(signal.ceiling * readings - events, 0.0)
        return Panel(events, readings)
    exposure, _ = read(window, pods, signal.exposure, edge, first, end, echoes)
    exposure = np.maximum(exposure, 0.0)
    if signal.kind is SignalKind.MEANS:
        exposure = np.where(readings > 0, exposure, 0.0)
    return Panel(np.where(exposure > 0, np.maximum(events, 0.0), 0.0), exposure)


def _above(requests: tuple[Floats, Floats], below: tuple[Floats, Floats] | None) -> Panel:
    """Return the requests that no bucket up to the bound counted; nothing without a bound.

    Requests whose histogram lacks that bucket are neither slow nor fast. So a pod's interval says something
    only when as many readings of the bucket as of the count came in, and the part is no more than the whole.
    """
    exposure, told = requests
    if below is None:
        return Panel(np.zeros_like(exposure), np.zeros_like(exposure))
    fast, readings = below
    is_whole = (readings == told) & (fast <= exposure * (1.0 + 1e-9)) & (exposure > 0)
    return Panel(np.where(is_whole, exposure - fast, 0.0).clip(min=0.0), np.where(is_whole, exposure, 0.0))


def edges_of(window: ServiceWindow, pods: Sequence[str], signal: Signal) -> list[str]:
    """Return the callers that a signal's series name, sorted; "" stands for series that name none."""
    key = selector_key(signal.exposure or signal.events)
    return sorted({edge for name in pods for edge in window.pods[name].edges(key)})


def routes_of(window: ServiceWindow, pods: Sequence[str], signal: Signal) -> list[str]:
    """Return the routes of a signal that are compared by themselves, as edges, sorted."""
    if not window.routes or not is_by_route(signal):
        return []
    start = f"{selector_key(signal.exposure or signal.events)}|"
    tracks = [key for name in pods for key in window.pods[name].routes if key.startswith(start)]
    return sorted({key[len(start) :] for key in tracks})
