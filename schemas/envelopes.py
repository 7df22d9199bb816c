"""Messages, and the CloudEvents envelope in which effects, commands and outcomes travel."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.codec import from_json, from_python, to_json
from schemas.errors import SchemaError
from schemas.topics import Topic

SIGNATURE_HEADER = "suture-signature"
SOURCE = "/suture"

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes onto a topic."""

    topic: Topic
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def envelope(
    *, kind: str, id_: str, at: datetime, subject: str, data: object, **extensions: str | int
) -> bytes:
    """Return a CloudEvent in JSON, structured mode; the data are serialised once, by their own serialiser."""
    head = {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": kind,
        "time": iso(at),
        "subject": subject,
        "datacontenttype": "application/json",
        **extensions,
    }
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"data":' + to_json(data) + b"}"


def read_envelope(value: bytes | None) -> dict[str, Any]:
    """Return a CloudEvent's JSON object.

    Raises:
        SchemaError: it is not a JSON object.
    """
    if not value:
        raise SchemaError("message has no value")
    try:
        envelope = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise SchemaError("value is not JSON") from error
    if not isinstance(envelope, dict):
        raise SchemaError("value is no JSON object, expected a CloudEvent")
    return envelope


def from_python_json(kind: type[Any], data: object) -> Any:
    """Return a value from decoded JSON, as strictly as from JSON text."""
    return from_json(kind, json.dumps(data)) if not isinstance(data, str) else from_python(kind, data)


def iso(instant: datetime) -> str:
    """Return an instant as RFC 3339 writes it."""
    return instant.isoformat().replace("+00:00", "Z")
