"""Log panels: how often each side printed each statement, and what that is counted against."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.case import Case
from detectors.panels import Floats, Panel, read
from detectors.weighing import Weighed, weigh
from schemas.signals import Signal

NOMINAL_REQUESTS = 1000.0
"""What one pod-interval counts for where nobody counts requests: a margin of 0.002 is then two lines."""


@dataclass(slots=True)
class Printed:
    """How much of one statement was printed, to rank it by.

    Attributes:
        group: Number that stands for it.
        quiet: Lines of stable pods before the release.
        stable: Lines of stable pods since.
        canary: Lines of the canary since.
        appeared: First interval since the release in which anybody printed it.
    """

    group: int
    quiet: float = 0.0
    stable: float = 0.0
    canary: float = 0.0
    appeared: int = 1 << 62

    @property
    def is_fresh(self) -> bool:
        """Return whether nobody printed it before the release."""
        return self.quiet == 0

    @property
    def is_new(self) -> bool:
        """Return whether no stable pod ever printed it."""
        return self.is_fresh and self.stable == 0


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines of one statement, or of several that are taken for one.

    Attributes:
        canary: Since the release, (canary pods, intervals).
        stable: Since the release, (stable pods, intervals).
        quiet: Before it, (pods that tell what was before, quiet intervals).
    """

    canary: Floats
    stable: Floats
    quiet: Floats


def printed(case: Case, *, is_error: bool) -> list[Printed]:
    """Return how much was printed of every statement at error level, or below it."""
    window, found, span = case.window, case.found, case.span
    table: dict[int, Printed] = {}
    past = frozenset(found.past)
    for is_canary, keys in ((True, found.canary), (False, found.stable)):
        for key in keys:
            for number, track in window.pods[key].lines.counted(is_error):
                group = window.templates.group(number)
                entry = table.get(group)
                if entry is None:
                    entry = table[group] = Printed(group)
                at = max(span.start - track.first, 0)
                live = track.sums[at : max(span.end - track.first, 0)]
                lines = sum(live)
                if is_canary:
                    entry.canary += lines
                else:
                    entry.stable += lines
                if not is_canary or key in past:
                    quiet = track.sums[: max(span.quiet_end - track.first, 0)]
                    entry.quiet += sum(quiet[max(span.quiet - track.first, 0) :])
                if lines:
                    first = next(place for place, count in enumerate(live) if count)
                    entry.appeared = min(entry.appeared, track.first + at + first)
    return list(table.values())


def lines_of(case: Case, groups: Collection[int], *, is_error: bool) -> Lines:
    """Return the lines of some statements together."""
    window, found, span = case.window, case.found, case.span

    def of(keys: tuple[str, ...], first: int, end: int) -> Floats:
        lines = np.zeros((len(keys), max(end - first, 0)))
        for row, key in enumerate(keys):
            for number, track in window.pods[key].lines.counted(is_error):
                if window.templates.group(number) in groups:
                    lines[row] += track.between(first, end)[0]
        return lines

    return Lines(
        of(found.canary, span.start, span.end),
        of(found.stable, span.start, span.end),
        of(found.before, span.quiet, span.quiet_end),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """What lines are counted against, for each pod and interval.

    Attributes:
        is_by_request: They are requests; else pods' intervals, each as `NOMINAL_REQUESTS`.
        is_warm: Which of the canary's intervals count, (canary pods, intervals).
    """

    canary: Floats
    stable: Floats
    quiet: Floats
    is_by_request: bool
    is_warm: NDArray[np.bool_]

    def weighed(self, signal: Signal, lines: Lines, after: int) -> Weighed:
        """Return lines weighed by the canary's warm intervals behind one interval."""
        counts = self.is_warm.copy()
        counts[:, : after + 1] = False
        canary = _panel(np.where(counts, lines.canary, 0.0), np.where(counts, self.canary, 0.0))
        return weigh(signal, canary, _panel(lines.stable, self.stable), _panel(lines.quiet, self.quiet))


def _panel(lines: Floats, exposure: Floats) -> Panel:
    return Panel(np.where(exposure > 0, lines, 0.0), exposure)


def exposures_of(case: Case, signal: Signal) -> Exposures:
    """Return requests where both sides count them, else the intervals in which each pod spoke."""
    window, found, span = case.window, case.found, case.span
    parts = (
        (found.canary, span.start, span.end),
        (found.stable, span.start, span.end),
        (found.before, span.quiet, span.quiet_end),
    )
    is_warm = np.ones((len(found.canary), span.end - span.start), dtype=bool)
    for row, key in enumerate(found.canary):
        first_ms = window.pods[key].first_ms
        if first_ms is not None:
            is_warm[row, : max(first_ms // window.width_ms + signal.warm_up - span.start, 0)] = False
    if signal.exposure is not None:
        canary, stable, quiet = (
            np.maximum(read(window, keys, signal.exposure, None, first, end)[0], 0.0)
            for keys, first, end in parts
        )
        if canary.any() and (stable.any() or quiet.any()):
            return Exposures(canary, stable, quiet, True, is_warm)
    canary, stable, quiet = (
        NOMINAL_REQUESTS
        * np.array(
            [window.pods[key].spoken.between(first, end)[1] > 0 for key in keys], dtype=np.float64
        ).reshape(len(keys), max(end - first, 0))
        for keys, first, end in parts
    )
    return Exposures(canary, stable, quiet, False, is_warm)
