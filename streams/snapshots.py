"""Snapshots: an engine's state cut into messages of a compacted topic, and put together again.

A partition has two slots that are written in turn, so that a snapshot torn by a crash leaves the one
before it whole. Each piece names its snapshot's position, count of pieces, code version and digest.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import zstandard

from schemas.envelopes import Message
from schemas.topics import Topic
from streams.engine import state_version
from streams.kafka_log import Record

CHUNK_BYTES = 512 * 1024
_LARGEST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An engine's state at one position.

    Attributes:
        position: Offset of the newest observation in it.
        slot: 0 or 1.
        state: What `Engine.snapshot` gave.
    """

    position: int
    slot: int
    state: bytes


def snapshot_messages(topic: str, partition: int, snapshot: Snapshot) -> list[Message]:
    """Return the pieces of a snapshot of one partition of an ordered topic."""
    packed = zstandard.ZstdCompressor(level=3).compress(snapshot.state)
    digest = hashlib.sha256(packed).hexdigest().encode()
    pieces = [packed[start : start + CHUNK_BYTES] for start in range(0, len(packed), CHUNK_BYTES)]
    headers = (
        ("position", str(snapshot.position).encode()),
        ("pieces", str(len(pieces)).encode()),
        ("code", state_version().encode()),
        ("digest", digest),
    )
    return [
        Message(
            topic=Topic.SNAPSHOTS,
            key=f"{topic}/{partition}/{snapshot.slot}/{index}".encode(),
            value=piece,
            headers=headers,
        )
        for index, piece in enumerate(pieces)
    ]


def newest_snapshot(topic: str, partition: int, records: Iterable[Record]) -> Snapshot | None:
    """Return the newest whole snapshot among the records of the snapshots topic; None without one.

    Pieces of another code version, torn snapshots and anything malformed are passed over: the log is the
    truth, a snapshot only saves time.
    """
    pieces: dict[tuple[int, int, bytes], dict[int, bytes]] = {}
    counts: dict[tuple[int, int, bytes], int] = {}
    for record in records:
        headers = dict(record.headers)
        try:
            _, key_partition, slot, index = (record.key or b"").decode().rsplit("/", 3)
            name = (int(headers["position"]), int(slot), headers["digest"])
            count = int(headers["pieces"])
            is_ours = (
                (record.key or b"").decode().startswith(f"{topic}/")
                and int(key_partition) == partition
                and headers["code"] == state_version().encode()
            )
        except (KeyError, ValueError):
            continue
        if is_ours and record.value is not None:
            pieces.setdefault(name, {})[int(index)] = record.value
            counts[name] = count
    for name in sorted(pieces, reverse=True):
        position, slot_number, digest = name
        if len(pieces[name]) != counts[name]:
            continue
        packed = b"".join(pieces[name][index] for index in sorted(pieces[name]))
        if hashlib.sha256(packed).hexdigest().encode() != digest:
            continue
        state = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_LARGEST_BYTES)
        return Snapshot(position=position, slot=slot_number, state=state)
    return None
