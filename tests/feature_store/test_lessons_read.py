"""Lessons from a journal: what was said of each release until an instant, and nothing that came after it."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from feature_store.lessons import Lesson
from feature_store.lessons_read import read_lessons
from feature_store.training import learn
from feature_store.views import connect
from schemas.codec import to_json
from schemas.judgements import VerdictKind
from schemas.policy import Policy, Rule
from tests.feature_store.evidence_log import RATIO, SERVICES, write_releases
from tests.feature_store.script import START, Script, side, write

LONG_AGO = START - timedelta(days=1)


def read(root: Path, hours: float, since: float = -24.0, most: int = 5000) -> list[Lesson]:
    with connect(root) as connection:
        at, begin = START + timedelta(hours=hours), START + timedelta(hours=since)
        return read_lessons(connection, at, begin, most)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("journal")
    write_releases(root, 40)
    return root


def test_each_release_with_evidence_is_one_lesson_the_oldest_first(journal: Path) -> None:
    lessons = read(journal, 400)
    assert len(lessons) == 40
    assert [lesson.started_at for lesson in lessons] == sorted(lesson.started_at for lesson in lessons)
    assert {lesson.key for lesson in lessons} == {f"prod/{name}" for name in SERVICES}
    assert all(lesson.has_label for lesson in lessons)


def test_a_track_says_minute_by_minute_how_far_evidence_was_from_convicting(journal: Path) -> None:
    bad = read(journal, 400)[0]
    errors = bad.tracks["errors"]
    assert errors.minutes.tolist() == [1, 2, 3, 4]
    assert errors.log_e.tolist() == pytest.approx([1.5, 3.0, 4.5, 6.0])
    assert errors.lead.tolist() == pytest.approx([1.5 - 5.1, 3.0 - 5.1, 4.5 - 5.1, 6.0 - 5.1])
    assert float(errors.canary[-1] / errors.control[-1]) == pytest.approx(RATIO)
    assert bad.turning() == 4.0
    assert bad.p_bad > 0.5


def test_labels_that_had_not_been_given_yet_have_no_say(journal: Path) -> None:
    """A release's label comes an hour after it began."""
    early, late = read(journal, 0.5)[0], read(journal, 400)[0]
    assert (early.has_label, late.has_label) == (False, True)


def test_nothing_after_the_instant_changes_what_is_learnt(tmp_path: Path) -> None:
    """The same instant, asked of a journal that ends there and of one that goes on."""
    write_releases(tmp_path / "short", 20)
    write_releases(tmp_path / "long", 40)
    policy = Policy(rules={"*/*": Rule()})
    at = START + timedelta(hours=4 * 19 + 2)
    learnt = []
    for name in ("short", "long"):
        with connect(tmp_path / name) as connection:
            learnt.append(learn(read_lessons(connection, at, LONG_AGO), policy, at))
    assert learnt[0] is not None
    assert to_json(learnt[0]) == to_json(learnt[1])


def test_older_releases_and_all_but_the_newest_are_left_out(journal: Path) -> None:
    assert len(read(journal, 400, since=80)) == 20
    newest = read(journal, 400, most=5)
    assert [lesson.release for lesson in newest] == [lesson.release for lesson in read(journal, 400)[-5:]]


def test_of_several_edges_the_strongest_counts_and_their_budgets_add_up(tmp_path: Path) -> None:
    script = Script().opened()
    script.evidence("errors", 2, log_e=1.0, edge="")
    script.evidence("errors", 2, log_e=4.0, edge="from web", canary=side(0.5), control=side(0.1))
    write(tmp_path, script.effects)
    (lesson,) = read(tmp_path, 1)
    track = lesson.tracks["errors"]
    assert track.lead.tolist() == pytest.approx([4.0 - 5.1])
    assert track.log_budget.tolist() == pytest.approx([np.log(2) - 5.1])
    assert track.canary.tolist() == [0.041], "levels are those of all requests"


def test_a_release_whose_beginning_the_journal_no_longer_has_is_left_out(tmp_path: Path) -> None:
    script = Script()
    script.evidence("errors", 3)
    write(tmp_path, script.verdict(VerdictKind.HARMFUL, "errors", minute=8).effects)
    assert read(tmp_path, 1) == []


def test_a_journal_without_releases_teaches_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, 400) == []
