"""The archive keeps every entry of a log once and as it was, whatever dies, for as long as it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.archive import Archive, ArchivedLogReplacedError, ArchiveLimits
from feature_store.archive_files import (
    ArchiveFileError,
    archive_files,
    archive_path,
    read_archive_file,
)
from feature_store.stores import JournalPlace, Store, open_store
from schemas.records import Record
from tests.feature_store.places import CrashError, Places

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLACE = ("observations", 3)
MAYBE_BYTES = st.none() | st.binary(max_size=40)
HEADERS = st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def entry(offset: int, at: datetime = NOON, value: bytes = b"value") -> Record:
    return Record(
        topic=PLACE[0],
        partition=PLACE[1],
        offset=offset,
        key=b"prod/cart",
        value=value,
        headers=(("suture-kind", b"tick"),),
        timestamp_ms=milliseconds(at),
    )


def an_archive(root: JournalPlace, at: datetime = NOON, size_bytes: int = 200, log: str = "") -> Archive:
    limits = ArchiveLimits(age=timedelta(minutes=15), size_bytes=size_bytes)
    return Archive(root, [PLACE[0]], clock=lambda: at, limits=limits, log=log)


def kept(root: JournalPlace) -> list[Record]:
    store = open_store(root)
    return [
        record for file in archive_files(store, PLACE[0]) for record in read_archive_file(store, file.path)
    ]


@settings(deadline=None, max_examples=50)
@given(
    entries=st.lists(st.tuples(MAYBE_BYTES, MAYBE_BYTES, HEADERS, st.integers(0, 2**45)), max_size=12),
    size_bytes=st.integers(1, 200),
)
def test_what_is_kept_is_what_stood_in_the_log(
    places: Places,
    entries: list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]],
    size_bytes: int,
) -> None:
    root = places.new()
    records = [
        replace(entry(offset), key=key, value=value, headers=headers, timestamp_ms=at)
        for offset, (key, value, headers, at) in enumerate(entries, start=7)
    ]
    archive = an_archive(root, size_bytes=size_bytes)
    archive.append(PLACE, records)
    archive.flush()
    assert kept(root) == records


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(st.integers(1, 12), max_size=6))
def test_deaths_at_any_step_lose_nothing_and_double_nothing(places: Places, steps: list[int]) -> None:
    root = places.new()
    log = [entry(100 + number, value=b"v" * (number % 50)) for number in range(60)]
    for left in steps:
        try:
            consume(places.crashing(root, left), log)
        except CrashError:
            continue
    consume(places.crashing(root, 10**9), log)
    assert kept(root) == log
    ranges = [(file.first, file.last) for file in archive_files(root, PLACE[0])]
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))
    assert not list(places.folder_of(root).glob("**/.*.tmp"))


def consume(store: Store, log: Sequence[Record]) -> None:
    archive = Archive(store, [PLACE[0]], clock=lambda: NOON, limits=ArchiveLimits(size_bytes=120))
    begin = archive.resume_offsets().get(PLACE, 0)
    rest = [record for record in log if record.offset >= begin]
    for start in range(0, len(rest), 4):
        archive.append(PLACE, rest[start : start + 4])
    archive.flush()


def test_a_file_never_holds_entries_of_two_days_and_lies_in_its_own(place: Path) -> None:
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    archive = an_archive(place, size_bytes=10**6)
    archive.append(PLACE, [entry(0), entry(1, midnight), entry(2, NOON), entry(3, midnight)])
    archive.flush()
    files = [(file.day, file.first, file.last) for file in archive_files(place, PLACE[0])]
    assert files == [(date(2026, 11, 24), 0, 0), (date(2026, 11, 25), 1, 3)]


def test_what_expired_is_counted_and_no_file_says_that_it_holds_it(place: Path) -> None:
    archive = an_archive(place, size_bytes=10**6)
    assert archive.append(PLACE, [entry(0), entry(1)]) == 0
    assert archive.append(PLACE, [entry(5), entry(6)]) == 3
    archive.flush()
    assert [(file.first, file.last) for file in archive_files(place, PLACE[0])] == [(0, 1), (5, 6)]


def test_entries_become_a_file_when_they_are_old_enough(place: Path) -> None:
    times = [NOON, NOON, NOON + timedelta(minutes=14), NOON + timedelta(minutes=15)]
    archive = Archive(place, [PLACE[0]], clock=lambda: times.pop(0))
    archive.append(PLACE, [entry(0)])
    archive.flush_due()
    assert not archive_files(place, PLACE[0])
    archive.flush_due()
    assert len(archive_files(place, PLACE[0])) == 1


def test_files_are_removed_whole_when_they_were_kept_long_enough_but_for_the_newest(place: Path) -> None:
    archive = an_archive(place, size_bytes=1)
    days = [NOON - timedelta(days=ago) for ago in (100, 91, 90, 1)]
    archive.append(PLACE, [entry(offset, at) for offset, at in enumerate(days)])
    assert archive.remove_older(timedelta(days=90)) == 2
    assert [record.offset for record in kept(place)] == [2, 3]
    later = an_archive(place, at=NOON + timedelta(days=300))
    assert later.remove_older(timedelta(days=90)) == 1
    assert later.resume_offsets() == {PLACE: 4}


def test_a_topic_that_was_created_anew_is_refused_instead_of_dropped(place: Path) -> None:
    archive = an_archive(place)
    archive.append(PLACE, [entry(offset) for offset in range(5)])
    archive.append(PLACE, [entry(3)])
    with pytest.raises(ArchivedLogReplacedError, match=r"observations/3 .* the topic was created anew"):
        archive.append(PLACE, [entry(0, NOON + timedelta(hours=1))])


def test_files_of_another_kafka_are_refused(place: Path) -> None:
    archive = an_archive(place, log="one")
    archive.append(PLACE, [entry(0)])
    archive.flush()
    with pytest.raises(ArchivedLogReplacedError, match="is of log one, expected two"):
        an_archive(place, log="two")


def test_a_torn_file_and_a_strange_name_are_named(place: Path) -> None:
    store = open_store(place)
    torn = archive_path(store.root, PLACE[0], date(2026, 11, 24), 3, 0, 9)
    store.publish(torn, b"PAR1 and no footer")
    with pytest.raises(ArchiveFileError, match="is no whole Parquet file"):
        list(read_archive_file(store, torn))
    store.publish(torn.parent / "notes.parquet", b"-")
    with pytest.raises(ArchiveFileError, match=r"notes\.parquet is not the archive's"):
        archive_files(place, PLACE[0])
