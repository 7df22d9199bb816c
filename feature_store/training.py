"""Training: a profile of the judge from past releases. Pure: the same releases teach the same.

What is learnt makes the judge stricter or places its budget better, and `schemas.profiles.adjusted` lays it
over the rules so that it can do no other. What it does on releases that it has not seen is measured by
cross-fitting: five folds of whole releases, each judged by what the other four taught.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite, log

import numpy as np

from feature_store.lessons import Lesson
from feature_store.training_budget import first_look, has_seen_enough, learnt_alpha
from feature_store.training_shares import learnt_shares, weighty
from feature_store.training_sizes import learnt_sizes
from feature_store.training_warm_up import learnt_warm_ups
from schemas.codec import to_json
from schemas.keys import SignalName, derived_id
from schemas.models import ModelCard, ModelFamily
from schemas.policy import Policy, Rule
from schemas.profiles import Adjustment, LearntSignal, Profile, adjusted

ALL = "*/*"
FOLDS = 5
CODE = "judge-profile-1"
"""Rises when the same journal would teach another profile."""

_NEWS = 0.02
"""A share that moved by less than this part of itself is not worth a line."""

_LIKE_ALL = 0.1
"""Nor is what differs by less than this part from what all services have."""

_SMALLEST_RATIO = 1.001
"""A rule refuses an expected ratio of 1: nothing that is as before can be damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of what would change.

    Attributes:
        where: `environment/service`, or `*/*`.
        what: Signal and setting.
        before: What holds by the rules.
        after: What was learnt.
        why: What it goes by.
        seen: From which releases.
    """

    where: str
    what: str
    before: float | None
    after: float
    why: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A profile, where it comes from, and what it would change."""

    card: ModelCard
    profile: Profile
    changes: tuple[Change, ...]


def learn(
    lessons: Sequence[Lesson],
    policy: Policy,
    as_of: datetime,
    *,
    parent: str = "",
    profiles: Mapping[str, Profile] | None = None,
) -> Learnt | None:
    """Return what the releases teach; None where there are none.

    Args:
        lessons: From `feature_store.lessons_read.read_lessons`, of the same instant.
        policy: The rules as people wrote them.
        as_of: Nothing that was known later is in the lessons.
        parent: Id of the champion that it is learnt beside.
        profiles: Of the champions so far, by id: which releases were judged by them is undone, and the
            metrics compare with the parent's.
    """
    if not lessons:
        return None
    # The same order whoever asks: sums of floats must not hang on it, nor who is held back with whom.
    lessons = sorted(lessons, key=lambda lesson: (lesson.started_at, lesson.release))
    lessons = under_rules(lessons, policy, profiles or {})
    profile = learnt_profile(lessons, policy)
    card = ModelCard(
        id=derived_id("judge-profile", CODE, to_json(profile).decode(), as_of.isoformat(), parent),
        family=ModelFamily.JUDGE,
        parent=parent,
        data_from=lessons[0].started_at,
        data_until=as_of,
        releases=len(lessons),
        labels=sum(lesson.has_label for lesson in lessons),
        code=CODE,
        metrics=cross_fitted(lessons, policy, (profiles or {}).get(parent)),
    )
    return Learnt(card=card, profile=profile, changes=tuple(changes_of(profile, lessons, policy)))


def under_rules(lessons: Sequence[Lesson], policy: Policy, profiles: Mapping[str, Profile]) -> list[Lesson]:
    """Return the releases as if they had been held against the bare rules' thresholds."""
    found = []
    for lesson in lessons:
        profile = profiles.get(lesson.model)
        learnt = profile.adjustment(lesson.environment, lesson.service) if profile is not None else None
        if learnt is not None:
            rule = policy.rule(lesson.environment, lesson.service)[1]
            stricter = _changed_budgets(rule, adjusted(rule, learnt))
            tracks = {}
            for name, track in lesson.tracks.items():
                less = stricter.get(name, stricter["*"])
                if isfinite(less):
                    tracks[name] = replace(track, lead=track.lead - less, log_budget=track.log_budget - less)
            lesson = replace(lesson, tracks=tracks)
        found.append(lesson)
    return found


