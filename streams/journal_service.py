"""The journal's process: effects from Kafka to Parquet files, which alone say where to go on."""

import logging
from collections.abc import Iterable, Mapping
from threading import Event

from feature_store.journal import FlushLimits, Journal
from schemas.effect_messages import read_effect
from schemas.effect_proofs import with_proof
from schemas.effects import Effect
from schemas.errors import SchemaError
from schemas.topics import Topic, topic_name
from streams import clock
from streams.ingest import dead_letter
from streams.journal_upkeep import JournalUpkeep
from streams.kafka_log import GroupReader, LogWriter, Record, cluster_id
from streams.settings import Settings

logger = logging.getLogger("suture.journal")


def run_journal(settings: Settings, stop: Event) -> None:
    """Write the journal until told to stop.

    Raises:
        LogError: Kafka cannot be reached.
        OSError: a file could not be written.
    """
    journal = Journal(
        settings.journal,
        clock=clock.now,
        limits=FlushLimits(age=settings.flush),
        log=cluster_id(settings.bootstrap),
    )
    for finding in journal.findings:
        logger.warning("journal finding", extra={"finding": finding})
    topic = topic_name(Topic.EFFECTS, settings.prefix)
    upkeep = JournalUpkeep(journal, settings.journal_settings.retention, clock.now)

    def start_at(places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        partitions = [partition for _, partition in places]
        # Another member may have gone on with these partitions in the same folder.
        journal.refresh(partitions)
        upkeep.partitions.update(partitions)
        known = journal.resume_offsets()
        return {(topic, partition): known[partition] for partition in partitions if partition in known}

    def let_go(places: Iterable[tuple[str, int]]) -> None:
        # Whoever reads them next goes on from the files.
        journal.flush()
        taken = {partition for _, partition in places}
        upkeep.tell(taken)
        upkeep.partitions -= taken
        journal.refresh(taken)

    group = f"{settings.prefix}suture-journal"
    reader = GroupReader(settings.bootstrap, [topic], group, start_at, let_go, settings.instance)
    refused: dict[int, list[int]] = {}
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        try:
            while not stop.is_set():
                _append(journal, writer, reader.poll(), refused)
                upkeep.run()
        finally:
            journal.flush()
            upkeep.tell(upkeep.partitions)
            reader.close()


def _append(
    journal: Journal, writer: LogWriter, records: list[Record], refused: dict[int, list[int]]
) -> None:
    """Give entries to the journal.

    Args:
        journal: Keeps effects.
        writer: Takes the dead letters of what is none.
        records: What was read.
        refused: Offsets of refused entries behind the newest effect of each partition; brought up to date.
    """
    by_partition: dict[int, list[tuple[int, Effect]]] = {}
    has_letters = False
    for record in records:
        try:
            effect = with_proof(read_effect(record.value), record.headers)
        except SchemaError as error:
            writer.send(dead_letter(Topic.EFFECTS, record, str(error)))
            refused.setdefault(record.partition, []).append(record.offset)
            has_letters = True
            continue
        by_partition.setdefault(record.partition, []).append((record.offset, effect))
    if has_letters:
        # Before the journal's files move past them.
        writer.flush()
    for partition, rows in by_partition.items():
        appended = journal.append(partition, rows)
        holes = refused.pop(partition, [])
        refused[partition] = [offset for offset in holes if offset > rows[-1][0]]
        missing = appended.missing - len(holes) + len(refused[partition])
        if missing > 0:
            logger.error(
                "effects are missing from the log", extra={"partition": partition, "missing": missing}
            )
    journal.flush_due()
