"""The sink that asks people on one channel, and tells them what became of the question.

What the engine says is written down first, as a conversation on Kafka; the channel is then brought up to what
was said. So a channel that is down, or a process that is killed, leaves a difference and loses nothing: it
is made up for at the next turn. Each call of a channel can be made twice.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from actions.errors import (
    ActionError,
    NotAllowedActionError,
    PermanentActionError,
    RefusedActionError,
    TransientActionError,
)
from actions.people.channel import Channel
from schemas.approvals import HoldChanged
from schemas.effects import Effect, Said
from schemas.errors import SchemaError
from schemas.judgements import Recovery
from schemas.keys import EnvironmentName
from schemas.observations import OutcomeReported, ReleaseOpened
from schemas.orders import Held, Outcome, OutcomeKind, Page
from schemas.replies import Reply
from streams.approval_conversations import (
    Conversation,
    after_change,
    after_poll,
    asked_about,
    hear_change,
    hear_follow_up,
)
from streams.approval_log import ConversationLog
from streams.approval_notices import Notices, done_of
from streams.approval_pauses import Pauses
from streams.approval_steps import Patience, Step, next_step, said_at
from streams.kafka_log import LogError

logger = logging.getLogger("suture.approvals")

_SLICE = timedelta(seconds=5)
"""How long a turn may take before effects are looked at again."""

_READ_AGAIN = timedelta(seconds=5)

_NEVER_TOO_OLD = (Step.ASK, Step.POLL, Step.FORGET)
"""The question's own deadline ends these."""