def learnt_profile(lessons: Sequence[Lesson], policy: Policy) -> Profile:
    """Return the profile that releases teach."""
    general = policy.rules[ALL]
    rules = rules_of(lessons, policy)
    shares, own_shares, _ = learnt_shares(lessons, rules, general)
    sizes, own_sizes = learnt_sizes(lessons, rules, general)
    warm_ups, own_warm_ups = learnt_warm_ups(lessons, rules, general)
    adjustments = {
        ALL: _adjustment(general, shares, sizes, warm_ups, learnt_alpha(lessons, general)),
    }
    for key, rule in rules.items():
        mine = [lesson for lesson in lessons if lesson.key == key]
        has_own = key in own_shares or key in own_sizes or key in own_warm_ups
        if not has_own and rule == general:
            continue
        # A service's costs are its own; while it has seen little harm, all releases say what delay there is.
        alpha = learnt_alpha(mine if has_seen_enough(mine) else lessons, rule)
        adjustments[key] = _adjustment(
            rule,
            own_shares.get(key, _tilted(rule, shares, general)),
            sizes | own_sizes.get(key, {}),
            {**warm_ups, **own_warm_ups.get(key, {})},
            alpha,
        )
    return Profile(adjustments=adjustments)


def rules_of(lessons: Sequence[Lesson], policy: Policy) -> dict[str, Rule]:
    """Return the rule of each service that there is a release of."""
    named = {lesson.key: (lesson.environment, lesson.service) for lesson in lessons}
    return {key: policy.rule(*named[key])[1] for key in sorted(named)}


def delay_and_false(
    lessons: Sequence[Lesson], policy: Policy, before: Profile | None, after: Profile
) -> tuple[list[tuple[float, float, float]], list[tuple[float, float]]]:
    """Return what another profile's shares and alphas would have done: (weight, before, after) of each.

    Args:
        lessons: Releases, judged under whatever held.
        policy: The rules.
        before: What is compared with; None for the rules.
        after: What is tried.

    Returns:
        Of bad releases, their weight and the minutes until found, before and after, where not found the whole
        watch. Of good ones, whether taken back times their weight, before and after.
    """
    bad: list[tuple[float, float, float]] = []
    good: list[tuple[float, float]] = []
    for lesson in lessons:
        _, rule = policy.rule(lesson.environment, lesson.service)
        looks = []
        for profile in (before, after):
            learnt = None if profile is None else profile.adjustment(lesson.environment, lesson.service)
            looks.append(_look_under(lesson, rule, adjusted(rule, learnt)))
        first, second = looks
        bad.append((lesson.bad, min(first, lesson.watched_min), min(second, lesson.watched_min)))
        good.append((lesson.good * isfinite(first), lesson.good * isfinite(second)))
    return bad, good


def cross_fitted(lessons: Sequence[Lesson], policy: Policy, before: Profile | None) -> dict[str, float]:
    """Return delay and false rollbacks on releases that had no say, before and after.

    A figure that no release stands behind is left out: of a single one nothing is held back, and without bad
    ones there is no delay.
    """
    bad: list[tuple[float, float, float]] = []
    good: list[tuple[float, float]] = []
    # Drawn, since services that take turns would else each have a fold of their own.
    fold_of = np.random.default_rng(0).permutation(len(lessons)) % FOLDS
    for fold in range(min(FOLDS, len(lessons)) if len(lessons) > 1 else 0):
        known = [lesson for lesson, place in zip(lessons, fold_of, strict=True) if place != fold]
        held = [lesson for lesson, place in zip(lessons, fold_of, strict=True) if place == fold]
        more_bad, more_good = delay_and_false(held, policy, before, learnt_profile(known, policy))
        bad += more_bad
        good += more_good
    of_bad = float(sum(lesson.bad for lesson in lessons))
    of_good = float(sum(lesson.good for lesson in lessons))
    figures = {"bad_releases": round(of_bad, 3), "good_releases": round(of_good, 3)}
    if bad and of_bad > 0:
        for side, name in ((1, "delay_min_before"), (2, "delay_min_after")):
            figures[name] = round(sum(row[0] * row[side] for row in bad) / of_bad, 4)
    if good and of_good > 0:
        for side, name in ((0, "false_share_before"), (1, "false_share_after")):
            figures[name] = round(sum(row[side] for row in good) / of_good, 6)
    return figures


