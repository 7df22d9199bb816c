"""Alertmanager's webhook at the gateway: alerts of services go onto the log as failures.

Alertmanager tells again what was answered with 5xx, and never what was answered with 4xx.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from schemas.alertmanager_alerts import read_alerts
from schemas.errors import SchemaError
from schemas.observation_messages import observation_message
from schemas.observations import FailureCleared, FailureSeen
from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames
from schemas.topics import Topic
from schemas.webhook_signatures import SignatureError, check_shared_secret
from streams.gateway_bodies import RefusedRequest, read_body
from streams.gateway_webhooks import MAX_WEBHOOK_BYTES, Publish, single_header
from streams.webhook_settings import WebhookSettings

logger = logging.getLogger(__name__)

PATH = "/v1/webhooks/alertmanager"


def add_alert_routes(
    app: FastAPI,
    publish: Publish,
    settings: WebhookSettings,
    now: Callable[[], datetime],
    labels: LabelNames = DEFAULT_LABELS,
    max_body_bytes: int = MAX_WEBHOOK_BYTES,
) -> None:
    """Add the route to which Alertmanager posts.

    Args:
        app: The gateway.
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        settings: Hold its tokens and passwords; without either the route is not there.
        now: The clock that times what is told.
        labels: Which labels say whose an alert is.
        max_body_bytes: Bound of a body.
    """
    receiver = _Receiver(publish, settings, now, labels, min(max_body_bytes, MAX_WEBHOOK_BYTES))
    app.add_api_route(
        PATH,
        receiver.receive,
        methods=["POST"],
        status_code=202,
        summary="What Alertmanager tells of services",
    )


class _Receiver:
    def __init__(
        self,
        publish: Publish,
        settings: WebhookSettings,
        now: Callable[[], datetime],
        labels: LabelNames,
        max_body_bytes: int,
    ) -> None:
        self._publish = publish
        self._settings = settings
        self._now = now
        self._labels = labels
        self._max_body_bytes = max_body_bytes

    async def receive(self, request: Request) -> JSONResponse:
        """Answer a delivery.

        Raises:
            RefusedRequest: no secret is configured (404), the sender is not proven (401), the body is too
                large (413) or malformed (400), or Kafka does not take it (503).
        """
        self._prove(request)
        body = await read_body(request, self._max_body_bytes)
        try:
            read = read_alerts(body, self._now(), self._labels)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        # At once: each waits for Kafka, and one delivery may hold hundreds.
        await asyncio.gather(*(self._put(said) for said in read.said))
        if read.truncated:
            logger.warning("alertmanager left alerts out", extra={"count": read.truncated})
        ignored = {entry.reason: entry.count for entry in read.ignored}
        return JSONResponse({"accepted": len(read.said), "ignored": ignored}, HTTPStatus.ACCEPTED)

    async def _put(self, said: FailureSeen | FailureCleared) -> None:
        environment = said.failure.environment if isinstance(said, FailureSeen) else said.environment
        message = observation_message(Topic.ENVIRONMENT_OBSERVATIONS, environment, said)
        await self._publish(message.topic, message.key, message.value, list(message.headers))

    def _prove(self, request: Request) -> None:
        settings = self._settings
        if not settings.alertmanager and not settings.alertmanager_users:
            raise RefusedRequest(HTTPStatus.NOT_FOUND, "no secret is configured for alertmanager")
        try:
            single_header(request, "authorization")
            scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
            if scheme.lower() == "basic":
                check_shared_secret(_user_and_password(given), settings.alertmanager_users)
            else:
                token = given.strip().encode() if scheme.lower() == "bearer" else None
                check_shared_secret(token, settings.alertmanager)
        except SignatureError as error:
            logger.warning("webhook refused", extra={"vendor": "alertmanager", "why": str(error)})
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, str(error)) from error


def _user_and_password(given: str) -> bytes | None:
    try:
        return base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
