"""Posteriors over a journal: point in time, and honest about what was taken back."""

from datetime import timedelta
from pathlib import Path

import pytest

from feature_store.label_posteriors import bounds_of_bad_share, label_posteriors, labelling
from feature_store.views import connect
from schemas.judgements import VerdictKind
from schemas.keys import derived_id
from schemas.labels import TRUST, Label, LabelKind, Labelled, LabelSource
from tests.feature_store import stories
from tests.feature_store.script import START, Script, write


def labelled(script: Script, kind: LabelKind, source: LabelSource, minute: float, by: str = "ann") -> Script:
    """Say a word on a script's release."""
    script._say(
        Labelled(
            label=Label(
                id=derived_id("label", script.release, source, by, str(minute)),
                release=script.release,
                environment=script.environment,
                service=script.service,
                kind=kind,
                source=source,
                by=by,
                at=script.at(minute),
                about=by,
                trust=TRUST[source].trust,
            )
        )
    )
    return script


def healthy(version: str = "1.4.3", first_offset: int = 900) -> Script:
    script = Script(version, first_offset=first_offset)
    script.opened()
    return script.verdict(VerdictKind.HEALTHY, "nothing speaks against it", minute=30, is_final=True)


def rows(root: Path, **options: object) -> dict[str, dict[str, object]]:
    table = label_posteriors(connect(root), **options)  # type: ignore[arg-type]  # as_of or nothing
    return {row["release"]: row for row in table.to_pylist()}


def test_a_journal_without_releases_gives_an_empty_table(tmp_path: Path) -> None:
    table = label_posteriors(connect(tmp_path))
    assert table.num_rows == 0
    assert bounds_of_bad_share(table) == (0.0, 0.0, 0.0)


def test_what_was_taken_back_is_selected_and_bounded_by_all_and_nothing(tmp_path: Path) -> None:
    script = stories.rolled_back_alone()
    write(tmp_path, script.effects)
    row = rows(tmp_path)[script.release]
    assert (row["is_selected"], row["p_bad_low"], row["p_bad_high"]) == (True, 0.0, 1.0)
    assert 0.0 < bounds_of_bad_share(label_posteriors(connect(tmp_path)))[2] < 1.0


def test_nothing_that_was_said_later_is_known_before(tmp_path: Path) -> None:
    script = labelled(healthy(), LabelKind.BAD, LabelSource.HUMAN, minute=90)
    write(tmp_path, script.effects)
    before = rows(tmp_path, as_of=START + timedelta(minutes=89))[script.release]
    after = rows(tmp_path, as_of=START + timedelta(minutes=91))[script.release]
    assert (before["labels"], after["labels"]) == (0, 1)
    assert before["known_at"] == script.at(30)
    assert after["known_at"] == script.at(90)
    assert float(str(after["p_bad"])) > 5 * float(str(before["p_bad"]))
    assert rows(tmp_path, as_of=START - timedelta(minutes=1)) == {}


def test_who_changes_his_mind_has_one_voice_and_the_newest_counts(tmp_path: Path) -> None:
    script = labelled(healthy(), LabelKind.BAD, LabelSource.HUMAN, minute=90)
    labelled(script, LabelKind.GOOD, LabelSource.HUMAN, minute=95)
    write(tmp_path, script.effects)
    row = rows(tmp_path)[script.release]
    assert (row["labels"], row["is_disputed"]) == (1, False)


def test_two_who_disagree_are_told_to(tmp_path: Path) -> None:
    script = labelled(healthy(), LabelKind.BAD, LabelSource.HUMAN, minute=90)
    labelled(script, LabelKind.HARMLESS, LabelSource.HUMAN, minute=95, by="bob")
    write(tmp_path, script.effects)
    row = rows(tmp_path)[script.release]
    assert (row["labels"], row["is_disputed"]) == (2, True)


@pytest.mark.parametrize("source", [LabelSource.REVERT, LabelSource.INCIDENT, LabelSource.ALERT])
def test_what_came_later_speaks_against_a_release_and_the_later_the_less(
    tmp_path: Path, source: LabelSource
) -> None:
    def after(minute: float, name: str) -> float:
        script = labelled(healthy(), LabelKind.BAD, source, minute=minute)
        write(tmp_path / name, script.effects)
        return float(str(rows(tmp_path / name)[script.release]["p_bad"]))

    write(tmp_path / "silent", healthy().effects)
    (silent,) = (float(str(row["p_bad"])) for row in rows(tmp_path / "silent").values())
    assert after(40, "early") > after(300, "late") > silent


def test_the_weight_of_a_release_grows_with_what_is_known_of_it(tmp_path: Path) -> None:
    script = healthy()
    write(tmp_path, script.effects)
    young = rows(tmp_path, as_of=script.at(31))[script.release]["weight"]
    old = rows(tmp_path, as_of=script.at(60 * 24 * 20))[script.release]["weight"]
    assert float(str(young)) < 0.05
    assert float(str(old)) > 0.9


def test_the_words_of_every_source_are_counted(tmp_path: Path) -> None:
    script = labelled(healthy(), LabelKind.BAD, LabelSource.HUMAN, minute=90)
    labelled(script, LabelKind.BAD, LabelSource.ALERT, minute=95)
    write(tmp_path, script.effects)
    assert labelling(connect(tmp_path)).words == {"human": 1, "alert": 1}
