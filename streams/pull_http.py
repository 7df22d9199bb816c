"""Requests to sources: bounded in time and size, errors told apart by what the puller does next.

Proxies from the environment are not asked, TLS is verified, redirects are not followed. No error's text holds
an address, a header or a query.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import httpx

from actions.errors import PermanentActionError, TransientActionError
from schemas.errors import SchemaError
from schemas.redaction import redact

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer that are read."""

_LONGEST_TEXT = 300
_REFUSED = frozenset({400, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAnswer:
    """What a source answered.

    Attributes:
        date: Header `Date`, the server's own clock; "" for none.
    """

    body: bytes
    date: str


class SourceClient:
    """Asks one server.

    Args:
        timeout_s: Seconds until an answer must have begun, and from the request until it is whole.
        certificates: File with the authorities that its certificate may come from; "" for the well-known.
        failure_text: Reads what an error's body says; raises SchemaError where it says nothing.
    """

    def __init__(self, timeout_s: float, certificates: str, failure_text: Callable[[bytes], str]) -> None:
        verify = ssl.create_default_context(cafile=certificates or None)
        self._timeout_s, self._failure_text = timeout_s, failure_text
        # What the server needs for its own time limit comes on top of ours: its answer says more.
        self._client = httpx.Client(timeout=timeout_s + 1.0, verify=verify, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> SourceAnswer:
        """Return the answer to a request.

        Raises:
            TransientActionError: there is none, or an error that may pass: ask again later.
            PermanentActionError: the query itself is refused.
        """
        latest = time.monotonic() + self._timeout_s + 1.0
        try:
            with self._client.stream("POST", url, content=content, headers=dict(headers)) as response:
                body = _read(response, latest)
        except httpx.TimeoutException as error:
            raise TransientActionError(f"no answer within {self._timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The text of an error may hold the address, its type does not.
            raise TransientActionError(f"no answer: {type(error).__name__}") from error
        if response.status_code == 200:
            return SourceAnswer(body=body, date=response.headers.get("Date", ""))
        raise self._error(response, body)

    def _error(self, response: httpx.Response, body: bytes) -> TransientActionError | PermanentActionError:
        try:
            said = redact(self._failure_text(body))[:_LONGEST_TEXT]
        except SchemaError:
            said = ""
        text = f"HTTP {response.status_code}{': ' if said else ''}{said}"
        # A proxy's 400 is its own; what refuses a query says why.
        if response.status_code in _REFUSED and said:
            return PermanentActionError(text)
        return TransientActionError(text, retry_after_s=_pause_asked(response))


def _read(response: httpx.Response, latest: float) -> bytes:
    read = bytearray()
    for part in response.iter_bytes(64 * 1024):
        read += part
        if len(read) > LARGEST_ANSWER:
            raise TransientActionError(f"the answer is above {LARGEST_ANSWER} bytes")
        if time.monotonic() > latest:
            raise TransientActionError("the answer is not whole in time")
    return bytes(read)


def _pause_asked(response: httpx.Response) -> float | None:
    """Return the seconds that a server asks to wait: Datadog in a header of its own, others by Retry-After.

    A date in Retry-After is left to the usual pause (RFC 9110, 10.2.3).
    """
    names = ("X-RateLimit-Reset", "Retry-After") if response.status_code == 429 else ("Retry-After",)
    texts = (response.headers.get(name, "") for name in names)
    return next((float(text) for text in texts if text.isdecimal()), None)
