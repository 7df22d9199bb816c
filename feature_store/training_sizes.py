"""Sizes: by how many times bad releases moved a signal, on the axis on which the judge weighs it.

A weighted median over bad releases in which the signal had something to say: a release that is called bad and
moved nothing teaches nothing, and one wrong label in ten hardly moves a median. A service's own median is
taken together with that of all services, in proportion to how much it has seen.

The judge reads `expected_ratio` of counts as a ratio of rates, and of levels as a ratio of levels with what
nobody minds added to both (`detectors/weighing.py`); the same is measured here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from feature_store.lessons import Floats, Lesson, Track, capped
from schemas.policy import Rule
from schemas.signals import Direction, Signal, SignalKind

LEAST_RELEASES = 3.0
"""Before so many bad releases moved a signal, no size is expected of it."""

PRIOR_RELEASES = 5.0
"""As many of a service's releases what all services say is worth."""

SAYS = 2.0
"""Evidence, in nats, from which on a signal counts as moved: e-value 7."""

LARGEST = 100.0
"""A larger ratio is written as this; it convicts at once whatever was expected."""


def learnt_sizes(
    lessons: Sequence[Lesson], rules: Mapping[str, Rule], general: Rule
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Return the expected ratio of each signal over all services, and by service where it has seen any."""
    own_weights = np.array([lesson.bad for lesson in lessons])
    weights = capped(lessons, own_weights)
    told: dict[str, list[tuple[str, float, float, float]]] = defaultdict(list)
    for lesson, own_weight, weight in zip(lessons, own_weights, weights, strict=True):
        rule = rules.get(lesson.key, general)
        for signal in rule.signals:
            track = lesson.tracks.get(signal.name)
            ratio = _moved(signal, track, lesson.turning()) if track is not None and own_weight > 0 else None
            if ratio is not None:
                told[str(signal.name)].append((lesson.key, ratio, float(own_weight), float(weight)))
    of_all: dict[str, float] = {}
    by_service: dict[str, dict[str, float]] = defaultdict(dict)
    for name, entries in sorted(told.items()):
        logs = np.log([entry[1] for entry in entries])
        own_sizes, sizes = (np.array([entry[column] for entry in entries]) for column in (2, 3))
        is_known = float(sizes.sum()) >= LEAST_RELEASES
        center = weighted_median(logs, sizes) if is_known else None
        if center is not None:
            of_all[name] = float(np.exp(center))
        for key in sorted({entry[0] for entry in entries}):
            mine = np.array([entry[0] == key for entry in entries])
            seen = float(own_sizes[mine].sum())
            if center is None and seen < LEAST_RELEASES:
                continue
            own = weighted_median(logs[mine], own_sizes[mine])
            prior = 0.0 if center is None else PRIOR_RELEASES
            mixed = (seen * own + prior * (center or 0.0)) / (seen + prior)
            by_service[key][name] = float(np.exp(mixed))
    return of_all, dict(by_service)


def ratio_moved(signal: Signal, track: Track, look: int) -> float | None:
    """Return by how many times the canary is worse than its control at one look; None for unsaid."""
    canary, control = float(track.canary[look]), float(track.control[look])
    if not (np.isfinite(canary) and np.isfinite(control)):
        return None
    margin = float(track.margin[look])
    if signal.kind is SignalKind.COUNTS:
        n, m = float(track.canary_exposure[look]), float(track.control_exposure[look])
        if signal.direction is Direction.DOWN:
            canary, control = 1.0 - canary, 1.0 - control
        # Half an event, so that pods without any have a rate, too.
        return ((canary * n + 0.5) / (n + 1.0)) / ((control * m + 0.5) / (m + 1.0))
    if signal.direction is Direction.UP and canary >= 0 and control >= 0:
        offset = max(margin, 0.01 * abs(control), 1e-12)
        return (canary + offset) / (control + offset)
    sign = 1.0 if signal.direction is Direction.UP else -1.0
    return 1.0 + sign * (canary - control) / max(abs(control), margin, 1e-12)


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the least value at which half of the weight is reached.

    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 3.0]))
    2.0
    """
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    place = int(np.searchsorted(passed, passed[-1] / 2.0 * (1.0 - 1e-12)))
    return float(values[order][place])


def _moved(signal: Signal, track: Track, at: float) -> float | None:
    seen = np.flatnonzero(track.minutes <= at)
    if signal.share <= 0 or not len(seen) or track.log_e[seen[-1]] < SAYS:
        return None
    ratio = ratio_moved(signal, track, int(seen[-1]))
    if ratio is None or ratio <= 1.0 + signal.margin_ratio:
        return None
    return min(ratio, LARGEST)
