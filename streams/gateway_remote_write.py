"""Prometheus remote write over HTTP, 1.0 and 2.0: checked, and put onto its topic as it came.

Source: prometheus.io/docs/specs/prw/remote_write_spec (1.0) and remote_write_spec_2_0. What is answered with
4xx is lost for good, so only what no repetition mends is; senders come again after 5xx.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response

from schemas.errors import SchemaError
from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames
from schemas.remote_write import RemoteWriteRead, RemoteWriteVersion, read_remote_write
from schemas.snappy_block import LARGEST_UNPACKED, TooLargeError, unpacked_block
from schemas.topics import Topic
from streams.gateway_bodies import MAX_BODY_BYTES, RefusedRequest, media_type, read_as_sent
from streams.gateway_tokens import Tokens

PATHS = ("/v1/remote-write", "/api/v1/write")
"""The second is where Prometheus' own receiver listens, which senders are often set to."""

_PARSED_IN_PLACE = 32 * 1024  # bytes; a larger body is parsed in a thread, beside the event loop
_WRITTEN = "x-prometheus-remote-write-{}-written"

Publish = Callable[[Topic, bytes | None, bytes, list[tuple[str, bytes]]], Awaitable[None]]


def add_remote_write_routes(
    app: FastAPI,
    publish: Publish,
    tokens: Tokens,
    labels: LabelNames = DEFAULT_LABELS,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> None:
    """Add the routes to which Prometheus writes.

    Args:
        app: The gateway.
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        tokens: Who may write; none for everybody.
        labels: Which labels say whose a series is.
        max_body_bytes: Bound of a body as it is sent.
    """
    receiver = _Receiver(publish, tokens, labels, max_body_bytes)
    for path in PATHS:
        app.add_api_route(
            path,
            receiver.receive,
            methods=["POST"],
            summary="Prometheus remote write",
            response_class=Response,
        )


class _Receiver:
    def __init__(self, publish: Publish, tokens: Tokens, labels: LabelNames, max_body_bytes: int) -> None:
        self._publish = publish
        self._tokens = tokens
        self._labels = labels
        self._max_body_bytes = max_body_bytes

    async def receive(self, request: Request) -> Response:
        """Answer a write.

        Raises:
            RefusedRequest: the sender is unknown (401, 403), the content type or its packing is (415), it is
                too large (413), malformed (400), or Kafka does not take it (503).
        """
        if self._tokens:
            self._tokens.name_for(request.headers)
        version = _version(request)
        packing = request.headers.get("content-encoding", "").strip().lower()
        # 1.0's earliest senders name no packing, and have no other.
        if packing not in ("snappy", ""):
            raise RefusedRequest(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-encoding is unknown, expected snappy"
            )
        body = await read_as_sent(request, self._max_body_bytes)
        read = await self._read(body, version)
        if read.batches:
            headers = [
                ("content-type", f"application/x-protobuf;proto={version}".encode()),
                ("content-encoding", b"snappy"),
            ]
            await self._publish(Topic.REMOTE_WRITE, None, body, headers)
        return _answer(read, version)

    async def _read(self, body: bytes, version: RemoteWriteVersion) -> RemoteWriteRead:
        try:
            if len(body) <= _PARSED_IN_PLACE:
                return self._checked(body, version)
            return await asyncio.to_thread(self._checked, body, version)
        except TooLargeError as error:
            raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _checked(self, body: bytes, version: RemoteWriteVersion) -> RemoteWriteRead:
        data = unpacked_block(body, LARGEST_UNPACKED)
        return read_remote_write(data, version, self._labels, every_bucket=False)


def _version(request: Request) -> RemoteWriteVersion:
    """Return which message the content type announces; 1.0 where it names none.

    The version header says nothing that the content type does not, and is not looked at.
    """
    if media_type(request) == "application/x-protobuf":
        parameters = request.headers.get("content-type", "").split(";")[1:]
        said = dict(_parameter(part) for part in parameters)
        try:
            return RemoteWriteVersion(said.get("proto", RemoteWriteVersion.FIRST))
        except ValueError:
            pass
    known = " or ".join(f"proto={version}" for version in RemoteWriteVersion)
    raise RefusedRequest(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"content-type is unknown, expected application/x-protobuf with {known}",
    )


def _parameter(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _answer(read: RemoteWriteRead, version: RemoteWriteVersion) -> Response:
    """Return the answer to what was taken: how much of it counts, and an error if some of it never can."""
    headers = {}
    if version is RemoteWriteVersion.SECOND:
        headers = {
            _WRITTEN.format("samples"): str(read.samples),
            _WRITTEN.format("histograms"): str(read.histograms),
            _WRITTEN.format("exemplars"): "0",
        }
    if read.invalid:
        told = "; ".join(f"{entry.reason} ({entry.count})" for entry in read.invalid)
        return Response(f"samples are invalid: {told}\n", HTTPStatus.BAD_REQUEST, headers, "text/plain")
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
