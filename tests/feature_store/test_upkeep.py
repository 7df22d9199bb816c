"""Compaction by day and kind, ends of days and retention: nothing is lost or doubled, whatever dies."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path, PurePath

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.chain_audit import audit_chain
from feature_store.compaction import due
from feature_store.file_names import ManifestName, Span, file_name
from feature_store.inventory import JournalFile, Segment, take_inventory
from feature_store.journal import Journal
from feature_store.parquet import read_rows
from feature_store.retention import Retention
from feature_store.stores import LocalStore, Store, open_store
from feature_store.views import connect
from schemas.effects import Effect
from schemas.errors import SettingsError
from tests.feature_store.chained import Clock, append_each, journal_at, story
from tests.feature_store.places import CrashError, Places
from tests.feature_store.script import START

EFFECTS = story()
EVERYTHING = Retention()
KEEP = Retention.parse("evidence=30d,suspicion=1w")


def offsets(place: Path) -> list[int]:
    """Return the offset of every row that counts."""
    files = [file.path for file in take_inventory(place).files]
    if not files:
        return []
    return [
        int(str(offset)) for offset in read_rows(open_store(place), files).column("log_offset").to_pylist()
    ]


def live_and_settle(store: Path | Store, clock: Clock, effects: Sequence[Effect] = EFFECTS) -> Journal:
    """Append effects with compactions on the way, end the day, expire, and remove what is left over."""
    clock.now = START + timedelta(minutes=30)
    journal = journal_at(store, clock, merge_after=5)
    append_each(journal, effects)
    clock.now = START + timedelta(days=40)
    for _ in range(4):
        journal.tidy([3], KEEP)
        clock.now += timedelta(minutes=11)
    return journal


def test_compacted_rows_lie_by_day_and_kind_and_are_sorted_for_questions(tmp_path: Path) -> None:
    clock = Clock()
    append_each(journal_at(tmp_path, clock, merge_after=len(EFFECTS)), EFFECTS)
    inventory = take_inventory(tmp_path)
    counts = Counter(file.kind for file in inventory.files)
    assert counts == {"release_opened": 1, "evidence": 1, "verdict": 1, "release_closed": 1}
    for file in inventory.files:
        assert file.path.parent == tmp_path / "day=2026-11-23" / f"kind={file.kind}"
        rows = pq.read_table(str(file.path), partitioning=None)
        assert set(rows.column("kind").to_pylist()) == {file.kind}
        order = list(
            zip(rows.column("release").to_pylist(), rows.column("happened_at").to_pylist(), strict=True)
        )
        assert order == sorted(order)
    assert sorted(offsets(tmp_path)) == list(range(len(EFFECTS)))


def test_a_day_ends_with_one_file_a_kind(place: Path) -> None:
    clock = Clock()
    journal = journal_at(place, clock, merge_after=5)
    append_each(journal, EFFECTS)
    before = len(take_inventory(place).files)
    clock.now += timedelta(days=1)
    assert journal.tidy([3], EVERYTHING) == 1
    assert journal.tidy([3], EVERYTHING) == 0
    files = take_inventory(place).files
    assert len(files) == 4 < before
    assert sorted(offsets(place)) == list(range(len(EFFECTS)))


def test_today_is_left_to_grow(place: Path) -> None:
    clock = Clock()
    journal = journal_at(place, clock)
    append_each(journal, EFFECTS[:3])
    clock.now = START.replace(hour=0) + timedelta(days=1, minutes=30)
    assert journal.tidy([3], EVERYTHING) == 0
    clock.now += timedelta(hours=1)
    assert journal.tidy([3], EVERYTHING) == 1


def test_a_restart_after_compaction_goes_on_and_knows_repeats(place: Path) -> None:
    clock = Clock()
    append_each(journal_at(place, clock, merge_after=4), EFFECTS)
    again = journal_at(place, clock)
    assert again.resume_offsets() == {3: len(EFFECTS)}
    assert again.append(3, list(enumerate(EFFECTS, len(EFFECTS)))).repeats == len(EFFECTS)


def test_a_question_in_sql_sees_each_effect_once_while_parts_are_still_there(place: Path) -> None:
    clock = Clock()
    append_each(journal_at(place, clock, merge_after=7), EFFECTS)
    assert take_inventory(place).superseded
    with connect(place) as connection:
        rows = connection.execute("SELECT count(*), count(DISTINCT effect_id) FROM effects").fetchall()
        assert rows == [(len(EFFECTS), len(EFFECTS))]
        assert connection.execute("SELECT count(*) FROM verdicts").fetchall() == [(6,)]


def test_what_a_rule_keeps_no_longer_goes_and_the_rest_stays(place: Path) -> None:
    live_and_settle(place, Clock())
    kept = [offset for offset, effect in enumerate(EFFECTS) if type(effect.said).__name__ != "Evidence"]
    assert sorted(offsets(place)) == kept
    audited = audit_chain(place)
    assert audited.all_findings == ()
    assert audited.partitions[0].expired == {"evidence": 6}
    assert take_inventory(place).superseded == ()


def test_everything_is_kept_where_no_rule_is_given(place: Path) -> None:
    clock = Clock()
    journal = journal_at(place, clock)
    append_each(journal, EFFECTS)
    clock.now += timedelta(days=10_000)
    journal.tidy([3], EVERYTHING)
    journal.tidy([3], EVERYTHING)
    assert sorted(offsets(place)) == list(range(len(EFFECTS)))


def test_a_journal_whose_rows_all_expired_still_knows_where_to_go_on(place: Path) -> None:
    clock = Clock()
    journal = journal_at(place, clock)
    append_each(journal, EFFECTS)
    clock.now += timedelta(days=40)
    journal.tidy([3], Retention.parse("*=30d"))
    journal.tidy([3], Retention.parse("*=30d"))
    assert offsets(place) == []
    again = journal_at(place, clock)
    assert again.resume_offsets() == {3: len(EFFECTS)}
    assert again.append(3, list(enumerate(EFFECTS, len(EFFECTS)))).kept == 0
    assert audit_chain(place).all_findings == ()


def test_a_death_at_any_step_of_any_of_it_loses_and_doubles_nothing(places: Places) -> None:
    wanted = places.new()
    effects = EFFECTS[:9]
    live_and_settle(wanted, Clock(), effects)
    step = 0
    while True:
        # Few steps apart in a row, then wider: a death in each phase, and a bounded test.
        step += 1 if step < 12 else 6
        place = places.new()
        try:
            live_and_settle(places.crashing(place, step), Clock(), effects)
        except CrashError:
            before = take_inventory(place)
            assert before.damaged == ()
            assert not before.overlaps
            seen = offsets(place)
            assert len(seen) == len(set(seen))
            assert audit_chain(place).all_findings == ()
        else:
            break
        live_and_settle(place, Clock(), effects)
        assert sorted(offsets(place)) == sorted(offsets(wanted))
        assert audit_chain(place).all_findings == ()
        assert audit_chain(place).partitions[0].expired == {"evidence": 2}
    assert step > 30


def test_a_kinds_file_without_a_manifest_is_not_there_and_goes_later(tmp_path: Path) -> None:
    clock = Clock()
    journal = journal_at(tmp_path, clock, merge_after=4)
    append_each(journal, EFFECTS[:4])
    (manifest,) = tmp_path.glob("day=*/*.json.gz")
    manifest.unlink()
    assert offsets(tmp_path) == [0, 1, 2, 3]
    assert all(not file.kind for file in take_inventory(tmp_path).files)
    again = journal_at(tmp_path, clock)
    clock.now += timedelta(minutes=11)
    append_each(again, EFFECTS[:5])
    assert list(tmp_path.glob("day=*/kind=*/*.parquet")) == []
    assert sorted(offsets(tmp_path)) == [0, 1, 2, 3, 4]


def test_parts_count_again_when_what_replaced_them_is_damaged(tmp_path: Path) -> None:
    clock = Clock()
    append_each(journal_at(tmp_path, clock, merge_after=4), EFFECTS[:4])
    next(tmp_path.glob("day=*/kind=verdict/*.parquet")).unlink()
    inventory = take_inventory(tmp_path)
    assert "1 rows of kind verdict are lost" in inventory.damaged[0]
    assert sorted(offsets(tmp_path)) == [0, 1, 2, 3]


def test_what_a_damaged_compaction_still_has_is_read_when_its_parts_are_gone(tmp_path: Path) -> None:
    clock = Clock()
    journal = journal_at(tmp_path, clock, merge_after=4)
    append_each(journal, EFFECTS[:4])
    clock.now += timedelta(minutes=11)
    append_each(journal, EFFECTS[:5])
    next(tmp_path.glob("day=*/kind=verdict/*.parquet")).unlink()
    assert sorted(offsets(tmp_path)) == [0, 1, 3, 4]
    assert len(take_inventory(tmp_path).damaged) == 1


@pytest.mark.parametrize("suffix", [".json.gz", ".parquet"])
def test_an_error_after_which_a_file_is_in_place_all_the_same_forks_no_chain(
    tmp_path: Path, suffix: str
) -> None:
    class Doubtful(LocalStore):
        is_doubtful = False

        def publish(self, path: PurePath, data: bytes) -> None:
            super().publish(path, data)
            if self.is_doubtful and path.name.endswith(suffix):
                raise OSError(110, "the answer never came")

    clock = Clock()
    store = Doubtful(tmp_path)
    journal = journal_at(store, clock, merge_after=4)
    append_each(journal, EFFECTS[:3])
    store.is_doubtful = True
    with pytest.raises(OSError, match="the answer never came"):
        append_each(journal, EFFECTS[:4])
    store.is_doubtful = False
    append_each(journal, EFFECTS)
    assert audit_chain(tmp_path).all_findings == ()
    assert sorted(offsets(tmp_path)) == list(range(len(EFFECTS)))


@given(levels=st.lists(st.integers(0, 3), max_size=60))
def test_merging_what_is_due_always_ends_with_fewer_segments(levels: list[int]) -> None:
    segments = [_segment(offset, level) for offset, level in enumerate(levels)]
    while (start := due(segments, run=4, fan=3)) is not None:
        merged = segments[start:]
        assert len({segment.level for segment in merged}) == 1
        segments[start:] = [_segment(start, merged[0].level + 1)]
    assert len(segments) <= max(1, len(levels))


def _segment(offset: int, level: int) -> Segment:
    span = Span(3, offset, offset)
    path = Path("day=2026-11-23") / file_name(3, offset, offset)
    manifest = ManifestName(span, level, 0, 1, 10) if level else None
    return Segment(span, path, (JournalFile(path, 3, offset, offset, size=10),), manifest)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("evidence", "is no rule of retention"),
        ("evidence=90", "is no rule of retention"),
        ("evidence=0d", "is no rule of retention"),
        ("evidense=90d", "names an unknown kind"),
        ("*=1y,*=2y", "has two rules"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Retention.parse(text)


def test_a_kind_with_a_rule_of_its_own_is_not_kept_by_the_rule_for_others() -> None:
    rules = Retention.parse("evidence=2w,*=2y")
    own, other = rules.of("evidence"), rules.of("verdict")
    assert own is not None
    assert other is not None
    assert (own.keep.days, other.keep.days) == (14, 730)
    assert Retention.parse("evidence=2w").of("verdict") is None
