"""Webhooks of vendors at the gateway: proven first, read then, and what tells of a deploy becomes an event.

A stranger learns nothing: without a secret a vendor's route is not there, and nothing is unpacked, parsed
or remembered before the sender is proven.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import assert_never

from fastapi import Request
from fastapi.responses import JSONResponse

from schemas.argocd_deploys import read_argo_cd
from schemas.cdevents import read_deploy
from schemas.cloudevents import write_record
from schemas.errors import SchemaError
from schemas.git_reverts import Reverts, read_github_reverts, read_gitlab_reverts
from schemas.github_deploys import read_github
from schemas.gitlab_deploys import read_gitlab
from schemas.keys import service_key
from schemas.topics import Topic
from schemas.webhook_deploys import NoDeploy, Told, told_event
from schemas.webhook_signatures import (
    TOLERANCE,
    SignatureError,
    check_hub_signature,
    check_shared_secret,
    check_standard_webhook,
)
from streams.delivery_memory import DeliveryMemory
from streams.gateway_afterwords import Afterwords
from streams.gateway_bodies import RefusedRequest, media_type, read_body
from streams.webhook_settings import WebhookSettings

logger = logging.getLogger(__name__)

MAX_WEBHOOK_BYTES = 1024 * 1024
"""Bytes of a delivery; deployments have tens of thousands."""

OLDEST_DEPLOY = timedelta(hours=24)
"""Age beyond which a deployment begins no release. GitHub signs no time: this bounds how long a stolen
delivery is of use. Shorter loses what a sender delivers again after a long outage."""

Publish = Callable[[Topic, bytes | None, bytes, list[tuple[str, bytes]]], Awaitable[None]]


class Vendor(StrEnum):
    """Who sends webhooks, as the route names them."""

    GITHUB = "github"
    GITLAB = "gitlab"
    ARGO_CD = "argocd"


class Webhooks:
    """What the webhook routes share.

    Args:
        settings: Secrets and names.
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        now: The clock that deliveries are held against.
        max_body_bytes: Bound of a body.
        afterwords: Where reverts go; None takes none.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        publish: Publish,
        now: Callable[[], datetime],
        max_body_bytes: int = MAX_WEBHOOK_BYTES,
        afterwords: Afterwords | None = None,
    ) -> None:
        self._afterwords = afterwords
        self._settings = settings
        self._publish = publish
        self._now = now
        self._max_body_bytes = min(max_body_bytes, MAX_WEBHOOK_BYTES)
        # Longer than a deployment is taken, so that a repeat is either known or too old.
        self._memory = DeliveryMemory(2 * OLDEST_DEPLOY)

    def route(self, vendor: Vendor) -> Callable[[Request], Awaitable[JSONResponse]]:
        """Return the endpoint of a vendor."""

        async def endpoint(request: Request) -> JSONResponse:
            return await self.receive(vendor, request)

        return endpoint

    async def receive(self, vendor: Vendor, request: Request) -> JSONResponse:
        """Answer a delivery.

        Raises:
            RefusedRequest: the vendor has no secret (404), the body is too large (413), packed or a form
                (415), the sender is not proven (401), the body is malformed (400), or Kafka does not take
                the event (503).
        """
        if not self._is_known(vendor):
            raise RefusedRequest(HTTPStatus.NOT_FOUND, f"no secret is configured for {vendor}")
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise RefusedRequest(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body is packed, expected it as it was signed"
            )
        body = await read_body(request, self._max_body_bytes)
        try:
            self._prove(vendor, request, body)
        except SignatureError as error:
            logger.warning("webhook refused", extra={"vendor": vendor.value, "why": str(error)})
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, str(error)) from error
        if media_type(request) == "application/x-www-form-urlencoded":
            raise RefusedRequest(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body is a form, expected content type application/json"
            )
        try:
            return await self._take(vendor, request, body)
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _is_known(self, vendor: Vendor) -> bool:
        settings = self._settings
        match vendor:
            case Vendor.GITHUB:
                return bool(settings.github)
            case Vendor.GITLAB:
                return bool(settings.gitlab or settings.gitlab_tokens)
            case Vendor.ARGO_CD:
                return bool(settings.argo_cd)
            case _:
                assert_never(vendor)

    def _prove(self, vendor: Vendor, request: Request, body: bytes) -> None:
        settings = self._settings
        match vendor:
            case Vendor.GITHUB:
                check_hub_signature(body, single_header(request, "x-hub-signature-256"), settings.github)
            case Vendor.GITLAB:
                signatures = single_header(request, "webhook-signature")
                # A token does not stand in for a signature that is wrong, only for one that is not there.
                if settings.gitlab and (signatures is not None or not settings.gitlab_tokens):
                    check_standard_webhook(
                        body,
                        message=single_header(request, "webhook-id"),
                        timestamp=single_header(request, "webhook-timestamp"),
                        signatures=signatures,
                        secrets=settings.gitlab,
                        now=self._now(),
                    )
                else:
                    check_shared_secret(single_header(request, "x-gitlab-token"), settings.gitlab_tokens)
            case Vendor.ARGO_CD:
                scheme, _, token = (single_header(request, "authorization") or b"").partition(b" ")
                is_bearer = scheme.lower() == b"bearer"
                check_shared_secret(token.strip() if is_bearer else None, settings.argo_cd)
            case _:
                assert_never(vendor)

    async def _take(self, vendor: Vendor, request: Request, body: bytes) -> JSONResponse:
        now, delivery = self._now(), _delivery(vendor, request)
        if delivery and self._memory.knows(now, delivery):
            return _nothing_new("repeated", "this delivery was taken before")
        reverts = _reverts(vendor, request, body)
        if reverts is not None and self._afterwords is not None:
            count = await self._afterwords.reverts(reverts, vendor.value, now)
            if delivery:
                self._memory.take(now, delivery)
            return JSONResponse({"accepted": count, "reverted": len(reverts.commits)}, HTTPStatus.ACCEPTED)
        told = self._read(vendor, request, body)
        if isinstance(told, NoDeploy):
            return _nothing_new("ignored", told.why)
        if now - told.at > OLDEST_DEPLOY:
            return _nothing_new("ignored", f"deployment is older than {OLDEST_DEPLOY}")
        if told.at - now > TOLERANCE:
            return _nothing_new("ignored", "deployment is in the future")
        event = told_event(told)
        started = read_deploy(event)
        if started is None:
            raise SchemaError("the deploy event announces no release")
        release = started.release
        # Of two that come at once, such as both states of a deployment, one begins it.
        async with self._memory.once(now, f"release {release.id}") as is_new:
            if is_new:
                value, headers = write_record(event)
                key = service_key(release.environment, release.service).encode()
                await self._publish(Topic.CDEVENTS, key, value, headers)
        if not is_new:
            return _nothing_new("repeated", "this deployment is known")
        if delivery:
            self._memory.take(now, delivery)
        logger.info("webhook told of a deploy", extra={"vendor": vendor.value, "release": release.id})
        return JSONResponse({"accepted": 1, "releases": [release.id]}, HTTPStatus.ACCEPTED)

    def _read(self, vendor: Vendor, request: Request, body: bytes) -> Told:
        names, runs = self._settings.names, self._settings.runs
        match vendor:
            case Vendor.GITHUB:
                return read_github(request.headers.get("x-github-event", ""), body, names, runs)
            case Vendor.GITLAB:
                return read_gitlab(body, names, runs)
            case Vendor.ARGO_CD:
                return read_argo_cd(body, names)
            case _:
                assert_never(vendor)


