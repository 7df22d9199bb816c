"""Panels: one signal of many pods over consecutive intervals, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.matching import selector_key
from detectors.windows import ServiceWindow
from schemas.signals import Selector, Signal, SignalKind

Floats = NDArray[np.float64]


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
    window: ServiceWindow, pods: Sequence[str], selector: Selector, edge: str | None, first: int, end: int
) -> tuple[Floats, Floats]:
    """Return sums and readings of a selector, (pods, intervals) each; of one edge, or of all for None."""
    key = selector_key(selector)
    sums = np.zeros((len(pods), max(end - first, 0)))
    readings = np.zeros_like(sums)
    for row, name in enumerate(pods):
        pod = window.pods[name]
        for caller in pod.edges(key) if edge is None else [edge]:
            track = pod.tracks.get(f"{key}|{caller}")
            if track is not None:
                more, count = track.between(first, end)
                sums[row] += more
                readings[row] += count
    return sums, readings


def panel(
    window: ServiceWindow, pods: Sequence[str], signal: Signal, edge: str | None, first: int, end: int
) -> Panel:
    """Return a signal's panel over the intervals `first` to `end` - 1.

    For counts, a missing event series beside live requests is zero events. For means, requests without
    their sum, or a sum without its requests, say nothing.
    """
    events, readings = read(window, pods, signal.events, edge, first, end)
    if signal.exposure is None:
        return Panel(events, readings)
    exposure, _ = read(window, pods, signal.exposure, edge, first, end)
    exposure = np.maximum(exposure, 0.0)
    if signal.kind is SignalKind.MEANS:
        exposure = np.where(readings > 0, exposure, 0.0)
    return Panel(np.where(exposure > 0, np.maximum(events, 0.0), 0.0), exposure)


def edges_of(window: ServiceWindow, pods: Sequence[str], signal: Signal) -> list[str]:
    """Return the callers that a signal's series name, sorted; "" stands for series that name none."""
    selector = signal.exposure or signal.events
    return sorted({edge for name in pods for edge in window.pods[name].edges(selector_key(selector))})
