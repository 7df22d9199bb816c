"""The gateway's routes by which a pipeline tells of a deploy, and polls what becomes of it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Path, Request, Response

from schemas.cloudevents import write_record
from schemas.codec import from_json, to_json
from schemas.errors import SchemaError
from schemas.keys import ReleaseId, service_key
from schemas.topics import Topic
from streams.deploy_requests import DeployRequest, event_of, release_of
from streams.gateway_access import Access
from streams.gateway_bodies import RefusedRequest, read_body
from streams.gateway_tokens import Scope
from streams.gateway_webhooks import Publish
from streams.openapi_parts import json_body
from streams.release_verdicts import ReleaseVerdict, ReleaseVerdicts, unknown
from streams.watches import (
    Watch,
    WatchRequest,
    WatchTold,
    pinned,
    read_watch_id,
    read_watch_request,
    told,
    watch_for,
    watch_id,
)

_LARGEST_BODY = 64 * 1024
_Watch = Annotated[str, Path(description="Id that `POST /v1/watches` or `POST /v1/deploys` gave.")]
_MOST_CANCELED = 10_000
_UNCACHED = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployTold:
    """A deploy that Kafka has.

    Attributes:
        release: Id of the release that it starts.
        verdict: Where its verdict is asked for.
        watch: Where what becomes of it is polled.
    """

    release: str
    environment: str
    service: str
    version: str
    verdict: str
    watch: str


def add_deploy_routes(
    app: FastAPI, publish: Publish, held: ReleaseVerdicts, access: Access, now: Callable[[], datetime]
) -> None:
    """Add the routes.

    Args:
        app: To what.
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        held: What is known of releases.
        access: Who may tell, and who may ask.
        now: The clock.
    """

    async def deploys(request: Request) -> Response:
        """Take a deploy, as `suture ci deploy` tells it: from here on the release is watched.

        The same deploy told again is the same release: of one service, version and environment the same `key`
        (or header `idempotency-key`); without one, all that is told.
        """
        access.check(Scope.DEPLOY, request.headers)
        body = await read_body(request, _LARGEST_BODY)
        try:
            asked = _with_key(from_json(DeployRequest, body), request.headers.get("idempotency-key", ""))
            event = event_of(asked, now())
            release = release_of(event)
            value, headers = write_record(event)
            watch = watch_for(
                WatchRequest(
                    service=release.service,
                    version=release.version,
                    environment=release.environment,
                    release=release.id,
                ),
                now(),
            )
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        key = service_key(release.environment, release.service).encode()
        await publish(Topic.CDEVENTS, key, value, headers)
        path = "/".join(
            quote(part, safe="") for part in (release.environment, release.service, release.version)
        )
        where = f"/v1/watches/{watch_id(watch)}"
        answer = DeployTold(
            release=release.id,
            environment=release.environment,
            service=release.service,
            version=release.version,
            verdict=f"/v1/releases/{path}/verdict",
            watch=where,
        )
        return _json(answer, HTTPStatus.ACCEPTED, location=where)

    app.add_api_route(
        "/v1/deploys",
        deploys,
        methods=["POST"],
        status_code=202,
        summary="Tell of a deploy",
        response_model=DeployTold,
        openapi_extra=json_body(DeployRequest),
    )
    _add_watch_routes(app, _Watches(held, now), access, now)


class _Watches:
    """Where watches stand.

    Args:
        held: What is known of releases.
        now: The clock.
    """

    def __init__(self, held: ReleaseVerdicts, now: Callable[[], datetime]) -> None:
        self._held = held
        self._now = now
        self._canceled: OrderedDict[str, None] = OrderedDict()

    def begin(self, watch: Watch) -> WatchTold:
        """Return where a watch stands that begins; one of the same release that was canceled goes on."""
        answer = self._answer(watch)
        watch = pinned(watch, answer)
        self._canceled.pop(watch.about, None)
        return told(watch, answer, self._now())

    def look(self, watch: Watch) -> WatchTold:
        """Return where a watch stands."""
        return told(watch, self._answer(watch), self._now(), is_canceled=watch.about in self._canceled)

    def cancel(self, watch: Watch) -> WatchTold:
        """Note that nobody waits any more; the release is judged as before."""
        self._canceled[watch.about] = None
        self._canceled.move_to_end(watch.about)
        while len(self._canceled) > _MOST_CANCELED:
            self._canceled.popitem(last=False)
        return self.look(watch)

    def _answer(self, watch: Watch) -> ReleaseVerdict:
        held = self._held
        known = held.board.find(ReleaseId(watch.release)) if watch.release and held.is_current else None
        if known is not None:
            return held.standing(known)
        answer = held.answer(watch.environment, watch.service, watch.version, watch.template)
        if not watch.release or not answer.release:
            return answer
        because = f"release {watch.release} is not known yet, or not any more"
        return unknown(watch.environment, watch.service, watch.version, because)


def _add_watch_routes(app: FastAPI, watches: _Watches, access: Access, now: Callable[[], datetime]) -> None:
    async def asked(request: Request) -> Watch:
        body = await read_body(request, _LARGEST_BODY)
        try:
            return watch_for(read_watch_request(body), now())
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error

    async def begin(request: Request) -> Response:
        """Name a question about a release, for who polls: Spinnaker's webhook stage, or any loop."""
        access.check(Scope.READ, request.headers)
        answer = watches.begin(await asked(request))
        return _json(answer, HTTPStatus.ACCEPTED, location=f"/v1/watches/{answer.id}")

    async def look(request: Request, watch: _Watch) -> Response:
        """Say where a watch stands; every gateway knows every watch, also after a restart."""
        access.check(Scope.READ, request.headers)
        return _json(watches.look(_known(watch)))

    async def cancel(request: Request, watch: _Watch) -> Response:
        """Note that nobody waits any more; the release is judged as before. A restart forgets it."""
        access.check(Scope.READ, request.headers)
        return _json(watches.cancel(_known(watch)))

    async def cancel_asked(request: Request) -> Response:
        """Note that nobody waits any more, for who knows what it asked for and not the watch's id."""
        access.check(Scope.READ, request.headers)
        return _json(watches.cancel(await asked(request)))

    body = json_body(WatchRequest)
    app.add_api_route(
        "/v1/watches",
        begin,
        methods=["POST"],
        status_code=202,
        summary="Begin a watch",
        response_model=WatchTold,
        openapi_extra=body,
    )
    app.add_api_route(
        "/v1/watches/cancel",
        cancel_asked,
        methods=["POST"],
        summary="Cancel watches of a release",
        response_model=WatchTold,
        openapi_extra=body,
    )
    for path, method, endpoint, summary in (
        ("/v1/watches/{watch}", "GET", look, "Where a watch stands"),
        ("/v1/watches/{watch}", "DELETE", cancel, "Cancel a watch"),
        ("/v1/watches/{watch}/cancel", "POST", cancel, "Cancel a watch, as Spinnaker does"),
    ):
        app.add_api_route(path, endpoint, methods=[method], summary=summary, response_model=WatchTold)


def _known(name: str) -> Watch:
    try:
        return read_watch_id(name)
    except SchemaError as error:
        raise RefusedRequest(HTTPStatus.NOT_FOUND, str(error)) from error


def _with_key(asked: DeployRequest, header: str) -> DeployRequest:
    # A structured header's string stands in quotes, and many leave them out.
    key = header.strip().strip('"')
    if not key or asked.key == key:
        return asked
    if asked.key:
        raise SchemaError("key and the header idempotency-key differ, expected one of them")
    return replace(asked, key=key)


def _json(answer: object, status: HTTPStatus = HTTPStatus.OK, location: str = "") -> Response:
    headers = {**_UNCACHED, **({"location": location} if location else {})}
    return Response(to_json(answer), status, media_type="application/json", headers=headers)
