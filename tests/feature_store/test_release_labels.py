"""What releases were said to be: in SQL, in a release's story, in the list and in the report."""

from pathlib import Path

import pytest

from feature_store.label_posteriors import labelling
from feature_store.label_report import as_values, report
from feature_store.releases import list_releases
from feature_store.telling import tell
from feature_store.views import connect
from feature_store.why import why
from schemas.labels import LabelKind, LabelSource
from tests.feature_store import stories
from tests.feature_store.script import write
from tests.feature_store.test_label_posteriors import healthy, labelled


def one(root: Path) -> dict[str, object]:
    connection = connect(root)
    row = connection.execute("SELECT * FROM release_labels").fetchone()
    assert row is not None
    return dict(zip([column[0] for column in connection.description or []], row, strict=True))


def test_each_voice_counts_once_by_its_newest_word(tmp_path: Path) -> None:
    script = healthy()
    for minute, kind, by in (
        (40, LabelKind.BAD, "ann"),
        (50, LabelKind.GOOD, "ann"),
        (60, LabelKind.BAD, "bob"),
    ):
        labelled(script, kind, LabelSource.HUMAN, minute=minute, by=by)
    labelled(script, LabelKind.BAD, LabelSource.ALERT, minute=70, by="alertmanager")
    labelled(script, LabelKind.BAD, LabelSource.ALERT, minute=80, by="alertmanager")
    write(tmp_path, script.effects)
    row = one(tmp_path)
    assert (row["bad"], row["good"], row["harmless"], row["words"]) == (2, 1, 0, 5)
    assert (row["sources"], row["says"], row["is_disputed"]) == ("alert, human", "bad 2, good 1", True)
    assert (row["labelled_since"], row["labelled_at"]) == (script.at(40), script.at(80))


def test_what_speaks_for_bad_raises_the_posterior_and_what_speaks_against_lowers_it(tmp_path: Path) -> None:
    def posterior(name: str, *said: tuple[LabelKind, LabelSource]) -> float:
        script = healthy()
        for number, (kind, source) in enumerate(said):
            labelled(script, kind, source, minute=40 + number, by=str(number))
        write(tmp_path / name, script.effects)
        return float(str(one(tmp_path / name)["p_bad"]))

    human, aftercare = LabelSource.HUMAN, LabelSource.AFTERCARE
    good = posterior("good", (LabelKind.GOOD, aftercare))
    disputed = posterior("disputed", (LabelKind.GOOD, aftercare), (LabelKind.BAD, human))
    bad = posterior("bad", (LabelKind.BAD, human), (LabelKind.BAD, human))
    assert good < 0.05 < disputed < bad < 1.0


def test_a_release_without_a_label_is_not_listed(tmp_path: Path) -> None:
    write(tmp_path, healthy().effects)
    assert connect(tmp_path).execute("SELECT * FROM release_labels").fetchall() == []


def test_the_story_tells_labels_and_that_they_disagree(tmp_path: Path) -> None:
    script = labelled(healthy(), LabelKind.GOOD, LabelSource.AFTERCARE, minute=90, by="suture")
    write(tmp_path / "one", script.effects)
    alone = tell(why(connect(tmp_path / "one"), script.release))
    assert "good, by suture (aftercare, trusted to 60%)" in alone
    assert "disagree" not in alone
    labelled(script, LabelKind.BAD, LabelSource.REVERT, minute=95, by="ann via github")
    write(tmp_path / "two", script.effects)
    told = tell(why(connect(tmp_path / "two"), script.release))
    assert "They disagree: 1 for bad, 1 against it." in told
    (row,) = list_releases(connect(tmp_path / "two"))
    assert row.labels == "bad 1, good 1, disputed"


def test_the_report_says_what_is_known_and_what_cannot_be(tmp_path: Path) -> None:
    script = labelled(healthy(), LabelKind.BAD, LabelSource.HUMAN, minute=90)
    labelled(script, LabelKind.GOOD, LabelSource.AFTERCARE, minute=95, by="suture")
    write(tmp_path, script.effects)
    write(tmp_path, stories.rolled_back_alone().effects, partition=4)
    found = labelling(connect(tmp_path))
    text = report(found)
    assert "2 releases, 1 of them labelled; of 1 the labels disagree." in text
    assert "1 releases (50.0%) were taken back" in text
    values = as_values(found)
    assert (values["selected"], values["disputed"]) == (1, 1)
    share = values["bad_share"]
    assert isinstance(share, dict)
    assert share["most"] - share["least"] == pytest.approx(0.5)
    assert max(len(line) for line in text.splitlines()) <= 110


def test_the_report_of_an_empty_journal_says_that_nothing_is_known(tmp_path: Path) -> None:
    assert "0 releases, 0 of them labelled" in report(labelling(connect(tmp_path)))
