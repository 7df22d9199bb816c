"""What stands in PagerDuty: titles, the incident's details, and notes. Pure; plain text of bounded length.

Every note of ours begins with "Suture" and ends with a mark that is derived of what it tells: by it a note
is found again, and none of ours can be read as an answer.
"""

import hashlib
from datetime import UTC, datetime

from schemas.approvals import HoldChange, HoldChanged, hold_code
from schemas.judgements import Recovery
from schemas.orders import Held, Outcome

LONGEST_SUMMARY = 1000
"""Characters of an event's summary; the vendor's bound is 1,024."""

_LONGEST_TITLE = 250
_LONGEST_LINE = 500
_LONGEST_NOTE = 1800
_LONGEST_DETAILS = 12_000
_UNANSWERED = "Nobody answered: "

_HEADS = {
    HoldChange.AGREED: "one of several needed has approved",
    HoldChange.ESCALATED: "more people are asked",
    HoldChange.HANDED_OVER: "somebody else is asked",
    HoldChange.NOT_COUNTED: "an answer did not count, the question is still open",
    HoldChange.GRANTED: "granted, it is being done",
    HoldChange.REJECTED: "rejected, nothing is done",
    HoldChange.EXPIRED: "nobody answered in time, nothing is done and somebody still has to look",
    HoldChange.WITHDRAWN: "no longer asked, nothing is done",
}


def plain(text: str, limit: int = _LONGEST_LINE) -> str:
    r"""Return foreign text as one line without characters that cannot be seen.

    >>> plain("a\n\tb\u202e")
    'a b'
    >>> plain("rollback", 5)
    'roll…'
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def title(held: Held) -> str:
    """Return the incident's title."""
    what = held.brief.what if held.brief else held.reason
    return plain(f"Approve? {held.service} in {held.environment}: {what}", _LONGEST_TITLE)


def unanswered_title(held: Held) -> str:
    """Return the title of an incident whose question nobody answered."""
    return plain(_UNANSWERED + title(held), _LONGEST_TITLE)


def details(held: Held, field: str, link: str) -> str:
    """Return the body of the incident: everything that a human is shown before they answer.

    Args:
        held: The question.
        field: Name of the custom field; "" where there is none.
        link: Where to read more; "" for nowhere.
    """
    lines: list[str] = []
    if brief := held.brief:
        lines += [f"What: {plain(brief.what)}", f"Compared with: {plain(brief.against)}"]
        lines += [f"Certainty: {plain(brief.certainty)}"]
        lines += [f"If nobody answers: {plain(brief.if_nothing)}"]
    lines += [f"Why it waits: {plain(held.reason)}", f"Deadline: {_instant(held.expires_at)}"]
    if held.asked and held.asked.approvers:
        lines.append(f"Who may answer: {plain(', '.join(held.asked.approvers))}")
    if held.asked and held.asked.quorum > 1:
        lines.append(f"Approvals needed: {held.asked.quorum}, by different people")
    if link:
        lines.append(f"More: {plain(link)}")
    lines += ["", *how_to_answer(held, field)]
    if brief and brief.suspects:
        lines += ["", "Suspects, most to blame first:", *(f"- {plain(one)}" for one in brief.suspects)]
    if brief and brief.signals:
        lines += ["", "Signals:", *(f"- {plain(one)}" for one in brief.signals)]
    whole = "\n".join(lines)
    return whole if len(whole) <= _LONGEST_DETAILS else whole[: _LONGEST_DETAILS - 1] + "…"


def how_to_answer(held: Held, field: str) -> tuple[str, ...]:
    """Return how to answer, in lines."""
    code = hold_code(held.id)
    by_field = f"set {field} to approve or reject, or " if field else ""
    return (
        f"To answer, {by_field}write a note with nothing in it but one of:",
        f"    approve {code}",
        f"    reject {code}",
        f"    hand over {code} NAME",
        "A reason may follow behind a colon. To acknowledge or to resolve is no answer.",
    )


def question_note(held: Held, field: str) -> str:
    """Return the note under the question."""
    lines = [f"Suture asks, until {_instant(held.expires_at)}.", *how_to_answer(held, field)]
    return _note("\n".join(lines), mark("question", held.id))


def change_note(held: Held, change: HoldChanged) -> str:
    """Return the note about a change or an end; quotes the people who are asked as well."""
    lines = [f"Suture ({hold_code(held.id)}): {_HEADS[change.change]}.", plain(change.text)]
    if change.to:
        lines.append(f"Concerns: {plain(', '.join(change.to))}")
    return _note("\n".join(lines), mark("change", change.id))


def outcome_note(held: Held, outcome: Outcome) -> str:
    """Return the note about what the executor did."""
    said = f"Suture ({hold_code(held.id)}): {outcome.command_kind} of {plain(outcome.target.key)} ended as"
    return _note(f"{said} {outcome.kind}.\n{plain(outcome.detail)}", mark("outcome", outcome.id))


def recovery_note(held: Held, recovery: Recovery) -> str:
    """Return the note about whether it helped."""
    said = f"Suture ({hold_code(held.id)}): the service is {recovery.kind.replace('_', ' ')}."
    return _note(f"{said}\n{plain(recovery.text)}", mark("recovery", recovery.id))


def mark(kind: str, identity: str) -> str:
    """Return what ends a note of ours, and tells it from every other.

    >>> mark("question", "x")
    '[suture 3f57d2119a4e]'
    """
    return f"[suture {hashlib.sha256(f'{kind} {identity}'.encode()).hexdigest()[:12]}]"


def written_at(at: datetime) -> str:
    """Return an instant as PagerDuty is told it: UTC to the millisecond, with a Z.

    >>> written_at(datetime(2026, 11, 23, tzinfo=UTC))
    '2026-11-23T00:00:00.000Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(at: datetime | None) -> str:
    return "somebody answers" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _note(text: str, marked: str) -> str:
    room = _LONGEST_NOTE - len(marked) - 1
    return f"{text if len(text) <= room else text[: room - 1] + '…'}\n{marked}"
