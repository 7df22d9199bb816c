"""Lessons of which the truth is known: how evidence rose in each release, and whether it was bad."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from feature_store.lessons import Lesson, Track
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, SignalName
from schemas.policy import Costs, JudgeSettings, Policy, Rule
from schemas.signals import Selector, Signal, SignalKind
from tests.feature_store.script import START

ALPHA = 0.01
ANY = Selector(metric="any")
ERRORS = Signal(
    name=SignalName("errors"), kind=SignalKind.COUNTS, events=ANY, exposure=ANY, margin_ratio=0.25
)
LATENCY = Signal(name=SignalName("latency"), kind=SignalKind.MEANS, events=ANY, exposure=ANY, warm_up=2)
MEMORY = Signal(name=SignalName("memory"), kind=SignalKind.LEVELS, events=ANY, warm_up=2)
SIGNALS = (ERRORS, LATENCY, MEMORY)
LOOKS = 30
"""Looks at a release, one a minute."""


def a_rule(costs: Costs | None = None, signals: Sequence[Signal] = SIGNALS) -> Rule:
    return Rule(judge=JudgeSettings(alpha=ALPHA), signals=tuple(signals), costs=costs or Costs())


def a_policy(costs: Costs | None = None, **rules: Rule) -> Policy:
    """Return a policy; further rules are named by service."""
    return Policy(rules={"*/*": a_rule(costs)} | {f"prod/{name}": rule for name, rule in rules.items()})


def a_track(
    rise: float = 0.0, *, times: float = 1.0, share: float = 1 / 3, first: float = 1.0, base: float = 0.01
) -> Track:
    """Return a track whose evidence rises by so many nats a minute, with a canary so many times worse.

    Args:
        rise: Nats a minute.
        times: By how much the canary's level is higher than its control's.
        share: The signal's part of the budget.
        first: By how much it is higher in the first five minutes, besides.
        base: Level of the control.
    """
    minutes = np.arange(1.0, LOOKS + 1)
    log_budget = np.full(LOOKS, np.log(ALPHA * share))
    exposure = 1000.0 * minutes
    of_each = base * times * np.where(minutes <= 5, first, 1.0)
    return Track(
        minutes=minutes,
        lead=rise * minutes + log_budget,
        log_budget=log_budget,
        canary=np.cumsum(of_each) / minutes,
        canary_exposure=exposure,
        control=np.full(LOOKS, base),
        control_exposure=4 * exposure,
        margin=np.full(LOOKS, 0.1 * base),
    )


def a_lesson(
    number: int,
    *,
    is_bad: bool,
    tracks: Mapping[str, Track] | None = None,
    service: str = "",
    p_bad: float | None = None,
    weight: float = 1.0,
) -> Lesson:
    """Return one release, judged to the end of its watch; by default it shows nothing."""
    shown = {str(signal.name): a_track() for signal in SIGNALS} | dict(tracks or {})
    return Lesson(
        release=ReleaseId(f"r{number:04}"),
        environment=EnvironmentName("prod"),
        service=ServiceName(service or f"s{number % 6}"),
        started_at=START + timedelta(hours=3 * number),
        p_bad=float(is_bad) if p_bad is None else p_bad,
        weight=weight,
        has_label=True,
        watched_min=float(LOOKS),
        tracks=shown,
    )


def a_year(
    bad: int = 40, good: int = 120, rises: Mapping[str, float] | None = None, times: float = 4.0
) -> list[Lesson]:
    """Return good releases that show nothing, and bad ones whose signals rise by so many nats a minute.

    By default errors tell of harm, latency a little of it, and memory never does.
    """
    told = rises or {"errors": 0.9, "latency": 0.1}
    tracks = {name: a_track(rise, times=times) for name, rise in told.items()}
    every = (bad + good) / bad if bad else float("inf")
    marks = {int(every * number) for number in range(bad)}
    return [
        a_lesson(number, is_bad=number in marks, tracks=tracks if number in marks else None)
        for number in range(bad + good)
    ]


def mislabelled(lessons: Sequence[Lesson], share: float = 0.0, service: str = "") -> list[Lesson]:
    """Return the lessons with a share of the labels wrong, evenly spread, and all of one service's."""
    every = round(1 / share) if share else 0
    return [
        replace(lesson, p_bad=1.0 - lesson.p_bad)
        if lesson.service == service or (every and number % every == 3)
        else lesson
        for number, lesson in enumerate(lessons)
    ]
