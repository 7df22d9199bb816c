"""Humans' answers that PagerDuty and Slack deliver: proven first, read then, and put onto `callbacks`.

Nothing is decided here, and not even which hold is meant. As with other webhooks a stranger learns nothing:
without a secret a vendor's route is not there, and nothing is parsed or remembered before the sender is
proven. Only what is signed tells a repeat: not PagerDuty's `X-Webhook-Id`, which anybody could change.

Sources: developer.pagerduty.com, "Webhooks v3" (2xx within 5 s; any other 4xx drops the delivery, and three
drops in a row turn the subscription off); docs.slack.dev, "Handling user interaction" (200 within 3 s).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import assert_never

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from schemas.errors import SchemaError
from schemas.pagerduty_afterwords import IncidentOpened, LabelNote, read_pagerduty_afterword
from schemas.pagerduty_callbacks import DECISION_FIELD, read_pagerduty_callback
from schemas.replies import Reply, reply_message
from schemas.slack_callbacks import read_slack_callback
from schemas.webhook_signatures import (
    TOLERANCE,
    SignatureError,
    check_pagerduty_signature,
    check_slack_signature,
)
from streams.afterword_settings import PagerDutyServices
from streams.delivery_memory import DeliveryMemory
from streams.gateway_afterwords import Afterwords
from streams.gateway_bodies import RefusedRequest, media_type, read_body
from streams.gateway_webhooks import Publish, single_header

logger = logging.getLogger(__name__)

OLDEST_ANSWER = timedelta(hours=72)
"""Age beyond which an answer is not heard. PagerDuty delivers again for 48 hours, to which a day is added in
which a question may be open. It signs no time of delivery: this bounds how long a stolen one is of use."""

MAX_CALLBACK_BYTES = 256 * 1024
"""Bytes of a body: PagerDuty drops what is larger itself, Slack sends the whole question along."""

_FORM = "application/x-www-form-urlencoded"


class CallbackVendor(StrEnum):
    """Who delivers humans' answers, as the route names them."""

    PAGERDUTY = "pagerduty"
    SLACK = "slack"

    @property
    def takes_at_most(self) -> timedelta:
        """Return how long Kafka may take, so that the answer comes before the vendor gives up."""
        return timedelta(seconds=4 if self is CallbackVendor.PAGERDUTY else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSettings:
    """What proves a callback; without it the vendor's route is not there.

    Attributes:
        pagerduty: Secrets of PagerDuty's webhook subscriptions; any counts.
        slack: Signing secrets of the Slack app; any counts.
        slack_teams: Workspaces whose people may answer; empty for any that the secret signs for.
        decision_field: Name of the custom field that answers in PagerDuty.
        services: Services of PagerDuty's whose incidents say something of releases.
    """

    pagerduty: tuple[bytes, ...] = field(default=(), repr=False)
    slack: tuple[bytes, ...] = field(default=(), repr=False)
    slack_teams: tuple[str, ...] = ()
    decision_field: str = DECISION_FIELD
    services: PagerDutyServices = field(default_factory=PagerDutyServices)


def add_callback_routes(
    app: FastAPI,
    settings: CallbackSettings,
    publish: Publish,
    now: Callable[[], datetime],
    afterwords: Afterwords | None = None,
) -> None:
    """Add the routes.

    Args:
        app: To what.
        settings: What proves a sender.
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        now: The clock that deliveries are held against.
        afterwords: Where what PagerDuty tells of releases goes that is no answer; None takes none.
    """
    callbacks = Callbacks(settings, publish, now, afterwords)
    for vendor in CallbackVendor:
        app.add_api_route(
            f"/v1/webhooks/{vendor}",
            callbacks.route(vendor),
            methods=["POST"],
            status_code=HTTPStatus.ACCEPTED if vendor is CallbackVendor.PAGERDUTY else HTTPStatus.OK,
            summary=f"Humans' answers in {vendor}",
            response_class=JSONResponse if vendor is CallbackVendor.PAGERDUTY else Response,
        )


class Callbacks:
    """What the routes share; see `add_callback_routes`."""

    def __init__(
        self,
        settings: CallbackSettings,
        publish: Publish,
        now: Callable[[], datetime],
        afterwords: Afterwords | None = None,
    ) -> None:
        self._settings = settings
        self._afterwords = afterwords
        self._publish = publish
        self._now = now
        self._memory = DeliveryMemory(OLDEST_ANSWER + TOLERANCE)

    def route(self, vendor: CallbackVendor) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a vendor's deliveries."""

        async def endpoint(request: Request) -> Response:
            return await self.receive(vendor, request)

        return endpoint

    async def receive(self, vendor: CallbackVendor, request: Request) -> Response:
        """Answer a delivery: with success whatever it says, once its sender is proven.

        Raises:
            RefusedRequest: the vendor has no secret (404), the body is too large (413) or packed (415), the
                sender is not proven (401), the body is not Slack's (400), or Kafka does not take it in time
                (503).
        """
        secrets = self._secrets(vendor)
        if not secrets:
            raise RefusedRequest(HTTPStatus.NOT_FOUND, f"no secret is configured for {vendor}")
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise RefusedRequest(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body is packed, expected it as it was signed"
            )
        body = await read_body(request, MAX_CALLBACK_BYTES)
        now = self._now()
        try:
            self._prove(vendor, request, body, secrets, now)
        except SignatureError as error:
            logger.warning("callback refused", extra={"vendor": vendor.value, "why": str(error)})
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, str(error)) from error
        try:
            afterword = read_pagerduty_afterword(body) if vendor is CallbackVendor.PAGERDUTY else None
            reply = self._read(vendor, request, body) if afterword is None else None
        except SchemaError as error:
            logger.warning("callback not read", extra={"vendor": vendor.value, "why": str(error)})
            if vendor is CallbackVendor.SLACK:
                raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
            # A 4xx would be a drop, and three of them turn the subscription off with all that waits in it.
            return _answered(vendor, "ignored", "it cannot be read")
        if afterword is not None:
            return _answered(vendor, *await self._take_afterword(afterword, now))
        return _answered(vendor, *await self._take(vendor, reply, now))

    def _secrets(self, vendor: CallbackVendor) -> tuple[bytes, ...]:
        match vendor:
            case CallbackVendor.PAGERDUTY:
                return self._settings.pagerduty
            case CallbackVendor.SLACK:
                return self._settings.slack
            case _:
                assert_never(vendor)

    def _prove(
        self,
        vendor: CallbackVendor,
        request: Request,
        body: bytes,
        secrets: tuple[bytes, ...],
        now: datetime,
    ) -> None:
        match vendor:
            case CallbackVendor.PAGERDUTY:
                check_pagerduty_signature(body, single_header(request, "x-pagerduty-signature"), secrets)
            case CallbackVendor.SLACK:
                check_slack_signature(
                    body,
                    timestamp=single_header(request, "x-slack-request-timestamp"),
                    signature=single_header(request, "x-slack-signature"),
                    secrets=secrets,
                    now=now,
                )
            case _:
                assert_never(vendor)

    def _read(self, vendor: CallbackVendor, request: Request, body: bytes) -> Reply | None:
        match vendor:
            case CallbackVendor.PAGERDUTY:
                return read_pagerduty_callback(body, self._settings.decision_field)
            case CallbackVendor.SLACK:
                if media_type(request) != _FORM:
                    # The signature does not cover the header: what says that it is something else is no form.
                    raise SchemaError(f"content type is not {_FORM}")
                return read_slack_callback(body, self._settings.slack_teams)
            case _:
                assert_never(vendor)

    async def _take_afterword(self, told: IncidentOpened | LabelNote, now: datetime) -> tuple[str, str]:
        """Put what is no answer onto the log; return why it was not, as `_take` does."""
        if self._afterwords is None or now - told.at > OLDEST_ANSWER:
            return "ignored", f"it is older than {OLDEST_ANSWER}"
        if told.at - now > TOLERANCE:
            return "ignored", "it is in the future"
        name = told.source if isinstance(told, LabelNote) else told.incident
        async with self._memory.once(now, f"pagerduty afterword {name}") as is_new:
            if not is_new:
                return "repeated", "this was told before"
            try:
                async with asyncio.timeout(CallbackVendor.PAGERDUTY.takes_at_most.total_seconds()):
                    count = await self._afterwords.told_by_pagerduty(told, now)
            except TimeoutError as error:
                raise RefusedRequest(
                    HTTPStatus.SERVICE_UNAVAILABLE, "Kafka did not take the message in time; try again"
                ) from error
        return ("", "") if count else ("ignored", "it is of no service or environment that is known")

    async def _take(self, vendor: CallbackVendor, reply: Reply | None, now: datetime) -> tuple[str, str]:
        """Put a reply onto the log; return why it was not, as a word and a sentence, or "" twice."""
        if reply is None:
            return "ignored", "it is no answer"
        if now - reply.at > OLDEST_ANSWER:
            return "ignored", f"the answer is older than {OLDEST_ANSWER}"
        if reply.at - now > TOLERANCE:
            return "ignored", "the answer is in the future"
        async with self._memory.once(now, f"{vendor} {reply.source}") as is_new:
            if not is_new:
                return "repeated", "this answer was taken before"
            message = reply_message(reply)
            try:
                async with asyncio.timeout(vendor.takes_at_most.total_seconds()):
                    await self._publish(message.topic, message.key, message.value, list(message.headers))
            except TimeoutError as error:
                raise RefusedRequest(
                    HTTPStatus.SERVICE_UNAVAILABLE, "Kafka did not take the message in time; try again"
                ) from error
        logger.info("callback taken", extra={"vendor": vendor.value, "answer": reply.answer.value})
        return "", ""


def _answered(vendor: CallbackVendor, what: str, why: str) -> Response:
    """Return success in the vendor's form: Slack shows whatever a body says."""
    if vendor is CallbackVendor.SLACK:
        return Response(status_code=HTTPStatus.OK)
    content = {"accepted": 0, what: why} if what else {"accepted": 1}
    return JSONResponse(content, HTTPStatus.ACCEPTED)
