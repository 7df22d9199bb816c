"""The gateway's routes for Keptn: Prometheus's query API for the lifecycle toolkit, events for version 1."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response

from schemas.cloudevents import BATCH
from schemas.errors import SchemaError
from streams.gateway_access import Access
from streams.gateway_bodies import RefusedRequest, media_type, read_body
from streams.gateway_tokens import Scope
from streams.gateway_verdicts import Wait, wait_of
from streams.keptn_events import Triggered, finished, read_triggered, started
from streams.openapi_parts import (
    JSON_OBJECT,
    PROMETHEUS_ANSWERS,
    PROMETHEUS_PARAMETERS,
    form_body,
    query_parameters,
)
from streams.release_verdicts import ReleaseVerdict, ReleaseVerdicts, unknown
from streams.verdict_query import Selector, failure, read_selector, read_time, vector
from streams.verdict_waiting import VerdictWaiters

_LARGEST_FORM = 16 * 1024
_LARGEST_EVENT = 256 * 1024
_MOST_FIELDS = 50
_FORM = "application/x-www-form-urlencoded"
_UNCACHED = {"cache-control": "no-store"}


def add_keptn_routes(
    app: FastAPI, waiting: VerdictWaiters, access: Access, now: Callable[[], datetime]
) -> None:
    """Add the routes.

    Args:
        app: To what.
        waiting: What is held of releases, and who waits for it.
        access: Who may ask.
        now: The clock.
    """

    async def query(request: Request) -> Response:
        """Answer `suture_verdict{service="...",environment="..."}`: 1 healthy, 0 harmful, no sample else.

        The newest release of each service counts or, where `version` is asked for, its newest deploy.
        Nothing else of PromQL is understood, and of no other time than now.
        """
        access.check(Scope.READ, request.headers, takes_basic=True)
        try:
            given = await _fields(request)
            selector = read_selector(given.get("query", ""))
            at_s = read_time(given.get("time", ""), now())
            most = _whole(given.get("limit", "0"))
        except (SchemaError, RefusedRequest) as error:
            return _failed(HTTPStatus.BAD_REQUEST, "bad_data", str(error))
        if not waiting.held.is_current:
            return _failed(
                HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "verdicts cannot be read at the moment"
            )
        answer = vector(selector, _answers(waiting.held, selector), at_s, most)
        return Response(json.dumps(answer), media_type="application/json", headers=_UNCACHED)

    async def keptn(request: Request, wait: Wait = "0") -> Response:
        """Answer an `evaluation.triggered` or `get-sli.triggered` with the events that follow from it.

        200 with `started` and `finished` when the verdict is settled; 202 with `started` alone before. It may
        be asked again: what answers an event has the same ids each time.
        """
        access.check(Scope.READ, request.headers)
        longest = wait_of(wait)
        body = await read_body(request, _LARGEST_EVENT)
        try:
            asked = read_triggered(body)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        answer = await _settled(waiting, asked, longest)
        events: list[dict[str, Any]] = [started(asked, now())]
        if answer.is_settled:
            events.append(finished(asked, answer, now()))
        status = HTTPStatus.OK if answer.is_settled else HTTPStatus.ACCEPTED
        return Response(json.dumps(events), status, media_type=BATCH, headers=_UNCACHED)

    app.add_api_route(
        "/api/v1/query",
        query,
        methods=["GET"],
        summary="A verdict as Prometheus answers an instant query",
        operation_id="query",
        openapi_extra=query_parameters(PROMETHEUS_PARAMETERS) | PROMETHEUS_ANSWERS,
    )
    app.add_api_route(
        "/api/v1/query",
        query,
        methods=["POST"],
        summary="A verdict as Prometheus answers an instant query",
        operation_id="query-post",
        openapi_extra=form_body(PROMETHEUS_PARAMETERS) | PROMETHEUS_ANSWERS,
    )
    batch = {"content": {BATCH: {"schema": {"type": "array", "items": JSON_OBJECT}}}}
    app.add_api_route(
        "/v1/keptn",
        keptn,
        methods=["POST"],
        summary="Keptn's version 1: an evaluation that was triggered",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/cloudevents+json": {"schema": JSON_OBJECT}},
            },
            "responses": {
                "200": {"description": "`started` and `finished`", **batch},
                "202": {"description": "`started` alone: nothing is settled yet", **batch},
            },
        },
    )


async def _settled(waiting: VerdictWaiters, asked: Triggered, at_most: timedelta) -> ReleaseVerdict:
    version = asked.version
    if not version:
        newest = waiting.held.board.newest(asked.environment, asked.service)
        if newest is None or not waiting.held.is_current:
            return unknown(asked.environment, asked.service, "", "no deploy of this service is known")
        version = newest.release.version
    return await waiting.answer(asked.environment, asked.service, version, "", at_most)


def _answers(held: ReleaseVerdicts, selector: Selector) -> Iterator[ReleaseVerdict]:
    """Yield what is held of each service's newest release or, of one version, its newest."""
    board, version = held.board, selector.of("version")
    for environment, service in board.services():
        if selector.of("environment") not in ("", environment) or selector.of("service") not in ("", service):
            continue
        known = (
            board.of_version(environment, service, version) if version else board.newest(environment, service)
        )
        if known is not None:
            yield held.standing(known)


async def _fields(request: Request) -> dict[str, str]:
    """Return the parameters, of the URL and of a form; the form's count.

    Raises:
        SchemaError: one comes twice, or they are too many.
        RefusedRequest: the form is too large.
    """
    given = list(request.query_params.multi_items())
    if request.method == "POST":
        body = await read_body(request, _LARGEST_FORM)
        if body and media_type(request) != _FORM:
            raise SchemaError(f"content-type is another, expected {_FORM}")
        try:
            form = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise SchemaError(f"form is no text of at most {_MOST_FIELDS} fields") from error
        given += form
    return dict(given)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise SchemaError("limit is malformed, expected a whole number")
    return int(text)


def _failed(status: HTTPStatus, kind: str, message: str) -> Response:
    return Response(failure(kind, message), status, media_type="application/json", headers=_UNCACHED)
