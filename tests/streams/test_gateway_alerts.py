"""Alertmanager's webhook at the gateway: who is let in, and what reaches the log."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from schemas.failures import FailurePattern
from schemas.observation_messages import read_observation
from schemas.observations import FailureCleared, FailureSeen, LogPosition
from streams.gateway import create_app
from streams.gateway_publishing import PublishError
from streams.webhook_settings import WebhookSettings, read_webhook_settings
from tests.schemas.test_alertmanager_alerts import NOW, alert, delivery

TOKEN = "a-token-of-alertmanager"
USER = "alertmanager:and-its-password"
BOTH = WebhookSettings(alertmanager=(TOKEN.encode(),), alertmanager_users=(USER.encode(),))
BEARER = {"authorization": f"Bearer {TOKEN}"}

Published = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]


class Remembering:
    """A publisher that remembers, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.published: list[Published] = []
        self._failure = failure

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        if self._failure is not None:
            raise self._failure
        self.published.append((topic, key, value, headers))


def send(
    publisher: Remembering,
    body: bytes,
    headers: dict[str, str] = BEARER,
    settings: WebhookSettings = BOTH,
    **changes: Any,
) -> httpx.Response:
    async def work() -> httpx.Response:
        app = create_app(publisher, now=lambda: NOW, webhooks=settings, **changes)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.post("/v1/webhooks/alertmanager", content=body, headers=headers)

    return asyncio.run(work())


def test_alerts_go_onto_the_log_of_their_environments() -> None:
    publisher = Remembering()
    dev = {"alertname": "Slow", "service": "mail", "namespace": "dev"}
    nobodys = {"alertname": "DeadMansSwitch"}
    body = delivery(alert(), alert(status="resolved", labels=dev), alert(labels=nobodys))
    answer = send(publisher, body)
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": 2, "ignored": {"no label names a service": 1}},
    )
    position = LogPosition(topic="environment-observations", partition=0, offset=0)
    seen, cleared = (
        read_observation(position, key, value, tuple(headers)).body
        for _, key, value, headers in publisher.published
    )
    assert [(topic, key) for topic, key, _, _ in publisher.published] == [
        ("environment-observations", b"prod"),
        ("environment-observations", b"dev"),
    ]
    assert isinstance(seen, FailureSeen)
    assert isinstance(cleared, FailureCleared)
    assert (seen.failure.pattern, seen.failure.service) == (FailurePattern.ALERT, "cart")
    assert cleared.service == "mail"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {TOKEN}", 202),
        (basic(USER), 202),
        ("", 401),
        ("Bearer a-token-of-somebody-else", 401),
        (f"Bearer {USER}", 401),
        (basic(TOKEN), 401),
        ("Basic !", 401),
    ],
)
def test_the_sender_is_proven_by_a_token_or_a_password(authorization: str, expected: int) -> None:
    publisher = Remembering()
    headers = {"authorization": authorization} if authorization else {}
    assert send(publisher, delivery(alert()), headers).status_code == expected
    assert bool(publisher.published) is (expected == 202)


def test_without_a_secret_the_route_is_not_there() -> None:
    assert send(Remembering(), delivery(alert()), settings=WebhookSettings()).status_code == 404


def test_alertmanager_comes_again_while_kafka_is_away() -> None:
    assert send(Remembering(PublishError("away")), delivery(alert())).status_code == 503


@pytest.mark.parametrize(("body", "expected"), [(b"{}", 400), (delivery(alert()) + b" " * 2000, 413)])
def test_what_no_repetition_mends_is_refused_for_good(body: bytes, expected: int) -> None:
    assert send(Remembering(), body, max_body_bytes=2000).status_code == expected


def test_its_secrets_come_from_the_environment_and_are_not_shown() -> None:
    settings = read_webhook_settings(
        {"SUTURE_ALERTMANAGER_WEBHOOK_TOKEN": TOKEN, "SUTURE_ALERTMANAGER_WEBHOOK_BASIC": USER}
    )
    assert settings == BOTH
    assert TOKEN not in repr(settings)
    assert json.dumps(repr(settings)).count("password") == 0
