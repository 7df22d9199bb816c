"""Drift: releases that are no longer like those that were learnt from are found, and others seldom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from feature_store.drift import drift_of
from feature_store.lessons import Lesson, Track
from schemas.keys import EnvironmentName, ReleaseId, ServiceName

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_lesson(number: int, height: float, p_bad: float = 0.0) -> Lesson:
    """Return a release whose evidence came so near to its threshold, in nats; convicted from 0 on."""
    lead = np.array([-8.0, height])
    known = np.full(2, 1.0)
    track = Track(
        minutes=np.array([1.0, 2.0]),
        lead=lead,
        log_budget=np.full(2, -5.0),
        canary=known,
        canary_exposure=known,
        control=known,
        control_exposure=known,
        margin=known,
    )
    return Lesson(
        release=ReleaseId(f"r{number}"),
        environment=EnvironmentName("prod"),
        service=ServiceName(f"s{number % 5}"),
        started_at=START + timedelta(hours=number),
        p_bad=p_bad,
        weight=1.0,
        has_label=True,
        watched_min=30.0,
        tracks={"errors": track},
    )


def lessons(heights: list[float]) -> list[Lesson]:
    return [a_lesson(number, height) for number, height in enumerate(heights)]


def calm(count: int, seed: int = 1, mean: float = -6.0) -> list[Lesson]:
    draw = np.random.default_rng(seed)
    return lessons([min(float(height), -0.01) for height in draw.normal(mean, 1.0, count)])


def test_of_few_releases_nothing_is_said() -> None:
    found = drift_of(calm(29), calm(500, 2, mean=-2.0), asked=1)
    assert not found.has_drifted
    found = drift_of(calm(500), calm(29, 2, mean=-2.0), asked=1)
    assert (found.has_drifted, found.why) == (False, "29 releases since, too few to tell")


def test_the_same_distribution_is_no_drift() -> None:
    assert not drift_of(calm(300), calm(300, 2), asked=1).has_drifted


def test_evidence_that_rises_higher_in_harmless_releases_is_drift() -> None:
    found = drift_of(calm(200), calm(60, 2, mean=-4.5), asked=5)
    assert found.has_drifted
    assert "evidence of releases found harmless moved (Smirnov" in found.why


def test_evidence_that_keeps_lower_than_before_is_drift_as_well() -> None:
    assert drift_of(calm(200), calm(60, 2, mean=-7.5), asked=5).has_drifted


def test_good_releases_that_are_called_harmful_more_often_than_before_are_drift() -> None:
    before = [*calm(196), *(a_lesson(900 + number, 1.0) for number in range(4))]
    since = [*calm(50, 2), *(a_lesson(900 + number, 1.0) for number in range(12))]
    found = drift_of(before, since, asked=1)
    assert found.has_drifted
    assert found.why.startswith("12 of 62 good releases called harmful since, 4 of 200 before (Fisher")


def test_bad_releases_that_are_called_harmful_are_no_drift() -> None:
    since = [*calm(50, 2), *(a_lesson(900 + number, 1.0, p_bad=1.0) for number in range(12))]
    assert not drift_of(calm(200), since, asked=1).has_drifted


def test_the_later_a_question_the_less_it_may_spend() -> None:
    since = calm(60, 2, mean=-5.2)
    asked = [
        drift_of(calm(200), since, asked=number).has_drifted for number in (1, 10, 100, 1_000, 1_000_000)
    ]
    assert asked == sorted(asked, reverse=True)
    assert (asked[0], asked[-1]) == (True, False)


def test_a_drift_that_is_none_is_seldom_found_however_often_it_is_asked_for() -> None:
    rounds, found = 120, 0
    for seed in range(rounds):
        before, since = calm(150, 2 * seed), calm(150, 2 * seed + 1)
        found += any(drift_of(before, since[: 5 * asked], asked=asked).has_drifted for asked in range(6, 31))
    assert found / rounds <= 0.05


def test_a_question_has_a_number() -> None:
    with pytest.raises(ValueError, match="asked is 0, expected 1 for the first time"):
        drift_of([], [], asked=0)
