"""Humans' answers that come to the gateway itself, over HTTP or from its console, on their way to the gate.

Whose answer counts is the gate's to say. Here is only seen to it that an answer that is sent twice goes onto
the log once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict

from schemas.approvals import HoldChange
from schemas.codec import adapter, from_json
from schemas.errors import SchemaError
from schemas.names import environment_name
from schemas.observation_messages import observation_message
from schemas.observations import Answer, Approval
from schemas.topics import Topic
from schemas.webhook_signatures import SignatureError
from streams.delivery_memory import DeliveryMemory
from streams.gateway_bodies import RefusedRequest, read_body
from streams.gateway_tokens import Scope, Tokens
from streams.gateway_webhooks import Publish, single_header
from streams.release_board import ReleaseBoard

logger = logging.getLogger(__name__)

_REMEMBERED = timedelta(days=365)
"""Beyond any hold's life: what bounds the memory is the number of answers."""

_LARGEST_ANSWER = 64 * 1024  # bytes
_LONGEST_WHY = 2000
_LONGEST_NAME = 200

_ASKED_ANEW = (HoldChange.NOT_COUNTED, HoldChange.ESCALATED, HoldChange.HANDED_OVER)
"""After which the same answer of the same person may mean something that it did not mean before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A human's answer to a hold.

    Attributes:
        hold: Id of the hold.
        environment: Environment whose gate holds.
        answer: approve, reject or hand_over.
        why: For the record.
        to: For hand_over: who is asked instead, by the policy's name.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    hold: str
    environment: str
    answer: Answer
    why: str = ""
    to: str = ""

    def __post_init__(self) -> None:
        if not self.hold or len(self.hold) > _LONGEST_NAME or not self.hold.isprintable():
            raise ValueError("hold is not an id, expected what the page or `suture holds` shows")
        if len(self.why) > _LONGEST_WHY:
            raise ValueError(f"why has {len(self.why)} characters, expected at most {_LONGEST_WHY}")
        if (self.answer is Answer.HAND_OVER) != bool(self.to):
            raise ValueError("to goes with hand_over and names who is asked instead, expected both or none")
        if len(self.to) > _LONGEST_NAME or not self.to.isprintable():
            raise ValueError("to is not a name, expected one of the policy's people")


class Answers:
    """Puts answers where the gate of their environment reads them.

    Args:
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        now: The clock that times answers.
        board: What is heard of holds: once it is told that an answer did not count, or that more people are
            asked, the same answer is a new one.
    """

    def __init__(self, publish: Publish, now: Callable[[], datetime], board: ReleaseBoard) -> None:
        self._publish = publish
        self._now = now
        self._board = board
        self._given = DeliveryMemory(_REMEMBERED)

    async def give(self, asked: ApprovalRequest, who: str, channel: str) -> bool:
        """Put an answer onto the log; return False where the same one is there already.

        Raises:
            SchemaError: the environment is no name of one.
            RefusedRequest: Kafka does not take it (503).
        """
        environment = environment_name(asked.environment)
        approval = Approval(
            environment=environment,
            hold=asked.hold,
            answer=asked.answer,
            by=who,
            channel=channel,
            at=self._now(),
            why=asked.why,
            to=asked.to,
        )
        same = "\0".join(
            (environment, asked.hold, asked.answer, asked.to, who, channel, self._asked_since(asked.hold))
        )
        async with self._given.once(approval.at, same) as is_new:
            if is_new:
                message = observation_message(Topic.ENVIRONMENT_OBSERVATIONS, environment, approval)
                await self._publish(message.topic, message.key, message.value, list(message.headers))
                logger.info(
                    "hold answered", extra={"hold": asked.hold, "answer": asked.answer.value, "by": who}
                )
        return is_new

    def _asked_since(self, hold: str) -> str:
        """Return what stands for whom a question asks now, as far as it is known here."""
        changes = [one for one in self._board.changes_of(hold) if one.change in _ASKED_ANEW]
        return f"{changes[-1].id} {changes[-1].at.isoformat()}" if changes else ""


def add_approval_routes(app: FastAPI, answers: Answers, tokens: Tokens) -> None:
    """Add the route by which answers come over HTTP.

    Args:
        app: To what.
        answers: Where they go.
        tokens: Who may answer.
    """

    async def approvals(request: Request) -> JSONResponse:
        """Put a human's answer where the gate of its environment reads it."""
        try:
            single_header(request, "authorization")
        except SignatureError as error:
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, str(error)) from error
        who = tokens.name_for(request.headers, Scope.ANSWER)
        body = await read_body(request, _LARGEST_ANSWER)
        try:
            asked = from_json(ApprovalRequest, body)
            is_new = await answers.give(asked, who, "http")
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        content = {"hold": asked.hold, "answer": asked.answer.value, "by": who}
        if is_new:
            return JSONResponse(content, HTTPStatus.ACCEPTED)
        return JSONResponse({**content, "repeated": "this answer was taken before"})

    app.add_api_route(
        "/v1/approvals",
        approvals,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        summary="A human's answer to a hold",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": adapter(ApprovalRequest).json_schema()}},
            }
        },
    )
