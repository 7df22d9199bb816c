"""PagerDuty's REST API v2 and Events API v2, and what their refusals mean; the door to its client.

The client repeats a request that is answered 429 for ever, in the calling thread, unless it is told
otherwise, and reads no `ratelimit-reset`. So it is told to repeat nothing, and what may be repeated is
repeated here, a bounded number of times.

Sources: developer.pagerduty.com, "Errors", "Rate limiting"; the client's api_client.py, 7.2.0.
"""

import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from httpx2 import Response, TransportError
from pagerduty import Error, EventsApiV2Client, HttpError, RestApiV2Client
from pagerduty.api_client import ApiClient

from actions.errors import NotAllowedActionError, PermanentActionError, TransientActionError
from actions.people.pagerduty_settings import PagerDutySettings

# The client says of each 429 that it gave up, and after how many attempts: that is for us to say.
_MUTE = logging.getLogger("suture.pagerduty.client")
_MUTE.setLevel(logging.CRITICAL)

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]

TIMEOUT_S: Final = 5.0
"""Of each wait for PagerDuty. Longer keeps other questions waiting, shorter gives up on a slow answer."""

_ATTEMPTS: Final = 3
_LONGEST_PAUSE_S: Final = 3.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_REASON: Final = 200
_PAGE: Final = 100
_PAGES: Final = 20


