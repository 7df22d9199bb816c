"""What a conversation lacks next, given what was said and what the channel knows. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.approvals import HoldChange
from streams.approval_conversations import Conversation

_LAST_LOOK = timedelta(seconds=5)
"""How long before its deadline a question is looked at once more: what a slow channel needs to answer."""

_AFTER_THE_DEADLINE = timedelta(minutes=1)
"""How long the gate may take to say that a question expired; answers are looked for until then."""

_REMEMBERED = timedelta(days=7)
"""How long a conversation that is over is kept, so that a late answer is told what became of it."""


class Step(StrEnum):
    """One call of a channel, or the end of a conversation.

    TELL_LATE: the question could not be asked while it was open; people are told that it was there.
    """

    ASK = "ask"
    TELL_LATE = "tell_late"
    CHANGE = "change"
    END = "end"
    OUTCOME = "outcome"
    POLL = "poll"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a question is looked at, and how long a channel is tried.

    Attributes:
        poll: Time between two looks for answers. Shorter finds them sooner and asks more of the vendor.
        tries: For how long after it was said something is tried to be told.
    """

    poll: timedelta = timedelta(seconds=30)
    tries: timedelta = timedelta(hours=24)


def next_step(conversation: Conversation, patience: Patience, now: datetime) -> Step | None:
    """Return what is to be done about a conversation now; None when nothing is."""
    if _is_forgotten(conversation, now):
        return Step.FORGET
    if conversation.given_up:
        return None
    if conversation.thread is None:
        return _before_the_question(conversation, now)
    if conversation.untold:
        return Step.CHANGE
    if conversation.end is not None:
        return _after_the_end(conversation)
    return Step.POLL if is_poll_due(conversation, patience.poll, now) else None


def said_at(conversation: Conversation, step: Step) -> datetime:
    """Return when that was said which a step tells of."""
    if step is Step.CHANGE and conversation.untold:
        return conversation.untold[0].at
    if step is Step.OUTCOME:
        return max(said.at for said in (conversation.outcome, conversation.recovery) if said is not None)
    if step is Step.END and conversation.end is not None:
        return conversation.end.at
    if step is Step.TELL_LATE and conversation.page is not None:
        return conversation.page.at
    return conversation.held.at


def is_poll_due(conversation: Conversation, every: timedelta, now: datetime) -> bool:
    """Return whether an open question is to be looked at: regularly, and once just before its deadline."""
    deadline = conversation.held.expires_at
    looked = conversation.polled_at
    if looked is None:
        return True
    if deadline is None:
        return now - looked >= every
    if now >= deadline:
        return deadline - _LAST_LOOK > looked and now < deadline + _AFTER_THE_DEADLINE
    last_look = deadline - _LAST_LOOK
    return now - looked >= every or (looked < last_look <= now)


def _before_the_question(conversation: Conversation, now: datetime) -> Step | None:
    if not conversation.is_over(now):
        return Step.ASK
    if conversation.end is None:
        # The deadline has passed, and what came of it is still to be read.
        return None
    is_unheard = conversation.end.change is HoldChange.EXPIRED and conversation.page is not None
    return Step.TELL_LATE if is_unheard else Step.FORGET


def _after_the_end(conversation: Conversation) -> Step | None:
    if not conversation.is_end_told:
        return Step.END
    if conversation.end is None or conversation.end.change is not HoldChange.GRANTED:
        return None
    return Step.OUTCOME if conversation.known != conversation.follow_up else None


def _is_forgotten(conversation: Conversation, now: datetime) -> bool:
    end = conversation.end.at if conversation.end else conversation.held.expires_at
    return now - (end or conversation.held.at) > _REMEMBERED
