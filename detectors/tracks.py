"""Tracks: what one pod said of one thing, interval by interval, in a form that JSON keeps exactly."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.samples import Temporality

REMEMBERED = 8
"""Points of a series that are kept to put a late one in its place and to know a repeated one."""


@dataclass(slots=True, kw_only=True)
class Track:
    """Sums and readings of consecutive intervals.

    Attributes:
        first: Index of the first interval kept: its start, divided by the interval's width.
        sums: Sum of what was read in each interval, in the metric's unit.
        readings: How many readings are in each sum; 0 means that nothing was said.
    """

    first: int = 0
    sums: list[float] = field(default_factory=list)
    readings: list[int] = field(default_factory=list)

    def add(self, index: int, value: float, readings: int = 1) -> None:
        """Add a value to an interval, growing the track on either side."""
        place = index - self.first
        if 0 <= place < len(self.sums):
            self.sums[place] += value
            self.readings[place] += readings
            return
        if not self.sums:
            self.first = index
        if index < self.first:
            missing = self.first - index
            self.sums[:0] = [0.0] * missing
            self.readings[:0] = [0] * missing
            self.first = index
        grown = index - self.first + 1 - len(self.sums)
        if grown > 0:
            self.sums.extend([0.0] * grown)
            self.readings.extend([0] * grown)
        place = index - self.first
        self.sums[place] += value
        self.readings[place] += readings

    def drop_before(self, index: int) -> None:
        """Forget the intervals before one."""
        gone = min(max(index - self.first, 0), len(self.sums))
        if gone:
            del self.sums[:gone]
            del self.readings[:gone]
            self.first += gone

    def between(self, first: int, end: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return sums and readings of the intervals `first` to `end` - 1, 0 where nothing was said."""
        low, high = max(first, self.first), min(end, self.first + len(self.sums))
        if low == first < end == high:
            place = slice(low - self.first, high - self.first)
            return np.array(self.sums[place], dtype=float), np.array(self.readings[place], dtype=float)
        width = max(end - first, 0)
        sums, readings = np.zeros(width), np.zeros(width)
        if low < high:
            place = slice(low - self.first, high - self.first)
            sums[low - first : high - first] = self.sums[place]
            readings[low - first : high - first] = self.readings[place]
        return sums, readings

    def padded(self, first: int, last: int, end: int) -> tuple[list[float], list[int]]:
        """Return sums and readings of the intervals `first` to `end` - 1, 0 from `last` on."""
        begun = self.first
        low, high = max(first, begun), min(last, begun + len(self.sums))
        if low >= high:
            return [0.0] * max(end - first, 0), [0] * max(end - first, 0)
        sums, readings = self.sums[low - begun : high - begun], self.readings[low - begun : high - begun]
        if low > first:
            sums, readings = [0.0] * (low - first) + sums, [0] * (low - first) + readings
        if high < end:
            sums, readings = sums + [0.0] * (end - high), readings + [0] * (end - high)
        return sums, readings

    def sum_of(self, index: int) -> float:
        """Return the sum of one interval, 0 where nothing was said."""
        place = index - self.first
        return self.sums[place] if 0 <= place < len(self.sums) else 0.0

    def first_heard(self, first: int, end: int) -> int:
        """Return the first interval from `first` on in which something was said; `end` for none before it."""
        for index in range(max(first, self.first), min(end, self.first + len(self.readings))):
            if self.readings[index - self.first] > 0:
                return index
        return end


@dataclass(slots=True, kw_only=True)
class RecentPoints:
    """The newest points of one series, oldest first: enough to turn a counter into increases.

    Attributes:
        times_ms: When each was read, rising.
        values: What was read.
        starts_at_zero: The series came into being under our eyes, so its first value is an increase.
    """

    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    starts_at_zero: bool = False

    def place(self, time_ms: int) -> int:
        """Return where a point of that time belongs; -1 when it is there already or is too old to tell."""
        times = self.times_ms
        at = len(times)
        while at and times[at - 1] >= time_ms:
            at -= 1
            if times[at] == time_ms:
                return -1
        return -1 if at == 0 and len(times) >= REMEMBERED else at

    def insert(self, at: int, time_ms: int, value: float) -> None:
        """Keep a point, and forget the oldest one beyond what is remembered."""
        self.times_ms.insert(at, time_ms)
        self.values.insert(at, value)
        if len(self.times_ms) > REMEMBERED:
            del self.times_ms[0], self.values[0]
            self.starts_at_zero = False

    def increases(self, at: int, time_ms: int, value: float) -> list[tuple[int, float, int]]:
        """Return what a counter's new point adds, as (time, increase, readings), and keep the point.

        A point that comes late splits the increase that was booked on the point after it. A fall is a
        restart: the counter began again at zero.
        """
        before = self.values[at - 1] if at else (0.0 if self.starts_at_zero else None)
        changes: list[tuple[int, float, int]] = []
        if before is not None:
            changes.append((time_ms, _rise(before, value), 1))
        if at < len(self.times_ms):
            after_ms, after = self.times_ms[at], self.values[at]
            booked = _rise(before, after) if before is not None else 0.0
            changes.append((after_ms, _rise(value, after) - booked, 0 if before is not None else 1))
        self.insert(at, time_ms, value)
        return changes


def _rise(before: float, after: float) -> float:
    return after - before if after >= before else after


def interval_of(time_ms: int, temporality: Temporality, width_ms: int) -> int:
    """Return the index of the interval that a sample speaks for.

    A gauge speaks for its own instant, an increase for the time before it: what a counter rose by, read
    exactly at an interval's end, belongs to the interval that ended.

    >>> interval_of(60_000, Temporality.GAUGE, 60_000), interval_of(60_000, Temporality.DELTA, 60_000)
    (1, 0)
    """
    return (time_ms if temporality is Temporality.GAUGE else time_ms - 1) // width_ms
