"""Calls of Slack's Web API: which are tried again, and what its refusals mean; a door to slack_sdk.

Slack answers 200 whatever happened and says what in `ok` and `error`.

Sources: docs.slack.dev, "Web API", "Rate limits"; slack_sdk 3.47.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryState
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web import SlackResponse

from actions.errors import ActionError, NotAllowedActionError, PermanentActionError, TransientActionError

SLACK: Final = "https://slack.com/api/"

TIMEOUT_S: Final = 5.0
"""Of each wait for Slack. Longer keeps other questions waiting, shorter gives up on a slow answer."""

_RETRIES: Final = 2
_LONGEST_PAUSE_S: Final = 2
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

_sdk_logger = logging.getLogger("suture.slack.sdk")
# The client writes whole requests at debug level and answers at error level; what we need we say ourselves.
_sdk_logger.setLevel(logging.CRITICAL + 1)


class MessageGoneError(PermanentActionError):
    """A message is not there any more, or can no longer be changed: go on without it."""


class UnreadableError(ActionError):
    """We may not read there."""


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
        answer = called(what, lambda: self._client.apps_connections_open(app_token=self._app_token))
        address = text_of(answer, "url")
        is_local = self._client.base_url.startswith("http:")
        if not address.startswith("wss://") and not (is_local and address.startswith("ws://")):
            raise TransientActionError(f"{what}: the answer names no wss:// address")
        return address


def called(what: str, call: Callable[[], SlackResponse], *, readable: bool = False) -> Mapping[str, Any]:
    """Return what a call was answered.

    Args:
        what: The method and its object, for messages.
        call: Makes the call.
        readable: It reads a channel, in which we may have no right to read.

    Raises:
        TransientActionError: Slack cannot be reached, is busy, or answered nonsense.
        UnreadableError: We may not read there.
        MessageGoneError: The message is gone.
        PermanentActionError: Slack refuses for good; NotAllowedActionError where a right is missing.
    """
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
        return UnreadableError(message)
    if code in _GONE:
        return MessageGoneError(message)
    return NotAllowedActionError(message) if code in _NOT_ALLOWED else PermanentActionError(message)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and re.fullmatch(r"[0-9]{1,6}", str(value)):
            return float(value)
    return None


def text_of(of: Mapping[str, Any], key: str) -> str:
    """Return a field's text; "" where there is none."""
    value = of.get(key)
    return value if isinstance(value, str) else ""
