"""Drift: whether releases of late are unlike those that the champion learnt from, so that it learns again.

Two streams are looked at, each over a bounded number of the newest releases. Of labels, the share of false
rollbacks among good releases: R. A. Fisher's exact test (1935), one-sided. Of evidence, how high it rises in
releases that nobody found harmful: the two-sample test of N. V. Smirnov (1939), which is about the whole
distribution. It is asked again and again, so the k-th question may spend `level / (k (k + 1))`: over all
questions together a drift that is none is found with a chance of at most `level`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import fisher_exact, ks_2samp

from feature_store.lessons import Lesson

MOST_RELEASES = 1000
"""Releases of either side that are looked at."""

LEAST_RELEASES = 30
"""Releases of either side without which nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found.

    Attributes:
        has_drifted: Learn again.
        why: The test with its numbers, as a sentence.
    """

    has_drifted: bool
    why: str


def drift_of(before: Sequence[Lesson], since: Sequence[Lesson], asked: int, level: float = 0.05) -> Drift:
    """Return whether releases drifted.

    Args:
        before: Releases that the champion learnt from, the oldest first.
        since: Releases since then, the oldest first.
        asked: How many times this was asked since then, 1 for the first.
        level: Chance of ever finding a drift that is none.

    Raises:
        ValueError: `asked` is below 1.
    """
    if asked < 1:
        raise ValueError(f"asked is {asked}, expected 1 for the first time")
    old, new = before[-MOST_RELEASES:], since[-MOST_RELEASES:]
    if min(len(old), len(new)) < LEAST_RELEASES:
        return Drift(has_drifted=False, why=f"{len(new)} releases since, too few to tell")
    spent = level / (asked * (asked + 1)) / 2.0
    table = [_false_and_kept(new), _false_and_kept(old)]
    of_labels = float(fisher_exact(np.array(table), alternative="greater").pvalue)
    of_evidence = float(ks_2samp(_heights(old), _heights(new)).pvalue)
    told = (
        f"{table[0][0]} of {sum(table[0])} good releases called harmful since, {table[1][0]} of "
        f"{sum(table[1])} before (Fisher {of_labels:.2g}); evidence of releases found harmless moved "
        f"(Smirnov {of_evidence:.2g}); {spent:.2g} is asked for"
    )
    return Drift(has_drifted=min(of_labels, of_evidence) < spent, why=told)


def _false_and_kept(lessons: Sequence[Lesson]) -> tuple[int, int]:
    good = sum(lesson.good for lesson in lessons)
    false = sum(lesson.good for lesson in lessons if _is_convicted(lesson))
    return round(false), round(good - false)


def _heights(lessons: Sequence[Lesson]) -> list[float]:
    """Return how near to a conviction the evidence of each release came that was not convicted."""
    found = [
        max(float(np.max(track.lead)) for track in lesson.tracks.values())
        for lesson in lessons
        if not _is_convicted(lesson)
    ]
    return found or [0.0]


def _is_convicted(lesson: Lesson) -> bool:
    return any(bool((track.lead >= 0).any()) for track in lesson.tracks.values())
