"""The archive keeps every entry of a log once and as it was, whatever dies, for as long as it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import IO

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
from feature_store.disk import Disk
from schemas.records import Record

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLACE = ("observations", 3)
MAYBE_BYTES = st.none() | st.binary(max_size=40)
HEADERS = st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple)


class CrashError(Exception):
    """The process died here."""


class CrashingDisk(Disk):
    """A real disk under a process that dies at its n-th step, leaving half of what it was writing."""

    def __init__(self, steps_left: int) -> None:
        self.steps_left = steps_left

    def write(self, handle: IO[bytes], data: bytes) -> None:
        if self.steps_left <= 1:
            super().write(handle, data[: len(data) // 2])
        self._step()
        super().write(handle, data)

    def sync(self, descriptor: int) -> None:  # noqa: ARG002  # a drill needs no durable medium
        self._step()

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left <= 0:
            raise CrashError


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


def an_archive(root: Path, at: datetime = NOON, size_bytes: int = 200, log: str = "") -> Archive:
    limits = ArchiveLimits(age=timedelta(minutes=15), size_bytes=size_bytes)
    return Archive(root, [PLACE[0]], clock=lambda: at, limits=limits, log=log)


def kept(root: Path) -> list[Record]:
    return [record for file in archive_files(root, PLACE[0]) for record in read_archive_file(file.path)]


@settings(deadline=None, max_examples=50)
@given(
    entries=st.lists(st.tuples(MAYBE_BYTES, MAYBE_BYTES, HEADERS, st.integers(0, 2**45)), max_size=12),
    size_bytes=st.integers(1, 200),
)
def test_what_is_kept_is_what_stood_in_the_log(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]],
    size_bytes: int,
) -> None:
    root = tmp_path_factory.mktemp("archive")
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
def test_deaths_at_any_step_lose_nothing_and_double_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    root = tmp_path_factory.mktemp("archive")
    log = [entry(100 + number, value=b"v" * (number % 50)) for number in range(60)]
    for left in steps:
        try:
            consume(root, log, CrashingDisk(left))
        except CrashError:
            continue
    consume(root, log, CrashingDisk(10**9))
    assert kept(root) == log
    ranges = [(file.first, file.last) for file in archive_files(root, PLACE[0])]
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))
    assert not list(root.glob("**/.*.tmp"))


def consume(root: Path, log: Sequence[Record], disk: CrashingDisk) -> None:
    archive = Archive(root, [PLACE[0]], clock=lambda: NOON, limits=ArchiveLimits(size_bytes=120), disk=disk)
    begin = archive.resume_offsets().get(PLACE, 0)
    rest = [record for record in log if record.offset >= begin]
    for start in range(0, len(rest), 4):
        archive.append(PLACE, rest[start : start + 4])
    archive.flush()


def test_a_file_never_holds_entries_of_two_days_and_lies_in_its_own(tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    archive = an_archive(tmp_path, size_bytes=10**6)
    archive.append(PLACE, [entry(0), entry(1, midnight), entry(2, NOON), entry(3, midnight)])
    archive.flush()
    files = [(file.day, file.first, file.last) for file in archive_files(tmp_path, PLACE[0])]
    assert files == [(date(2026, 11, 24), 0, 0), (date(2026, 11, 25), 1, 3)]


def test_what_expired_is_counted_and_no_file_says_that_it_holds_it(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, size_bytes=10**6)
    assert archive.append(PLACE, [entry(0), entry(1)]) == 0
    assert archive.append(PLACE, [entry(5), entry(6)]) == 3
    archive.flush()
    assert [(file.first, file.last) for file in archive_files(tmp_path, PLACE[0])] == [(0, 1), (5, 6)]


def test_entries_become_a_file_when_they_are_old_enough(tmp_path: Path) -> None:
    times = [NOON, NOON, NOON + timedelta(minutes=14), NOON + timedelta(minutes=15)]
    archive = Archive(tmp_path, [PLACE[0]], clock=lambda: times.pop(0))
    archive.append(PLACE, [entry(0)])
    archive.flush_due()
    assert not archive_files(tmp_path, PLACE[0])
    archive.flush_due()
    assert len(archive_files(tmp_path, PLACE[0])) == 1


def test_files_are_removed_whole_when_they_were_kept_long_enough_but_for_the_newest(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, size_bytes=1)
    days = [NOON - timedelta(days=ago) for ago in (100, 91, 90, 1)]
    archive.append(PLACE, [entry(offset, at) for offset, at in enumerate(days)])
    assert archive.remove_older(timedelta(days=90)) == 2
    assert [record.offset for record in kept(tmp_path)] == [2, 3]
    later = an_archive(tmp_path, at=NOON + timedelta(days=300))
    assert later.remove_older(timedelta(days=90)) == 1
    assert later.resume_offsets() == {PLACE: 4}


def test_a_topic_that_was_created_anew_is_refused_instead_of_dropped(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    archive.append(PLACE, [entry(offset) for offset in range(5)])
    archive.append(PLACE, [entry(3)])
    with pytest.raises(ArchivedLogReplacedError, match=r"observations/3 .* the topic was created anew"):
        archive.append(PLACE, [entry(0, NOON + timedelta(hours=1))])


def test_files_of_another_kafka_are_refused(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, log="one")
    archive.append(PLACE, [entry(0)])
    archive.flush()
    with pytest.raises(ArchivedLogReplacedError, match="is of log one, expected two"):
        an_archive(tmp_path, log="two")


def test_a_torn_file_and_a_strange_name_are_named(tmp_path: Path) -> None:
    torn = archive_path(tmp_path, PLACE[0], date(2026, 11, 24), 3, 0, 9)
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"PAR1 and no footer")
    with pytest.raises(ArchiveFileError, match="is no whole Parquet file"):
        list(read_archive_file(torn))
    (torn.parent / "notes.parquet").write_bytes(b"")
    with pytest.raises(ArchiveFileError, match=r"notes\.parquet is not the archive's"):
        archive_files(tmp_path, PLACE[0])
