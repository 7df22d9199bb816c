"""OTLP over HTTP: answers in the encoding of the request.

Source: opentelemetry-proto, docs/specification.md, "OTLP/HTTP".
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from http import HTTPStatus

from fastapi import Request, Response
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from schemas.otlp_values import Refused
from schemas.topics import Topic
from streams.gateway_bodies import RefusedRequest, media_type
from streams.gateway_tokens import Tokens

RETRY_AFTER_S = 5
"""Seconds that a sender is asked to wait while Kafka is away; senders add their own jitter."""

# google.rpc.Code, of which OTLP only asks that it be there.
_CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.REQUEST_TIMEOUT: 4,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
    HTTPStatus.UNAUTHORIZED: 16,
}
_UNKNOWN = 2


class Encoding(StrEnum):
    """How a request and its answer are written."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


def encoding_of(request: Request) -> Encoding:
    """Return how the request is written.

    Raises:
        RefusedRequest: in neither of the two ways (415).
    """
    try:
        return Encoding(media_type(request))
    except ValueError as error:
        raise RefusedRequest(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content-type is unknown, expected application/x-protobuf or application/json",
        ) from error


def for_senders(
    tokens: Tokens, endpoint: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint for those alone who bear a token, where there is any."""

    async def guarded(request: Request) -> Response:
        if tokens:
            encoding = encoding_of(request)
            try:
                tokens.name_for(request.headers)
            except RefusedRequest as refusal:
                return failure(refusal, encoding)
        return await endpoint(request)

    return guarded


def success(topic: Topic, encoding: Encoding, refused: Sequence[Refused]) -> Response:
    """Return the answer to an accepted request, naming what of it was refused and why."""
    count = sum(entry.count for entry in refused)
    message = "; ".join(f"{entry.reason} ({entry.count})" for entry in refused)
    is_logs = topic is Topic.OTLP_LOGS
    if encoding is Encoding.JSON:
        rejected = "rejectedLogRecords" if is_logs else "rejectedDataPoints"
        partial = {"partialSuccess": {rejected: str(count), "errorMessage": message}} if count else {}
        return Response(json.dumps(partial), media_type=encoding.value)
    if is_logs:
        logs = ExportLogsServiceResponse()
        if count:
            logs.partial_success.rejected_log_records = count
            logs.partial_success.error_message = message
        return Response(logs.SerializeToString(), media_type=encoding.value)
    metrics = ExportMetricsServiceResponse()
    if count:
        metrics.partial_success.rejected_data_points = count
        metrics.partial_success.error_message = message
    return Response(metrics.SerializeToString(), media_type=encoding.value)


def failure(refusal: RefusedRequest, encoding: Encoding) -> Response:
    """Return the answer to a refused request: a google.rpc.Status."""
    code = _CODES.get(refusal.status, _UNKNOWN)
    if encoding is Encoding.JSON:
        body = json.dumps({"code": code, "message": refusal.message}).encode()
    else:
        body = status_message(code, refusal.message)
    headers = retry_headers(refusal.status)
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="suture"'
    return Response(body, status_code=refusal.status, media_type=encoding.value, headers=headers)


def retry_headers(status: HTTPStatus) -> dict[str, str]:
    """Return when to try again, for a status that means to."""
    return {"retry-after": str(RETRY_AFTER_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}


def status_message(code: int, message: str) -> bytes:
    """Return a google.rpc.Status in protobuf: field 1 is the code, field 2 the message.

    Written by hand: the package with its class is needed for nothing else.
    """
    text = message.encode()
    return bytes((0x08, code, 0x12)) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(0x80 | number & 0x7F)
        number >>= 7
    return bytes((*digits, number))
