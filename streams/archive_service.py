"""The archive's process: the ordered topics from Kafka to Parquet files, which alone say where to go on."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event

from feature_store.archive import Archive, ArchiveLimits, Place
from schemas.records import Record
from schemas.topics import Topic, topic_name
from streams import clock
from streams.kafka_log import GroupReader, RangeReader, cluster_id
from streams.kept_snapshots import KeptSnapshots
from streams.recording import ORDERED
from streams.settings import Settings

logger = logging.getLogger("suture.archive")

_CLEAN_EVERY = timedelta(hours=1)


def run_archive(settings: Settings, stop: Event) -> None:
    """Write the archive until told to stop.

    Raises:
        LogError: Kafka cannot be reached.
        OSError: a file could not be written.
        ArchiveFileError, ArchivedLogReplacedError: the folder holds something else.
    """
    archive = Archive(
        settings.archive_folder,
        ORDERED,
        clock=clock.now,
        limits=ArchiveLimits(age=settings.archive.flush),
        log=cluster_id(settings.bootstrap),
    )
    plain = {topic_name(topic, settings.prefix): topic.value for topic in ORDERED}

    def without_prefix(places: Iterable[tuple[str, int]]) -> list[Place]:
        return [(plain[topic], partition) for topic, partition in places]

    def start_at(places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        assigned = list(places)
        # Another member may have gone on with these partitions in the same folder.
        archive.refresh(without_prefix(assigned))
        known = archive.resume_offsets()
        return {
            (topic, partition): known[plain[topic], partition]
            for topic, partition in assigned
            if (plain[topic], partition) in known
        }

    def let_go(places: Iterable[tuple[str, int]]) -> None:
        # Whoever reads them next goes on from the files.
        archive.flush()
        archive.refresh(without_prefix(places))

    snapshots = KeptSnapshots(settings.archive_folder / "snapshots")
    group = f"{settings.prefix}suture-archive"
    reader = GroupReader(settings.bootstrap, list(plain), group, start_at, let_go, settings.instance)
    clean_at: datetime | None = None
    try:
        while not stop.is_set():
            _append(archive, [replace(record, topic=plain[record.topic]) for record in reader.poll()])
            now = clock.now()
            if clean_at is None or now >= clean_at:
                clean_at = now + _CLEAN_EVERY
                _clean(archive, settings.archive.keep)
                snapshots.remove_older(settings.archive.keep, now)
                _keep_snapshots(snapshots, settings, archive.resume_offsets())
    finally:
        archive.flush()
        reader.close()


def _keep_snapshots(snapshots: KeptSnapshots, settings: Settings, places: Iterable[Place]) -> None:
    """Keep one snapshot a day of each partition: where a run may begin whose log has expired before."""
    now = clock.now()
    reader = RangeReader(settings.bootstrap)
    try:
        for place in places:
            if snapshots.is_due(place, now):
                name = topic_name(Topic.SNAPSHOTS, settings.prefix)
                snapshots.keep(place, reader.read(name, place[1]), now)
    finally:
        reader.close()


def _append(archive: Archive, records: list[Record]) -> None:
    by_place: dict[Place, list[Record]] = defaultdict(list)
    for record in records:
        by_place[record.topic, record.partition].append(record)
    for place, entries in by_place.items():
        missing = archive.append(place, entries)
        if missing:
            logger.error(
                "entries expired before they were archived",
                extra={"topic": place[0], "partition": place[1], "missing": missing},
            )
    archive.flush_due()


def _clean(archive: Archive, keep: timedelta) -> None:
    removed = archive.remove_older(keep)
    if removed:
        logger.info("archive files were kept long enough", extra={"removed": removed})
