"""Slack's Web API, and what its refusals mean; the door to slack_sdk's client.

Slack answers 200 whatever happened and says what in `ok` and `error`. Posting is not idempotent, so what is
posted carries our id in its metadata and is looked for before it is posted again.

Sources: docs.slack.dev, "Web API", "Rate limits", "Message metadata"; slack_sdk 3.47.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryState
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.metadata import Metadata
from slack_sdk.web import SlackResponse

from actions.errors import ActionError, NotAllowedActionError, PermanentActionError, TransientActionError

Json = dict[str, Any]

SLACK: Final = "https://slack.com/api/"

TIMEOUT_S: Final = 5.0
"""Of each wait for Slack. Longer keeps other questions waiting, shorter gives up on a slow answer."""

_RETRIES: Final = 2
_LONGEST_PAUSE_S: Final = 2
_PAGES: Final = 5
_PAGE: Final = 200
_SKEW: Final = timedelta(minutes=5)
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,60}")

_TRANSIENT: Final = frozenset(
    {
        "fatal_error",
        "internal_error",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
_NOT_ALLOWED: Final = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "restricted_action",
        "token_expired",
        "token_revoked",
    }
)
_GONE: Final = frozenset(
    {
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "is_inactive",
        "message_not_found",
        "thread_not_found",
    }
)
_UNREADABLE: Final = frozenset(
    {"channel_not_found", "method_not_supported_for_channel_type", "missing_scope", "not_in_channel"}
)

logger = logging.getLogger("suture.slack")

_sdk_logger = logging.getLogger("suture.slack.sdk")
# The client writes whole requests at debug level and answers at error level; what we need we say ourselves.
_sdk_logger.setLevel(logging.CRITICAL + 1)


class MessageGoneError(PermanentActionError):
    """A message is not there any more, or can no longer be changed: go on without it."""


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


class _ShortRateLimit(RateLimitErrorRetryHandler):
    """Tries again what Slack refused for its rate, where it asks for a short pause."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        super().__init__(max_retry_count=_RETRIES)
        self._pause = pause

    def _can_retry(
        self,
        *,
        state: RetryState,  # noqa: ARG002  # the library's signature
        request: HttpRequest,  # noqa: ARG002
        response: HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> bool:
        if response is None or response.status_code != 429:
            return False
        asked = _retry_after({key: values[0] for key, values in response.headers.items() if values})
        return asked is not None and asked <= _LONGEST_PAUSE_S

    def prepare_for_next_attempt(
        self,
        *,
        state: RetryState,
        request: HttpRequest,  # noqa: ARG002
        response: HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> None:
        headers = response.headers if response is not None else {}
        self._pause(_retry_after({key: values[0] for key, values in headers.items() if values}) or 0.0)
        state.next_attempt_requested = True
        state.increment_current_attempt()


def web_client(
    token: str,
    url: str = SLACK,
    timeout_s: float = TIMEOUT_S,
    pause: Callable[[float], None] = time.sleep,
) -> WebClient:
    """Return a client that tries again nothing but what Slack refused unread.

    A connection that broke may have carried its message, so that is ours to look after.

    Args:
        token: Of the bot; "" where each call brings its own.
        url: Of the Web API.
        timeout_s: Of each wait.
        pause: Waits so many seconds.
    """
    return WebClient(
        token=token or None,
        base_url=url,
        timeout=timeout_s,  # type: ignore[arg-type]  # goes to urlopen, which takes fractions
        retry_handlers=[_ShortRateLimit(pause)],
        logger=_sdk_logger,
    )


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
            found = _called("auth.test", self._client.auth_test)
            self._identity = Identity(
                bot=_text(found, "bot_id"), team=_text(found, "team_id"), url=_text(found, "url")
            )
        return self._identity

    def post(self, channel: str, text: str, blocks: list[Json], label: Label, thread: str = "") -> str:
        """Post a message and return its timestamp.

        Raises:
            MessageGoneError: the thread that it belongs to is gone.
        """
        answer = _called(
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
        timestamp = _text(answer, "ts")
        if not timestamp:
            raise TransientActionError(f"chat.postMessage to {channel}: the answer names no message")
        return timestamp

    def update(self, channel: str, timestamp: str, text: str, blocks: list[Json], label: Label) -> None:
        """Put other words into a message.

        Raises:
            MessageGoneError: it is gone, or can no longer be changed.
        """
        _called(
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
            except _UnreadableError:
                return Search(is_readable=False)
            for message in _messages(answer):
                if message.get("bot_id") == bot and _is_labelled(message, label):
                    return Search(timestamp=_text(message, "ts"))
            following = answer.get("response_metadata")
            cursor = _text(following, "next_cursor") if isinstance(following, dict) else ""
            if not cursor:
                return Search()
        logger.warning("no message found among so many", extra={"channel": channel, "read": _PAGES * _PAGE})
        return Search()

    def end_of(self, channel: str, timestamp: str) -> str:
        """Return how the question of a message ended, as its metadata say; "" where that cannot be read."""
        try:
            answer = _called(
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
        except _UnreadableError:
            return ""
        for message in _messages(answer):
            if message.get("ts") == timestamp and message.get("bot_id") == self.identity().bot:
                return _text(_payload(message), "end")
        return ""

    def is_readable(self, channel: str) -> bool:
        """Return whether we are in a channel and may read what we posted there."""
        try:
            _called(
                f"conversations.history of {channel}",
                lambda: self._client.conversations_history(channel=channel, limit=1),
                readable=True,
            )
        except _UnreadableError:
            return False
        return True

    def _page(self, channel: str, oldest: str, cursor: str, thread: str) -> Mapping[str, Any]:
        if thread:
            return _called(
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
        return _called(
            f"conversations.history of {channel}",
            lambda: self._client.conversations_history(
                channel=channel, oldest=oldest, limit=_PAGE, include_all_metadata=True, cursor=cursor or None
            ),
            readable=True,
        )


class SocketAddresses:
    """Addresses of Socket Mode, each good for one connection within half a minute.

    Args:
        client: As `web_client` makes it, without the bot's token.
        app_token: Of the app, `xapp-...`, with `connections:write`.
    """

    def __init__(self, client: WebClient, app_token: str) -> None:
        self._client, self._app_token = client, app_token

    def __call__(self) -> str:
        """Return a new one.

        Raises:
            TransientActionError: Slack gives none now.
            PermanentActionError: it never will, as with a token that lacks the right.
        """
        what = "apps.connections.open"
        answer = _called(what, lambda: self._client.apps_connections_open(app_token=self._app_token))
        address = _text(answer, "url")
        is_local = self._client.base_url.startswith("http:")
        if not address.startswith("wss://") and not (is_local and address.startswith("ws://")):
            raise TransientActionError(f"{what}: the answer names no wss:// address")
        return address


class _UnreadableError(ActionError):
    """We may not read there."""


def _called(what: str, call: Callable[[], SlackResponse], *, readable: bool = False) -> Mapping[str, Any]:
    try:
        data = call().data
    except SlackApiError as error:
        raise _meaning(what, error, readable) from None
    except (SlackClientError, HTTPException, OSError) as error:
        # Without its cause: the library's text may hold addresses with tickets in them.
        raise TransientActionError(f"{what}: Slack cannot be reached ({type(error).__name__})") from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # The library takes every answer for an object in a known charset.
        raise TransientActionError(
            f"{what}: the answer is none of Slack's ({type(error).__name__})"
        ) from None
    if not isinstance(data, dict):
        raise TransientActionError(f"{what}: the answer is no object, expected ok and what was asked for")
    return data


def _meaning(what: str, error: SlackApiError, readable: bool) -> ActionError:
    response = error.response
    status = response.status_code
    code = response.data.get("error") if isinstance(response.data, dict) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        code = "an answer that is none of Slack's"
    message = f"{what}: {status} {code}" if status != 200 else f"{what}: {code}"
    if status == 429 or status >= 500 or code in _TRANSIENT or " " in code:
        return TransientActionError(message, retry_after_s=_retry_after(response.headers))
    if readable and code in _UNREADABLE:
        return _UnreadableError(message)
    if code in _GONE:
        return MessageGoneError(message)
    return NotAllowedActionError(message) if code in _NOT_ALLOWED else PermanentActionError(message)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and re.fullmatch(r"[0-9]{1,6}", str(value)):
            return float(value)
    return None


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


def _text(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return value if isinstance(value, str) else ""
