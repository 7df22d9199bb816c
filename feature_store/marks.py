"""Marks: how far the effects of each cause partition are kept, so that a repeat is told from news."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

Cause = tuple[str, int]
"""Topic and partition of a cause."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the effects of a cause partition are kept: the highest offset and index.

    `newest_us` is the latest instant that any of them tells of, in microseconds since the epoch.
    """

    offset: int
    index: int
    newest_us: int


Marks = dict[Cause, Mark]


def marks_to_json(marks: Marks) -> bytes:
    """Return marks as they are stored, equal for equal marks."""
    entries = [
        [topic, partition, mark.offset, mark.index, mark.newest_us]
        for (topic, partition), mark in sorted(marks.items(), key=lambda item: item[0])
    ]
    return json.dumps(entries).encode()


def marks_from_json(data: bytes | str) -> Marks:
    """Return stored marks.

    Raises:
        ValueError: they are not marks; TypeError likewise.
    """
    entries: Sequence[tuple[object, ...]] = json.loads(data)
    return {
        (str(topic), int(str(partition))): Mark(int(str(offset)), int(str(index)), int(str(newest_us)))
        for topic, partition, offset, index, newest_us in entries
    }
