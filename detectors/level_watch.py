"""Levels of a service watched without a release: what is unlike the service's own past, interval by interval.

A signal's level in each closed interval is held against a slow, robust mean. What it is worse by, beyond
the signal's own margin, in units of the usual deviation (for counts, of chance as well), gets a p-value
among all earlier intervals of that series. An anomaly is two intervals in a row that are both improbable.

Light: 40 numbers a series, 320 bytes. Blind to the time of day, to anything in the good direction, and to
damage that was there from the first hour. `bank` sees more and costs two hundred times the state.

Source: the p-values are those of `bank_tails`, in coarser bins.
"""

from dataclasses import dataclass, field
from math import exp, log, sqrt

from schemas.signals import Direction, Signal, SignalKind

BINS = 32
LOWEST, HIGHEST = -3.0, 5.0
"""Logarithms between which departures are told apart, in usual deviations: 0.05 to 150."""

EXPONENT = 8.0
"""How fast chances fall beyond the largest departure seen; as in `bank_tails`."""

IMPROBABLE = 1e-4
"""P-value of an interval that may be half of an anomaly. Larger finds three times the errors sooner and
tells two to three times as many false ones of series that remember from minute to minute; `docs/judge.md`
has the figures."""

LASTING = 2
"""Improbable intervals in a row that are an anomaly."""

WARM_UP = 60
"""Intervals before anything is told: an hour of minutes."""

SHARE, FORGETTING = 0.02, 0.999
"""Share of an interval in the level and the deviation, and what is left of a count after one interval."""


@dataclass(slots=True, kw_only=True)
class WatchedLevel:
    """What is remembered of one signal and edge.

    Attributes:
        readings: Intervals learnt from.
        level: Slow mean, in the signal's unit.
        deviation: Usual distance from it.
        counts: How often departures fell into each bin; empty before the first.
        total: How many were counted, with forgetting.
        run: Improbable intervals in a row up to now.
        since: First interval of the run.
        worst: Largest p-value in the run.
        told: Interval of the newest anomaly told of; -1 for none.
    """

    readings: int = 0
    level: float = 0.0
    deviation: float = 0.0
    counts: list[float] = field(default_factory=list)
    total: float = 0.0
    run: int = 0
    since: int = 0
    worst: float = 0.0
    told: int = -1

    def take(self, signal: Signal, level: float, exposure: float, interval: int) -> bool:
        """Take in an interval's level, and return whether it completes an anomaly.

        Args:
            signal: Says which way is bad, and what nobody minds.
            level: Finite, in the signal's unit.
            exposure: Requests or readings behind it, above 0.
            interval: Its index.
        """
        departure = self._departure(signal, level, exposure)
        p_value = self._p_value(departure)
        if self.readings >= WARM_UP and p_value <= IMPROBABLE:
            self.since = self.since if self.run else interval
            self.worst = max(self.worst if self.run else 0.0, p_value)
            self.run += 1
            if self.run < LASTING:
                # It is not learnt from until it is known to last: its twin must not look usual.
                return False
        else:
            self.run = 0
        is_anomaly = self.run == LASTING
        if self.run <= LASTING:
            self._count(departure)
        self._learn(level)
        return is_anomaly

    def _departure(self, signal: Signal, level: float, exposure: float) -> float:
        """Return how far beyond the margin a level is in the bad direction, in usual deviations."""
        if self.readings == 0:
            return 0.0
        margin = max(signal.margin_floor, signal.margin_ratio * abs(self.level))
        is_up = signal.direction is Direction.UP
        beyond = (level - self.level if is_up else self.level - level) - margin
        chance = 0.0
        if signal.kind is SignalKind.COUNTS:
            # One event in so many requests is the least that is known of a rate.
            chance = max(self.level, 1.0 / exposure) / exposure
        unit = sqrt(self.deviation**2 + chance) + 1e-9 * abs(self.level) + 1e-12
        return max(beyond, 0.0) / unit

    def _p_value(self, departure: float) -> float:
        """Return the chance of a departure as large among those counted, in (0, 1]."""
        if departure == 0.0 or not self.counts:
            return 1.0
        at = _bin(departure)
        width = (HIGHEST - LOWEST) / BINS
        beyond = sum(self.counts[at:])
        beyond += sum(n * exp(-EXPONENT * width * (at - i)) for i, n in enumerate(self.counts[:at]))
        return min(1.0, (beyond + 1e-9) / (self.total + 1.0))

    def _count(self, departure: float) -> None:
        counts = [n * FORGETTING for n in self.counts] or [0.0] * BINS
        counts[_bin(departure)] += 1.0
        self.counts = counts
        self.total = self.total * FORGETTING + 1.0

    def _learn(self, level: float) -> None:
        self.readings += 1
        if self.readings == 1:
            self.level = level
        share = max(SHARE, 1.0 / self.readings)
        apart = level - self.level
        most = 4.0 * self.deviation if self.readings > WARM_UP // 4 and self.deviation > 0 else abs(apart)
        self.level += share * min(max(apart, -most), most)
        self.deviation += share * (min(abs(apart), most) - self.deviation)


def _bin(departure: float) -> int:
    place = (log(max(departure, 1e-9)) - LOWEST) * BINS / (HIGHEST - LOWEST)
    return int(min(max(place, 0.0), BINS - 1.0))
