"""The gateway's routes about releases and holds: lists, and all that is known of one."""

from http import HTTPStatus
from itertools import islice
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from schemas.codec import to_json
from schemas.errors import SchemaError
from schemas.keys import ReleaseId
from schemas.names import environment_name, service_name
from streams.build_reports import version_name
from streams.gateway_access import Access
from streams.gateway_bodies import RefusedRequest
from streams.gateway_tokens import Scope
from streams.release_answers import (
    LONGEST_PAGE,
    HoldList,
    ReleasePage,
    ReleaseTold,
    cursor,
    read_cursor,
    summary,
    told,
)
from streams.release_board import version_key
from streams.release_verdicts import ReleaseVerdicts, open_hold

_UNCACHED = {"cache-control": "no-store"}
Environment = Annotated[str, Path(description="deployment.environment.name.")]
Service = Annotated[str, Path(description="service.name.")]
Version = Annotated[str, Path(description="service.version; a slash is written as %2F.")]
_Environment = Annotated[str, Query(description="Only of this environment.", max_length=200)]
_Service = Annotated[str, Query(description="Only of this service.", max_length=200)]
_Limit = Annotated[str, Query(description=f"How many at most, 1 to {LONGEST_PAGE}.")]
_Before = Annotated[
    str, Query(description="Only what began before: an RFC 3339 instant, or the `next` of an answer.")
]
_Release = Annotated[str, Query(description="Id of one deploy of the version; default: the newest.")]


def add_release_routes(app: FastAPI, held: ReleaseVerdicts, access: Access) -> None:
    """Add the routes.

    Args:
        app: To what.
        held: What is known of releases.
        access: Who may ask.
    """

    async def releases(
        request: Request,
        environment: _Environment = "",
        service: _Service = "",
        limit: _Limit = "50",
        before: _Before = "",
    ) -> Response:
        """List the releases that are known, newest first: those whose events Kafka still keeps, 7 days."""
        access.check(Scope.READ, request.headers)
        most = _limit(limit)
        try:
            behind = read_cursor(before)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        require_current(held)
        board = held.board
        found = list(islice(board.newest_first(environment, service, behind), most + 1))
        page = ReleasePage(
            releases=tuple(summary(one, board.holds_of(one.release.id)) for one in found[:most]),
            next=cursor(found[most - 1]) if len(found) > most else "",
        )
        return _json(page)

    async def release(
        request: Request, environment: Environment, service: Service, version: Version, release: _Release = ""
    ) -> Response:
        """Tell all that is known of a version: its release, verdict, decision, open holds and outcomes."""
        access.check(Scope.READ, request.headers)
        try:
            place, name, of = environment_name(environment), service_name(service), version_name(version)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        require_current(held)
        board = held.board
        known = board.of_version(place, name, of)
        if release:
            known = board.find(ReleaseId(release))
            if known is not None and version_key(known.release) != (place, name, of):
                known = None
        if known is None:
            raise RefusedRequest(
                HTTPStatus.NOT_FOUND, "no such deploy of this version to this environment is known"
            )
        return _json(told(known, held.standing(known), board.holds_of(known.release.id)))

    async def holds(request: Request, environment: _Environment = "", service: _Service = "") -> Response:
        """List what waits for a human, oldest first."""
        access.check(Scope.READ, request.headers)
        require_current(held)
        waiting = held.board.holds(environment, service)
        return _json(HoldList(holds=tuple(open_hold(hold) for hold in waiting)))

    app.add_api_route(
        "/v1/releases", releases, methods=["GET"], summary="Releases", response_model=ReleasePage
    )
    app.add_api_route(
        "/v1/releases/{environment}/{service}/{version:path}",
        release,
        methods=["GET"],
        summary="All that is known of a release",
        response_model=ReleaseTold,
    )
    app.add_api_route(
        "/v1/holds", holds, methods=["GET"], summary="What waits for a human", response_model=HoldList
    )


def require_current(held: ReleaseVerdicts) -> None:
    """Refuse what could only be answered with half of the truth.

    Raises:
        RefusedRequest: Kafka cannot be read, or was not read to its end yet (503).
    """
    if not held.is_current:
        raise RefusedRequest(
            HTTPStatus.SERVICE_UNAVAILABLE, "releases cannot be read from Kafka at the moment; try again"
        )


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= LONGEST_PAGE:
        raise RefusedRequest(
            HTTPStatus.BAD_REQUEST, f"limit is malformed, expected a whole number from 1 to {LONGEST_PAGE}"
        )
    return int(text)


def _json(answer: object) -> Response:
    return Response(to_json(answer), media_type="application/json", headers=_UNCACHED)
