"""Posteriors over a journal: point in time, and honest about what was taken back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from feature_store.label_posteriors import (
    bounds_of_bad_share,
    explored_bad_share,
    label_posteriors,
    labelling,
)
from feature_store.label_report import report
from feature_store.telling import tell
from feature_store.views import connect
from feature_store.why import why
from schemas.judgements import VerdictKind
from schemas.keys import derived_id
from schemas.labels import TRUST, Label, LabelKind, Labelled, LabelSource
from schemas.orders import Decision, Exploration
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


def explored(version: str, first_offset: int, until: float | None) -> Script:
    """Return the story of a release that was taken back, whose rollback could have been put off."""
    script = stories.rolled_back_alone(Script(version, environment="dev", first_offset=first_offset))
    exploration = Exploration(share=0.05, until=script.at(until) if until else None)
    script.effects = [
        replace(effect, said=replace(effect.said, exploration=exploration))
        if isinstance(effect.said, Decision)
        else effect
        for effect in script.effects
    ]
    return script


def test_an_explored_release_is_not_selected_and_stands_for_those_that_could_have_been(
    tmp_path: Path,
) -> None:
    chosen, spared = explored("1.5.0", 100, until=18), explored("1.5.1", 200, until=None)
    write(tmp_path, chosen.effects)
    write(tmp_path, spared.effects, first_offset=1000)
    table = label_posteriors(connect(tmp_path))
    told = {row["release"]: row for row in table.to_pylist()}
    one, other = told[chosen.release], told[spared.release]
    assert (one["is_selected"], one["is_explored"], one["inverse_propensity"]) == (False, True, 20.0)
    assert (other["is_selected"], other["is_explored"], other["inverse_propensity"]) == (True, False, 0.0)
    assert one["p_bad_low"] == one["p_bad"] == one["p_bad_high"]
    possible, seen, bad = explored_bad_share(table)
    assert (possible, seen) == (2, 1)
    assert bad == pytest.approx(one["p_bad"])
    said = report(labelling(connect(tmp_path)))
    assert "Of 2 rollbacks that could be put off 1 were (explored)" in said
    view = connect(tmp_path).execute("SELECT is_explored, explored_until FROM decisions ORDER BY release")
    assert view.fetchall() == [(True, chosen.at(18)), (False, None)]


def test_why_says_that_a_rollback_was_put_off_or_could_have_been(tmp_path: Path) -> None:
    chosen, spared = explored("1.5.0", 100, until=18), explored("1.5.1", 200, until=None)
    write(tmp_path, chosen.effects)
    write(tmp_path, spared.effects, first_offset=1000)
    told = tell(why(connect(tmp_path), chosen.release))
    assert "Put off at" in told
    assert "as 5 % of such rollbacks are, to learn what the release does" in " ".join(told.split())
    assert "decided: rollback, put off" in told
    assert "It could have been put off" in tell(why(connect(tmp_path), spared.release))


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
