"""The same lines through a real Kafka: public topics, Faust workers, and out of the journal's files."""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from feature_store.kinds import Kind, said_from_body
from feature_store.views import connect
from schemas.effects import Effect
from schemas.observations import LogPosition
from streams.kafka_log import create_topics
from streams.local_broker import broker_for
from streams.pod_minutes import Row
from streams.process_tree import with_secrets
from streams.replaying import play_pod_minutes
from streams.settings import read_settings


def effects_through_kafka(rows: list[Row]) -> Iterator[Effect]:
    """Yield what the journal holds after live workers were sent a recording of pod-minutes.

    Uses the Kafka that KAFKA_BOOTSTRAP names, under a prefix of its own, or else one of its own.

    Raises:
        SettingsError: there is no Kafka, and none can be started.
        ReplayError: the workers do not follow.
    """
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as folder:
        given = replace(read_settings({}), bootstrap=os.environ.get("KAFKA_BOOTSTRAP", ""))
        settings = with_secrets(replace(given, data=Path(folder), prefix=f"bench{os.getpid()}."))
        with broker_for(settings) as connected:
            create_topics(connected.bootstrap, connected.prefix)
            played = play_pod_minutes(connected, rows, _progress)
        print(f"{played} minutes through Kafka", file=sys.stderr)
        yield from _journaled(connected.journal)


def _journaled(journal: Path) -> Iterator[Effect]:
    with connect(journal) as connection:
        found = connection.execute(
            "SELECT kind, body, key, cause_topic, cause_partition, cause_offset, effect_index FROM effects "
            "ORDER BY happened_at, cause_topic DESC, cause_partition, cause_offset, effect_index"
        ).fetchall()
    for kind, body, key, topic, partition, offset, index in found:
        cause = LogPosition(topic=topic, partition=partition, offset=offset)
        yield Effect(key=key, cause=cause, index=index, said=said_from_body(Kind(kind), body))


def _progress(played: int) -> None:
    if played % 50 == 0:
        print(f"{played} minutes", file=sys.stderr)
