"""Which question a reply answers: matched by what the channel carries, and told from a repeat. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.approvals import hold_code
from schemas.observations import Answer, Approval
from schemas.replies import Reply
from streams.approval_conversations import AnswersTaken, Conversation, Taken

_SKEW = timedelta(minutes=2)
"""How far a vendor's clock may be behind ours: an answer that is older than its question is another's."""

_SAME = timedelta(seconds=30)
"""A webhook and a look at the channel may tell one answer with instants so far apart."""

_LONGEST_WHY = 500


class Fate(StrEnum):
    """What becomes of a reply.

    UNKNOWN: no question is known where it was said; one may be written down in a moment.
    """

    ANSWER = "answer"
    REPEAT = "repeat"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a reply is.

    Attributes:
        conversation: The question that it answers, or answers again.
        reason: Why it is refused, or where it was looked for.
    """

    fate: Fate
    conversation: Conversation | None = None
    reason: str = ""


def match(reply: Reply, conversations: Iterable[Conversation], answers: Iterable[AnswersTaken]) -> Match:
    """Return which question a reply answers.

    A hold that the channel itself carries comes first, then the thread. A code that a human wrote chooses
    among the questions of a thread; without one the newest open question is meant.

    Args:
        reply: What a human said.
        conversations: All of the reply's channel.
        answers: What was passed on before.
    """
    there = [one for one in conversations if _is_meant(one, reply)]
    if not there:
        where = f"hold {reply.hold}" if reply.hold else f"thread {reply.thread}"
        return Match(fate=Fate.UNKNOWN, reason=f"no question is known on {reply.channel} for {where}")
    if reply.code:
        there = [one for one in there if hold_code(one.held.id) == reply.code.lower()]
        if not there:
            return _refused(f"code {reply.code[:16]!r} is of no question in thread {reply.thread}")
    elif not reply.hold:
        there = [one for one in there if reply.at >= one.held.at - _SKEW]
        if not there:
            return _refused(f"it was said at {reply.at}, before the question was asked")
    if reply.environment and all(one.held.environment != reply.environment for one in there):
        return _refused(f"environment is {reply.environment[:64]!r}, expected that of the question")
    if reply.answer is Answer.HAND_OVER and not reply.to:
        return _refused("it hands the question over to nobody")
    if not reply.by:
        return _refused("it names nobody who said it")
    found = max(there, key=lambda one: (one.end is None, one.held.at, one.held.id))
    is_known = any(
        _is_delivered(reply, taken) or (one.hold == found.held.id and _is_same(reply, taken))
        for one in answers
        if one.channel == reply.channel
        for taken in one.taken
    )
    return Match(fate=Fate.REPEAT if is_known else Fate.ANSWER, conversation=found)


def approval_of(reply: Reply, conversation: Conversation, now: datetime) -> Approval:
    """Return the answer as the gate takes it, at the vendor's instant but not later than now."""
    return Approval(
        environment=conversation.held.environment,
        hold=conversation.held.id,
        answer=reply.answer,
        by=reply.by,
        channel=reply.channel,
        at=min(reply.at, now),
        why=reply.why[:_LONGEST_WHY],
        to=reply.to,
        source=reply.source,
    )


def taken_of(reply: Reply) -> Taken:
    """Return what is remembered of a reply once it was passed on."""
    return Taken(by=reply.by, answer=reply.answer, at=reply.at, source=reply.source, to=reply.to)


def _is_meant(conversation: Conversation, reply: Reply) -> bool:
    if conversation.channel != reply.channel:
        return False
    if reply.hold:
        return conversation.held.id == reply.hold
    return conversation.thread is not None and conversation.thread.id == reply.thread


def _is_delivered(reply: Reply, taken: Taken) -> bool:
    """Return whether the same delivery came before, for whichever hold."""
    return bool(reply.source) and reply.source == taken.source


def _is_same(reply: Reply, taken: Taken) -> bool:
    """Return whether the same answer to the same hold came before, another way.

    Who answers again later is heard again: they may have become somebody whose answer counts.
    """
    is_same = (reply.by, reply.answer, reply.to) == (taken.by, taken.answer, taken.to)
    return is_same and reply.at <= taken.at + _SAME


def _refused(reason: str) -> Match:
    return Match(fate=Fate.REFUSED, reason=reason)
