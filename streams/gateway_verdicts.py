"""The gateway's routes by which others ask for verdicts."""

from datetime import timedelta
from http import HTTPStatus
from math import isfinite
from typing import Annotated

from fastapi import FastAPI, Query, Response

from schemas.codec import to_json
from schemas.errors import SchemaError
from schemas.names import environment_name, service_name
from streams.gateway_bodies import RefusedRequest
from streams.release_verdicts import ReleaseVerdict
from streams.verdict_waiting import LONGEST_WAIT, VerdictWaiters

_UNCACHED = {"cache-control": "no-store"}
_Wait = Annotated[
    str,
    Query(
        description=f"Seconds, 0 to {LONGEST_WAIT.total_seconds():g}: answer when the verdict is harmful or "
        "final, or when this time is over."
    ),
]


def add_verdict_routes(app: FastAPI, waiting: VerdictWaiters) -> None:
    """Add the routes.

    Args:
        app: To what.
        waiting: What is held of releases, and who waits for it.
    """

    async def verdict(
        environment: str, service: str, version: str, template: str = "", wait: _Wait = "0"
    ) -> Response:
        """Say what is held of a version; always 200, for to Argo another status is a failed measurement.

        `template` asks about one pod template's release alone.
        """
        try:
            place, name = environment_name(environment), service_name(service)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        answer = await waiting.answer(place, name, version, template, _wait(wait))
        return Response(to_json(answer), media_type="application/json", headers=_UNCACHED)

    app.add_api_route(
        "/v1/releases/{environment}/{service}/{version:path}/verdict",
        verdict,
        methods=["GET"],
        summary="What is held of a release",
        response_model=ReleaseVerdict,
    )


def _wait(text: str) -> timedelta:
    """Return how long to wait.

    >>> _wait("2.5")
    datetime.timedelta(seconds=2, microseconds=500000)
    """
    longest = LONGEST_WAIT.total_seconds()
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not isfinite(seconds) or not 0 <= seconds <= longest:
        raise RefusedRequest(
            HTTPStatus.BAD_REQUEST, f"wait is malformed, expected seconds from 0 to {longest:g}"
        )
    return timedelta(seconds=seconds)