class ApprovalSink:
    """Hosts one channel.

    Args:
        channel: Where people are asked.
        log: Conversations of this channel.
        end_of: What ended a hold that is about to be asked late; None while it is open.
        publish: Puts an answer that was found by polling onto its topic; returns when it is there.
        patience: How often and how long.
        now: The present instant.
        asks_in: Whether questions of an environment are put to this channel at all.
    """

    def __init__(
        self,
        channel: Channel,
        log: ConversationLog,
        end_of: Callable[[Held, datetime], HoldChanged | None],
        publish: Callable[[Reply], None],
        patience: Patience,
        now: Callable[[], datetime],
        asks_in: Callable[[EnvironmentName], bool] = lambda _: True,
    ) -> None:
        self.name = channel.name
        self._channel, self._log, self._end_of, self._publish = channel, log, end_of, publish
        self._patience, self._now, self._asks_in = patience, now, asks_in
        self._pauses = Pauses(now)
        self._notices = Notices(channel, log, self._pauses, self._is_too_old)
        log.catch_up()
        self._read_at = now()

    def take(self, effect: Effect) -> None:
        """Write down what was said, and tell it at once where the channel answers.

        Raises:
            TransientActionError: Kafka cannot be reached. A channel that cannot is tried again by `turn`.
            PermanentActionError: it can never be told.
        """
        try:
            self._take(effect.said)
        except LogError as error:
            raise TransientActionError(str(error)) from error

    def _take(self, said: Said) -> None:
        match said:
            case Held() as held if held.command is not None and self._asks_in(held.environment):
                self._take_hold(held)
            case HoldChanged() as change:
                self._take_change(change)
            case OutcomeReported(outcome=outcome):
                self._take_outcome(outcome)
            case Recovery() as recovery:
                self._take_follow_up(recovery, recovery.command)
            case Page() as page:
                self._take_page(page)
            case ReleaseOpened(release=release):
                self._notices.tell(release)
            case _:
                return

    def turn(self) -> None:
        """Bring the channel up to what was said, and look for answers.

        Raises:
            ActionError: Something failed in this turn; it is tried again where that may help.
        """
        try:
            failed = self._bring_up()
        except LogError as error:
            raise TransientActionError(str(error)) from error
        if failed is not None:
            raise failed

    def _bring_up(self) -> ActionError | None:
        if self._now() >= self._read_at + _READ_AGAIN:
            # Another notifier may have written, while this one begins or ends.
            self._log.catch_up()
            self._read_at = self._now()
        until = self._now() + _SLICE
        failed: ActionError | None = None
        for identity in list(self._log.conversations):
            if self._now() >= until:
                break
            failed = self._attempt(identity) or failed
        for notice in list(self._log.notices.values()):
            if self._now() >= until:
                break
            failed = self._notices.attempt(notice) or failed
        return failed

    def _take_hold(self, held: Held) -> None:
        if self._known(held.id) is not None:
            return
        conversation = Conversation(channel=self.name, held=held)
        if conversation.is_over(self._now()) and self._is_too_old(held.at):
            return
        self._log.keep(conversation)
        self._at_once(held.id)

    def _take_change(self, change: HoldChanged) -> None:
        conversation = self._known(change.hold)
        if conversation is not None:
            self._heard(conversation, hear_change(conversation, change))

    def _take_outcome(self, outcome: Outcome) -> None:
        if outcome.kind is OutcomeKind.DONE:
            self._notices.tell(done_of(outcome))
        self._take_follow_up(outcome, outcome.command)

    def _take_follow_up(self, said: Outcome | Recovery, command: str) -> None:
        conversation = asked_about(self._log.conversations.values(), command)
        if conversation is None:
            self._log.catch_up()
            conversation = asked_about(self._log.conversations.values(), command)
        if conversation is not None:
            self._heard(conversation, hear_follow_up(conversation, said))

    def _take_page(self, page: Page) -> None:
        conversation = self._known(page.about)
        if conversation is None or (conversation.thread is None and conversation.given_up):
            self._notices.tell(page)
        elif conversation.thread is None:
            self._heard(conversation, replace(conversation, page=page))
        elif conversation.end is not None and page.at > conversation.end.at:
            # The question was over: it says that an answer came too late.
            self._notices.tell(page)

    def _known(self, hold: str) -> Conversation | None:
        place = (self.name, hold)
        if place not in self._log.conversations:
            self._log.catch_up()
        return self._log.conversations.get(place)

    def _heard(self, before: Conversation, after: Conversation) -> None:
        if after != before:
            self._log.keep(after)
        self._at_once(after.held.id)

    def _at_once(self, hold: str) -> None:
        """Go on with a conversation now, unless the channel is known to be down; then the turn does.

        Raises:
            PermanentActionError: the question can never be asked here.
        """
        if self._pauses.is_any:
            return
        failed = self._attempt((self.name, hold))
        if failed is not None and not isinstance(failed, TransientActionError | NotAllowedActionError):
            raise failed

    def _attempt(self, identity: tuple[str, str]) -> ActionError | None:
        """Do whatever a conversation lacks; return what failed, None when nothing did."""
        failed: ActionError | None = None
        key = "/".join(identity)
        while (conversation := self._log.conversations.get(identity)) is not None:
            step = next_step(conversation, self._patience, self._now())
            if step is None:
                self._pauses.succeeded(key)
                return failed
            if self._pauses.holds(key):
                return failed
            if step not in (Step.ASK, Step.POLL, Step.FORGET) and self._is_too_old(
                said_at(conversation, step)
            ):
                self._give_up(conversation, step, "it was said too long ago")
                continue
            try:
                self._do(step, conversation)
            except (TransientActionError, NotAllowedActionError) as error:
                # A token that is refused now is replaced by somebody who reads the log.
                self._pauses.failed(key, error)
                _log_failure(conversation, step, error)
                return error
            except (PermanentActionError, RefusedActionError, SchemaError) as error:
                failed = PermanentActionError(str(error))
                self._give_up(conversation, step, str(error))
            self._pauses.succeeded(key)
        return failed

    def _do(self, step: Step, conversation: Conversation) -> None:
        held, thread = conversation.held, conversation.thread
        if step is Step.FORGET:
            self._log.forget(conversation)
        elif step is Step.ASK:
            self._ask(conversation)
        elif step is Step.TELL_LATE:
            if conversation.page is not None:
                self._channel.notify(conversation.page)
            self._log.forget(conversation)
        elif thread is None:
            raise AssertionError(f"{step} of hold {held.id} without a thread")
        elif step is Step.CHANGE:
            change = conversation.untold[0]
            self._channel.change(thread, held, change)
            self._log.keep(after_change(conversation, change))
        elif step is Step.END:
            if conversation.end is not None:
                self._channel.end(thread, held, conversation.end)
            self._log.keep(replace(conversation, is_end_told=True))
        elif step is Step.OUTCOME:
            self._channel.outcome(thread, held, conversation.outcome, conversation.recovery)
            self._log.keep(replace(conversation, follow_up=conversation.known))
        elif step is Step.POLL:
            self._poll(conversation)
        else:
            assert_never(step)

    def _ask(self, conversation: Conversation) -> None:
        held = conversation.held
        end = self._end_of(held, self._now())
        if end is not None:
            self._log.keep(hear_change(conversation, end))
            return
        thread = self._channel.ask(held)
        self._log.keep(replace(conversation, thread=thread, page=None))
        logger.info("hold asked", extra={"channel": self.name, "hold": held.id, "question": thread.id})

    def _poll(self, conversation: Conversation) -> None:
        if conversation.thread is None:
            return
        found = self._channel.poll(conversation.thread, conversation.held)
        news = [reply for reply in found if reply.source not in conversation.heard]
        for reply in news:
            self._publish(reply)
        polled = after_poll(conversation, self._now(), (reply.source for reply in news))
        if news:
            self._log.keep(polled)
        else:
            self._log.note(polled)

    def _give_up(self, conversation: Conversation, step: Step, why: str) -> None:
        """Leave out what cannot be told, and go on with what can."""
        logger.error(
            "gave up telling people",
            extra={"channel": self.name, "hold": conversation.held.id, "step": step.value, "reason": why},
        )
        if step is Step.ASK:
            self._log.keep(replace(conversation, given_up=why))
        elif step is Step.TELL_LATE:
            self._log.forget(conversation)
        elif step is Step.CHANGE:
            self._log.keep(after_change(conversation, conversation.untold[0]))
        elif step is Step.END:
            self._log.keep(replace(conversation, is_end_told=True))
        elif step is Step.OUTCOME:
            self._log.keep(replace(conversation, follow_up=conversation.known))
        else:
            self._log.note(replace(conversation, polled_at=self._now()))

    def _is_too_old(self, at: datetime) -> bool:
        return self._now() - at > self._patience.tries


def _log_failure(conversation: Conversation, step: Step, error: ActionError) -> None:
    logger.warning(
        "people cannot be told",
        extra={
            "channel": conversation.channel,
            "hold": conversation.held.id,
            "step": step.value,
            "reason": str(error),
        },
    )
