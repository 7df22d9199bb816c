"""Budgets: the alpha under which errors cost least, never above the one that people set.

A smaller budget finds harm later and takes back fewer good releases. Past releases say what either costs:
held against the thresholds of another alpha, each bad one is found at another look, and each good one is
taken back or not. Good ones are so seldom taken back that their share is estimated together with what the
budget allows, which is worth `PRIOR_RELEASES` of them.

Source: A. Wald, "Statistical Decision Functions" (1950), chapter 1: the rule of least expected cost.
"""

from collections.abc import Mapping, Sequence
from math import isfinite, log

import numpy as np

from feature_store.lessons import Lesson, capped
from schemas.policy import Rule

PRIOR_RELEASES = 50.0
"""As many good releases the belief that false rollbacks are as frequent as the budget allows is worth."""

LEAST_RELEASES = 5.0
"""Before so many bad releases no budget is learnt."""

STEPS = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1)
"""Parts of the rule's alpha that are thought of. Less than a tenth would find late what is rare anyway."""


def first_look(lesson: Lesson, changes: Mapping[str, float]) -> float:
    """Return the minute at which a release is convicted when budgets change; infinity for never.

    Args:
        lesson: A release.
        changes: By track, how much its log budget changes; 0 for those that are not named.
    """
    return min(
        (
            track.first_look(float(track.log_budget[-1]) + changes.get(name, changes.get("*", 0.0)))
            for name, track in lesson.tracks.items()
        ),
        default=float("inf"),
    )


def has_seen_enough(lessons: Sequence[Lesson]) -> bool:
    """Return whether there are bad releases enough to say what delay costs."""
    return float(capped(lessons, np.array([lesson.bad for lesson in lessons])).sum()) >= LEAST_RELEASES


def costs_by_step(lessons: Sequence[Lesson], rule: Rule) -> dict[float, float] | None:
    """Return the expected cost of a release under each of `STEPS`; None where too little was seen."""
    bad = capped(lessons, np.array([lesson.bad for lesson in lessons]))
    good = capped(lessons, np.array([lesson.good for lesson in lessons]))
    if not has_seen_enough(lessons):
        return None
    total = float(bad.sum() + good.sum())
    found = {}
    for step in STEPS:
        looks = [first_look(lesson, {"*": log(step)}) for lesson in lessons]
        late = sum(
            weight * (look if isfinite(look) else _rest(lesson, rule))
            for lesson, look, weight in zip(lessons, looks, bad, strict=True)
            if weight > 0
        )
        taken = sum(weight for look, weight in zip(looks, good, strict=True) if isfinite(look))
        allowed = step * rule.judge.alpha
        share = (taken + allowed * PRIOR_RELEASES) / (float(good.sum()) + PRIOR_RELEASES)
        false = share * float(good.sum())
        found[step] = (rule.costs.bad_minute * late + rule.costs.false_rollback * false) / total
    return found


def learnt_alpha(lessons: Sequence[Lesson], rule: Rule) -> float | None:
    """Return the alpha of least cost; None for the rule's own, and where nobody said what errors cost."""
    if not rule.costs.are_told:
        return None
    costs = costs_by_step(lessons, rule)
    if costs is None:
        return None
    # Of equal costs the rule's own: nothing changes without a reason.
    best = min(costs, key=lambda step: (costs[step], -step))
    return None if best == 1.0 else best * rule.judge.alpha


def _rest(lesson: Lesson, rule: Rule) -> float:
    """Return how long a bad release runs that is not found: the whole watch, at least."""
    return max(lesson.watched_min, rule.judge.watch.total_seconds() / 60.0)
