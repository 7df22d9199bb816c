"""A question in words: what a human reads before they answer, in the terminal and in the console."""

from datetime import datetime, timedelta

from schemas.approvals import Asked, HoldChanged
from schemas.orders import Held

Rows = tuple[tuple[str, tuple[str, ...]], ...]
"""Titles, each with its lines; rows without a line are left out."""

_ANYBODY = "anybody who may answer"


def question(held: Held) -> str:
    """Return what approval would do, as a sentence; why it waits where the question has no brief."""
    return plain(held.brief.what if held.brief is not None else held.reason)


def rows_of(held: Held, changes: tuple[HoldChanged, ...], now: datetime) -> Rows:
    """Return all that is told about a question beside the question itself.

    Args:
        held: What waits.
        changes: What changed about it so far, in the order of the log.
        now: What the time that is left is counted from.
    """
    brief = held.brief
    rows = (
        ("Waits because", (f"{held.guard}: {held.reason}",)),
        ("Compared with", (brief.against,) if brief else ()),
        ("Certainty", (brief.certainty,) if brief else ()),
        ("Suspects", brief.suspects if brief else ()),
        ("Signals", brief.signals if brief else ()),
        ("Otherwise", (brief.if_nothing,) if brief else ()),
        ("Deadline", (deadline(held.expires_at, now),) if held.expires_at else ()),
        ("Asked", _asked(held.asked) if held.asked else ()),
        ("So far", tuple(f"{change.at:%H:%M:%S} {change.text}" for change in changes)),
    )
    return tuple((title, tuple(plain(line) for line in lines)) for title, lines in rows if lines)


def plain(text: str) -> str:
    r"""Return a text that neither moves a terminal's cursor nor turns the direction of what follows it.

    >>> plain("cart\x1b[2J") == "cart\ufffd[2J"
    True
    """
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def deadline(expires_at: datetime, now: datetime) -> str:
    """Return until when an answer counts, and how long that is.

    >>> from datetime import UTC
    >>> deadline(datetime(2026, 11, 20, 14, 30, tzinfo=UTC), datetime(2026, 11, 20, 14, 7, 20, tzinfo=UTC))
    '2026-11-20 14:30:00 UTC, in 22 min'
    """
    left = expires_at - now
    if left <= timedelta(0):
        return f"{expires_at:%Y-%m-%d %H:%M:%S} UTC, which is over"
    minutes = int(left.total_seconds()) // 60
    hours, rest = divmod(minutes, 60)
    words = f"{hours} h {rest} min" if hours else f"{minutes} min" if minutes else "less than a minute"
    return f"{expires_at:%Y-%m-%d %H:%M:%S} UTC, in {words}"


def _asked(asked: Asked) -> tuple[str, ...]:
    """Return whom a question asks.

    >>> _asked(Asked(approvers=("ada", "group:sre"), quorum=2))
    ('ada, group:sre; 2 of them must approve',)
    """
    who = ", ".join(asked.approvers) or _ANYBODY
    first = f"{who}; {asked.quorum} of them must approve" if asked.quorum > 1 else who
    if asked.escalates_at is None:
        return (first,)
    return (first, f"from {asked.escalates_at:%H:%M:%S} UTC on also {', '.join(asked.escalates_to)}")
