"""The benchmark of learning: a small year, in which nobody learns from himself."""

from dataclasses import replace

import pytest

from bench import learning_year
from bench.learning import figures
from bench.learning_world import Releases, generated
from bench.learning_year import year
from feature_store.lessons import Lesson
from feature_store.training import learnt_profile
from schemas.keys import ServiceName
from schemas.policy import Policy
from schemas.profiles import Profile


@pytest.fixture(scope="module")
def world() -> Releases:
    """A few cells' releases, as one service's each."""
    return generated(1, 3)


def test_a_year_counts_every_release_once_and_by_all_three(world: Releases) -> None:
    played = year(world, 60, seed=1)
    assert len(played.judged) == 60
    found = figures([played], seed=1)
    assert found["releases"] == 60
    for side in ("rules", "champion", "newest"):
        rate, low, high = found[side]["false_rollbacks_per_1000"]
        assert low <= rate <= high
        assert found[side]["delay_min"][0] > 0


def test_the_same_seed_gives_the_same_year(world: Releases) -> None:
    assert year(world, 60, seed=2).judged == year(world, 60, seed=2).judged


def test_a_release_is_never_judged_by_what_was_learnt_from_it(
    world: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each release as a service of its own: a profile then names those that it was learnt from.
    known = tuple(
        replace(one, lesson=replace(one.lesson, service=ServiceName(f"own-{one.group}")))
        for one in world.known
    )
    taught: list[set[str]] = []

    def noting(lessons: list[Lesson], policy: Policy) -> Profile:
        taught.append({lesson.key for lesson in lessons})
        return learnt_profile(lessons, policy)

    monkeypatch.setattr(learning_year, "learnt_profile", noting)
    monkeypatch.setattr(learning_year, "LEAST_LABELLED", 5)
    found = year(Releases(known=known, policy=world.policy, is_generated=True), 60, seed=1)
    assert found.trainings == len(taught) > 0
    groups = {f"prod/own-{one.group}" for one in known}
    # Five histories, each of which lacks its fold in every month.
    assert all(names < groups for names in taught)
    assert len({frozenset(groups - names) for names in taught}) >= 2
