"""The recorded log gives back what stood in Kafka: in order, once, from archive or recording alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feature_store.archive import Archive, ArchiveLimits
from schemas.records import Record
from streams.recorded_log import ArchivedLog, RecordedLog, RecordingLog, Stretch, recorded_log
from streams.recording import ORDERED, write_recording

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOPIC = "observations"


def entry(partition: int, offset: int, minutes: float, key: bytes | None = b"prod/cart") -> Record:
    at_ms = int((NOON + timedelta(minutes=minutes)).timestamp() * 1000)
    return Record(
        topic=TOPIC if key is None or b"/" in key else "environment-observations",
        partition=partition,
        offset=offset,
        key=key,
        value=b"v",
        headers=(),
        timestamp_ms=at_ms,
    )


LOG = [
    *(entry(2, offset, offset) for offset in range(20)),
    *(entry(7, offset, offset + 0.5, b"prod/web") for offset in range(5, 10)),
    entry(7, 10, 12, None),
    entry(3, 0, 3.2, b"prod"),
    entry(6, 0, 3.3, b"dev"),
]


def archived(root: Path, records: Sequence[Record]) -> ArchivedLog:
    limits = ArchiveLimits(size_bytes=50)
    archive = Archive(root, ORDERED, clock=lambda: NOON, limits=limits)
    by_place: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in records:
        by_place[record.topic, record.partition].append(record)
    for place, entries in by_place.items():
        archive.append(place, entries)
    archive.flush()
    return ArchivedLog(root)


def recorded(file: Path, records: Sequence[Record]) -> RecordingLog:
    write_recording(file, records)
    return RecordingLog(file)


@pytest.fixture(params=["archive", "recording"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> RecordedLog:
    return archived(tmp_path, LOG) if request.param == "archive" else recorded(tmp_path / "file", LOG)


def test_everything_comes_once_in_the_order_of_time(log: RecordedLog) -> None:
    assert list(recorded_log(log)) == sorted(LOG, key=lambda record: record.timestamp_ms)


def test_partitions_can_be_read_one_by_one(log: RecordedLog) -> None:
    assert log.places() == (
        ("environment-observations", 3),
        ("environment-observations", 6),
        (TOPIC, 2),
        (TOPIC, 7),
    )
    assert [record.offset for record in log.read((TOPIC, 7))] == [5, 6, 7, 8, 9, 10]
    assert log.stretches((TOPIC, 7)) == (Stretch(5, 10),)


def test_a_read_begins_and_ends_where_it_is_told_to(log: RecordedLog) -> None:
    assert [record.offset for record in log.read((TOPIC, 2), 4, 7)] == [4, 5, 6]
    assert [record.offset for record in log.read((TOPIC, 2), stop=1)] == [0]
    since = NOON + timedelta(minutes=17)
    assert [record.offset for record in log.read((TOPIC, 2), since=since)] == [17, 18, 19]


def test_services_are_given_what_they_and_their_environments_hear(log: RecordedLog) -> None:
    keys = [record.key for record in recorded_log(log, services=["prod/web"])]
    assert keys == [b"prod", *[b"prod/web"] * 5, None]


def test_days_before_the_one_asked_for_are_not_opened(tmp_path: Path) -> None:
    log = archived(tmp_path, [entry(2, 0, -24 * 60), entry(2, 1, 0)])
    (old,) = tmp_path.glob("observations/day=2026-11-23/*.parquet")
    old.write_bytes(b"damaged")
    assert [record.offset for record in log.read((TOPIC, 2), since=NOON)] == [1]


def test_holes_part_the_stretches(tmp_path: Path) -> None:
    records = [entry(2, offset, offset) for offset in (0, 1, 5, 6)]
    for log in (archived(tmp_path, records), recorded(tmp_path / "file", records)):
        assert log.stretches((TOPIC, 2)) == (Stretch(0, 1), Stretch(5, 6))
        assert [record.offset for record in recorded_log(log)] == [0, 1, 5, 6]


def test_a_folder_is_an_archive_and_a_file_a_recording(tmp_path: Path) -> None:
    archived(tmp_path / "archive", LOG)
    recorded(tmp_path / "file", LOG)
    assert list(recorded_log(tmp_path / "archive")) == list(recorded_log(tmp_path / "file"))
