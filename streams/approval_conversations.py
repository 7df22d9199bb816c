"""Conversations: where a hold is talked about on a channel, how far that has come, and what it still lacks.

A conversation holds facts, as the engine said them, and what of them the channel was told. Whatever the one
is ahead of the other is left to do: after a crash nothing else has to be remembered. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime

from actions.people.channel import Done, Thread
from schemas.approvals import HoldChange, HoldChanged
from schemas.judgements import Recovery
from schemas.observations import Answer
from schemas.orders import Held, Outcome, Page
from schemas.releases import Release

_MOST_TOLD = 64
_MOST_HEARD = 128


class Kept(StrEnum):
    """What an entry of the topic `conversations` holds: the first word of its key."""

    HOLD = "hold"
    NOTICE = "notice"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One hold on one channel.

    Attributes:
        revision: Rises with each entry that is written, so that an old one never replaces a newer one.
        thread: Where it was asked; None while it was not.
        untold: Changes that the channel does not know yet, oldest first.
        told: Ids of the newest changes that it knows.
        end: What ended the question; None while it is open.
        is_end_told: The channel knows the end.
        outcome: What the executor saw, of the order that the hold became.
        recovery: How the service fared after it.
        follow_up: Ids of outcome and recovery as the channel knows them.
        page: Newest page about the hold: what people are told when it could not be asked in time.
        polled_at: When the channel was last asked for answers.
        heard: Sources of answers that polling found, newest last.
        given_up: Why nothing more is told; "" while something may be.
    """

    channel: str
    held: Held
    revision: int = 0
    thread: Thread | None = None
    untold: tuple[HoldChanged, ...] = ()
    told: tuple[str, ...] = ()
    end: HoldChanged | None = None
    is_end_told: bool = False
    outcome: Outcome | None = None
    recovery: Recovery | None = None
    follow_up: tuple[str, ...] = ()
    page: Page | None = None
    polled_at: AwareDatetime | None = None
    heard: tuple[str, ...] = ()
    given_up: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        """Return the ids of outcome and recovery as far as they are known."""
        return tuple(said.id for said in (self.outcome, self.recovery) if said is not None)

    def is_over(self, now: datetime) -> bool:
        """Return whether nobody can answer any more, whether or not the end was said."""
        expires_at = self.held.expires_at
        return self.end is not None or (expires_at is not None and now >= expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something without a question that a channel was not told yet, because it could not be reached.

    Attributes:
        said: A page calls somebody; the others are entries of a timeline of changes.
    """

    channel: str
    said: Page | Release | Done

    @property
    def at(self) -> datetime:
        """Return when it was."""
        return self.said.started_at if isinstance(self.said, Release) else self.said.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An answer that was passed on to the gate; `at` is the vendor's instant."""

    by: str
    answer: Answer
    at: AwareDatetime
    source: str
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersTaken:
    """The answers to one hold that came over one channel and were passed on, oldest first."""

    channel: str
    hold: str
    taken: tuple[Taken, ...] = ()

    def with_one(self, taken: Taken) -> "AnswersTaken":
        """Return it with one more; the oldest is forgotten beyond a bound."""
        return replace(self, taken=(*self.taken, taken)[-_MOST_HEARD:])


def hear_change(conversation: Conversation, change: HoldChanged) -> Conversation:
    """Return the conversation with a change, or an end, of its hold taken in; what is known says nothing."""
    if change.change.is_end:
        return conversation if conversation.end else replace(conversation, end=change)
    if change.id in conversation.told or any(change.id == other.id for other in conversation.untold):
        return conversation
    return replace(conversation, untold=(*conversation.untold, change)[-_MOST_TOLD:])


def hear_follow_up(conversation: Conversation, said: Outcome | Recovery) -> Conversation:
    """Return the conversation with what came of its order taken in; the first word on each counts."""
    if isinstance(said, Outcome):
        return conversation if conversation.outcome else replace(conversation, outcome=said)
    return conversation if conversation.recovery else replace(conversation, recovery=said)


def asked_about(conversations: Iterable[Conversation], command: str) -> Conversation | None:
    """Return the conversation that an order follows from; None when nobody was asked about it.

    An order may have been asked about before, in vain: the newest question that was not refused counts.
    """
    found: Conversation | None = None
    for conversation in conversations:
        held, end = conversation.held, conversation.end
        if held.command is None or held.command.id != command:
            continue
        if end is not None and end.change is not HoldChange.GRANTED:
            continue
        if found is None or held.at > found.held.at:
            found = conversation
    return found


def after_change(conversation: Conversation, change: HoldChanged) -> Conversation:
    """Return the conversation once a change was told."""
    return replace(
        conversation,
        untold=tuple(other for other in conversation.untold if other.id != change.id),
        told=(*conversation.told, change.id)[-_MOST_TOLD:],
    )


def after_poll(conversation: Conversation, now: datetime, sources: Iterable[str]) -> Conversation:
    """Return the conversation once the channel was asked for answers, and these were new."""
    return replace(conversation, polled_at=now, heard=(*conversation.heard, *sources)[-_MOST_HEARD:])
