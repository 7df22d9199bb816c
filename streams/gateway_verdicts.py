"""The gateway's routes by which others ask for verdicts, each in its own form."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from math import isfinite
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse

from schemas.codec import to_json
from schemas.errors import SchemaError
from schemas.names import environment_name, service_name
from streams.flagger_hooks import Hook, read_call, says_yes, sentence
from streams.gateway_access import Access
from streams.gateway_bodies import MAX_BODY_BYTES, RefusedRequest, read_body
from streams.gateway_releases import Environment, Service, Version
from streams.gateway_tokens import Scope, Tokens
from streams.kayenta_judging import judge
from streams.release_verdicts import ReleaseVerdict
from streams.verdict_waiting import LONGEST_WAIT, VerdictWaiters

_LARGEST_CALL = 64 * 1024  # bytes; Flagger sends names and a canary's metadata
_NOT_NOW = HTTPStatus.CONFLICT  # 429 and 5xx would be tried again within the hook's timeout
_UNCACHED = {"cache-control": "no-store"}
Wait = Annotated[
    str,
    Query(
        description=f"Seconds, 0 to {LONGEST_WAIT.total_seconds():g}: answer when the verdict is harmful or "
        "final, or when this time is over."
    ),
]


class Until(StrEnum):
    """What ends the waiting besides the time."""

    SETTLED = "settled"
    HELD = "held"


_Template = Annotated[str, Query(description="Hash of the pod template whose release alone is asked about.")]
_Until = Annotated[
    Until, Query(description="`held`: answer as well as soon as a human is asked about the release.")
]


def add_verdict_routes(
    app: FastAPI,
    waiting: VerdictWaiters,
    hook_tokens: Tokens,
    access: Access,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> None:
    """Add the routes.

    Args:
        app: To what.
        waiting: What is held of releases, and who waits for it.
        hook_tokens: Whose Flagger hooks are answered.
        access: Who may ask for verdicts.
        max_body_bytes: Bound of a body after unpacking.
    """

    async def verdict(
        request: Request,
        environment: Environment,
        service: Service,
        version: Version,
        template: _Template = "",
        wait: Wait = "0",
        until: _Until = Until.SETTLED,
    ) -> Response:
        """Say what is held of a version; always 200, for to Argo another status is a failed measurement."""
        access.check(Scope.READ, request.headers)
        try:
            place, name = environment_name(environment), service_name(service)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        answer = await waiting.answer(
            place, name, version, template, wait_of(wait), until_asked=until is Until.HELD
        )
        return Response(to_json(answer), media_type="application/json", headers=_UNCACHED)

    app.add_api_route(
        "/v1/releases/{environment}/{service}/{version:path}/verdict",
        verdict,
        methods=["GET"],
        summary="What is held of a release",
        response_model=ReleaseVerdict,
    )
    one_at_a_time = asyncio.Lock()

    async def kayenta(request: Request) -> Response:
        """Judge Kayenta's own numbers by its own rule; nothing that Suture watches is asked."""
        body = await read_body(request, max_body_bytes)
        try:
            async with one_at_a_time:
                answer = await asyncio.to_thread(judge, body)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        return Response(answer, media_type="application/json", headers=_UNCACHED)

    app.add_api_route("/judge", kayenta, methods=["POST"], summary="Kayenta's remote judge")
    for hook in Hook:
        app.add_api_route(
            f"/flagger/{hook.value}",
            _flagger_route(hook, waiting, hook_tokens),
            methods=["POST"],
            summary=f"Flagger's hook of type {hook.value}",
            response_class=PlainTextResponse,
        )


def _flagger_route(
    hook: Hook, waiting: VerdictWaiters, tokens: Tokens
) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers one type of hook: a status, and a sentence that Flagger puts into an event."""

    async def answer(request: Request) -> Response:
        try:
            call = read_call(await read_body(request, _LARGEST_CALL))
            tokens.name_of(call.token, Scope.HOOKS)
            if not hook.asks:
                return PlainTextResponse("noted")
            asked = call.question()
            verdict = waiting.held.answer(asked.environment, asked.service, asked.version, asked.template)
        except (RefusedRequest, SchemaError) as error:
            status = error.status if isinstance(error, RefusedRequest) else HTTPStatus.BAD_REQUEST
            # To a rollback's hook 200 means "roll back", and an error must mean nothing but "no".
            return PlainTextResponse(str(error), HTTPStatus.CONFLICT if hook is Hook.ROLLBACK else status)
        return PlainTextResponse(sentence(verdict), HTTPStatus.OK if says_yes(hook, verdict) else _NOT_NOW)

    return answer


def wait_of(text: str) -> timedelta:
    """Return how long to wait.

    Raises:
        RefusedRequest: it is no number of seconds, or longer than allowed (400).

    >>> wait_of("2.5")
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