class RefusedRequestError(PermanentActionError):
    """PagerDuty will not take this request.

    Attributes:
        status: HTTP's.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class PagerDutyApi:
    """Sends requests, and tells what may be tried again from what may not.

    Every method raises TransientActionError on 408, 409, 429, 5xx and when nobody answers,
    NotAllowedActionError on 401 and 403, RefusedRequestError on every other refusal.

    Args:
        settings: Where, and with which keys.
        pause: Waits so many seconds.
        timeout_s: Of each wait for PagerDuty.
    """

    def __init__(
        self,
        settings: PagerDutySettings,
        pause: Callable[[float], None] = time.sleep,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._pause = pause
        trusted: ssl.SSLContext | bool = True
        if settings.authority is not None:
            try:
                trusted = ssl.create_default_context(cafile=settings.authority)
            except (OSError, ssl.SSLError) as error:
                raise PermanentActionError(
                    f"{settings.authority} holds no certificates to trust: {error.strerror}"
                ) from error
        self._rest: RestApiV2Client | None = None
        if settings.token:
            self._rest = RestApiV2Client(
                settings.token, default_from=settings.sender, base_url=settings.url, verify=trusted
            )
            _repeat_nothing(self._rest, timeout_s)
        self._events: EventsApiV2Client | None = None
        if settings.routing_key:
            self._events = EventsApiV2Client(
                settings.routing_key, base_url=settings.events_url, verify=trusted
            )
            _repeat_nothing(self._events, timeout_s)

    def get(self, path: str, query: Query = ()) -> Json:
        """Return what stands at a path."""
        return self._sent("GET", path, query=query)

    def listed(self, path: str, name: str, query: Query = ()) -> list[Json]:
        """Return all entries of a list, page by page; 2,000 at most."""
        found: list[Json] = []
        for page in range(_PAGES):
            answer = self.get(path, (*query, ("limit", str(_PAGE)), ("offset", str(page * _PAGE))))
            found += _objects(answer.get(name))
            if answer.get("more") is not True:
                break
        return found

    def put(self, path: str, body: Json) -> Json:
        """Bring what stands at a path to a state."""
        return self._sent("PUT", path, body=body)

    def post(self, path: str, body: Json | None = None, *, is_known_twice: bool = False) -> Json:
        """Make something new.

        Args:
            path: Of what kind.
            body: What; None for a call that needs none.
            is_known_twice: PagerDuty knows a repeat. Else it is repeated only where it was not taken.
        """
        return self._sent("POST", path, body=body, is_known_twice=is_known_twice)

    def trigger(self, *, summary: str, source: str, dedup_key: str, payload: Json) -> None:
        """Send an event that opens an alert, or joins the one that is open under the same key."""
        if self._events is None:
            return
        events = self._events

        def send() -> Response | None:
            events.trigger(summary, source, dedup_key=dedup_key, severity="error", payload=payload)
            return None

        self._tried("POST /v2/enqueue", send, is_known_twice=True)

    def change(self, payload: Json, links: Sequence[Json]) -> None:
        """Send an event that shows on the timeline of changes, and calls nobody."""
        if self._events is None:
            return
        events = self._events

        def send() -> Response | None:
            events.send_change_event(payload, links=list(links))
            return None

        self._tried("POST /v2/change/enqueue", send, is_known_twice=False)

    def _sent(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Json | None = None,
        is_known_twice: bool = True,
    ) -> Json:
        if self._rest is None:
            raise PermanentActionError("PagerDuty has no token, expected SUTURE_PAGERDUTY_TOKEN")
        rest = self._rest
        more: dict[str, Any] = {} if body is None else {"json": body}
        if query:
            # The client takes a mapping, and puts brackets behind the name of every list.
            many = {name: [value for one, value in query if one == name] for name, _ in query}
            more["params"] = {name: many[name] if name.endswith("[]") else value for name, value in query}

        def send() -> Response | None:
            # The documents ask for the content type of requests without content, too.
            answer: Response = rest.request(
                method, path, headers={"Content-Type": "application/json"}, **more
            )
            if not answer.is_success:
                raise HttpError("", answer)
            return answer

        what = f"{method} {path}"
        answer = self._tried(what, send, is_known_twice)
        if answer is None or not answer.content:
            return {}
        try:
            value = answer.json()
        except ValueError as error:
            raise TransientActionError(f"PagerDuty's answer to {what} is not JSON") from error
        if not isinstance(value, dict):
            raise TransientActionError(f"PagerDuty's answer to {what} is no object")
        return value

    def _tried(self, what: str, send: Callable[[], Response | None], is_known_twice: bool) -> Response | None:
        own_pause = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return send()
            except Error as error:
                # Of its own words some hold the end of the token.
                failure, may_repeat = _meaning(what, error, is_known_twice)
                if not isinstance(failure, TransientActionError):
                    raise failure from None
                asked = failure.retry_after_s
                pause = own_pause if asked is None else asked
                if not may_repeat or attempt == _ATTEMPTS or pause > _LONGEST_PAUSE_S:
                    raise failure from None
            self._pause(pause)
            own_pause *= 2
        raise AssertionError("the last attempt returns or raises")


def _repeat_nothing(client: ApiClient, timeout_s: float) -> None:
    client.timeout = timeout_s  # type: ignore[assignment]  # it takes fractions, and is typed by its default
    # Of 429 it knows no "never": one attempt, and no more attempts of all kinds than less than none.
    client.retry = {429: 1}
    client.max_http_attempts = -1
    client.max_network_attempts = 0
    client.log = _MUTE


def _meaning(
    what: str, error: Error, is_known_twice: bool
) -> tuple[TransientActionError | PermanentActionError, bool]:
    """Return what to raise, and whether the request may be repeated at once."""
    answer = error.response
    if answer is None:
        cause = type(error.__cause__).__name__ if isinstance(error.__cause__, TransportError) else "no answer"
        return TransientActionError(f"PagerDuty did not answer {what}: {cause}"), is_known_twice
    status = int(answer.status_code)
    seen = f"PagerDuty answered {status} to {what}{_reason(answer)}"
    if status == 429:
        return TransientActionError(seen, _reset_s(answer.headers)), True
    if status in (408, 409) or status >= 500 or status < 400:
        return TransientActionError(seen), is_known_twice and status >= 500
    if status in (401, 403):
        return NotAllowedActionError(f"{seen}, expected a key that may do this"), False
    return RefusedRequestError(seen, status), False


def _reason(answer: Response) -> str:
    """Return the vendor's words, as a bounded line."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    told = said.get("error") if isinstance(said, dict) else None
    told = told if isinstance(told, dict) else said if isinstance(said, dict) else {}
    message, code = told.get("message"), told.get("code")
    if not isinstance(message, str):
        return ""
    words = "".join(letter if letter.isprintable() else " " for letter in message)[:_LONGEST_REASON]
    return f": {words} ({code})" if isinstance(code, int) else f": {words}"


def _reset_s(headers: Mapping[str, str]) -> float | None:
    """Return after how many seconds PagerDuty takes requests again; None where it does not say."""
    said = headers.get("ratelimit-reset", "")
    return float(said) if said.isascii() and said.isdecimal() and len(said) < 6 else None


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
