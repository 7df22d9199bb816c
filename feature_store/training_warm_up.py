"""Warm-ups: intervals of fresh pods that behave unlike later ones in releases that did no harm.

Evidence sums up all intervals so far, so that one look's numbers less the last one's are those of one
interval. What the canary was worse by in it, against the same minutes of its twins and against itself later,
is averaged over good releases, age by age. Ages that are worse beyond doubt, and by more than half of what
nobody minds, are given to the warm-up, from its end on without a hole. Never fewer than people gave.

The judge itself learns warm-ups of services whose good releases it remembers (`detectors/history_memory.py`);
this is for the others, and for what no memory reaches back to.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from feature_store.lessons import Floats, Lesson, Track, capped
from feature_store.training_sizes import weighted_median
from schemas.policy import Rule
from schemas.signals import Direction, Signal

LEAST_RELEASES = 10.0
"""Before so many good releases no warm-up is learnt."""

BEYOND_DOUBT = 3.0
"""Standard errors by which an age must be worse."""

MOST_MORE = 8
"""Intervals by which a warm-up may grow: beyond that it is no warm-up."""


def learnt_warm_ups(
    lessons: Sequence[Lesson], rules: Mapping[str, Rule], general: Rule
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Return longer warm-ups by signal over all services, and by service; only those that grew."""
    own_weights = np.array([lesson.good for lesson in lessons])
    weights = capped(lessons, own_weights)
    told: dict[str, list[tuple[str, Floats, float, float]]] = defaultdict(list)
    for lesson, own_weight, weight in zip(lessons, own_weights, weights, strict=True):
        for signal in rules.get(lesson.key, general).signals:
            track = lesson.tracks.get(signal.name)
            if track is None or not signal.has_warm_up or own_weight <= 0 or (track.lead >= 0).any():
                continue
            above = excess_by_age(track)
            if above is not None:
                worse = above if signal.direction is Direction.UP else -above
                told[str(signal.name)].append((lesson.key, worse, float(own_weight), float(weight)))
    of_all: dict[str, int] = {}
    by_service: dict[str, dict[str, int]] = defaultdict(dict)
    for name, entries in sorted(told.items()):
        of_all |= _grown(name, [(worse, weight) for _, worse, _, weight in entries], general)
        for key in sorted({entry[0] for entry in entries}):
            mine = [(worse, weight) for own, worse, weight, _ in entries if own == key]
            by_service[key] |= _grown(name, mine, rules.get(key, general))
    return of_all, {key: found for key, found in by_service.items() if found}


def excess_by_age(track: Track) -> Floats | None:
    """Return how much higher the canary was at each age than later, as log ratios; None for a short watch.

    The first is the first interval that the warm-up let count; NaN where an interval says nothing.
    """
    own = _intervals(track.canary, track.canary_exposure)
    twins = _intervals(track.control, track.control_exposure)
    offset = np.maximum(track.margin, 1e-12)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.log((own + offset) / (twins + offset))
    if len(apart) < 2 * MOST_MORE:
        return None
    later = apart[MOST_MORE:]
    later = later[np.isfinite(later)]
    if len(later) < MOST_MORE // 2:
        return None
    return np.asarray(apart[:MOST_MORE] - np.median(later))


def _intervals(level: Floats, exposure: Floats) -> Floats:
    """Return each interval's own level from the running one."""
    total, readings = np.nan_to_num(level) * exposure, exposure
    gained = np.diff(readings, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(gained > 0, np.diff(total, prepend=0.0) / gained, np.nan)


def _grown(name: str, entries: list[tuple[Floats, float]], rule: Rule) -> dict[str, int]:
    signal = next((signal for signal in rule.signals if signal.name == name), None)
    weights = np.array([weight for _, weight in entries])
    if signal is None or float(weights.sum()) < LEAST_RELEASES:
        return {}
    more = _ages(np.array([worse for worse, _ in entries]), weights, signal)
    return {name: signal.warm_up + more} if more else {}


def _ages(worse: Floats, weights: Floats, signal: Signal) -> int:
    """Return how many ages from the first on are worse than later, beyond doubt and by what matters.

    Args:
        worse: (releases, ages), NaN for unsaid.
        weights: (releases,).
        signal: Whose margin says what matters.
    """
    matters = 0.5 * float(np.log1p(signal.margin_ratio))
    for age in range(worse.shape[1]):
        told = np.isfinite(worse[:, age])
        mass = weights[told]
        if float(mass.sum()) < LEAST_RELEASES:
            return age
        values = worse[told, age]
        # A median and its absolute deviation: one wrong label must not make a warm-up.
        middle = weighted_median(values, mass)
        spread = 1.4826 * weighted_median(np.abs(values - middle), mass) + 1e-9
        error = 1.2533 * spread / float(np.sqrt(mass.sum()))
        if middle < matters or middle < BEYOND_DOUBT * error:
            return age
    return int(worse.shape[1])
