"""Bodies of requests: read whole, but never more than a bound, packed or not."""

import asyncio
import zlib
from datetime import timedelta
from http import HTTPStatus

from fastapi import Request
from starlette.requests import ClientDisconnect

MAX_BODY_BYTES = 10 * 1024 * 1024 - 64 * 1024
"""Bytes of a body after unpacking: what a topic takes in one message, less its headers and framing."""

READ_TIMEOUT = timedelta(seconds=30)
"""How long a sender may take for its body; a slower one holds memory that others need."""

_GZIP = 16 + zlib.MAX_WBITS


class RefusedRequest(Exception):  # noqa: N818  # it is an answer, and reads as one where it is raised
    """A request is answered with an error.

    Attributes:
        status: HTTP status.
        message: What was seen and expected, without a word of the body.
        challenge: What `www-authenticate` says with it; "" for nothing.
    """

    def __init__(self, status: HTTPStatus, message: str, *, challenge: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.challenge = challenge


def media_type(request: Request) -> str:
    """Return the body's media type in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Return the unpacked body.

    Raises:
        RefusedRequest: it is too large (413), too slow (408), packed by other means than gzip (415), or
            no gzip although it says so (400).
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise RefusedRequest(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-encoding is unknown, expected gzip or none"
        )
    body = await read_as_sent(request, limit)
    return unpacked(body, limit) if encoding == "gzip" else body


async def read_as_sent(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Return the body as it was sent, packed or not.

    Raises:
        RefusedRequest: it is too large (413), too slow (408), or ends too early (400).
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            return await _read_at_most(request, limit)
    except TimeoutError as error:
        raise RefusedRequest(HTTPStatus.REQUEST_TIMEOUT, "body did not arrive in time") from error
    except ClientDisconnect as error:
        # Nobody hears the answer; the point is that a sender's hanging up is no fault of ours.
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, "body ended before it was complete") from error


def unpacked(packed: bytes, limit: int) -> bytes:
    """Return what gzip packed, one member after the other.

    Raises:
        RefusedRequest: it is no gzip, or unpacks to more than `limit` bytes.
    """
    parts: list[bytes] = []
    room = limit
    rest = packed
    while rest:
        unpacker = zlib.decompressobj(_GZIP)
        try:
            part = unpacker.decompress(rest, room + 1)
        except zlib.error as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, "body is not the gzip that it says it is") from error
        room -= len(part)
        if room < 0:
            raise _too_large(limit)
        if not unpacker.eof:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, "body is gzip that ends too early")
        parts.append(part)
        rest = unpacker.unused_data
    if not parts:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, "body is not the gzip that it says it is")
    return b"".join(parts)


async def _read_at_most(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> RefusedRequest:
    return RefusedRequest(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body has more than {limit} bytes; send smaller batches"
    )
