"""The model of labels finds what generated it, and no word for bad ever speaks for a release."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.label_model import Fit, Reports, fit, posterior, prior_parameters
from tests.feature_store.labelled_releases import (
    BAD_SHARE,
    DELAY_H,
    FALSE_REACH,
    PRIORS,
    REACH,
    SENSITIVITY,
    SPECIFICITY,
    World,
    a_world,
)


@pytest.fixture(scope="module")
def world() -> World:
    return a_world()


@pytest.fixture(scope="module")
def found(world: World) -> Fit:
    return fit(world.reports, PRIORS)


def test_the_quality_of_every_source_is_found_within_its_interval(found: Fit) -> None:
    known = found.parameters
    assert np.all(np.abs(known.sensitivity - SENSITIVITY) < 3 * known.sensitivity_sd + 0.02)
    assert np.all(np.abs(known.specificity - SPECIFICITY) < 3 * known.specificity_sd + 0.02)
    assert np.all(np.abs(known.reach - REACH) < 3 * known.reach_sd + 0.02)
    assert known.false_reach == pytest.approx(FALSE_REACH, abs=0.05)
    assert known.base == pytest.approx(BAD_SHARE, abs=0.04)


def test_the_delay_is_right_although_most_releases_are_younger_than_their_labels() -> None:
    young = a_world(count=8_000, seed=3, oldest_h=40.0)
    is_late = np.isfinite(young.reports.alarm_delay_h[:, 0])
    seen = float(young.reports.alarm_delay_h[is_late, 0].mean())
    assert seen < 15.0, "who counts what came so far finds half of the delay"
    estimated = fit(young.reports, PRIORS).parameters.delay_h
    assert estimated == pytest.approx(DELAY_H, rel=0.25)


def test_of_a_hundred_releases_with_a_probability_as_many_are_bad(world: World, found: Fit) -> None:
    for low in np.arange(0.0, 1.0, 0.2):
        is_near = (found.p_bad >= low) & (found.p_bad < low + 0.2)
        assert found.p_bad[is_near].mean() == pytest.approx(world.is_bad[is_near].mean(), abs=0.1)


def test_a_tenth_of_wrong_labels_moves_few_releases_far(world: World, found: Fit) -> None:
    random = np.random.default_rng(11)
    reports = world.reports
    is_wrong = random.random(len(reports.answer_bad)) < 0.1
    spoilt = fit(replace(reports, answer_bad=reports.answer_bad ^ is_wrong), PRIORS)
    is_touched = np.zeros(reports.size, dtype=bool)
    is_touched[reports.answer_release[is_wrong]] = True
    moved = np.abs(spoilt.p_bad - found.p_bad)[~is_touched]
    assert float(moved.mean()) < 0.05
    assert float(((spoilt.p_bad - world.is_bad) ** 2).mean()) < 0.12


def test_one_service_that_labels_everything_wrongly_hardly_moves_the_others(world: World, found: Fit) -> None:
    reports = world.reports
    is_flipped = reports.service[reports.answer_release] == 4
    spoilt = fit(replace(reports, answer_bad=reports.answer_bad ^ is_flipped), PRIORS)
    others = reports.service != 4
    moved = np.abs(spoilt.p_bad - found.p_bad)[others]
    assert float(moved.mean()) < 0.02
    assert float(np.quantile(moved, 0.99)) < 0.1
    assert float(moved.max()) < 0.25


def test_a_large_service_that_labels_everything_wrongly_costs_a_source_a_fifth_at_most() -> None:
    world = a_world(seed=5)
    # Half of all releases are of one service.
    reports = replace(world.reports, service=np.where(world.reports.service < 10, 0, world.reports.service))
    honest = fit(reports, PRIORS)
    is_flipped = (reports.service[reports.answer_release] == 0) & (reports.answer_source == 1)
    spoilt = fit(replace(reports, answer_bad=reports.answer_bad ^ is_flipped), PRIORS)
    assert spoilt.parameters.sensitivity[1] > honest.parameters.sensitivity[1] - 0.25


def test_a_young_release_that_nobody_spoke_of_is_not_known_to_be_good() -> None:
    young, old = _silent(exposure=0.01), _silent(exposure=300.0)
    base = prior_parameters(PRIORS).base[1]
    assert fit(young, PRIORS).p_bad[0] == pytest.approx(base, rel=0.05)
    assert fit(young, PRIORS).matured[0] < 0.01
    assert posterior(old, PRIORS, prior_parameters(PRIORS))[0] < 0.7 * base
    assert fit(old, PRIORS).matured[0] > 0.9


def test_nothing_that_was_said_leaves_the_priors() -> None:
    empty = _reports(answers=[], size=0)
    found = fit(empty, PRIORS)
    assert found.p_bad.shape == (0,)
    assert found.parameters.sensitivity == pytest.approx([one.trust for one in PRIORS.answers])
    assert found.parameters.delay_h == pytest.approx([one.delay_h for one in PRIORS.alarms])


ANSWERS = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=8)


@given(answers=ANSWERS, source=st.integers(0, 2))
@settings(deadline=None)
def test_a_label_more_for_bad_never_lowers_what_is_held_against_a_release(
    answers: list[tuple[int, bool]], source: int
) -> None:
    known = prior_parameters(PRIORS)
    before = posterior(_reports(answers), PRIORS, known)[0]
    assert posterior(_reports([*answers, (source, True)]), PRIORS, known)[0] >= before
    assert posterior(_reports([*answers, (source, False)]), PRIORS, known)[0] <= before


@given(
    answers=ANSWERS,
    place=st.integers(0, 1),
    delay=st.floats(0, 400),
    age=st.floats(0, 400),
)
@settings(deadline=None)
def test_an_alarm_never_speaks_for_a_release_however_late_it_comes(
    answers: list[tuple[int, bool]], place: int, delay: float, age: float
) -> None:
    known = prior_parameters(PRIORS)
    silent = _reports(answers, exposure=age)
    late = silent.alarm_delay_h.copy()
    late[0, place] = delay
    told = posterior(replace(silent, alarm_delay_h=late), PRIORS, known)[0]
    assert told >= posterior(silent, PRIORS, known)[0]
    late[0, place] = delay / 2
    assert posterior(replace(silent, alarm_delay_h=late), PRIORS, known)[0] >= told


@given(answers=ANSWERS, order=st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_labels_does_not_matter(answers: list[tuple[int, bool]], order: object) -> None:
    shuffled = list(answers)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hides Random's type
    there, back = fit(_reports(answers), PRIORS), fit(_reports(shuffled), PRIORS)
    assert there.p_bad == pytest.approx(back.p_bad, abs=1e-9)


@given(exposure=st.floats(0, 400))
@settings(deadline=None)
def test_silence_never_speaks_against_a_release(exposure: float) -> None:
    known = prior_parameters(PRIORS)
    assert posterior(_silent(exposure), PRIORS, known)[0] <= posterior(_silent(0.0), PRIORS, known)[0]


def _silent(exposure: float) -> Reports:
    return _reports([], exposure=exposure)


def _reports(answers: list[tuple[int, bool]], exposure: float = 0.0, size: int = 1) -> Reports:
    """Return what was said of one release that was judged healthy."""
    return Reports(
        base=np.ones(size, dtype=np.int64),
        service=np.zeros(size, dtype=np.int64),
        answer_release=np.zeros(len(answers), dtype=np.int64),
        answer_source=np.array([source for source, _ in answers], dtype=np.int64),
        answer_bad=np.array([is_bad for _, is_bad in answers], dtype=np.bool_),
        alarm_delay_h=np.full((size, 2), np.nan),
        alarm_exposure_h=np.full((size, 2), exposure),
    )
