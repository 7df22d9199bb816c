"""Training as a whole: a profile is never looser than the rules, and hangs on nothing but the releases."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.lessons import Lesson
from feature_store.training import ALL, Learnt, cross_fitted, learn, learnt_profile, under_rules
from schemas.codec import from_json, to_json
from schemas.keys import EnvironmentName, ServiceName, SignalName
from schemas.policy import Costs, Policy, Rule
from schemas.profiles import Adjustment, LearntSignal, Profile, adjusted
from tests.feature_store.lessons_made import (
    ALPHA,
    ERRORS,
    LATENCY,
    SIGNALS,
    a_lesson,
    a_policy,
    a_rule,
    a_track,
    a_year,
    mislabelled,
)
from tests.feature_store.script import START

POLICY = a_policy(Costs(bad_minute=1.0, false_rollback=300.0))
AS_OF = START + timedelta(days=90)
PROD = EnvironmentName("prod")


def learnt_from(lessons: list[Lesson], policy: Policy = POLICY, parent: str = "") -> Learnt:
    learnt = learn(lessons, policy, AS_OF, parent=parent)
    assert learnt is not None
    return learnt


def laid_over(profile: Profile, policy: Policy, service: str) -> tuple[Rule, Rule]:
    """Return a service's rule before and after."""
    _, rule = policy.rule(PROD, ServiceName(service))
    return rule, adjusted(rule, profile.adjustment(PROD, ServiceName(service)))


SEEN = st.builds(
    lambda number, service, p_bad, weight, rises, times, first: a_lesson(
        number,
        is_bad=False,
        service=f"s{service}",
        p_bad=p_bad,
        weight=weight,
        tracks={
            str(signal.name): a_track(rise, times=times, first=first)
            for signal, rise in zip(SIGNALS, rises, strict=True)
        },
    ),
    st.integers(0, 999),
    st.integers(0, 3),
    st.floats(0, 1),
    st.floats(0, 1),
    st.tuples(*[st.floats(-0.2, 2)] * 3),
    st.floats(0.1, 500),
    st.floats(0.5, 3),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SEEN, min_size=1, max_size=40))
def test_whatever_was_seen_a_profile_is_never_looser_than_the_rules(lessons: list[Lesson]) -> None:
    mute = replace(LATENCY, share=0.0)
    policy = a_policy(Costs(bad_minute=1.0, false_rollback=50.0), s1=a_rule(signals=[ERRORS, mute]))
    profile = from_json(Profile, to_json(learnt_from(lessons, policy).profile))
    for service in ("s0", "s1", "s2", "s3", "never-seen"):
        before, after = laid_over(profile, policy, service)
        assert after.judge.alpha <= before.judge.alpha
        assert sum(s.share for s in after.signals) == pytest.approx(sum(s.share for s in before.signals))
        for signal, now in zip(before.signals, after.signals, strict=True):
            assert now.warm_up >= signal.warm_up
            assert (now.share > 0) is (signal.share > 0), "nobody is silenced, and nobody given a voice"
            assert now.expected_ratio is None or now.expected_ratio > 1
            assert replace(now, share=0, warm_up=0, expected_ratio=None) == replace(
                signal, share=0, warm_up=0, expected_ratio=None
            )


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_releases_does_not_matter(seed: int) -> None:
    lessons = a_year()
    mixed = list(lessons)
    Random(seed).shuffle(mixed)
    assert mixed != lessons
    assert to_json(learnt_from(mixed)) == to_json(learnt_from(lessons))


def test_a_model_says_where_it_comes_from() -> None:
    lessons = a_year()
    lessons[3] = replace(lessons[3], has_label=False)
    card = learnt_from(lessons, parent="judge-0").card
    assert (card.releases, card.labels, card.parent) == (160, 159, "judge-0")
    assert (card.data_from, card.data_until) == (lessons[0].started_at, AS_OF)


def test_the_same_releases_give_the_same_id_and_others_another() -> None:
    first, again = learnt_from(a_year()), learnt_from(a_year())
    assert first.card.id == again.card.id
    assert learnt_from(a_year(bad=30)).card.id != first.card.id
    assert learnt_from(a_year(), parent="judge-0").card.id != first.card.id


def test_nothing_is_learnt_from_nothing() -> None:
    assert learn([], POLICY, AS_OF) is None


def test_one_release_is_held_back_from_nobody_and_has_no_figures() -> None:
    (alone,) = a_year(bad=1, good=0)
    assert learnt_from([alone]).card.metrics == {"bad_releases": 1.0, "good_releases": 0.0}


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_every_release_is_held_back_once_however_few_there_are(count: int) -> None:
    figures = cross_fitted(a_year(bad=count, good=0), POLICY, None)
    assert figures["delay_min_before"] > 0
    assert "false_share_before" not in figures, "there is no good release that could be taken back"


