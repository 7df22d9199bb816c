"""Recordings: entries of topics as JSON lines, gzip-compressed, exactly as they stood."""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.errors import SchemaError
from schemas.topics import Topic
from streams.kafka_log import Record

ORDERED = (Topic.OBSERVATIONS, Topic.ENVIRONMENT_OBSERVATIONS)


def write_recording(path: Path, records: Iterable[Record]) -> int:
    """Write records whose topics bear no prefix, and return their number.

    The same records give the same bytes.
    """
    count = 0
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
        for record in records:
            entry = {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "timestamp_ms": record.timestamp_ms,
                "key": _text(record.key),
                "value": _text(record.value),
                "headers": [[name, _text(value)] for name, value in record.headers],
            }
            file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count


def read_recording(path: Path) -> Iterator[Record]:
    """Yield a recording's records.

    Raises:
        SchemaError: a line is not a record; says which.
    """
    with gzip.open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                entry = json.loads(line)
                yield Record(
                    topic=str(entry["topic"]),
                    partition=int(entry["partition"]),
                    offset=int(entry["offset"]),
                    timestamp_ms=int(entry["timestamp_ms"]),
                    key=_bytes(entry["key"]),
                    value=_bytes(entry["value"]),
                    headers=tuple((str(name), _bytes(value) or b"") for name, value in entry["headers"]),
                )
            except (KeyError, TypeError, ValueError) as error:
                raise SchemaError(f"{path.name}:{number}: not a recorded entry") from error


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
