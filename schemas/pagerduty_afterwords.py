"""What PagerDuty tells of a release after the fact: incidents on its service, and notes that say what it was.

A note says what the release of a question was when it says nothing else: `label CODE bad`, `good` or
`harmless`, in any case, with `: REASON` behind it or without. That an incident was resolved says that
somebody is done, not what the release was: it labels nothing.

Source: developer.pagerduty.com, "Webhooks v3", events `incident.triggered` and `incident.annotated`.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from schemas.cloudevents import read_instant
from schemas.foreign_json import Json, read_object, require_object
from schemas.labels import LabelKind
from schemas.pagerduty_callbacks import identity_at, text_at

_LONGEST_NOTE = 2000
_LONGEST_WHY = 300
_NOTE = re.compile(
    r"\s*label\s+(?P<code>[0-9a-f]{6})\s+(?P<kind>bad|good|harmless)\s*(?::(?P<why>.*))?",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened:
    """An incident on a service of PagerDuty's, whoever opened it."""

    incident: str
    service: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNote:
    """A person's word on the release of a question, named by its code.

    Attributes:
        source: The vendor's id of the event.
        by: The person's id.
        why: One line of at most 300 characters.
    """

    source: str
    code: str
    kind: LabelKind
    by: str
    at: datetime
    why: str = ""


def read_label_note(content: str) -> tuple[str, LabelKind, str] | None:
    """Return the code, what the release was, and why; None for a note that says something else.

    >>> read_label_note("Label 3F9A0C harmless: the shop was closed")
    ('3f9a0c', <LabelKind.HARMLESS: 'harmless'>, 'the shop was closed')
    >>> read_label_note("I would label 3f9a0c bad")
    """
    found = _NOTE.fullmatch(content) if len(content) <= _LONGEST_NOTE else None
    if found is None:
        return None
    printable = "".join(letter if letter.isprintable() else " " for letter in found["why"] or "")
    why = " ".join(printable.split())[:_LONGEST_WHY]
    return found["code"].lower(), LabelKind(found["kind"].lower()), why


def read_pagerduty_afterword(body: bytes) -> IncidentOpened | LabelNote | None:
    """Return what a webhook tells after the fact; None for everything else.

    Args:
        body: As it came, proven.

    Raises:
        SchemaError: it is no webhook of PagerDuty's; nothing of it is repeated.
    """
    event = require_object(read_object(body, "webhook").get("event"), "event")
    kind = event.get("event_type")
    if kind == "incident.triggered":
        data = require_object(event.get("data"), "event.data")
        service = require_object(data.get("service"), "event.data.service")
        return IncidentOpened(
            incident=identity_at(data, "event.data.id"),
            service=identity_at(service, "event.data.service.id"),
            at=_instant(event),
        )
    agent = event.get("agent")
    if kind != "incident.annotated" or not isinstance(agent, dict) or agent.get("type") != "user_reference":
        return None
    data = require_object(event.get("data"), "event.data")
    content = data.get("content")
    # The end of a note that was cut might have said something else.
    if data.get("trimmed") is not False or not isinstance(content, str):
        return None
    note = read_label_note(content)
    if note is None:
        return None
    code, says, why = note
    return LabelNote(
        source=identity_at(event, "event.id"),
        code=code,
        kind=says,
        by=identity_at(agent, "event.agent.id"),
        at=_instant(event),
        why=why,
    )


def _instant(event: dict[str, Json]) -> datetime:
    return read_instant("event.occurred_at", text_at(event, "event.occurred_at"))
