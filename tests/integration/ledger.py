"""What was said, from the three places that keep it: the topic, the journal's files and a replay."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

from feature_store.views import connect
from schemas.effect_messages import cloud_event, read_effect
from schemas.effects import Effect
from schemas.topics import Topic
from streams.recording import ORDERED, read_recording, write_recording
from streams.replay import replay
from tests.integration.installation import Installation

Place: TypeAlias = tuple[str, int, int, int]
"""Topic, partition and offset of the cause, and the effect's index."""


def place_of(effect: Effect) -> Place:
    """Return what tells an effect from all others."""
    return (effect.cause.topic, effect.cause.partition, effect.cause.offset, effect.index)


def live_effects(installation: Installation) -> dict[Place, list[bytes]]:
    """Return the values that stand on the topic of effects, repeats together, in the log's order."""
    found: dict[Place, list[bytes]] = defaultdict(list)
    for record in installation.records(Topic.EFFECTS):
        found[place_of(read_effect(record.value))].append(record.value or b"")
    return found


def recorded(installation: Installation, file: Path) -> Path:
    """Record the ordered topics as they stand, and return the file."""
    write_recording(file, installation.records(*ORDERED))
    return file


def replayed(recording: Path) -> dict[Place, bytes]:
    """Return what a fresh replay of a recording says, as it would stand on the topic."""
    said = [item for item in replay(read_recording(recording)) if isinstance(item, Effect)]
    return {place_of(effect): cloud_event(effect) for effect in said}


def journal_rows(installation: Installation) -> list[Place]:
    """Return every row of the journal's files, repeats included."""
    query = "select cause_topic, cause_partition, cause_offset, effect_index from effects"
    with connect(installation.settings.journal) as connection:
        rows = connection.execute(query).fetchall()
    return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]


def id_of(value: bytes) -> str:
    """Return the id of what an effect says."""
    return str(json.loads(value)["id"])
