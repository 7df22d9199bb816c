"""What training learns from releases of which the truth is known: shares, sizes, warm-ups and budgets."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.lessons import LARGEST_SERVICE, Lesson, capped
from feature_store.training_budget import STEPS, costs_by_step, learnt_alpha
from feature_store.training_shares import LEAST_PART, learnt_shares, weighty
from feature_store.training_sizes import learnt_sizes, weighted_median
from feature_store.training_warm_up import learnt_warm_ups
from schemas.policy import Costs
from schemas.signals import Direction
from tests.feature_store.lessons_made import (
    ALPHA,
    LATENCY,
    SIGNALS,
    a_lesson,
    a_rule,
    a_track,
    a_year,
    mislabelled,
)

RULE = a_rule()
HEALTHY = [a_lesson(number, is_bad=False) for number in range(60)]


# Who may say how much.


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 5)), min_size=1, max_size=40))
def test_a_service_counts_for_a_fifth_at_most_or_for_as_much_as_the_next_one(
    told: list[tuple[int, float]],
) -> None:
    lessons = [a_lesson(n, is_bad=True, service=f"s{service}") for n, (service, _) in enumerate(told)]
    before = np.array([weight for _, weight in told])
    after = capped(lessons, before)
    assert (after >= 0).all()
    assert (after <= before + 1e-12).all(), "nobody gains by it"
    sums = sorted(
        (float(after[[lesson.key == key for lesson in lessons]].sum()) for key in {x.key for x in lessons}),
        reverse=True,
    )
    if len(sums) > 1:
        assert sums[0] <= max(LARGEST_SERVICE * sum(sums), sums[1]) * (1 + 1e-9) + 1e-12


def test_few_services_that_agree_are_heard_and_one_alone_is_not() -> None:
    three = [a_lesson(n, is_bad=True, service=f"s{n % 3}") for n in range(30)]
    quiet = [a_lesson(30 + n, is_bad=True, service=f"q{n}") for n in range(7)]
    weights = np.array([1.0] * 30 + [0.01] * 7)
    assert capped([*three, *quiet], weights).tolist() == weights.tolist()
    alone = [a_lesson(n, is_bad=True, service="s0") for n in range(30)]
    assert capped([*alone, *quiet], weights).sum() < 0.1


# Shares.


def test_the_signal_that_finds_harm_gains_what_those_that_never_do_lose() -> None:
    shares, _, _ = learnt_shares(a_year(), {}, RULE)
    assert shares["errors"] > 0.6
    assert shares["memory"] < weighty(RULE)["memory"]
    assert sum(shares.values()) == pytest.approx(1.0)


def test_a_signal_that_never_found_anything_keeps_a_quarter_of_its_share() -> None:
    shares, _, _ = learnt_shares(a_year(bad=2000, good=10), {}, RULE)
    assert shares["memory"] >= LEAST_PART * weighty(RULE)["memory"] - 1e-12


def test_without_bad_releases_shares_stay_as_people_set_them() -> None:
    shares, own, _ = learnt_shares(HEALTHY, {}, RULE)
    assert shares == pytest.approx(weighty(RULE), abs=1e-6)
    assert own == {}


def test_a_service_with_harm_of_its_own_kind_departs_from_what_all_others_say() -> None:
    leaks = {"memory": a_track(0.9), "errors": a_track(0.0)}
    odd = [a_lesson(1000 + n, is_bad=True, service="cache", tracks=leaks) for n in range(25)]
    rules = {f"prod/{name}": RULE for name in ("cache", *(f"s{n}" for n in range(6)))}
    of_all, own, _ = learnt_shares([*a_year(), *odd], rules, RULE)
    assert own["prod/cache"]["memory"] > of_all["memory"] + 0.1
    assert own["prod/s0"]["errors"] > own["prod/cache"]["errors"] + 0.1


def test_a_signal_whose_evidence_wanders_in_good_releases_gains_less() -> None:
    nervous = {"errors": replace(a_track(), lead=np.full(30, np.log(ALPHA / 3) + 3.0))}
    calm, _, _ = learnt_shares(a_year(rises={"errors": 0.5, "latency": 0.5}), {}, RULE)
    told = a_year(rises={"errors": 0.5, "latency": 0.5})
    told = [
        replace(lesson, tracks={**lesson.tracks, **nervous}) if lesson.good else lesson for lesson in told
    ]
    less, _, _ = learnt_shares(told, {}, RULE)
    assert less["errors"] < calm["errors"] - 0.1


# Sizes.


@pytest.mark.parametrize("times", [1.5, 3.0, 12.0])
def test_the_expected_ratio_is_what_harm_moved_a_signal_by(times: float) -> None:
    of_all, own = learnt_sizes(a_year(rises={"errors": 0.9}, times=times), {}, RULE)
    assert of_all["errors"] == pytest.approx(times, rel=0.05)
    assert own["prod/s0"]["errors"] == pytest.approx(times, rel=0.05)
    assert "memory" not in of_all, "nothing moved it"


def test_good_releases_and_a_handful_of_bad_ones_expect_no_size() -> None:
    assert learnt_sizes(HEALTHY, {}, RULE) == ({}, {})
    assert learnt_sizes(a_year(bad=2, good=50), {}, RULE) == ({}, {})


def test_a_service_of_its_own_size_is_drawn_to_all_others_and_no_further() -> None:
    large = {"errors": a_track(0.9, times=20.0)}
    odd = [a_lesson(1000 + n, is_bad=True, service="till", tracks=large) for n in range(15)]
    of_all, own = learnt_sizes([*a_year(rises={"errors": 0.9}, times=2.0), *odd], {}, RULE)
    assert of_all["errors"] == pytest.approx(2.0, rel=0.05)
    assert 8.0 < own["prod/till"]["errors"] < 20.0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 5)), min_size=1, max_size=20))
def test_half_of_the_weight_is_at_or_below_the_weighted_median(told: list[tuple[float, float]]) -> None:
    values, weights = (np.array(column) for column in zip(*told, strict=True))
    middle = weighted_median(values, weights)
    assert weights[values <= middle].sum() >= weights.sum() / 2 * (1 - 1e-9)
    assert weights[values < middle].sum() <= weights.sum() / 2 * (1 + 1e-9)


# Warm-ups.


def slow_starts(count: int = 60, times: float = 1.5, service: str = "") -> list[Lesson]:
    return [
        a_lesson(n, is_bad=False, tracks={"latency": a_track(first=times)}, service=service)
        for n in range(count)
    ]


def test_minutes_in_which_fresh_pods_of_good_releases_are_slow_join_the_warm_up() -> None:
    of_all, _ = learnt_warm_ups(slow_starts(), {}, RULE)
    assert of_all == {"latency": LATENCY.warm_up + 5}


def test_nothing_that_people_would_not_mind_lengthens_a_warm_up() -> None:
    assert learnt_warm_ups(slow_starts(times=1.03), {}, RULE) == ({}, {})


def test_only_the_service_whose_pods_start_slowly_gets_a_longer_warm_up() -> None:
    of_all, own = learnt_warm_ups([*HEALTHY, *slow_starts(20, service="jvm")], {}, RULE)
    assert of_all == {}
    assert own == {"prod/jvm": {"latency": LATENCY.warm_up + 5}}


def test_pods_that_begin_below_their_twins_are_cold_where_less_is_worse() -> None:
    rule = a_rule(signals=[replace(s, direction=Direction.DOWN) for s in SIGNALS])
    assert learnt_warm_ups(slow_starts(times=0.6), {}, rule)[0] == {"latency": 7}
    assert learnt_warm_ups(slow_starts(times=1.5), {}, rule)[0] == {}


def test_errors_of_fresh_pods_are_never_excused() -> None:
    told = [a_lesson(n, is_bad=False, tracks={"errors": a_track(first=3.0)}) for n in range(60)]
    assert learnt_warm_ups(told, {}, RULE) == ({}, {})


def test_releases_that_were_convicted_or_bad_teach_no_warm_up() -> None:
    tracks = {"latency": a_track(0.9, first=1.5)}
    convicted = [a_lesson(n, is_bad=False, tracks=tracks) for n in range(60)]
    bad = [a_lesson(n, is_bad=True, tracks={"latency": a_track(first=1.5)}) for n in range(60)]
    assert learnt_warm_ups(convicted, {}, RULE) == ({}, {})
    assert learnt_warm_ups(bad, {}, RULE) == ({}, {})


# Budgets.


def near_misses() -> list[Lesson]:
    """Releases of which the good ones come close, some too close, and the bad ones rise fast."""
    good = [
        a_lesson(n, is_bad=False, tracks={"errors": a_track(0.2 + 0.1 * (n % 5 == 0))}) for n in range(100)
    ]
    bad = [a_lesson(200 + n, is_bad=True, tracks={"errors": a_track(2.0)}) for n in range(20)]
    return [*good, *bad]


def test_dear_false_rollbacks_make_the_budget_smaller_and_dear_delay_does_not() -> None:
    dear = a_rule(Costs(bad_minute=1.0, false_rollback=500.0))
    hasty = a_rule(Costs(bad_minute=500.0, false_rollback=1.0))
    alpha = learnt_alpha(near_misses(), dear)
    assert alpha is not None
    assert alpha <= 0.7 * ALPHA
    assert learnt_alpha(near_misses(), hasty) is None


def test_the_chosen_budget_costs_least_of_all_that_are_thought_of() -> None:
    rule = a_rule(Costs(bad_minute=1.0, false_rollback=200.0))
    costs = costs_by_step(near_misses(), rule)
    alpha = learnt_alpha(near_misses(), rule)
    assert costs is not None
    assert costs[(alpha or ALPHA) / ALPHA] == min(costs.values())


def test_no_budget_is_learnt_where_nobody_said_what_errors_cost() -> None:
    assert learnt_alpha(near_misses(), a_rule()) is None
    assert learnt_alpha(near_misses(), a_rule(Costs(bad_minute=1.0))) is None


def test_no_budget_is_learnt_from_a_handful_of_bad_releases() -> None:
    assert learnt_alpha(a_year(bad=4), a_rule(Costs(bad_minute=1.0, false_rollback=1e6))) is None


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.001, 1000),
    st.floats(0.001, 1000),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2)), min_size=5, max_size=30),
)
def test_a_learnt_budget_is_between_a_tenth_of_the_rules_and_all_of_it(
    minute: float, false: float, told: list[tuple[float, float]]
) -> None:
    lessons = [
        a_lesson(n, is_bad=False, p_bad=p_bad, tracks={"errors": a_track(rise)})
        for n, (p_bad, rise) in enumerate(told)
    ]
    alpha = learnt_alpha(lessons, a_rule(Costs(bad_minute=minute, false_rollback=false)))
    assert alpha is None or min(STEPS) * ALPHA <= alpha < ALPHA


# Wrong labels.


@pytest.mark.parametrize(("share", "service"), [(0.1, ""), (0.0, "s0"), (0.1, "s0")])
def test_wrong_labels_move_what_is_learnt_within_bounds(share: float, service: str) -> None:
    wrong = mislabelled(a_year(), share, service)
    assert wrong != a_year()
    truly, _, _ = learnt_shares(a_year(), {}, RULE)
    learnt, _, _ = learnt_shares(wrong, {}, RULE)
    assert max(abs(learnt[name] - truly[name]) for name in truly) < 0.1
    sizes, _ = learnt_sizes(wrong, {}, RULE)
    assert sizes["errors"] == pytest.approx(4.0, rel=0.1)
    costs = a_rule(Costs(bad_minute=1.0, false_rollback=100.0))
    alpha, true_alpha = (learnt_alpha(each, costs) or ALPHA for each in (wrong, a_year()))
    assert 0.1 * ALPHA <= alpha <= ALPHA
    assert true_alpha <= ALPHA
