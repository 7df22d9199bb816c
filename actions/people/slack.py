"""Slack as a channel: each hold is a message with buttons, and its thread tells what became of it.

Answers come in by themselves, over HTTP or Socket Mode (`schemas.slack_callbacks`), so nothing is polled.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from actions.errors import PermanentActionError
from actions.people.channel import Done, Thread
from actions.people.slack_api import Label, SlackApi
from actions.people.slack_blocks import (
    answered,
    call,
    end_of,
    line,
    news,
    question,
    question_line,
    with_address,
)
from actions.people.slack_calls import MessageGoneError
from schemas.approvals import HoldChanged, Person
from schemas.judgements import Recovery
from schemas.keys import EnvironmentName
from schemas.orders import Held, Outcome, Page
from schemas.releases import Release
from schemas.replies import Reply
from schemas.slack_callbacks import CHANNEL

logger = logging.getLogger("suture.slack")

EVERY = "*"
"""Stands for every environment that has no channel of its own."""

_HOLD, _CHANGE, _PAGE = "suture_hold", "suture_change", "suture_page"
_MOST_ENDS = 1000
_LONGEST_END = 2000


class SlackChannel:
    """Asks in Slack.

    A message is looked for by its metadata before it is posted. Where our bot may not read the channel, a
    question that was posted and not recorded is posted again, and says so; both lead to the same hold.

    Args:
        api: Slack.
        channels: Ids of channels by environment; `*` for every other one.
        people: Whom the policy names.
        link: Where there is more to read about a hold; "" for nowhere.
    """

    name = CHANNEL

    def __init__(
        self,
        api: SlackApi,
        channels: Mapping[str, str],
        people: Mapping[str, Person],
        link: Callable[[Held], str] = lambda _: "",
    ) -> None:
        self._api, self._channels, self._people, self._link = api, dict(channels), dict(people), link
        self._ends: OrderedDict[str, str] = OrderedDict()

    def asks_in(self, environment: EnvironmentName) -> bool:
        """Return whether questions of an environment have a channel here."""
        return bool(self._channels.get(environment) or self._channels.get(EVERY))

    def ask(self, held: Held) -> Thread:
        """Put a question into the environment's channel; asked again, return the message that stands there.

        Raises:
            PermanentActionError: the environment has no channel, or Slack refuses it for good.
            TransientActionError: Slack cannot be reached or is busy.
        """
        channel = self._channels.get(held.environment) or self._channels.get(EVERY)
        if not channel:
            raise PermanentActionError(
                f"no Slack channel for environment {held.environment}, expected one in SUTURE_SLACK_CHANNELS"
            )
        label = Label(kind=_HOLD, id=held.id)
        found = self._api.find(channel, label, held.at)
        timestamp = found.timestamp
        if not timestamp:
            blocks = question(held, self._people, may_repeat=not found.is_readable)
            blocks = with_address(blocks, self._link(held))
            timestamp = self._api.post(channel, question_line(held), blocks, label)
        return Thread(id=f"{channel}/{timestamp}", url=self._address(channel, timestamp))

    def change(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Bring the message up to date, and say in its thread what changed, calling whom it concerns."""
        channel, timestamp = _place(thread)
        label = Label(kind=_CHANGE, id=change.id)
        self._update(thread, question_line(held), question(held, self._people, change), held)
        try:
            if not self._api.find(channel, label, change.at, timestamp).timestamp:
                self._api.post(channel, line(change.text), news(change, self._people), label, timestamp)
        except MessageGoneError as error:
            _log_gone(held, error)

    def end(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Take the buttons away, and say who decided and when."""
        end = end_of(change)[:_LONGEST_END]
        self._remember(thread, end)
        self._update(thread, line(end), answered(held, end, None, None), held, end)

    def outcome(self, thread: Thread, held: Held, outcome: Outcome | None, recovery: Recovery | None) -> None:
        """Say below the decision what came of it."""
        end = self._ends.get(thread.id) or self._api.end_of(*_place(thread))
        if end:
            self._remember(thread, end)
        blocks = answered(held, end or "Approved and ordered", outcome, recovery)
        told = recovery.text if recovery is not None else outcome.detail if outcome is not None else end
        self._update(thread, line(told), blocks, held, end)

    def poll(self, thread: Thread, held: Held) -> tuple[Reply, ...]:  # noqa: ARG002  # Slack calls us
        """Return nothing: answers come in by themselves."""
        return ()

    def notify(self, page: Page) -> None:
        """Post a message without a question; nothing where the environment has no channel."""
        channel = self._channels.get(page.environment) or self._channels.get(EVERY)
        if not channel:
            return
        label = Label(kind=_PAGE, id=page.id)
        if not self._api.find(channel, label, page.at).timestamp:
            self._api.post(channel, line(f"{page.service}: {page.summary}"), call(page), label)

    def started(self, release: Release) -> None:
        """Do nothing: Slack keeps no timeline of changes."""

    def done(self, done: Done) -> None:
        """Do nothing, likewise."""

    def _update(
        self, thread: Thread, text: str, blocks: list[dict[str, Any]], held: Held, end: str = ""
    ) -> None:
        label = Label(kind=_HOLD, id=held.id, end=end)
        try:
            self._api.update(*_place(thread), text, with_address(blocks, self._link(held)), label)
        except MessageGoneError as error:
            _log_gone(held, error)

    def _remember(self, thread: Thread, end: str) -> None:
        self._ends[thread.id] = end
        self._ends.move_to_end(thread.id)
        while len(self._ends) > _MOST_ENDS:
            self._ends.popitem(last=False)

    def _address(self, channel: str, timestamp: str) -> str:
        url = self._api.identity().url.rstrip("/")
        return f"{url}/archives/{channel}/p{timestamp.replace('.', '')}" if url else ""


def _place(thread: Thread) -> tuple[str, str]:
    channel, slash, timestamp = thread.id.partition("/")
    if not slash or not channel or not timestamp:
        raise PermanentActionError(f"thread is {thread.id!r}, expected channel/timestamp")
    return channel, timestamp


def _log_gone(held: Held, error: MessageGoneError) -> None:
    logger.warning("message is gone or fixed", extra={"hold": held.id, "reason": str(error)})
