"""The HTTP gateway: telemetry, deploy events and humans' answers come in, checked, and go onto Kafka.

Out go verdicts, one release's at a time, in a form that pipelines and Argo's analyses can ask for.

Nothing is answered with success before Kafka has it. Nothing of a body or a token is ever logged or
sent back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from feature_store.stores import JournalPlace
from schemas.cdevents import read_deploy
from schemas.cloudevents import CloudEvent, read_request, write_record
from schemas.errors import SchemaError, SutureError
from schemas.keys import service_key
from schemas.observations import ReleaseStarted
from schemas.otlp_logs import read_logs
from schemas.otlp_metrics import read_metrics
from schemas.otlp_values import Refused
from schemas.topics import Topic
from streams import clock
from streams.access_settings import AccessSettings
from streams.console import add_console_routes
from streams.gateway_access import Access
from streams.gateway_afterwords import Afterwords
from streams.gateway_alerts import add_alert_routes
from streams.gateway_answers import Answers, add_approval_routes
from streams.gateway_bodies import MAX_BODY_BYTES, RefusedRequest, read_body
from streams.gateway_callbacks import CallbackSettings, add_callback_routes
from streams.gateway_deploys import add_deploy_routes
from streams.gateway_keptn import add_keptn_routes
from streams.gateway_labels import add_label_routes
from streams.gateway_openapi import document
from streams.gateway_otlp import Encoding, encoding_of, failure, for_senders, retry_headers, success
from streams.gateway_publishing import Publisher
from streams.gateway_releases import add_release_routes
from streams.gateway_remote_write import add_remote_write_routes
from streams.gateway_sql import add_sql_routes
from streams.gateway_tokens import HOOKS_ALONE, Scope, Tokens
from streams.gateway_verdicts import add_verdict_routes
from streams.gateway_webhooks import Vendor, Webhooks
from streams.release_verdicts import ReleaseVerdicts
from streams.telemetry_settings import TelemetrySettings
from streams.verdict_waiting import VerdictWaiters
from streams.webhook_settings import WebhookSettings

logger = logging.getLogger(__name__)

PUBLISH_TIMEOUT = timedelta(seconds=15)
"""How long Kafka may take to acknowledge; below the 30 s after which most senders give up."""

_PARSED_IN_PLACE = 32 * 1024  # bytes; a larger body is parsed in a thread, beside the event loop


async def _always() -> bool:
    return True


def create_app(
    publisher: Publisher,
    tokens: str | None = None,
    *,
    verdicts: ReleaseVerdicts | None = None,
    waiting: VerdictWaiters | None = None,
    hook_tokens: str | None = None,
    now: Callable[[], datetime] = clock.now,
    is_ready: Callable[[], Awaitable[bool]] = _always,
    max_body_bytes: int = MAX_BODY_BYTES,
    publish_timeout: timedelta = PUBLISH_TIMEOUT,
    telemetry: TelemetrySettings | None = None,
    webhooks: WebhookSettings | None = None,
    access: AccessSettings | None = None,
    callbacks: CallbackSettings | None = None,
    journal: JournalPlace | None = None,
) -> FastAPI:
    """Return the gateway as an ASGI application.

    Args:
        publisher: Where to put what is accepted.
        tokens: `name[+scope...]:token,...`: who may answer a hold, ask and tell; none refuses every answer.
        verdicts: What is held of releases; none knows nothing.
        waiting: Those who wait for these verdicts; none makes its own.
        hook_tokens: `name:token,...`: whose Flagger hooks are answered; none refuses all.
        now: The clock that times answers.
        is_ready: Whether traffic should come here, such as whether Kafka answers.
        max_body_bytes: Bound of a body after unpacking.
        publish_timeout: How long Kafka may take.
        telemetry: Who may send telemetry, and how Prometheus' labels are read; none lets everybody.
        webhooks: Which vendors may tell of deploys by webhook; none refuses them all.
        access: What is told and taken without a token; none leaves both doors open.
        callbacks: What proves people's answers from PagerDuty and Slack; none refuses them all.
        journal: Where the decision log is, for those who ask it in SQL; None has none.

    Raises:
        SettingsError: the tokens are malformed, or a door is closed that none of them opens.
    """
    known = Tokens(tokens)
    doors = Access(known, access)
    gateway = _Gateway(publisher, doors, now, is_ready, max_body_bytes, publish_timeout)
    app = FastAPI(title="Suture gateway", docs_url=None, redoc_url=None)
    telemetry = telemetry or TelemetrySettings()
    senders = Tokens(telemetry.tokens, "SUTURE_TELEMETRY_TOKENS")
    for path, endpoint in (("metrics", gateway.metrics), ("logs", gateway.logs)):
        app.add_api_route(
            f"/v1/{path}",
            for_senders(senders, endpoint),
            methods=["POST"],
            summary=f"OTLP {path}",
            response_class=Response,
        )
    add_remote_write_routes(app, gateway.publish, senders, telemetry.labels, max_body_bytes)
    app.add_api_route(
        "/v1/events", gateway.events, methods=["POST"], status_code=202, summary="CloudEvents and CDEvents"
    )

    waiting = waiting or VerdictWaiters(verdicts or ReleaseVerdicts())
    hooks = Tokens(hook_tokens, "SUTURE_HOOK_TOKENS", usual=HOOKS_ALONE, allowed=HOOKS_ALONE)
    add_verdict_routes(app, waiting, hooks.joined_by(known, Scope.HOOKS), doors, max_body_bytes)
    add_release_routes(app, waiting.held, doors)
    answers = Answers(gateway.publish, now, waiting.held.board)
    add_approval_routes(app, answers, known)
    add_label_routes(app, gateway.publish, waiting.held.board, known, now)
    add_console_routes(app, waiting.held, answers, known, now)
    callbacks = callbacks or CallbackSettings()
    afterwords = Afterwords(gateway.publish, waiting.held.board, callbacks.services)
    add_callback_routes(app, callbacks, gateway.publish, now, afterwords)
    app.add_api_route("/healthz", gateway.healthz, methods=["GET"], summary="The process answers")
    app.add_api_route("/readyz", gateway.readyz, methods=["GET"], summary="The process can do its work")
    webhooks = webhooks or WebhookSettings()
    told = gateway.webhooks(webhooks, afterwords)
    for vendor in Vendor:
        app.add_api_route(
            f"/v1/webhooks/{vendor}",
            told.route(vendor),
            methods=["POST"],
            status_code=202,
            summary=f"What {vendor} tells of deployments",
        )
    add_deploy_routes(app, gateway.publish, waiting.held, doors, now)
    add_sql_routes(app, journal, known)
    add_keptn_routes(app, waiting, doors, now)
    add_alert_routes(app, gateway.publish, webhooks, now, telemetry.labels, max_body_bytes)
    app.add_exception_handler(RefusedRequest, _refused)
    document(app)
    return app


class _Gateway:
    """The routes, with what they share."""

    def __init__(
        self,
        publisher: Publisher,
        access: Access,
        now: Callable[[], datetime],
        is_ready: Callable[[], Awaitable[bool]],
        max_body_bytes: int,
        publish_timeout: timedelta,
    ) -> None:
        self._publisher = publisher
        self._access = access
        self._now = now
        self._is_ready = is_ready
        self._max_body_bytes = max_body_bytes
        self._publish_timeout = publish_timeout

    async def metrics(self, request: Request) -> Response:
        """Put an ExportMetricsServiceRequest onto its topic as it came."""
        return await self._otlp(request, Topic.OTLP_METRICS, _check_metrics)

    async def logs(self, request: Request) -> Response:
        """Put an ExportLogsServiceRequest onto its topic as it came."""
        return await self._otlp(request, Topic.OTLP_LOGS, _check_logs)

    async def events(self, request: Request) -> JSONResponse:
        """Put events onto their topic, and say which releases they start."""
        self._access.check(Scope.DEPLOY, request.headers)
        body = await read_body(request, self._max_body_bytes)
        try:
            events = read_request(request.headers.items(), body)
            starts = [read_deploy(event) for event in events]
            records = [write_record(event) for event in events]
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        for event, started, (value, headers) in zip(events, starts, records, strict=True):
            await self.publish(Topic.CDEVENTS, _event_key(event, started), value, headers)
        releases = [started.release.id for started in starts if started is not None]
        return JSONResponse({"accepted": len(events), "releases": releases}, HTTPStatus.ACCEPTED)

    def webhooks(self, settings: WebhookSettings, afterwords: Afterwords) -> Webhooks:
        """Return what answers webhooks, with what the routes share."""
        return Webhooks(settings, self.publish, self._now, self._max_body_bytes, afterwords)

    async def healthz(self) -> JSONResponse:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self) -> JSONResponse:
        """Say whether traffic should come here."""
        if await self._is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def _otlp(
        self, request: Request, topic: Topic, check: Callable[[bytes], tuple[bool, tuple[Refused, ...]]]
    ) -> Response:
        encoding = encoding_of(request)
        try:
            body = await read_body(request, self._max_body_bytes)
            has_content, refused = await self._checked(body, encoding, check)
            if has_content:
                await self.publish(topic, None, body, [("content-type", encoding.value.encode())])
        except RefusedRequest as refusal:
            return failure(refusal, encoding)
        return success(topic, encoding, refused)

    async def _checked(
        self, body: bytes, encoding: Encoding, check: Callable[[bytes], tuple[bool, tuple[Refused, ...]]]
    ) -> tuple[bool, tuple[Refused, ...]]:
        if encoding is Encoding.JSON and not body:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, "body is empty, expected JSON")
        try:
            if len(body) <= _PARSED_IN_PLACE:
                return check(body)
            return await asyncio.to_thread(check, body)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error

    async def publish(
        self, topic: Topic, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        """Return once Kafka has the message.

        Raises:
            RefusedRequest: it does not take it in time (503).
        """
        try:
            async with asyncio.timeout(self._publish_timeout.total_seconds()):
                await self._publisher.publish(topic.value, key, value, headers)
        except (SutureError, TimeoutError, OSError) as error:
            logger.warning(
                "kafka took no message", extra={"topic": topic.value, "error": type(error).__name__}
            )
            raise RefusedRequest(
                HTTPStatus.SERVICE_UNAVAILABLE, "Kafka did not take the message; try again"
            ) from error


def _check_metrics(body: bytes) -> tuple[bool, tuple[Refused, ...]]:
    read = read_metrics(body, every_bucket=False)
    return bool(read.batches), read.refused


def _check_logs(body: bytes) -> tuple[bool, tuple[Refused, ...]]:
    read = read_logs(body)
    return bool(read.batches), read.refused


def _event_key(event: CloudEvent, started: ReleaseStarted | None) -> bytes:
    """Return the key that keeps events about one thing in order."""
    if started is None:
        return event.source.encode()
    return service_key(started.release.environment, started.release.service).encode()


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedRequest):
        raise error
    headers = retry_headers(error.status)
    if error.challenge or error.status is HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = error.challenge or 'Bearer realm="suture"'
    content: dict[str, Any] = {"error": error.message}
    return JSONResponse(content, error.status, headers)
