"""Answers that stand on an incident, as PagerDuty's REST API lists them. Pure.

The webhook tells the same (`schemas.pagerduty_callbacks`), unless it was lost or turned off. What is found
here has other ids than what the webhook said; the gate takes an answer that comes twice for one.

Source: PagerDuty's OpenAPI document, schemas `LogEntry`, `Channel` and `IncidentNote`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from schemas.approvals import hold_code
from schemas.cloudevents import read_instant
from schemas.errors import SchemaError
from schemas.observations import Answer
from schemas.orders import Held
from schemas.pagerduty_callbacks import FIELD_ANSWERS, PAGERDUTY, read_note
from schemas.replies import Reply

Json = dict[str, Any]

_CHANGES = ("custom_field_value_change_log_entry", "field_value_change_log_entry")
_USER = "user_reference"


def answers_by_field(
    entries: Sequence[Json], held: Held, thread: str, field: str, value: Callable[[], str]
) -> tuple[Reply, ...]:
    """Return what people chose in the custom field: of each person the last choice, oldest first.

    Whoever took their choice back has not answered.

    Args:
        entries: The incident's log, newest first as PagerDuty lists it: its times are whole seconds.
        held: The question.
        thread: The incident.
        field: Name of the custom field.
        value: Gives what the field holds now; asked for an entry that does not say what it changed.
    """
    chosen: dict[str, tuple[datetime, str, str]] = {}
    unclear: list[tuple[datetime, str, str]] = []
    for entry in reversed(entries):
        if entry.get("type") not in _CHANGES:
            continue
        told = _told(entry, "agent", held)
        if told is None:
            continue
        at, by, source = told
        found = _value(entry, field)
        if found is None:
            unclear.append((at, by, source))
        elif found != _NOT_THIS:
            chosen[by] = (at, found, source)
    # An entry that says nothing readable is only believed where it must be the one that set the field.
    if not chosen and len(unclear) == 1:
        at, by, source = unclear[0]
        chosen[by] = (at, value(), source)
    replies = [
        _reply(held, thread, by, at, source, FIELD_ANSWERS[found])
        for by, (at, found, source) in chosen.items()
        if found in FIELD_ANSWERS
    ]
    return tuple(sorted(replies, key=lambda reply: (reply.at, reply.source)))


def answers_by_note(notes: Sequence[Json], held: Held, thread: str) -> tuple[Reply, ...]:
    """Return what people answered in notes, oldest first."""
    replies: list[Reply] = []
    for note in notes:
        content = note.get("content")
        said = read_note(content) if isinstance(content, str) else None
        told = _told(note, "user", held)
        if said is None or told is None or said.code != hold_code(held.id):
            continue
        at, by, source = told
        replies.append(_reply(held, thread, by, at, source, said.answer, said.code, said.to, said.why))
    return tuple(sorted(replies, key=lambda reply: (reply.at, reply.source)))


_NOT_THIS = "\0"
"""Stands for a change of other fields."""


def _value(entry: Json, field: str) -> str | None:
    """Return what an entry set the field to; None where the entry does not say what it set.

    The document has the changes in `channel.changeset.customer_fields`, and as sentences in `changeset`.
    """
    channel = entry.get("channel")
    changes = channel.get("changeset") if isinstance(channel, dict) else None
    fields = changes.get("customer_fields") if isinstance(changes, dict) else None
    if isinstance(fields, list) and fields:
        for one in fields:
            if isinstance(one, dict) and one.get("name") == field:
                value = one.get("value")
                return value if isinstance(value, str) else _NOT_THIS
        return _NOT_THIS
    sentences = entry.get("changeset")
    if isinstance(sentences, list) and sentences:
        start = f"Updated {field} to "
        told = [one for one in sentences if isinstance(one, str) and one.startswith(start)]
        return told[-1].removeprefix(start) if told else _NOT_THIS
    return None


def _told(entry: Json, who: str, held: Held) -> tuple[datetime, str, str] | None:
    """Return when, by whom and as what; None for no person, or what was said before the question."""
    person, identity = entry.get(who), entry.get("id")
    if not isinstance(person, dict) or person.get("type") != _USER:
        return None
    by, at = person.get("id"), entry.get("created_at")
    if not (isinstance(by, str) and by and isinstance(identity, str) and identity and isinstance(at, str)):
        return None
    try:
        instant = read_instant("created_at", at)
    except SchemaError:
        return None
    # PagerDuty writes whole seconds.
    return None if instant < held.at.replace(microsecond=0) else (instant, by, identity)


def _reply(
    held: Held,
    thread: str,
    by: str,
    at: datetime,
    source: str,
    answer: Answer,
    code: str = "",
    to: str = "",
    why: str = "",
) -> Reply:
    return Reply(
        channel=PAGERDUTY,
        source=source,
        thread=thread,
        by=by,
        answer=answer,
        at=at,
        hold=held.id,
        environment=held.environment,
        code=code,
        to=to,
        why=why,
    )