def _reverts(vendor: Vendor, request: Request, body: bytes) -> Reverts | None:
    match vendor:
        case Vendor.GITHUB:
            return read_github_reverts(request.headers.get("x-github-event", ""), body)
        case Vendor.GITLAB:
            return read_gitlab_reverts(body)
        case Vendor.ARGO_CD:
            return None
        case _:
            assert_never(vendor)


def _nothing_new(what: str, why: str) -> JSONResponse:
    return JSONResponse({"accepted": 0, what: why})


def single_header(request: Request, name: str) -> bytes | None:
    """Return a header's bytes as they came, or None where there is none.

    Raises:
        SignatureError: it comes twice, of which only one could be proven.
    """
    found = [value for key, value in request.headers.raw if key.lower() == name.encode()]
    if len(found) > 1:
        raise SignatureError(f"{name} comes twice, expected it once")
    return found[0] if found else None


def _delivery(vendor: Vendor, request: Request) -> str:
    """Return the vendor's id of the delivery, the same when it is delivered again; "" where none is given.

    GitLab's event id is not one: hooks that set off each other share it.
    """
    match vendor:
        case Vendor.GITHUB:
            given = request.headers.get("x-github-delivery", "")
        case Vendor.GITLAB:
            given = request.headers.get("webhook-id", "") or request.headers.get("idempotency-key", "")
        case Vendor.ARGO_CD:
            given = ""
        case _:
            assert_never(vendor)
    return f"delivery {vendor} {given}" if given else ""
