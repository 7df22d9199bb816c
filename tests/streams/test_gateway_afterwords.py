"""What GitHub, GitLab and PagerDuty tell after the fact, through the gateway's real application."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from schemas.errors import SettingsError
from schemas.labels import AfterwordTold, LabelKind, LabelSource
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from streams.afterword_settings import read_pagerduty_services
from streams.gateway import create_app
from streams.gateway_callbacks import CallbackSettings
from streams.release_board import ReleaseBoard
from streams.release_verdicts import ReleaseVerdicts
from streams.webhook_settings import read_webhook_settings
from tests.builders import a_release
from tests.schemas.test_git_reverts import GITLAB_PUSH, HEAD, PUSH, REVERTED
from tests.streams.held_questions import NOW

SECRET, TOKEN = "a secret that nobody guesses", "a-token-that-nobody-guesses"
AT = NOW.isoformat().replace("+00:00", "Z")
INCIDENT: dict[str, Any] = {
    "event": {
        "id": "01E",
        "event_type": "incident.triggered",
        "occurred_at": AT,
        "agent": None,
        "data": {"id": "PGR0VU2", "type": "incident", "service": {"id": "PF9KMXH"}},
    }
}
NOTE: dict[str, Any] = {
    "event": {
        "id": "01N",
        "event_type": "incident.annotated",
        "occurred_at": AT,
        "agent": {"id": "PXPGF42", "type": "user_reference"},
        "data": {
            "incident": {"id": "PGR0VU2"},
            "content": "label 3f9a0c harmless: closed",
            "trimmed": False,
        },
    }
}


class Site:
    """A gateway that knows releases of two environments, and what it put onto their log."""

    def __init__(self) -> None:
        board = ReleaseBoard(now=lambda: NOW)
        board.learn(a_release(environment="prod"))
        board.learn(a_release(environment="dev"))
        self.told: list[AfterwordTold] = []
        self._app = create_app(
            self,
            verdicts=ReleaseVerdicts(board=board),
            now=lambda: NOW,
            webhooks=read_webhook_settings(
                {"SUTURE_GITHUB_WEBHOOK_SECRET": SECRET, "SUTURE_GITLAB_WEBHOOK_TOKEN": TOKEN}
            ),
            callbacks=CallbackSettings(
                pagerduty=(SECRET.encode(),), services=read_pagerduty_services("PF9KMXH=prod/cart", "POWN123")
            ),
        )

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        body = read_observation(LogPosition(topic=topic, partition=0, offset=0), key, value, headers).body
        assert isinstance(body, AfterwordTold)
        assert (topic, key) == ("environment-observations", body.environment.encode())
        self.told.append(body)

    def send(self, vendor: str, content: dict[str, Any], **headers: str) -> httpx.Response:
        body = json.dumps(content).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        proof = {
            "github": {"x-hub-signature-256": f"sha256={signature}", "x-github-event": "push"},
            "gitlab": {"x-gitlab-token": TOKEN},
            "pagerduty": {"x-pagerduty-signature": f"v1={signature}"},
        }[vendor]

        async def work() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.post(
                    f"/v1/webhooks/{vendor}",
                    content=body,
                    headers={"content-type": "application/json", **proof, **headers},
                )

        return asyncio.run(work())


@pytest.mark.parametrize(("vendor", "content"), [("github", PUSH), ("gitlab", GITLAB_PUSH)])
def test_a_revert_is_told_to_every_environment(vendor: str, content: dict[str, Any]) -> None:
    site = Site()
    answer = site.send(vendor, content)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "reverted": 1})
    assert [one.environment for one in site.told] == ["dev", "prod"]
    for one in site.told:
        assert (one.source, one.about, one.channel) == (LabelSource.REVERT, HEAD, vendor)
        assert (one.commits, one.at) == ((REVERTED,), NOW)


def test_a_push_that_takes_nothing_back_is_ignored_as_before() -> None:
    site = Site()
    answer = site.send("github", PUSH | {"commits": []})
    assert (answer.status_code, answer.json()["accepted"], site.told) == (200, 0, [])


def test_a_delivery_that_comes_again_tells_of_its_revert_once() -> None:
    site = Site()
    headers = {"x-github-delivery": "72d3162e"}
    assert site.send("github", PUSH, **headers).status_code == 202
    assert site.send("github", PUSH, **headers).json()["repeated"]
    assert len(site.told) == 2


def test_who_does_not_prove_itself_tells_nothing() -> None:
    site = Site()
    for vendor in ("github", "pagerduty"):
        content = PUSH if vendor == "github" else INCIDENT
        name = "x-hub-signature-256" if vendor == "github" else "x-pagerduty-signature"
        assert site.send(vendor, content, **{name: "sha256=00"}).status_code == 401
    assert site.told == []


def test_an_incident_on_a_service_that_is_named_goes_to_its_environment() -> None:
    site = Site()
    assert site.send("pagerduty", INCIDENT).json() == {"accepted": 1}
    (one,) = site.told
    assert (one.environment, one.service, one.about) == ("prod", "cart", "PGR0VU2")
    assert (one.source, one.kind) == (LabelSource.INCIDENT, LabelKind.BAD)
    assert site.send("pagerduty", INCIDENT).json()["repeated"]


def test_an_incident_on_another_service_says_nothing() -> None:
    site = Site()
    event = INCIDENT["event"]
    other = {"event": event | {"data": event["data"] | {"service": {"id": "PELSE12"}}}}
    assert site.send("pagerduty", other).json()["ignored"]
    assert site.told == []


def test_a_persons_note_goes_to_every_environment_with_its_code() -> None:
    site = Site()
    assert site.send("pagerduty", NOTE).json() == {"accepted": 1}
    assert [one.environment for one in site.told] == ["dev", "prod"]
    one = site.told[0]
    assert (one.source, one.kind, one.code) == (LabelSource.HUMAN, LabelKind.HARMLESS, "3f9a0c")
    assert (one.by, one.why) == ("PXPGF42", "closed")


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": {"id": "PSVC123", "type": "service_reference"}},
        {"occurred_at": "2020-01-01T00:00:00Z"},
        {"data": {"incident": {"id": "P1"}, "content": "label 3f9a0c bad", "trimmed": True}},
        {"data": {"incident": {"id": "P1"}, "content": "it was bad", "trimmed": False}},
    ],
)
def test_what_no_person_says_now_and_whole_is_no_label(changes: dict[str, Any]) -> None:
    site = Site()
    assert site.send("pagerduty", {"event": NOTE["event"] | changes}).json()["accepted"] == 0
    assert site.told == []


@pytest.mark.parametrize(
    "text", ["POWN123=prod/cart", "P1", "P1=prod", "P1=prod/cart,P1=dev/cart", "P-1=prod/cart"]
)
def test_services_that_name_ours_or_nothing_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="SUTURE_PAGERDUTY_SERVICES"):
        read_pagerduty_services(text, "POWN123")
