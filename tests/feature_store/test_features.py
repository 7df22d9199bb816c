"""Features of releases: only what was known before each began, and null for what nobody knew."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feature_store.features import FEATURES, features, features_of_next
from feature_store.views import connect
from schemas.effects import Said
from schemas.judgements import VerdictKind
from schemas.keys import ServiceName
from schemas.labels import LabelKind
from schemas.observations import ReleaseOpened
from tests.feature_store.risk_log import (
    PROD,
    a_history,
    a_release,
    assessed,
    judged,
    labelled,
    undone,
    write_said,
)
from tests.feature_store.script import START

FIRST = a_release("cart", 1, START)
SECOND = a_release("cart", 2, START + timedelta(days=8))


def told(root: Path, said: list[Said]) -> dict[str, dict[str, Any]]:
    write_said(root, said)
    with connect(root) as connection:
        return {row["release"]: row for row in features(connection).to_pylist()}


def test_a_first_release_says_that_it_is_one_and_what_is_unknown_is_null(tmp_path: Path) -> None:
    row = told(tmp_path, [ReleaseOpened(release=FIRST)])[FIRST.id]
    assert (row["is_first"], row["service_releases"], row["service_rate"]) == (1, 0, 0.1)
    for name in (
        "hours_since_last",
        "author",
        "author_rate",
        "change_lines",
        "coverage_ratio",
        "tests_failed",
    ):
        assert row[name] is None
    assert (row["hours_since_commit"], row["hour"], row["weekday"]) == (5.0, 3, 1)


def test_a_rollback_counts_for_the_service_and_the_author_from_when_it_was_done(tmp_path: Path) -> None:
    said: list[Said] = [
        assessed(FIRST, "ada", change_lines=0.0),
        assessed(SECOND, "ada", change_lines=7.0),
        *(ReleaseOpened(release=each) for each in (FIRST, SECOND)),
        judged(FIRST, VerdictKind.HARMFUL),
        undone(FIRST),
    ]
    rows = told(tmp_path, said)
    assert rows[FIRST.id]["change_lines"] == 0.0
    second = rows[SECOND.id]
    assert (second["service_releases"], second["service_taken_back_lately"]) == (1, 1)
    assert second["service_rate"] == second["author_rate"] == pytest.approx(2 / 11)
    assert second["hours_since_last"] == 192.0
    assert second["change_lines"] == 7.0
    assert second["environment_releases_today"] == 0


def test_what_the_gate_says_after_the_start_is_not_a_feature(tmp_path: Path) -> None:
    late = assessed(FIRST, "ada", minutes_before=-1, change_lines=900.0)
    row = told(tmp_path, [ReleaseOpened(release=FIRST), late])[FIRST.id]
    assert row["change_lines"] is None


def test_nothing_that_happens_after_a_start_moves_its_features(tmp_path: Path) -> None:
    asked = a_release("cart", 950, START + timedelta(days=9, minutes=1))
    following = a_release("cart", 951, asked.started_at + timedelta(microseconds=1))
    said: list[Said] = [*a_history(60).said, assessed(asked, "ada", change_lines=3.0)]
    said.append(ReleaseOpened(release=asked))
    came: list[Said] = [
        assessed(asked, "eve", 0.0, change_lines=9e5, tests_failed=7.0),
        ReleaseOpened(release=following),
        judged(asked, VerdictKind.HARMFUL, 1),
        undone(asked, 2),
        labelled(asked, LabelKind.BAD, 1),
        *(
            labelled(
                a_release("cart", number, START + timedelta(hours=3 * number)), LabelKind.BAD, 300, "eve"
            )
            for number in range(0, 60, 3)
        ),
    ]
    plain, known = told(tmp_path / "plain", said), told(tmp_path / "known", [*said, *came])
    assert known[asked.id] == plain[asked.id]
    assert known[following.id]["service_releases"] == plain[asked.id]["service_releases"] + 1


def test_a_fact_counts_once_it_lies_before_the_start(tmp_path: Path) -> None:
    asked = a_release("cart", 50, START + timedelta(days=9))
    opened: list[Said] = [ReleaseOpened(release=each) for each in (FIRST, asked)]
    before = 60 * 24 * 9 - 1 / 60
    early = told(tmp_path / "early", [*opened, undone(FIRST, before)])[asked.id]
    late = told(tmp_path / "late", [*opened, undone(FIRST, 60 * 24 * 9)])[asked.id]
    assert (early["service_taken_back_lately"], late["service_taken_back_lately"]) == (1, 0)
    assert early["service_rate"] > late["service_rate"]


def test_labels_count_for_later_releases_as_far_as_they_were_known(tmp_path: Path) -> None:
    history = a_history(120)
    write_said(tmp_path, history.said)
    with connect(tmp_path) as connection:
        rows = features(connection).to_pylist()
        early = features(connection, START + timedelta(days=9)).to_pylist()
    assert rows[0]["service_bad_rate"] is None
    assert rows[-1]["service_bad_rate"] is not None
    assert early == rows[: len(early)]
    by_service = {row["service"]: row["service_bad_rate"] for row in rows[-3:]}
    assert by_service["cart"] > by_service["pay"]


def test_the_gate_asks_for_the_next_release_what_the_journal_says_of_it_later(tmp_path: Path) -> None:
    history = a_history(60)
    at = START + timedelta(days=8, minutes=5)
    following = a_release("cart", 900, at)
    build = assessed(following, "ada", change_lines=11.0)
    write_said(tmp_path, [*history.said, build])
    with connect(tmp_path) as connection:
        asked = features_of_next(connection, PROD, ServiceName("cart"), following.version, "ada", at)
    write_said(tmp_path / "later", [*history.said, build, ReleaseOpened(release=following)])
    with connect(tmp_path / "later") as connection:
        row = next(row for row in features(connection).to_pylist() if row["release"] == following.id)
    by_time = {"hours_since_commit", "service_bad_rate", "author_bad_rate"}
    known = {name: row[name] for name in FEATURES if row[name] is not None and name not in by_time}
    assert {name: value for name, value in asked.items() if name not in by_time} == known
