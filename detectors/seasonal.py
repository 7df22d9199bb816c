"""What a service's signals are at each time of day: levels of earlier days, in bins, as state of the engine.

A release without a control is held against the service's own past. The hour before it knows nothing of the
tide to come; earlier days do. Kept is one level a bin, signal and edge, of all of the service's own pods
together, for the last days. How a signal moved on those days, from the same hour to the same minutes, is what
it is expected to do today: only ratios are used, so days of more or less traffic do not matter.

Good at: daily tides, jobs that run at their hour. Blind to: weekdays that differ, for the median of the days
rules, and tides that are faster than a bin. A day that is missing or was spoilt by an incident is out-voted,
not repaired.

Bins of a release that is not verified yet are staged: they become memory when it ends healthy and are dropped
when it was rolled back, harmful, or ended with nothing known.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BIN_MS = 600_000
"""Width of a bin. Narrower follows faster tides and costs memory: 144 bins a day of 14 bytes of JSON."""

DAY_MS = 86_400_000

DAYS = 7
"""Earlier days that are kept."""

MOST_KEYS = 32
"""Signals and edges of one service that are remembered; more are not, which bounds memory."""

PRIOR_EVENTS = 5.0
"""Events that a ratio of rates is drawn towards 1 by."""

_BINS_A_DAY = DAY_MS // BIN_MS
_DIGITS = 5


@dataclass(slots=True, kw_only=True)
class SeasonTrack:
    """One signal of one edge, bin by bin.

    Attributes:
        first: Index of the first bin kept: its start, divided by the bin's width.
        levels: Events over exposure in each bin, in the signal's unit, to five digits.
        exposures: Out of how many; 0 where nothing was learnt.
    """

    first: int = 0
    levels: list[float] = field(default_factory=list)
    exposures: list[float] = field(default_factory=list)

    def put(self, index: int, level: float, exposure: float) -> None:
        """Write one bin, growing the track; what is older than the first bin is not taken."""
        if not self.levels:
            self.first = index
        place = index - self.first
        if place < 0:
            return
        missing = place + 1 - len(self.levels)
        if missing > 0:
            self.levels.extend([0.0] * missing)
            self.exposures.extend([0.0] * missing)
        self.levels[place], self.exposures[place] = level, exposure

    def drop_before(self, index: int) -> None:
        """Forget the bins before one."""
        gone = min(max(index - self.first, 0), len(self.levels))
        del self.levels[:gone]
        del self.exposures[:gone]
        self.first += gone

    def cut_from(self, index: int) -> list[tuple[int, float, float]]:
        """Take out the bins from one on, and return those that were learnt."""
        place = max(index - self.first, 0)
        cut = [
            (self.first + number, self.levels[number], self.exposures[number])
            for number in range(place, len(self.levels))
            if self.exposures[number] > 0
        ]
        del self.levels[place:]
        del self.exposures[place:]
        return cut

    def between(self, first: int, end: int) -> tuple[Floats, Floats]:
        """Return levels and exposures of the bins `first` to `end` - 1, 0 where nothing was learnt."""
        levels, exposures = np.zeros(max(end - first, 0)), np.zeros(max(end - first, 0))
        low, high = max(first, self.first), min(end, self.first + len(self.levels))
        if low < high:
            place = slice(low - self.first, high - self.first)
            levels[low - first : high - first] = self.levels[place]
            exposures[low - first : high - first] = self.exposures[place]
        return levels, exposures


@dataclass(slots=True, kw_only=True)
class SeasonMemory:
    """What is remembered of a service's earlier days.

    Attributes:
        tracks: By signal and edge, as `signal|edge`.
        staged: The same, of releases that are not verified yet.
        learnt_until: First bin that was not learnt yet.
    """

    tracks: dict[str, SeasonTrack] = field(default_factory=dict)
    staged: dict[str, SeasonTrack] = field(default_factory=dict)
    learnt_until: int = 0

    def put(self, key: str, index: int, events: float, exposure: float, *, is_staged: bool) -> None:
        """Learn one bin of one signal and edge."""
        if exposure <= 0:
            return
        known = self.staged if is_staged else self.tracks
        if key not in known and len(known) >= MOST_KEYS:
            return
        track = known.setdefault(key, SeasonTrack())
        track.put(index, _rounded(events / exposure), _rounded(exposure))

    def stage_from(self, at_ms: int) -> None:
        """Take back what was learnt since an instant: a release began then."""
        first = at_ms // BIN_MS
        for key, track in self.tracks.items():
            for index, level, exposure in track.cut_from(first):
                self.staged.setdefault(key, SeasonTrack()).put(index, level, exposure)

    def commit(self) -> None:
        """Remember what was staged: its release is verified."""
        for key, staged in self.staged.items():
            if key not in self.tracks and len(self.tracks) >= MOST_KEYS:
                continue
            track = self.tracks.setdefault(key, SeasonTrack())
            for index, level, exposure in staged.cut_from(staged.first):
                track.put(index, level, exposure)
        self.staged = {}

    def drop_staged(self) -> None:
        """Forget what was staged: its release did harm, or nobody knows whether it did."""
        self.staged = {}

    def forget_before(self, at_ms: int) -> None:
        """Forget the days before the kept ones."""
        for known in (self.tracks, self.staged):
            for key in list(known):
                known[key].drop_before((at_ms - (DAYS + 1) * DAY_MS) // BIN_MS)
                if not known[key].levels:
                    del known[key]


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """How a signal usually moves from one span of time to the instants after it.

    Attributes:
        ratio: Level over the lead's level, median of the earlier cases, (intervals,); 1 where unknown.
        spread: How far one case's log ratio lies from the others', lastingly; 0 for fewer than two.
        cases: How many days or releases that is.
    """

    ratio: Floats
    spread: float
    cases: int


def movement_of(logs: Floats) -> Movement | None:
    """Return the movement that cases have in common; None for no case.

    Args:
        logs: Log ratio of each case's level to its lead's, (cases, intervals), NaN where unknown.
    """
    logs = logs[np.isfinite(logs).any(axis=1)] if logs.size else logs
    if not len(logs):
        return None
    middle = np.array([_middle(column) for column in logs.T])
    spread = 0.0
    if len(logs) > 1:
        apart = []
        for number, row in enumerate(logs):
            others = np.array([_middle(column) for column in np.delete(logs, number, axis=0).T])
            both = np.isfinite(row) & np.isfinite(others)
            if both.any():
                apart.append(abs(float((row - others)[both].mean())))
        spread = 1.4826 * float(np.median(apart)) if apart else 0.0
    return Movement(np.exp(np.nan_to_num(middle)), spread, len(logs))


def daily_movement(
    memory: SeasonMemory, key: str, lead_ms: tuple[int, int], instants_ms: Floats
) -> Movement | None:
    """Return how a signal moved on earlier days from the same lead to the same instants; None if unknown.

    Args:
        memory: What is remembered.
        key: Signal and edge.
        lead_ms: Start and end of the time that today's level is taken from.
        instants_ms: Middle of each live interval, (intervals,).
    """
    track = memory.tracks.get(key)
    if track is None or not len(instants_ms):
        return None
    rows = []
    for day in range(1, DAYS + 1):
        shift = day * _BINS_A_DAY
        lead = track.between(lead_ms[0] // BIN_MS - shift, -(-lead_ms[1] // BIN_MS) - shift)
        level = float((lead[0] * lead[1]).sum()) / float(lead[1].sum()) if lead[1].any() else 0.0
        first = int(instants_ms[0]) // BIN_MS - 1
        end = int(instants_ms[-1]) // BIN_MS + 2
        levels, exposures = track.between(first - shift, end - shift)
        told = np.flatnonzero((exposures > 0) & (levels > 0))
        if level <= 0 or not len(told):
            continue
        middles = (first + told + 0.5) * BIN_MS
        # Between two bins the level is on its way; further than a bin from any, nothing is known.
        path = np.log(np.interp(instants_ms, middles, levels[told]) / level)
        away = np.abs(instants_ms[:, None] - middles[None, :]).min(axis=1)
        rows.append(np.where(away <= BIN_MS, path, np.nan))
    return movement_of(np.array(rows)) if rows else None


def daily_count_ratio(
    memory: SeasonMemory, key: str, lead_ms: tuple[int, int], live_ms: tuple[int, int]
) -> tuple[float, int]:
    """Return a rate of counts on earlier days over its lead's, all days together, and how many days.

    Drawn towards 1 by `PRIOR_EVENTS`: rare errors say little about tides.

    Args:
        memory: What is remembered.
        key: Signal and edge.
        lead_ms: Start and end of the time that today's rate is taken from.
        live_ms: Start and end of the time that is judged.
    """
    track = memory.tracks.get(key)
    sums, days = np.zeros(4), 0
    if track is None:
        return 1.0, 0
    for day in range(1, DAYS + 1):
        spans = [
            track.between(start // BIN_MS - day * _BINS_A_DAY, -(-end // BIN_MS) - day * _BINS_A_DAY)
            for start, end in (lead_ms, live_ms)
        ]
        if all(exposures.any() for _, exposures in spans):
            sums += [part for rate, n in spans for part in (float((rate * n).sum()), float(n.sum()))]
            days += 1
    before, before_of, after, after_of = sums
    if not days:
        return 1.0, 0
    expected = before / before_of * after_of
    return float((after + PRIOR_EVENTS) / (expected + PRIOR_EVENTS)), days


def _middle(values: Floats) -> float:
    told = values[np.isfinite(values)]
    return float(np.median(told)) if len(told) else float("nan")


def _rounded(value: float) -> float:
    """Return a number to five digits, which is what a day's level is known to at best."""
    return float(f"{value:.{_DIGITS}g}")
