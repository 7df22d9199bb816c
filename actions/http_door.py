"""Requests to what a list of runbooks names: the address as listed, nothing followed, answers bounded."""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from actions.errors import PermanentActionError, TransientActionError

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer that are read."""


class LostAnswerError(TransientActionError):
    """The request may have arrived: its answer did not, or does not say what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP's.
        body: Its JSON; None when it holds none.
    """

    status: int
    body: Any


class HttpDoor:
    """One server's door. Proxies from the environment are not asked, TLS is verified, redirects end it.

    Args:
        headers: Sent with every request.
        timeout_s: Seconds until an answer must have begun, and from then until it is whole.
        certificates: File with the authorities that its certificate may come from; "" for the well-known.
    """

    def __init__(self, headers: Mapping[str, str], timeout_s: float, certificates: str = "") -> None:
        verify = ssl.create_default_context(cafile=certificates or None)
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            headers={"Accept": "application/json", **headers},
            timeout=timeout_s,
            verify=verify,
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> "HttpDoor":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, what: str, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """Return the answer to a request, whatever its status but those that ask to come again.

        Raises:
            TransientActionError: it never arrived, or is asked again later: 429, 503, or 5xx with a time.
            LostAnswerError: no answer came, or a 5xx that leaves open what happened.
            PermanentActionError: it leads elsewhere, or says too much.
        """
        content = None if body is None else json.dumps(body).encode()
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            said["Content-Type"] = "application/json"
        try:
            with self._client.stream(method, url, content=content, headers=said) as response:
                answer = Answer(status=response.status_code, body=_body(what, response, self._timeout_s))
                _check(what, response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TransientActionError(f"{what}: {_reason(error)}") from error
        except httpx.TransportError as error:
            raise LostAnswerError(f"{what}: no answer: {_reason(error)}") from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise PermanentActionError(f"{what}: {_reason(error)}") from error
        return answer


def found_at(body: Any, path: str) -> str | None:
    """Return what stands at a path in an answer as text; None when nothing does.

    >>> found_at({"items": [{"state": "done"}]}, "items.0.state")
    'done'
    """
    for step in path.split("."):
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and step.isdecimal() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    if isinstance(body, bool):
        return str(body).lower()
    return str(body) if isinstance(body, (str, int, float)) else None


def _body(what: str, response: httpx.Response, timeout_s: float) -> Any:
    read = bytearray()
    latest = time.monotonic() + timeout_s
    for part in response.iter_bytes(64 * 1024):
        read += part
        if len(read) > LARGEST_ANSWER:
            raise PermanentActionError(f"{what}: the answer is above {LARGEST_ANSWER} bytes")
        if time.monotonic() > latest:
            raise LostAnswerError(f"{what}: the answer is not whole after {timeout_s:g} s")
    try:
        return json.loads(read) if read else None
    except ValueError:
        return None


def _check(what: str, response: httpx.Response) -> None:
    status = response.status_code
    if 300 <= status < 400:
        raise PermanentActionError(f"{what}: HTTP {status} leads elsewhere, expected the final address")
    after = _retry_after(response.headers.get("Retry-After", ""))
    if status in (429, 503) or (status >= 500 and after is not None):
        raise TransientActionError(f"{what}: HTTP {status}", retry_after_s=after)
    if status >= 500:
        raise LostAnswerError(f"{what}: HTTP {status}")


def _retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After; a date is left to the usual pause (RFC 9110, 10.2.3)."""
    return float(text) if text.isdecimal() else None


def _reason(error: Exception) -> str:
    # The text of an error may hold the address with its arguments, its type does not.
    return type(error).__name__
