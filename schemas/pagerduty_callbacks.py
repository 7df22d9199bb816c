"""Answers that people give in PagerDuty: by an incident's custom field, or by a note on it.

A note is an answer when it says nothing else: `approve CODE`, `reject CODE` or `hand over CODE NAME`, in any
case, each with `: REASON` behind it or without. Whatever else people write to each other is none.

Source: developer.pagerduty.com, "Webhooks v3", events `incident.custom_field_values.updated` and
`incident.annotated`.
"""

import re
from dataclasses import dataclass

from schemas.cloudevents import read_instant
from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object, require_object
from schemas.observations import Answer
from schemas.replies import Reply

PAGERDUTY = "pagerduty"
"""The channel's name, as `Approval.channel` says it."""

DECISION_FIELD = "rollback_decision"
"""Name of the custom field unless the installation gives it another."""

PENDING = "pending"
"""The field's value while nobody has answered."""

FIELD_ANSWERS = {"approve": Answer.APPROVE, "reject": Answer.REJECT}
"""What people may choose. What we write there ourselves is none of these, and so never an answer."""

_USER = "user_reference"
_FIELD_EVENT = "incident.custom_field_values.updated"
_NOTE_EVENT = "incident.annotated"
_LONGEST_NOTE = 2000
_LONGEST_WHY = 300
_LONGEST_ID = 200
_NOTE = re.compile(
    r"\s*(?:(?P<answer>approve|reject)\s+(?P<code>[0-9a-f]{6})"
    r"|hand[ _-]?over\s+(?P<asked>[0-9a-f]{6})\s+(?P<to>[^\s:]{1,100}))"
    r"\s*(?::(?P<why>.*))?",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAnswer:
    """What a note answers.

    Attributes:
        code: The hold's code, in lower case.
        to: For a hand-over: who is asked instead.
        why: The reason given, as one line of at most 300 characters.
    """

    answer: Answer
    code: str
    to: str = ""
    why: str = ""


def read_note(content: str) -> NoteAnswer | None:
    """Return what a note answers; None for a note that is no answer.

    >>> read_note("Approve 3F9A0C: seen on the dashboards").why
    'seen on the dashboards'
    >>> read_note("I would approve 3f9a0c")
    """
    if len(content) > _LONGEST_NOTE:
        return None
    found = _NOTE.fullmatch(content)
    if found is None:
        return None
    printable = "".join(letter if letter.isprintable() else " " for letter in found["why"] or "")
    why = " ".join(printable.split())[:_LONGEST_WHY]
    if found["to"]:
        return NoteAnswer(answer=Answer.HAND_OVER, code=found["asked"].lower(), to=found["to"], why=why)
    return NoteAnswer(answer=Answer(found["answer"].lower()), code=found["code"].lower(), why=why)


def read_pagerduty_callback(body: bytes, field: str = DECISION_FIELD) -> Reply | None:
    """Return the answer that a webhook delivers, which hold it means is yet to be found; None for no answer.

    An answer has a person behind it: what an automation or a service did is none. Of a change of fields
    the event lists every field, so the one that decides must be among those that changed: else somebody
    who sets another field would approve what others did.

    Args:
        body: As it came, proven.
        field: Name of the custom field that holds the decision.

    Raises:
        SchemaError: it is no webhook of PagerDuty's; nothing of it is repeated.
    """
    event = require_object(read_object(body, "webhook").get("event"), "event")
    kind = event.get("event_type")
    if kind not in (_FIELD_EVENT, _NOTE_EVENT):
        return None
    agent = event.get("agent")
    if not isinstance(agent, dict) or agent.get("type") != _USER:
        return None
    data = require_object(event.get("data"), "event.data")
    incident = require_object(data.get("incident"), "event.data.incident")
    found = _by_field(data, field) if kind == _FIELD_EVENT else _by_note(data)
    if found is None:
        return None
    return Reply(
        channel=PAGERDUTY,
        source=identity_at(event, "event.id"),
        thread=identity_at(incident, "event.data.incident.id"),
        by=identity_at(agent, "event.agent.id"),
        answer=found.answer,
        at=read_instant("event.occurred_at", text_at(event, "event.occurred_at")),
        code=found.code,
        to=found.to,
        why=found.why,
    )


def _by_field(data: dict[str, Json], field: str) -> NoteAnswer | None:
    # `changed_custom_fields` tells which fields changed, with the values that they had before.
    if _value_of(data.get("changed_custom_fields"), field) is None:
        return None
    value = (_value_of(data.get("custom_fields"), field) or {}).get("value")
    answer = FIELD_ANSWERS.get(value) if isinstance(value, str) else None
    return None if answer is None else NoteAnswer(answer=answer, code="")


def _by_note(data: dict[str, Json]) -> NoteAnswer | None:
    content = data.get("content")
    # The end of a note that was cut might have said something else.
    if data.get("trimmed") is not False or not isinstance(content, str):
        return None
    return read_note(content)


def _value_of(fields: Json, name: str) -> dict[str, Json] | None:
    if isinstance(fields, list):
        for one in fields:
            if isinstance(one, dict) and one.get("name") == name:
                return one
    return None


def text_at(values: dict[str, Json], path: str) -> str:
    """Return the text that a path's last name has.

    Raises:
        SchemaError: there is none.
    """
    value = values.get(path.rpartition(".")[2])
    if not isinstance(value, str) or not value:
        raise SchemaError(f"{path} is not there, expected text")
    return value


def identity_at(values: dict[str, Json], path: str) -> str:
    """Return the id that a path's last name has.

    Raises:
        SchemaError: there is none, or it is no id.
    """
    value = text_at(values, path)
    if len(value) > _LONGEST_ID or not value.isascii() or not value.isprintable():
        raise SchemaError(f"{path} is no id, expected at most {_LONGEST_ID} printable characters")
    return value
