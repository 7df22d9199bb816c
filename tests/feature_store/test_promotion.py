"""Who judges: a challenger earns the champion's place by numbers, and a champion can lose it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.promotion import Terms, Trial, chance_of_gain, gains_min, of_challenger, of_champion
from schemas.models import ModelStage

WEEK = timedelta(days=7)


def a_trial(
    number: int,
    *,
    is_bad: bool,
    champion: float | None,
    challenger: float | None,
    services: int = 6,
    weight: float = 1.0,
    is_cut_off: bool = False,
) -> Trial:
    return Trial(
        release=f"r{number}",
        service=f"prod/s{number % services}",
        p_bad=1.0 if is_bad else 0.0,
        weight=weight,
        alpha=0.01,
        champion_min=champion,
        challenger_min=challenger,
        watched_min=30.0,
        is_cut_off=is_cut_off,
    )


def trials(
    bad: int = 20, good: int = 20, champion: float | None = 10.0, challenger: float | None = 6.0
) -> list[Trial]:
    """Return bad releases that both found at some minute, and good ones that neither touched, in turns."""
    found = [a_trial(n, is_bad=True, champion=champion, challenger=challenger) for n in range(bad)]
    passed = [a_trial(n, is_bad=False, champion=None, challenger=None) for n in range(good)]
    return sorted(found + passed, key=lambda trial: int(trial.release[1:]))


def test_a_challenger_that_is_earlier_and_spares_as_many_good_releases_becomes_champion() -> None:
    ruling = of_challenger(trials(), WEEK)
    assert ruling.stage is ModelStage.CHAMPION
    assert "+4.00 min earlier a bad one" in ruling.why
    assert "40.0 releases that count, 20.0 of them bad" in ruling.why
    assert "look 1, at the first 30" in ruling.why


@pytest.mark.parametrize(
    "few",
    [
        pytest.param(trials(bad=14, good=14), id="28 releases"),
        pytest.param(trials(bad=4, good=60), id="4 bad ones"),
        pytest.param([replace(trial, weight=0.5) for trial in trials()], id="40 of which half is known"),
        pytest.param([], id="none"),
    ],
)
def test_with_too_few_releases_a_challenger_is_tried_on_however_early_it_is(few: list[Trial]) -> None:
    ruling = of_challenger(few, WEEK)
    assert ruling.stage is None
    assert ruling.why.startswith("tried on: ")


@given(
    gained=st.floats(0.0, 29.0),
    false=st.integers(5, 40),
    bad=st.integers(0, 60),
    good=st.integers(0, 60),
)
def test_a_challenger_that_takes_back_more_good_releases_is_rejected_whatever_the_delay(
    gained: float, false: int, bad: int, good: int
) -> None:
    worse = [a_trial(900 + n, is_bad=False, champion=None, challenger=3.0) for n in range(false)]
    ruling = of_challenger(trials(bad=bad, good=good, champion=29.0, challenger=29.0 - gained) + worse, WEEK)
    assert ruling.stage is ModelStage.REJECTED
    assert "more false rollbacks than the champion" in ruling.why
    assert f"only it called harmful {false}" in ruling.why


def test_one_false_rollback_more_keeps_a_challenger_from_promotion() -> None:
    one = a_trial(3, is_bad=False, champion=None, challenger=3.0)
    assert of_challenger([*trials(), one], WEEK).stage is None
    other = a_trial(4, is_bad=False, champion=3.0, challenger=None)
    assert of_challenger([*trials(), one, other], WEEK).stage is ModelStage.CHAMPION


def test_a_challenger_that_is_later_is_rejected() -> None:
    ruling = of_challenger(trials(champion=6.0, challenger=10.0), WEEK)
    assert ruling.stage is ModelStage.REJECTED
    assert ruling.why.startswith("later than the champion: ")


def test_one_that_does_not_find_bad_releases_is_as_late_as_their_watch_is_long() -> None:
    assert of_challenger(trials(champion=6.0, challenger=None), WEEK).stage is ModelStage.REJECTED
    assert of_challenger(trials(champion=None, challenger=6.0), WEEK).stage is ModelStage.CHAMPION


def test_a_challenger_that_never_differs_is_rejected_when_its_time_is_over() -> None:
    alike = trials(champion=6.0, challenger=6.0)
    assert of_challenger(alike, timedelta(days=59)).stage is None
    ruling = of_challenger(alike, timedelta(days=60))
    assert ruling.stage is ModelStage.REJECTED
    assert ruling.why.startswith("not better within 60 days of shadow: ")


def test_one_service_alone_is_no_reason_to_judge_all_services_otherwise() -> None:
    alone = [replace(trial, service="prod/only") for trial in trials()]
    ruling = of_challenger(alone, WEEK)
    assert ruling.stage is None
    assert "(-inf to +inf)" in ruling.why


def test_a_release_that_was_taken_back_before_the_challenger_found_it_counts_as_not_found_yet() -> None:
    cut = [replace(trial, challenger_min=None, is_cut_off=True) for trial in trials(challenger=None)]
    assert of_challenger(cut, WEEK).stage is ModelStage.REJECTED


def test_a_good_release_that_was_taken_back_early_says_nothing_for_the_challenger() -> None:
    cut = [a_trial(n, is_bad=False, champion=2.0, challenger=None, is_cut_off=True) for n in range(30)]
    assert "only the other 0" in of_challenger([*trials(), *cut], WEEK).why


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 30)), max_size=40))
def test_a_ruling_is_a_function_of_its_trials(shape: Sequence[tuple[bool, bool, float]]) -> None:
    some = [
        a_trial(number, is_bad=is_bad, champion=minute, challenger=None if is_found else minute / 2)
        for number, (is_bad, is_found, minute) in enumerate(shape)
    ]
    assert of_challenger(some, WEEK) == of_challenger(list(some), WEEK)
    assert of_champion(some, some) == of_champion(list(some), list(some))


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=12))
def test_the_chance_of_a_gain_and_of_its_opposite_leave_out_nothing(gains: list[float]) -> None:
    def tried(sign: float) -> float:
        some = [
            replace(a_trial(n, is_bad=True, champion=30.0, challenger=30.0), watched_min=1000.0)
            for n in range(len(gains))
        ]
        some = [
            replace(trial, champion_min=100.0 + sign * gain, challenger_min=100.0)
            for trial, gain in zip(some, gains, strict=True)
        ]
        return chance_of_gain(some, Terms())

    assert tried(1.0) + tried(-1.0) >= 1.0


def test_six_gains_out_of_six_happen_by_chance_once_in_sixty_four_times() -> None:
    assert chance_of_gain(trials(bad=6, good=0), Terms()) == 1 / 64


def test_a_challenger_that_is_no_better_is_seldom_promoted_however_often_it_is_looked_at() -> None:
    terms, promoted, rounds = Terms(rounds=400), 0, 200
    for seed in range(rounds):
        draw = random.Random(seed)
        seen: list[Trial] = []
        for number in range(260):
            is_bad = draw.random() < 0.4
            one, other = draw.uniform(2, 20), draw.uniform(2, 20)
            seen.append(
                a_trial(
                    number,
                    is_bad=is_bad,
                    champion=one if is_bad else None,
                    challenger=other if is_bad else None,
                    services=3,
                )
            )
            # What it is asked in between is answered from the releases of the last of these looks.
            if number + 1 in (30, 60, 120, 240):
                ruling = of_challenger(seen, WEEK, terms)
                promoted += ruling.stage is ModelStage.CHAMPION
                if ruling.stage is ModelStage.CHAMPION:
                    break
    assert promoted / rounds <= terms.level


def as_seen_live(trial: Trial) -> Trial:
    """Return a trial as it is seen of a shadow: who takes back earlier ends what the shadow could say."""
    lived, tried = trial.champion_min, trial.challenger_min
    if lived is None or tried is None or tried <= lived:
        return trial
    return replace(trial, challenger_min=None, watched_min=lived + 0.5, is_cut_off=True)


def test_nor_where_nobody_sees_how_much_later_it_would_have_been() -> None:
    terms, promoted, rounds = Terms(rounds=400), 0, 200
    for seed in range(rounds):
        draw = random.Random(1000 + seed)
        seen: list[Trial] = []
        for number in range(120):
            is_bad = draw.random() < 0.4
            one, other = draw.uniform(2, 20), draw.uniform(2, 20)
            told = a_trial(
                number,
                is_bad=is_bad,
                champion=one if is_bad else None,
                challenger=other if is_bad else None,
            )
            seen.append(as_seen_live(told))
            is_looked_at = number + 1 in (30, 60, 120)
            if is_looked_at and of_challenger(seen, WEEK, terms).stage is ModelStage.CHAMPION:
                promoted += 1
                break
    assert promoted / rounds <= terms.level


def test_one_that_is_mostly_earlier_wins_though_it_is_cut_off_now_and_then() -> None:
    bad = [a_trial(n, is_bad=True, champion=10.0, challenger=12.0 if n % 10 == 9 else 6.0) for n in range(40)]
    ruling = of_challenger([as_seen_live(trial) for trial in bad], WEEK)
    assert ruling.stage is ModelStage.CHAMPION


def test_a_champion_that_its_parent_in_shadow_was_cut_off_from_is_the_earlier_one() -> None:
    later = [a_trial(n, is_bad=True, champion=None, challenger=6.0, is_cut_off=True) for n in range(20)]
    sooner = [a_trial(100 + n, is_bad=True, champion=9.0, challenger=10.0) for n in range(15)]
    assert gains_min([*later, *sooner]).tolist() == [1.0] * 20 + [-1.0] * 15
    assert of_champion(trials(), [*later, *sooner]).stage is None


@given(st.integers(30, 59))
def test_between_two_looks_more_releases_win_nothing(number: int) -> None:
    at_first = trials(bad=15, good=15, champion=6.0, challenger=6.0)
    later = trials(bad=30, good=30)[30:number]
    assert of_challenger(at_first + later, WEEK).stage is None


def test_a_champion_whose_false_rollbacks_fit_the_budget_stays() -> None:
    some = trials(bad=0, good=300)
    some[7] = replace(some[7], champion_min=4.0)
    some[9] = replace(some[9], champion_min=4.0)
    ruling = of_champion(some)
    assert ruling.stage is None
    assert ruling.why.startswith("kept: 2 false rollbacks of 300 good releases, the budget allows 0.01 each")


def test_a_champion_whose_false_rollbacks_exceed_the_budget_is_retired() -> None:
    some = trials(bad=0, good=100)
    ruling = of_champion([replace(one, champion_min=4.0) if n < 6 else one for n, one in enumerate(some)])
    assert ruling.stage is ModelStage.RETIRED
    assert ruling.why.startswith("beyond the budget: 6 false rollbacks of 100 good releases")


def test_a_champion_that_spends_its_whole_budget_is_seldom_retired_however_often_it_is_looked_at() -> None:
    retired, rounds = 0, 200
    for seed in range(rounds):
        draw = random.Random(seed)
        seen: list[Trial] = []
        for number in range(150):
            minute = 4.0 if draw.random() < 0.01 else None
            seen.append(a_trial(number, is_bad=False, champion=minute, challenger=None))
            if minute is not None and of_champion(seen).stage is ModelStage.RETIRED:
                retired += 1
                break
    assert retired / rounds <= 0.05


def test_a_champion_is_retired_where_its_parent_in_shadow_is_earlier() -> None:
    ruling = of_champion(trials(), trials(champion=6.0, challenger=10.0))
    assert ruling.stage is ModelStage.RETIRED
    assert ruling.why.startswith("later than its parent: ")


def test_a_champion_is_retired_where_its_parent_in_shadow_spares_more_good_releases() -> None:
    beside = [a_trial(n, is_bad=False, champion=None, challenger=3.0) for n in range(8)]
    ruling = of_champion(trials(), beside)
    assert ruling.stage is ModelStage.RETIRED
    assert ruling.why.startswith("more false rollbacks than its parent: ")


def test_a_champion_without_any_release_stays() -> None:
    assert of_champion([]).stage is None
