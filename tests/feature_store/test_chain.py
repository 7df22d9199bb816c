"""The chain tells what was altered, removed, added or reordered, and finds nothing in an honest journal."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.chain import GENESIS, Chain, Record, RecordKind, Tally
from feature_store.chain_audit import audit_chain
from feature_store.file_names import Span
from feature_store.inventory import take_inventory
from feature_store.journal import Journal
from feature_store.parquet import encode, read_footer, read_rows, table_of
from feature_store.retention import Retention
from feature_store.row_digests import tallies_by_kind
from feature_store.rows import row_of
from feature_store.stores import LocalStore
from tests.feature_store.chained import Clock, append_each, journal_at, rewrite, story, with_cell
from tests.feature_store.script import START

EFFECTS = story()


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A journal of fresh files, one an effect."""
    append_each(journal_at(tmp_path, Clock()), EFFECTS)
    return tmp_path


@pytest.fixture
def compacted(fresh: Path) -> Path:
    """A journal of one manifest with a file a kind, and one fresh file behind it."""
    clock = Clock()
    clock.now += timedelta(days=1)
    journal = journal_at(fresh, clock)
    assert journal.tidy([3], Retention()) == 1
    clock.now += timedelta(minutes=11)
    journal.append(3, [(len(EFFECTS), story(7)[-1])])
    journal.flush()
    return fresh


def file_at(root: Path, offset: int) -> Path:
    (path,) = root.glob(f"day=*/p0003-{offset:012d}-*.parquet")
    return path


def kind_file(root: Path, kind: str) -> Path:
    (path,) = root.glob(f"day=*/kind={kind}/*.parquet")
    return path


def findings(root: Path, *expected: str) -> tuple[str, ...]:
    return audit_chain(root, expected).all_findings


