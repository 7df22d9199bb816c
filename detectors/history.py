"""What earlier good releases of a service did: where levels went after them, and how fresh pods warm up.

A release that ended its watch healthy leaves a record, with its provenance: which release, when, who verified
it, how many intervals it rests on. The newest few are kept for a month. Two things are learnt from them. How
far a signal moves, beyond what the time of day explains, in the intervals after a good release: restarts cost
something, and what good releases cost is no damage. And how a fresh pod's level starts, against its own later
level and its stable twins of the same intervals: caches that fill and code that is compiled show in every
good release alike, so they can be taken off instead of waiting them out.

Good at: habits of restarts. Blind to: a cost that grows slowly from good release to good release, which the
median follows. Fewer than two records say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime

from detectors.panels import Panel
from detectors.seasonal import Movement, movement_of

Floats = NDArray[np.float64]

MOST_RELEASES = 5
"""Good releases that are kept. More remember what the service was; fewer hang on single releases."""

EXPIRES = timedelta(days=30)
"""A record is worth nothing after so long: the service has become another one."""

LEAST_RELEASES = 2
"""With fewer records nothing is expected."""

MOST_INTERVALS = 60
"""Intervals after a release's beginning that are recorded."""

WARMING = 10
"""Intervals of a fresh pod's life in which it may be warming up."""

LEAST_LATER = 3
"""Intervals after those that its own later level must rest on."""

BY_VERDICT = "verdict"
"""Who verified a release whose watch ended healthy; a human's name otherwise."""


@dataclass(slots=True, kw_only=True)
class GoodRelease:
    """Record of one verified good release.

    Attributes:
        started_at: When it began: what was learnt since then hangs on it.
        verified_by: `BY_VERDICT`, or the human who said so.
        intervals: How many intervals of its watch it rests on.
        moved: Log ratio of the release's level to the lead's in each interval after its beginning, less what
            the time of day explains, by signal and edge; None where unknown.
        warming: Log ratio of a fresh pod's level to what it became, in each interval of its life.
    """

    release: str
    version: str
    started_at: AwareDatetime
    verified_at: AwareDatetime
    verified_by: str
    intervals: int
    moved: dict[str, list[float | None]] = field(default_factory=dict)
    warming: dict[str, list[float | None]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ReleaseHistory:
    """The newest good releases of a service, oldest first."""

    releases: list[GoodRelease] = field(default_factory=list)

    def keep(self, record: GoodRelease) -> None:
        """Add a record, and forget the oldest beyond those that are kept."""
        others = [known for known in self.releases if known.release != record.release]
        self.releases = [*others, record][-MOST_RELEASES:]

    def forget(self, release: str) -> GoodRelease | None:
        """Take back that a release was good, and return its record: it was rolled back after all."""
        found = next((known for known in self.releases if known.release == release), None)
        self.releases = [known for known in self.releases if known.release != release]
        return found

    def expire(self, now: datetime) -> None:
        """Forget what is too old."""
        self.releases = [known for known in self.releases if now - known.verified_at < EXPIRES]

    def moved(self, key: str, intervals: int) -> Movement | None:
        """Return how a signal moves in the intervals after a good release; None if too few are known."""
        return self._common([known.moved.get(key, []) for known in self.releases], intervals)

    def warming(self, key: str) -> Movement | None:
        """Return how a fresh pod's level starts over what it becomes, (WARMING,); None if unknown."""
        return self._common([known.warming.get(key, []) for known in self.releases], WARMING)

    @staticmethod
    def _common(paths: Sequence[list[float | None]], intervals: int) -> Movement | None:
        rows = np.full((len(paths), intervals), np.nan)
        for row, path in zip(rows, paths, strict=True):
            known = path[:intervals]
            row[: len(known)] = [np.nan if value is None else value for value in known]
        rows = rows[np.isfinite(rows).any(axis=1)]
        return movement_of(rows) if len(rows) >= LEAST_RELEASES else None


def moved_since(before: float, after: Floats, expected: Movement | None) -> list[float | None]:
    """Return a record of where a level went.

    Args:
        before: Level of the lead, in the signal's unit.
        after: Level in each interval since the release began, (intervals,), NaN where unsaid.
        expected: What the time of day explains; None where unknown.
    """
    if before <= 0:
        return []
    usual = expected.ratio if expected is not None else np.ones(len(after))
    return _plain(_log(after / before) - np.log(usual))


def warming_of(levels: Floats, twins: Floats, ages: NDArray[np.int64]) -> list[float | None]:
    """Return a record of how fresh pods warmed up: the median pod's.

    Against the stable twins of the same intervals, or what the time of day expects where none spoke; and
    against its own later level, so that a version that is slower for good does not pass for a cold one.

    Args:
        levels: Levels of the release's pods, (pods, intervals), NaN where unsaid.
        twins: Level of the stable pods or what is expected of it, (intervals,), NaN where unknown.
        ages: Intervals since each pod's first word, (pods, intervals), negative before.
    """
    held = _log(levels) - _log(twins)[None, :]
    rows = np.full((len(levels), WARMING), np.nan)
    for row, told, age in zip(rows, held, ages, strict=True):
        later = told[(age >= WARMING) & np.isfinite(told)]
        if len(later) < LEAST_LATER:
            continue
        young = (age >= 0) & (age < WARMING) & np.isfinite(told)
        row[age[young]] = told[young] - np.median(later)
    told = rows[np.isfinite(rows).any(axis=1)]
    middle = [column[np.isfinite(column)] for column in told.T] if len(told) else []
    return _plain(np.array([np.median(column) if len(column) else np.nan for column in middle]))


def without_warming(panel: Panel, warming: list[float | None], ages: NDArray[np.int64]) -> Panel:
    """Return a panel with fresh pods' warm-up taken off.

    Args:
        panel: The fresh pods', (pods, intervals).
        warming: Log ratio to what each becomes, by age.
        ages: Intervals since each pod's first word, (pods, intervals), negative before.
    """
    if not warming:
        return panel
    ratio = np.exp(np.array([value or 0.0 for value in warming]))
    young = (ages >= 0) & (ages < len(ratio))
    return Panel(panel.events / np.where(young, ratio[np.clip(ages, 0, len(ratio) - 1)], 1.0), panel.exposure)


def _log(values: Floats) -> Floats:
    """Return logarithms, NaN for what is not above 0."""
    return np.asarray(np.log(np.where(values > 0, values, np.nan)))


def _plain(values: Floats) -> list[float | None]:
    """Return numbers that JSON holds, to four decimals: a hundredth of a percent."""
    return [round(float(value), 4) if np.isfinite(value) else None for value in values[:MOST_INTERVALS]]
