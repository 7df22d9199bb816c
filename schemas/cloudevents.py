"""CloudEvents 1.0 from Kafka and HTTP, structured, binary or in batches, and bare CDEvents, as one form.

Written by hand instead of over the `cloudevents` package: what is refused here becomes the reason of a
dead letter, which must never repeat the payload, and the package's errors do. Its writers are the oracle
of the tests.

Sources: cloudevents/spec v1.0.2, JSON event format, Kafka protocol binding, HTTP protocol binding.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from schemas.errors import SchemaError
from schemas.foreign_json import Json, kind_of, read_json, read_object, require_object

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_BARE_TYPES = ("", "application/json", "text/json")
_REQUIRED = ("specversion", "id", "source", "type")
_LONGEST_ATTRIBUTE = 2048
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One event, whatever way it came.

    Attributes:
        id: Unique within `source`: the same pair again is the same event again.
        time: When it happened, UTC; None when the event does not say.
        subject: What it is about within `source`, or "".
        data: Its JSON value; None without data.
    """

    id: str
    source: str
    type: str
    time: datetime | None = None
    subject: str = ""
    data: Any = None


def read_record(value: bytes | None, headers: Iterable[tuple[str, bytes | None]] = ()) -> CloudEvent:
    """Return the event that a Kafka record holds.

    A `content-type` that begins with `application/cloudevents` means structured mode, `ce_` headers
    mean binary mode, and neither means a bare CDEvent (or a whole CloudEvent that nobody announced).

    Raises:
        SchemaError: it holds none; a tombstone and a batch are none.
    """
    named = _unique((name, (raw or b"").decode("utf-8", "replace")) for name, raw in headers)
    if not value:
        raise SchemaError("record has no value, expected a CloudEvent or a CDEvent")
    content_type = _media_type(named.get("content-type", ""))
    if content_type == BATCH:
        raise SchemaError("record is a batch of CloudEvents, which the Kafka binding does not know")
    return _read(value, content_type, _prefixed(named, "ce_"))


def read_request(headers: Iterable[tuple[str, str]], body: bytes) -> tuple[CloudEvent, ...]:
    """Return the events that an HTTP request holds: one, or those of a batch in their order.

    Raises:
        SchemaError: it holds none; one bad event refuses its batch.
    """
    named = _unique(headers)
    content_type = _media_type(named.get("content-type", ""))
    if not body:
        raise SchemaError("request has no body, expected a CloudEvent or a CDEvent")
    if content_type == BATCH:
        batch = read_json(body, "batch of CloudEvents")
        if not isinstance(batch, list):
            raise SchemaError(f"batch of CloudEvents is {kind_of(batch)}, expected an array")
        return tuple(_from_envelope(require_object(entry, "CloudEvent")) for entry in batch)
    attributes = {name: unquote(text) for name, text in _prefixed(named, "ce-").items()}
    return (_read(body, content_type, attributes),)


def write_record(event: CloudEvent) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return the value and the headers of a Kafka record that holds the event in structured mode.

    Raises:
        SchemaError: the data hold a number that JSON cannot write, such as one too large for a double.
    """
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
    }
    if event.time is not None:
        envelope["time"] = event.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if event.subject:
        envelope["subject"] = event.subject
    if event.data is not None:
        envelope["datacontenttype"] = "application/json"
        envelope["data"] = event.data
    try:
        value = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise SchemaError("data hold a number that is not finite") from error
    return value.encode(), [("content-type", f"{STRUCTURED}; charset=UTF-8".encode())]


def read_instant(what: str, text: str) -> datetime:
    """Return the instant of an RFC 3339 timestamp, UTC; digits beyond microseconds are dropped.

    Raises:
        SchemaError: it is not one.

    >>> read_instant("time", "2026-11-20T14:00:05.123456789+02:00")
    datetime.datetime(2026, 11, 20, 12, 0, 5, 123456, tzinfo=datetime.timezone.utc)
    """
    if not _RFC3339.fullmatch(text):
        raise SchemaError(f"{what} is not an RFC 3339 timestamp with a zone")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SchemaError(f"{what} is not an instant that exists") from error


def _read(value: bytes, content_type: str, attributes: dict[str, str]) -> CloudEvent:
    if content_type == STRUCTURED:
        return _from_envelope(read_object(value, "CloudEvent"))
    if content_type.startswith("application/cloudevents"):
        raise SchemaError("event has another format than JSON, expected " + STRUCTURED)
    if attributes:
        if content_type not in _BARE_TYPES and not content_type.endswith("+json"):
            raise SchemaError("data has another content type than JSON, expected application/json")
        return _event(dict(attributes), read_json(value, "data"))
    if content_type not in _BARE_TYPES and not content_type.endswith("+json"):
        raise SchemaError("message has neither a CloudEvents content type nor ce attributes")
    whole = read_object(value, "event")
    return _from_cdevent(whole) if "context" in whole else _from_envelope(whole)


def _from_envelope(envelope: dict[str, Json]) -> CloudEvent:
    data = envelope.get("data")
    encoded = envelope.get("data_base64")
    if encoded is not None:
        if data is not None or not isinstance(encoded, str):
            raise SchemaError("CloudEvent carries data_base64 beside data or not as a string")
        try:
            data = read_json(base64.b64decode(encoded, validate=True), "data_base64")
        except binascii.Error as error:
            raise SchemaError("data_base64 is not base64") from error
    return _event(envelope, data)


def _from_cdevent(whole: dict[str, Json]) -> CloudEvent:
    """Return the CloudEvent that a CDEvent's producer would have wrapped it in (CDEvents binding)."""
    context = require_object(whole.get("context"), "context")
    subject = whole.get("subject")
    return _event(
        {
            "specversion": "1.0",
            "id": context.get("id"),
            "source": context.get("source"),
            "type": context.get("type"),
            "time": context.get("timestamp"),
            "subject": subject.get("id") if isinstance(subject, dict) else None,
        },
        whole,
    )


def _event(attributes: dict[str, Any], data: Json) -> CloudEvent:
    required = {name: _text(name, attributes.get(name)) for name in _REQUIRED}
    for name, text in required.items():
        if not text:
            raise SchemaError(f"CloudEvent has no {name}")
    if required["specversion"] != "1.0":
        raise SchemaError("CloudEvent has another specversion than 1.0")
    time = _text("time", attributes.get("time"))
    return CloudEvent(
        id=required["id"],
        source=required["source"],
        type=required["type"],
        time=read_instant("time", time) if time else None,
        subject=_text("subject", attributes.get("subject")),
        data=data,
    )


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SchemaError(f"{name} is not a string")
    if len(value) > _LONGEST_ATTRIBUTE:
        raise SchemaError(f"{name} has {len(value)} characters, expected at most {_LONGEST_ATTRIBUTE}")
    if not value.isprintable():
        raise SchemaError(f"{name} holds a control character")
    return value


def _unique(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name; one that decides what the event is must not come twice."""
    named: dict[str, str] = {}
    for name, text in headers:
        low = name.lower()
        if low in named and (low == "content-type" or low.startswith(("ce_", "ce-"))):
            raise SchemaError("a header of the event comes twice")
        named[low] = text
    return named


def _prefixed(headers: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in headers.items() if name.startswith(prefix)}


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