def test_services_that_take_turns_are_not_each_held_back_whole() -> None:
    """Every tenth release is bad: folds by turns would hold all of them back at once, and learn from none."""
    figures = cross_fitted(a_year(bad=40, good=360), a_policy(), None)
    assert figures["delay_min_after"] < figures["delay_min_before"]


def test_without_bad_releases_no_delay_is_claimed() -> None:
    figures = cross_fitted(a_year(bad=0, good=20), POLICY, None)
    assert figures["false_share_before"] == figures["false_share_after"] == 0.0
    assert "delay_min_before" not in figures


def test_on_releases_that_had_no_say_harm_is_found_sooner_and_no_more_good_ones_are_taken_back() -> None:
    figures = learnt_from(a_year(bad=80, good=160), a_policy()).card.metrics
    assert figures["delay_min_after"] < figures["delay_min_before"]
    assert figures["false_share_after"] <= figures["false_share_before"]


def test_a_release_is_held_against_a_profile_that_it_had_no_say_in() -> None:
    """Memory speaks in one release alone: its share shrinks by what the others say, and it is found later."""
    odd = a_lesson(1000, is_bad=True, service="odd", tracks={"memory": a_track(0.3, times=4.0)})
    year = a_year(bad=200, good=20)
    with_it, without = (cross_fitted(lessons, a_policy(), None) for lessons in ([*year, odd], year))
    gained = [
        201 * with_it[f"delay_min_{side}"] - 200 * without[f"delay_min_{side}"]
        for side in ("before", "after")
    ]
    assert gained[1] > gained[0]


@pytest.mark.parametrize(("share", "service"), [(0.1, ""), (0.0, "s0"), (0.1, "s0")])
def test_wrong_labels_move_a_profile_little_and_never_its_budget(share: float, service: str) -> None:
    lessons = a_year(bad=70, good=171)
    profile = learnt_profile(mislabelled(lessons, share, service), a_policy())
    truly = learnt_profile(lessons, a_policy())
    for name in ("s0", "s1"):
        wrong, right = (laid_over(each, a_policy(), name)[1] for each in (profile, truly))
        for one, other in zip(wrong.signals, right.signals, strict=True):
            assert abs(one.share - other.share) < 0.3
        assert wrong.judge.alpha == right.judge.alpha == ALPHA


# What the table says.


def test_each_line_says_what_held_what_would_hold_and_from_what() -> None:
    learnt = learnt_from(a_year())
    lines = {(line.where, line.what): line for line in learnt.changes}
    share = lines[ALL, "errors share"]
    assert share.before == 1.0
    assert share.after > 1.5
    assert (share.why, share.seen) == ("tells of harm sooner", "40.0 bad and 120.0 good releases")
    assert lines[ALL, "memory share"].why == "others tell of harm sooner"
    assert lines[ALL, "errors expected_ratio"].before is None
    assert lines[ALL, "errors expected_ratio"].after == pytest.approx(4.0, rel=0.05)


def test_a_signal_that_is_added_later_has_the_share_that_people_give_it() -> None:
    profile = learnt_from(a_year(), a_policy()).profile
    added = replace(ERRORS, name=SignalName("queue"))
    _, after = laid_over(profile, a_policy(new=a_rule(signals=[*SIGNALS, added])), "new")
    assert after.signals[-1].share == pytest.approx(1.0)


def test_what_a_service_has_from_all_services_is_told_once() -> None:
    learnt = learnt_from(a_year())
    assert "prod/s0" in learnt.profile.adjustments
    ratios = [line.where for line in learnt.changes if line.what == "errors expected_ratio"]
    assert ratios == [ALL]


def test_good_releases_alone_would_change_nothing() -> None:
    assert learnt_from(a_year(bad=0, good=50)).changes == ()


# Releases that were judged by a profile.


def test_a_release_that_was_judged_by_a_stricter_profile_teaches_what_it_would_have_without() -> None:
    profile = Profile(
        adjustments={
            ALL: Adjustment(
                alpha=ALPHA / 10,
                signals={SignalName("errors"): LearntSignal(share=4.0)},
            )
        }
    )
    plain = a_lesson(0, is_bad=True, tracks={"errors": a_track(0.9)})
    # Its errors had a tenth of the budget, and four of six parts of that, where they had one of three.
    strict = replace(
        plain,
        model="judge-1",
        tracks={
            name: a_track(0.9 if name == "errors" else 0.0, share=(2 / 3 if name == "errors" else 1 / 6) / 10)
            for name in plain.tracks
        },
    )
    (undone,) = under_rules([strict], a_policy(), {"judge-1": profile})
    for name, track in undone.tracks.items():
        assert track.log_budget == pytest.approx(plain.tracks[name].log_budget)
        assert track.log_e == pytest.approx(strict.tracks[name].log_e), "evidence itself is what it was"


def test_a_release_of_a_model_that_nobody_knows_any_more_is_taken_as_it_is() -> None:
    lesson = replace(a_lesson(0, is_bad=False), model="judge-gone")
    assert under_rules([lesson], a_policy(), {}) == [lesson]