def changes_of(profile: Profile, lessons: Sequence[Lesson], policy: Policy) -> list[Change]:
    """Return what a profile changes, in the order of its keys, as lines for people.

    What a service has from all services, and what hardly differs from it, has no line of its own.
    """
    found: list[Change] = []
    of_all: dict[str, Change] = {}
    for key, learnt in sorted(profile.adjustments.items()):
        mine = list(lessons) if key == ALL else [lesson for lesson in lessons if lesson.key == key]
        rule = policy.rules[ALL] if key == ALL else policy.rule(mine[0].environment, mine[0].service)[1]
        bad, good = (sum(getattr(lesson, kind) for lesson in mine) for kind in ("bad", "good"))
        lines = _lines(key, rule, learnt, f"{bad:.1f} bad and {good:.1f} good releases")
        found += [line for line in lines if not _is_told(line, of_all.get(line.what))]
        if key == ALL:
            of_all = {line.what: line for line in lines}
    return found


def _is_told(line: Change, of_all: Change | None) -> bool:
    if of_all is None or line.before != of_all.before:
        return False
    return abs(line.after - of_all.after) <= _LIKE_ALL * of_all.after


def _lines(key: str, rule: Rule, learnt: Adjustment, seen: str) -> list[Change]:
    strict = adjusted(rule, learnt)
    found: list[tuple[str, float | None, float, str]] = []
    if strict.judge.alpha != rule.judge.alpha:
        costs = rule.costs
        why = f"a bad minute costs {costs.bad_minute:g}, a false rollback {costs.false_rollback:g}"
        found.append(("alpha", rule.judge.alpha, strict.judge.alpha, why))
    for signal, now in zip(rule.signals, strict.signals, strict=True):
        if abs(now.share - signal.share) > _NEWS * signal.share:
            why = "tells of harm sooner" if now.share > signal.share else "others tell of harm sooner"
            found.append((f"{signal.name} share", signal.share, now.share, why))
        if now.warm_up != signal.warm_up:
            why = "fresh pods of good releases are worse for so many intervals"
            found.append((f"{signal.name} warm_up", signal.warm_up, now.warm_up, why))
        if now.expected_ratio is not None and now.expected_ratio != signal.expected_ratio:
            why = "by so many times harm moved it"
            found.append((f"{signal.name} expected_ratio", signal.expected_ratio, now.expected_ratio, why))
    return [
        Change(where=key, what=what, before=before, after=after, why=why, seen=seen)
        for what, before, after, why in found
    ]


def _look_under(lesson: Lesson, rule: Rule, strict: Rule) -> float:
    return first_look(lesson, _changed_budgets(rule, strict))


def _changed_budgets(rule: Rule, strict: Rule) -> dict[str, float]:
    """Return by how much log budgets change from one rule to the other; `*` for all that is not named."""
    whole = log(strict.judge.alpha / rule.judge.alpha)
    changes = {"*": whole}
    before = {signal.name: signal.share for signal in rule.signals}
    for signal in strict.signals:
        if before[signal.name] > 0 and signal.share > 0:
            changes[signal.name] = whole + log(signal.share / before[signal.name])
        else:
            changes[signal.name] = float("-inf")
    return changes


def _tilted(rule: Rule, shares: Mapping[str, float], general: Rule) -> dict[str, float]:
    """Return a service's own shares moved as those of all services were."""
    given, mine = weighty(general), weighty(rule)
    tilted = {name: mine[name] * shares.get(name, 1.0) / given.get(name, 1.0) for name in mine}
    total = sum(tilted.values())
    return {name: share / total for name, share in tilted.items()}


def _adjustment(
    rule: Rule,
    shares: Mapping[str, float],
    sizes: Mapping[str, float],
    warm_ups: Mapping[str, int],
    alpha: float | None,
) -> Adjustment:
    signals = {}
    # In the rule's own unit: a signal that is added later stands beside these with the share people gave it.
    whole = sum(signal.share for signal in rule.signals)
    for signal in rule.signals:
        name = str(signal.name)
        share, size, warm_up = shares.get(name), sizes.get(name), warm_ups.get(name)
        if share is not None or size is not None or warm_up is not None:
            signals[SignalName(name)] = LearntSignal(
                # Six digits: a profile is read by people, too, and its id must not hang on the last bit.
                share=None if share is None else float(f"{share * whole:.6g}"),
                warm_up=warm_up,
                expected_ratio=None if size is None else max(float(f"{size:.4g}"), _SMALLEST_RATIO),
            )
    return Adjustment(alpha=None if alpha is None else float(f"{alpha:.4g}"), signals=signals)
