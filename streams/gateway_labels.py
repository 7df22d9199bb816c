"""What people say of releases over HTTP, on its way to the environment, which passes on what is new."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict

from schemas.codec import adapter, from_json
from schemas.errors import SchemaError
from schemas.keys import ReleaseId
from schemas.labels import LONGEST_WHY, Label, LabelKind, Labelled, human_label
from schemas.names import environment_name, service_name
from schemas.observation_messages import observation_message
from schemas.topics import Topic
from schemas.webhook_signatures import SignatureError
from streams.gateway_bodies import RefusedRequest, read_body
from streams.gateway_tokens import Scope, Tokens
from streams.gateway_webhooks import Publish, single_header
from streams.release_board import ReleaseBoard

LABELS_PATH = "/v1/releases/{release}/labels"

_LARGEST_LABEL = 16 * 1024  # bytes
_LONGEST_ID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """What a human says of a release.

    Attributes:
        kind: bad, good or harmless.
        why: For the record.
        environment: Of the release; needed only where its deploy is older than what is remembered here.
        service: The same.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: LabelKind
    why: str = ""
    environment: str = ""
    service: str = ""

    def __post_init__(self) -> None:
        if len(self.why) > LONGEST_WHY or not self.why.isprintable():
            raise ValueError(f"why is no printable text of at most {LONGEST_WHY} characters")
        if bool(self.environment) != bool(self.service):
            raise ValueError("environment and service go together, expected both or none")


def add_label_routes(
    app: FastAPI, publish: Publish, board: ReleaseBoard, tokens: Tokens, now: Callable[[], datetime]
) -> None:
    """Add the route by which people label releases.

    Args:
        app: To what.
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        board: Knows where a release is of.
        tokens: Who may answer may label.
        now: The clock that times labels.
    """

    async def labels(
        request: Request, release: Annotated[str, Path(description="The release's id.")]
    ) -> JSONResponse:
        """Put what a human says of a release where its environment reads it; said twice is once."""
        try:
            single_header(request, "authorization")
        except SignatureError as error:
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, str(error)) from error
        who = tokens.name_for(request.headers, Scope.ANSWER)
        body = await read_body(request, _LARGEST_LABEL)
        try:
            asked = from_json(LabelRequest, body)
            label = _label(asked, release, f"{who} via http", board, now())
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        said = Labelled(label=label)
        message = observation_message(Topic.ENVIRONMENT_OBSERVATIONS, label.environment, said)
        await publish(message.topic, message.key, message.value, list(message.headers))
        content = {"id": label.id, "release": release, "kind": label.kind.value, "by": label.by}
        return JSONResponse(content, HTTPStatus.ACCEPTED)

    app.add_api_route(
        LABELS_PATH,
        labels,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        summary="What a human says of a release",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": adapter(LabelRequest).json_schema()}},
            }
        },
    )


def _label(asked: LabelRequest, release: str, by: str, board: ReleaseBoard, at: datetime) -> Label:
    """Return the label.

    Raises:
        SchemaError: the release, environment or service is no name of one.
        RefusedRequest: the release is not known here, and the request does not say where it is of (404).
    """
    if not release or len(release) > _LONGEST_ID or not release.isprintable():
        raise SchemaError(f"release is no id, expected at most {_LONGEST_ID} printable characters")
    known = board.find(ReleaseId(release))
    if known is not None:
        environment, service = known.release.environment, known.release.service
    elif asked.environment:
        environment, service = environment_name(asked.environment), service_name(asked.service)
    else:
        raise RefusedRequest(
            HTTPStatus.NOT_FOUND, "no such release is known here; older ones need environment and service"
        )
    return human_label(
        release=ReleaseId(release),
        environment=environment,
        service=service,
        kind=asked.kind,
        by=by,
        at=at,
        why=asked.why,
    )
