"""The event rule of labelled points: which alerts hit, which events are found, one threshold for all.

An event is a run of labelled samples. A sample whose score reaches the threshold is an alert unless there
was an alert in the 20 samples before. An alert hits from 2 samples before an event to 5 after it. Precision
is the share of alerts that hit, recall the share of events hit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUIET_SAMPLES = 20
EARLY_SAMPLES = 2
LATE_SAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Alerts, alerts that hit, events, and events found; they add up over files."""

    alerts: int = 0
    hits: int = 0
    events: int = 0
    found: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both together."""
        return Counts(
            alerts=self.alerts + other.alerts,
            hits=self.hits + other.hits,
            events=self.events + other.events,
            found=self.found + other.found,
        )

    @property
    def precision(self) -> float:
        """Return the share of alerts that hit; 0 without alerts."""
        return self.hits / self.alerts if self.alerts else 0.0

    @property
    def recall(self) -> float:
        """Return the share of events found; 0 without events."""
        return self.found / self.events if self.events else 0.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall; 0 where both are."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def events_of(labels: Ints) -> Ints:
    """Return first and last sample of each run of labelled samples, (events, 2)."""
    edges = np.diff(np.concatenate(([0], (labels > 0).astype(np.int64), [0])))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1)


@njit(cache=True)
def _count(scores: Floats, events: Ints, thresholds: Floats, alerts: Ints, hits: Ints, found: Ints) -> None:
    for step in range(len(thresholds)):
        last, upcoming, counted = -QUIET_SAMPLES - 1, 0, -1
        for index in range(len(scores)):
            if scores[index] < thresholds[step] or index - last <= QUIET_SAMPLES:
                continue
            last = index
            alerts[step] += 1
            while upcoming < len(events) and events[upcoming, 1] + LATE_SAMPLES < index:
                upcoming += 1
            at = upcoming
            is_hit = False
            while at < len(events) and events[at, 0] - EARLY_SAMPLES <= index:
                is_hit = True
                if at > counted:
                    found[step] += 1
                    counted = at
                at += 1
            if is_hit:
                hits[step] += 1


def count(scores: Floats, labels: Ints, thresholds: Floats) -> list[Counts]:
    """Return what one file's scores amount to at each threshold."""
    events = events_of(labels)
    alerts, hits, found = (np.zeros(len(thresholds), dtype=np.int64) for _ in range(3))
    _count(scores, events, thresholds, alerts, hits, found)
    return [
        Counts(alerts=int(a), hits=int(h), events=len(events), found=int(f))
        for a, h, f in zip(alerts, hits, found, strict=True)
    ]


def ladder(scores: Sequence[Floats], steps: int = 400) -> Floats:
    """Return thresholds worth trying: quantiles of all positive scores, denser at the top, rising."""
    positive = np.concatenate([score[score > 0] for score in scores]) if scores else np.empty(0)
    if not len(positive):
        return np.ones(1)
    shares = 1.0 - np.geomspace(1.0 / len(positive), 0.5, steps)
    return np.unique(np.quantile(positive, shares))


def fitted(files: Sequence[tuple[Floats, Ints]]) -> float:
    """Return the one threshold with the best F1 over files of (scores, labels)."""
    thresholds = ladder([scores for scores, _ in files])
    totals = [Counts() for _ in thresholds]
    for scores, labels in files:
        totals = [total + new for total, new in zip(totals, count(scores, labels, thresholds), strict=True)]
    return float(thresholds[int(np.argmax([total.f1 for total in totals]))])


def crossed(files: Sequence[tuple[Floats, Ints]]) -> Counts:
    """Return the counts where each half of the files has the threshold that was fitted on the other half.

    Args:
        files: (scores, labels) of each file; every second one, from the first, is one half.
    """
    halves = files[0::2], files[1::2]
    total = Counts()
    for own, other in (halves, halves[::-1]):
        threshold = np.array([fitted(other)])
        for scores, labels in own:
            total += count(scores, labels, threshold)[0]
    return total
