"""The methods of Slack's Web API by which questions are asked, found again and brought up to date.

Posting is not idempotent, so what is posted carries our id in its metadata and is looked for before it is
posted again.

Sources: docs.slack.dev, "Web API", "Message metadata".
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.models.metadata import Metadata

from actions.errors import TransientActionError
from actions.people.slack_calls import UnreadableError, called, text_of

Json = dict[str, Any]

_PAGES: Final = 5
_PAGE: Final = 200
_SKEW: Final = timedelta(minutes=5)

logger = logging.getLogger("suture.slack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who we are at Slack.

    Attributes:
        bot: Id of our bot, by which its messages are known.
        team: Id of the workspace.
        url: Address of the workspace, with a slash at its end.
    """

    bot: str
    team: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a message of ours is known by: its metadata.

    Attributes:
        kind: What the message is, as Slack's `event_type`.
        id: Id of what it is about.
        end: How that ended; "" while it has not.
    """

    kind: str
    id: str
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a look for a message gave.

    Attributes:
        timestamp: The message's; "" when it is not there.
        is_readable: Whether we may read there at all.
    """

    timestamp: str = ""
    is_readable: bool = True


class SlackApi:
    """The methods that questions need. Needs the scopes of docs/approvals-slack.md.

    Each raises TransientActionError, PermanentActionError, or NotAllowedActionError of the latter.

    Args:
        client: As `web_client` makes it.
    """

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._identity: Identity | None = None

    def identity(self) -> Identity:
        """Return who we are; asked once."""
        if self._identity is None:
            found = called("auth.test", self._client.auth_test)
            self._identity = Identity(
                bot=text_of(found, "bot_id"), team=text_of(found, "team_id"), url=text_of(found, "url")
            )
        return self._identity

    def post(self, channel: str, text: str, blocks: list[Json], label: Label, thread: str = "") -> str:
        """Post a message and return its timestamp.

        Raises:
            MessageGoneError: the thread that it belongs to is gone.
        """
        answer = called(
            f"chat.postMessage to {channel}",
            lambda: self._client.chat_postMessage(
                channel=channel,
                text=text,
                blocks=blocks,
                thread_ts=thread or None,
                metadata=_metadata(label),
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        timestamp = text_of(answer, "ts")
        if not timestamp:
            raise TransientActionError(f"chat.postMessage to {channel}: the answer names no message")
        return timestamp

    def update(self, channel: str, timestamp: str, text: str, blocks: list[Json], label: Label) -> None:
        """Put other words into a message.

        Raises:
            MessageGoneError: it is gone, or can no longer be changed.
        """
        called(
            f"chat.update of {channel}/{timestamp}",
            lambda: self._client.chat_update(
                channel=channel, ts=timestamp, text=text, blocks=blocks, metadata=_metadata(label)
            ),
        )

    def find(self, channel: str, label: Label, since: datetime, thread: str = "") -> Search:
        """Return where a message of ours stands that is known by its label's kind and id.

        Args:
            channel: Where to look.
            label: Its `end` does not matter.
            since: It is not older; clocks may differ by minutes.
            thread: Looks among a thread's replies instead of in the channel.
        """
        bot, cursor = self.identity().bot, ""
        for _ in range(_PAGES):
            try:
                answer = self._page(channel, str((since - _SKEW).timestamp()), cursor, thread)
            except UnreadableError:
                return Search(is_readable=False)
            for message in _messages(answer):
                if message.get("bot_id") == bot and _is_labelled(message, label):
                    return Search(timestamp=text_of(message, "ts"))
            following = answer.get("response_metadata")
            cursor = text_of(following, "next_cursor") if isinstance(following, dict) else ""
            if not cursor:
                return Search()
        logger.warning("no message found among so many", extra={"channel": channel, "read": _PAGES * _PAGE})
        return Search()

    def end_of(self, channel: str, timestamp: str) -> str:
        """Return how the question of a message ended, as its metadata say; "" where that cannot be read."""
        try:
            answer = called(
                f"conversations.history of {channel}",
                lambda: self._client.conversations_history(
                    channel=channel,
                    latest=timestamp,
                    inclusive=True,
                    limit=1,
                    include_all_metadata=True,
                ),
                readable=True,
            )
        except UnreadableError:
            return ""
        for message in _messages(answer):
            if message.get("ts") == timestamp and message.get("bot_id") == self.identity().bot:
                return text_of(_payload(message), "end")
        return ""

    def is_readable(self, channel: str) -> bool:
        """Return whether we are in a channel and may read what we posted there."""
        try:
            called(
                f"conversations.history of {channel}",
                lambda: self._client.conversations_history(channel=channel, limit=1),
                readable=True,
            )
        except UnreadableError:
            return False
        return True

    def _page(self, channel: str, oldest: str, cursor: str, thread: str) -> Mapping[str, Any]:
        if thread:
            return called(
                f"conversations.replies of {channel}/{thread}",
                lambda: self._client.conversations_replies(
                    channel=channel,
                    ts=thread,
                    oldest=oldest,
                    limit=_PAGE,
                    include_all_metadata=True,
                    cursor=cursor or None,
                ),
                readable=True,
            )
        return called(
            f"conversations.history of {channel}",
            lambda: self._client.conversations_history(
                channel=channel, oldest=oldest, limit=_PAGE, include_all_metadata=True, cursor=cursor or None
            ),
            readable=True,
        )


def _metadata(label: Label) -> Metadata:
    payload = {"id": label.id, **({"end": label.end} if label.end else {})}
    return Metadata(event_type=label.kind, event_payload=payload)


def _messages(answer: Mapping[str, Any]) -> list[Json]:
    found = answer.get("messages")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_labelled(message: Json, label: Label) -> bool:
    metadata = message.get("metadata")
    kind = metadata.get("event_type") if isinstance(metadata, dict) else None
    return kind == label.kind and _payload(message).get("id") == label.id


def _payload(message: Json) -> Json:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return payload if isinstance(payload, dict) else {}
