"""Files that earlier versions wrote stay readable beside today's, and a newer version's are named.

The files in `versions` were written by the code of their time (`versions/write.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from feature_store import parquet
from feature_store.inventory import take_inventory
from feature_store.journal import FlushLimits, Journal
from feature_store.kinds import Kind, said_from_body
from feature_store.parquet import dataset
from feature_store.telling import tell
from feature_store.views import VIEWS, connect
from feature_store.why import why
from schemas.effects import Effect
from tests.feature_store import stories
from tests.feature_store.script import START, Script

VERSIONS = Path(__file__).parent / "versions"
NAMES = ("endpoints", "failures", "explanations", "teams", "chained")


@pytest.fixture(params=NAMES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of the files of one version."""
    return Path(shutil.copytree(VERSIONS / request.param, tmp_path / "journal"))


def rows(root: Path) -> list[tuple[object, ...]]:
    """Return place, id, kind and body of every effect, in order."""
    names = ["log_partition", "log_offset", "effect_id", "kind", "body"]
    table = dataset([file.path for file in take_inventory(root).files]).to_table(columns=names)
    return sorted(zip(*(table.column(name).to_pylist() for name in names), strict=True))


def todays(first_offset: int) -> Iterator[tuple[int, Effect]]:
    """Yield the effects of a release of today, behind what one partition has said already."""
    script = stories.harmful(Script("9.9", service="mail").opened())
    for offset, effect in enumerate(script.effects, first_offset):
        yield offset, replace(effect, cause=replace(effect.cause, offset=1000 + offset), index=0)


def test_every_version_is_here() -> None:
    assert sorted(NAMES) == sorted(path.name for path in VERSIONS.iterdir() if path.is_dir())


def test_the_inventory_finds_nothing_odd_in_an_old_folder(old: Path) -> None:
    inventory = take_inventory(old)
    assert inventory.findings == ()
    assert {segment.span.partition for segment in inventory.segments} == {3, 4}


def test_every_body_reads_back_as_what_its_kind_promises_today(old: Path) -> None:
    found = rows(old)
    assert len(found) >= 15
    for _, _, _, kind, body in found:
        said_from_body(Kind(str(kind)), str(body))


def test_every_view_answers(old: Path) -> None:
    with connect(old) as connection:
        for view in VIEWS:
            connection.execute(f"SELECT * FROM {view}").fetchall()
        assert connection.execute("SELECT count(*) FROM verdicts").fetchone() != (0,)


def test_columns_that_came_later_are_null(old: Path) -> None:
    with connect(old) as connection:
        assert connection.execute("SELECT DISTINCT code, cause_digest FROM effects").fetchall() == [
            (None, None)
        ]


def test_why_tells_an_old_release(old: Path) -> None:
    with connect(old) as connection:
        told = tell(why(connection, "cart 1.4.2"))
    assert "harmful" in told
    assert "approved" in told


def test_today_goes_on_behind_an_old_folder_and_both_are_read(old: Path) -> None:
    before = rows(old)
    journal = Journal(old, clock=lambda: START)
    resume = journal.resume_offsets()[3]
    journal.append(3, list(todays(resume)))
    journal.flush()
    after = rows(old)
    assert take_inventory(old).findings == ()
    assert [row for row in after if row in before] == before
    assert len(after) == len(before) + len(list(todays(resume)))
    with connect(old) as connection:
        assert "harmful" in tell(why(connection, "cart 1.4.2"))
        assert "harmful" in tell(why(connection, "mail 9.9"))


def test_what_the_old_journal_kept_is_still_a_repeat(old: Path) -> None:
    journal = Journal(old, clock=lambda: START)
    resume = journal.resume_offsets()[3]
    said_again = [
        (resume + index, replace(effect, cause=replace(effect.cause, offset=index), index=0))
        for index, effect in enumerate(stories.held_and_approved().effects[:3])
    ]
    appended = journal.append(3, said_again)
    assert (appended.kept, appended.repeats) == (0, 3)


def test_old_files_are_merged_with_todays_and_keep_every_row(old: Path) -> None:
    before = rows(old)
    journal = Journal(old, clock=lambda: START, limits=FlushLimits(rows=1), merge_after=2)
    resume = journal.resume_offsets()[3]
    news = list(todays(resume))
    for row in news:
        journal.append(3, [row])
        journal.flush()
    inventory = take_inventory(old)
    assert inventory.findings == ()
    merged = [segment for segment in inventory.of(3) if segment.manifest is not None]
    assert min(segment.span.first for segment in merged) == 0, "old rows are in merged files"
    after = rows(old)
    assert [row for row in after if row in before] == before
    assert len(after) == len(before) + len(news)


def test_a_file_of_a_newer_schema_is_named_and_left_out(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(old)
    resume = Journal(old, clock=lambda: START).resume_offsets()[3]
    with monkeypatch.context() as newer:
        newer.setattr(parquet, "SCHEMA_VERSION", parquet.SCHEMA_VERSION + 1)
        journal = Journal(old, clock=lambda: START)
        journal.append(3, list(todays(resume)))
        (path,) = journal.flush()
    assert rows(old) == before
    assert take_inventory(old).findings == (
        f"{path} has schema version {parquet.SCHEMA_VERSION + 1}, expected at most "
        f"{parquet.SCHEMA_VERSION}: a newer Suture wrote it",
    )