def change_manifest(root: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    """Change the records that a manifest holds, and nothing else."""
    (path,) = root.glob("day=*/*.json.gz")
    stored = json.loads(gzip.decompress(path.read_bytes()))
    change(stored["records"])
    path.write_bytes(gzip.compress(json.dumps(stored).encode()))


def flip_a_letter(table: pa.Table, row: int = 0) -> pa.Table:
    body = table.column("body")[row].as_py()
    return with_cell(table, row, "body", body.replace("a", "b", 1))


def test_an_honest_journal_is_whole_before_and_after_compaction(compacted: Path) -> None:
    audited = audit_chain(compacted)
    (partition,) = audited.partitions
    assert audited.all_findings == ()
    assert partition.rows == len(EFFECTS) + 1
    # One for each file that was written, one for the compaction.
    assert partition.records == len(EFFECTS) + 2


def test_a_letter_that_was_changed_in_a_body_is_found(fresh: Path) -> None:
    rewrite(file_at(fresh, 5), flip_a_letter)
    assert findings(fresh) == ("partition 3, offsets 5 to 5: rows of kind evidence were altered",)


def test_a_letter_that_was_changed_after_compaction_is_found_at_its_offset(compacted: Path) -> None:
    path = kind_file(compacted, "verdict")
    offset = read_rows(LocalStore(compacted), [path]).column("log_offset")[0].as_py()
    rewrite(path, lambda table: flip_a_letter(table.sort_by("log_offset")))
    # Whoever also makes the manifest fit the new size hides nothing.
    refit(compacted)
    assert findings(compacted) == (
        f"partition 3, offsets {offset} to {offset}: rows of kind verdict were altered",
    )


def test_a_kinds_file_of_another_size_is_found(compacted: Path) -> None:
    path = kind_file(compacted, "verdict")
    path.write_bytes(path.read_bytes()[:-7])
    assert any("6 rows of kind verdict are lost" in finding for finding in findings(compacted))


def refit(root: Path) -> None:
    """Make a manifest fit its files again: sizes, counts and its own name."""
    (path,) = root.glob("day=*/*.json.gz")
    stored = json.loads(gzip.decompress(path.read_bytes()))
    for file in stored["files"]:
        file[3] = (path.parent / f"kind={file[1]}" / file[0]).stat().st_size
    path.unlink()
    stem, level, seq, *_ = path.name.split(".")
    total = sum(file[3] for file in stored["files"])
    path.with_name(f"{stem}.{level}.{seq}.f{len(stored['files'])}.b{total}.json.gz").write_bytes(
        gzip.compress(json.dumps(stored).encode())
    )


def test_a_row_that_was_dropped_is_found(compacted: Path) -> None:
    rewrite(kind_file(compacted, "evidence"), lambda table: table.slice(1))
    refit(compacted)
    (finding,) = findings(compacted)
    assert "1 rows of kind evidence were removed" in finding


def test_a_kind_that_was_removed_without_a_rule_is_found(compacted: Path) -> None:
    kind_file(compacted, "evidence").unlink()
    (path,) = compacted.glob("day=*/*.json.gz")
    stored = json.loads(gzip.decompress(path.read_bytes()))
    stored["files"] = [file for file in stored["files"] if file[1] != "evidence"]
    path.write_bytes(gzip.compress(json.dumps(stored).encode()))
    refit(compacted)
    assert len(findings(compacted)) == 6
    assert (
        "rows of kind evidence were removed, and no rule of retention removed them" in findings(compacted)[0]
    )


def test_a_row_that_was_added_is_found(compacted: Path) -> None:
    path = kind_file(compacted, "verdict")

    def doubled(table: pa.Table) -> pa.Table:
        extra = with_cell(table.slice(0, 1), 0, "log_offset", 10_000)
        return pa.concat_tables([table, extra])

    rewrite(path, doubled)
    refit(compacted)
    (finding,) = findings(compacted)
    assert "1 rows of kind verdict" in finding
    assert finding.endswith("tells of: added")


def test_two_files_that_were_swapped_are_found(fresh: Path) -> None:
    one, two = file_at(fresh, 4), file_at(fresh, 9)
    shutil.move(one, fresh / "aside")
    shutil.move(two, one)
    shutil.move(fresh / "aside", two)
    first, second = findings(fresh)
    assert "is named for offsets 4 to 4, but was written as offsets 9 to 9" in first
    assert "is named for offsets 9 to 9, but was written as offsets 4 to 4" in second


def test_a_file_that_was_removed_is_found(fresh: Path) -> None:
    file_at(fresh, 7).unlink()
    (finding,) = findings(fresh)
    assert finding.startswith("record 7 of partition 3 is missing, and what it told of: removed between")


def test_a_file_that_was_slipped_in_is_found(fresh: Path) -> None:
    stranger = row_of(3, 500, EFFECTS[0])
    path = file_at(fresh, 0).with_name("p0003-000000000500-000000000500.parquet")
    path.write_bytes(encode(table_of([stranger]), {}))
    (finding,) = findings(fresh)
    assert finding.startswith("no record tells of offsets 500 to 500")


def test_a_record_that_was_dropped_is_found(compacted: Path) -> None:
    change_manifest(compacted, lambda records: records.pop(10))
    found = findings(compacted)
    assert any(finding.startswith("record 10 of partition 3 is missing") for finding in found)


def test_a_record_that_was_changed_is_found(compacted: Path) -> None:
    change_manifest(compacted, lambda records: records[10].update(at="2020-01-01T00:00:00+00:00"))
    (finding,) = findings(compacted)
    assert "has not the hash of what it says: altered" in finding


def test_records_that_were_reordered_are_found(compacted: Path) -> None:
    def swap(records: list[dict[str, object]]) -> None:
        records[4]["seq"], records[5]["seq"] = records[5]["seq"], records[4]["seq"]

    change_manifest(compacted, swap)
    assert any("does not follow the one before" in finding for finding in findings(compacted))


def test_a_span_rewritten_with_a_digest_made_anew_is_found_by_the_next_record(fresh: Path) -> None:
    path = file_at(fresh, 5)
    store = LocalStore(fresh)
    footer = read_footer(store, path)
    table = flip_a_letter(read_rows(store, [path]))
    old = Record.from_json(footer.record)
    forged = Chain(old.seq - 1, old.previous).next(old.kind, old.span, old.at, tallies_by_kind(table))
    path.write_bytes(encode(table, footer.marks, footer.log, forged.to_json()))
    (finding,) = findings(fresh)
    assert finding.startswith("record 6 of partition 3 (offsets 6 to 6) does not follow the one before")


def test_a_chain_that_was_written_anew_is_found_only_by_a_head_noted_before(fresh: Path) -> None:
    head = audit_chain(fresh).partitions[0].head
    shutil.rmtree(fresh)
    append_each(journal_at(fresh, Clock()), [*EFFECTS[:-1], story(8)[-1]])
    assert findings(fresh) == ()
    (finding,) = findings(fresh, head)
    assert finding.startswith(f"no chain has a record with hash {head}")


def test_a_head_that_was_noted_stays_on_the_chain_as_it_grows(fresh: Path) -> None:
    head = audit_chain(fresh).partitions[0].head
    clock = Clock()
    clock.now += timedelta(days=1)
    journal = journal_at(fresh, clock)
    journal.tidy([3], Retention())
    journal.append(3, [(100, story(7)[-1])])
    journal.flush()
    assert findings(fresh, head) == ()
    assert audit_chain(fresh).partitions[0].head == journal.heads()[3][1]


def test_an_end_that_was_cut_off_is_found_only_by_a_head_noted_before(fresh: Path) -> None:
    head = audit_chain(fresh).partitions[0].head
    file_at(fresh, len(EFFECTS) - 1).unlink()
    assert findings(fresh) == ()
    assert len(findings(fresh, head)) == 1


def test_what_expired_by_rule_is_not_missing(compacted: Path) -> None:
    clock = Clock()
    clock.now = START + timedelta(days=40)
    journal = journal_at(compacted, clock)
    assert journal.tidy([3], Retention.parse("evidence=30d")) > 0
    journal.tidy([3], Retention.parse("evidence=30d"))
    audited = audit_chain(compacted)
    assert audited.all_findings == ()
    assert audited.partitions[0].expired == {"evidence": 6}
    assert not [file for file in take_inventory(compacted).files if file.kind == "evidence"]


def test_files_of_before_there_was_a_chain_are_told_and_enter_it_when_they_are_compacted(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    for offset in range(3):
        path = tmp_path / "day=2026-11-23" / f"p0003-{offset:012d}-{offset:012d}.parquet"
        store.publish(path, encode(table_of([row_of(3, offset, EFFECTS[offset])]), {}))
    clock = Clock()
    journal = journal_at(tmp_path, clock)
    append_each(journal, EFFECTS[3:8], first=3)
    (partition,) = audit_chain(tmp_path).partitions
    assert partition.unchained == (Span(3, 0, 0), Span(3, 1, 1), Span(3, 2, 2))
    assert partition.findings == ()
    clock.now += timedelta(days=1)
    journal.tidy([3], Retention())
    (partition,) = audit_chain(tmp_path).partitions
    assert (partition.unchained, partition.findings, partition.rows) == ((), (), 8)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_no_record_can_be_changed_without_its_hash(spans: list[tuple[int, int]]) -> None:
    chain = Chain()
    records = []
    for first, count in spans:
        tallies = {"verdict": Tally(count, "ab")}
        records.append(chain.next(RecordKind.ROWS, Span(3, first, first + count), START, tallies))
        chain.add(records[-1])
    assert records[0].previous == GENESIS
    assert all(after.previous == before.hash for before, after in pairwise(records))
    for record in records:
        assert Record.from_json(record.to_json()) == record
        moved = replace(record, span=Span(3, record.span.first, record.span.last + 1))
        assert moved.expected_hash != record.hash == record.expected_hash


def test_a_journal_goes_on_with_the_chain_it_finds(fresh: Path) -> None:
    heads = journal_at(fresh, Clock()).heads()
    assert heads == {3: (len(EFFECTS) - 1, audit_chain(fresh).partitions[0].head)}
    assert isinstance(journal_at(fresh, Clock()), Journal)
