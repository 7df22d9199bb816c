"""Webhooks through the gateway's real application and a publisher that remembers."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.errors import SettingsError
from schemas.releases import Release
from streams.gateway import create_app
from streams.gateway_publishing import PublishError
from streams.gateway_webhooks import MAX_WEBHOOK_BYTES
from streams.settings import read_settings
from streams.webhook_settings import WebhookSettings, read_webhook_settings

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
SECRET = "a secret that nobody guesses"
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-token-that-nobody-guesses"
CONFIGURED = {
    "SUTURE_GITHUB_WEBHOOK_SECRET": SECRET,
    "SUTURE_GITLAB_WEBHOOK_SECRET": SIGNING,
    "SUTURE_ARGOCD_WEBHOOK_TOKEN": TOKEN,
}
GITHUB: dict[str, Any] = {
    "action": "created",
    "deployment_status": {
        "state": "in_progress",
        "environment": "production",
        "created_at": "2026-11-20T14:00:00Z",
    },
    "deployment": {"id": 1, "task": "deploy", "sha": "f95f852b", "ref": "1.4.2", "payload": {}},
    "repository": {"full_name": "shop/cart", "html_url": "https://github.com/shop/cart"},
}
GITLAB: dict[str, Any] = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2026-11-20 16:00:00 +0200",
    "deployment_id": 15,
    "environment": "production",
    "project": {"path_with_namespace": "shop/cart", "web_url": "https://gitlab.example/shop/cart"},
    "short_sha": "279484c0",
}
ARGO_CD: dict[str, Any] = {
    "application": "cart",
    "namespace": "argocd",
    "uid": "0d6e9a6c-4f0e-4a64-9a33-6b7ee6b0c9a1",
    "destinationNamespace": "production",
    "images": ["shop/cart:1.4.2"],
    "phase": "Succeeded",
    "health": "Healthy",
    "startedAt": "2026-11-20T14:00:00Z",
}

Headers = dict[str, str]


class Remembering:
    """A publisher that remembers, or fails as long as it is told to."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]] = []
        self.fails = False

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        if self.fails:
            raise PublishError("no broker")
        self.published.append((topic, key, value, headers))


class Site:
    """A gateway whose clock can be moved, and what it published."""

    def __init__(self, configured: dict[str, str] | None = None) -> None:
        self.publisher = Remembering()
        self.now = NOW
        webhooks = read_webhook_settings(CONFIGURED if configured is None else configured)
        self._app = create_app(self.publisher, webhooks=webhooks, now=lambda: self.now)

    def send(
        self, vendor: str, body: bytes, headers: Headers | Sequence[tuple[bytes, bytes]]
    ) -> httpx.Response:
        async def work() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.post(f"/v1/webhooks/{vendor}", content=body, headers=headers)

        return asyncio.run(work())

    @property
    def releases(self) -> list[Release]:
        """Return the releases that what was published begins."""
        found = []
        for topic, key, value, headers in self.publisher.published:
            started = read_deploy(read_record(value, headers))
            assert topic == "cdevents"
            assert started is not None
            assert key == f"{started.release.environment}/{started.release.service}".encode()
            found.append(started.release)
        return found


def by_github(body: bytes, event: str = "deployment_status", delivery: str = "d-1") -> Headers:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {
        "x-github-event": event,
        "x-github-delivery": delivery,
        "x-hub-signature-256": f"sha256={signature}",
    }


def by_gitlab(body: bytes, at: datetime = NOW, message: str = "m-1") -> Headers:
    key, timestamp = base64.b64decode(SIGNING.removeprefix("whsec_")), str(int(at.timestamp()))
    digest = hmac.digest(key, f"{message}.{timestamp}.".encode() + body, "sha256")
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def by_argo_cd(token: str = TOKEN) -> Headers:
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def written(message: object) -> bytes:
    return json.dumps(message).encode()


def proven(vendor: str, body: bytes) -> Headers:
    match vendor:
        case "github":
            return by_github(body)
        case "gitlab":
            return by_gitlab(body)
        case _:
            return by_argo_cd()


MESSAGES = {"github": GITHUB, "gitlab": GITLAB, "argocd": ARGO_CD}
each_vendor = pytest.mark.parametrize("vendor", MESSAGES)


@pytest.mark.parametrize(
    ("vendor", "version"), [("github", "1.4.2"), ("gitlab", "279484c0"), ("argocd", "1.4.2")]
)
def test_a_deployment_that_a_vendor_tells_of_begins_a_release(vendor: str, version: str) -> None:
    site, body = Site(), written(MESSAGES[vendor])
    answer = site.send(vendor, body, proven(vendor, body))
    (release,) = site.releases
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "releases": [release.id]}
    assert (release.service, release.version, release.environment) == ("cart", version, "production")
    assert release.started_at == datetime(2026, 11, 20, 14, tzinfo=UTC)


@each_vendor
def test_a_delivery_that_comes_again_is_answered_and_nothing_new(vendor: str) -> None:
    site, body = Site(), written(MESSAGES[vendor])
    site.send(vendor, body, proven(vendor, body))
    again = site.send(vendor, body, proven(vendor, body))
    assert again.status_code == 200
    assert "repeated" in again.json()
    assert len(site.releases) == 1


def test_a_stolen_delivery_with_another_id_is_nothing_new_now_and_too_old_later() -> None:
    site, body = Site(), written(GITHUB)
    site.send("github", body, by_github(body))
    assert "repeated" in site.send("github", body, by_github(body, delivery="d-2")).json()
    site.now += timedelta(hours=23)
    assert "repeated" in site.send("github", body, by_github(body, delivery="d-3")).json()
    for days in range(1, 40):
        site.now = NOW + timedelta(days=days)
        assert "ignored" in site.send("github", body, by_github(body, delivery=f"e-{days}")).json()
    assert len(site.releases) == 1


def test_every_gateway_makes_the_same_event_of_a_deployment() -> None:
    one, two, body = Site(), Site(), written(GITHUB)
    for site in (one, two):
        site.send("github", body, by_github(body))
    assert one.publisher.published == two.publisher.published


def test_the_end_of_a_deployment_that_is_known_begins_no_second_release() -> None:
    site = Site()
    for delivery, state in enumerate(("queued", "in_progress", "success")):
        message = GITHUB | {"deployment_status": {**GITHUB["deployment_status"], "state": state}}
        body = written(message)
        assert site.send("github", body, by_github(body, delivery=str(delivery))).is_success
    assert len(site.releases) == 1


def test_what_kafka_did_not_take_may_be_delivered_again() -> None:
    site, body = Site(), written(GITHUB)
    site.publisher.fails = True
    assert site.send("github", body, by_github(body)).status_code == 503
    site.publisher.fails = False
    assert site.send("github", body, by_github(body)).status_code == 202
    assert len(site.releases) == 1


@pytest.mark.parametrize("event", ["ping", "workflow_run", "deployment", "deployment_review", "new thing"])
def test_other_events_of_github_are_answered_with_why_they_are_ignored(event: str) -> None:
    site, body = Site(), b'{"zen":"Design for failure."}'
    answer = site.send("github", body, by_github(body, event))
    assert answer.status_code == 200
    assert set(answer.json()) == {"accepted", "ignored"}
    assert site.releases == []


def test_an_approval_in_gitlab_is_ignored() -> None:
    site, body = Site(), written(GITLAB | {"status": "approved"})
    assert "ignored" in site.send("gitlab", body, by_gitlab(body)).json()
    assert site.releases == []


def test_a_deployment_of_tomorrow_is_ignored() -> None:
    site, body = Site(), written(ARGO_CD | {"startedAt": "2026-11-21T14:00:00Z"})
    assert "future" in site.send("argocd", body, by_argo_cd()).json()["ignored"]
    assert site.releases == []


@each_vendor
def test_without_a_secret_a_vendor_is_not_there(vendor: str) -> None:
    site, body = Site({}), written(MESSAGES[vendor])
    assert site.send(vendor, body, proven(vendor, body)).status_code == 404
    assert site.releases == []


@pytest.mark.parametrize("vendor", ["alertmanager", "flagger", "jenkins", "GitHub"])
def test_others_are_not_there(vendor: str) -> None:
    assert Site().send(vendor, b"{}", {}).status_code == 404


@each_vendor
def test_a_sender_that_is_not_proven_is_refused_in_a_sentence(
    vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    site, body = Site(), written(MESSAGES[vendor])
    headers = proven(vendor, body)
    with caplog.at_level(logging.INFO):
        for name in headers:
            if "signature" in name or name == "authorization":
                for wrong in (headers[name][:-1], headers[name] + "x", "", "v1,", "sha256=", "Bearer"):
                    answer = site.send(vendor, body, headers | {name: wrong})
                    assert answer.status_code == 401
                    assert list(answer.json()) == ["error"]
        assert site.send(vendor, body, {}).status_code == 401
    assert site.releases == []
    shown = "".join(str(vars(record)) for record in caplog.records)
    assert not any(secret in shown for secret in (SECRET, SIGNING.removeprefix("whsec_"), TOKEN, "279484c0"))


@each_vendor
@settings(deadline=None, max_examples=40)
@given(garbage=st.binary(max_size=60))
def test_any_bytes_for_a_proof_are_refused_and_break_nothing(vendor: str, garbage: bytes) -> None:
    body = written(MESSAGES[vendor])
    value = garbage.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    headers = [
        (name.encode(), value if "signature" in name or name == "authorization" else text.encode())
        for name, text in proven(vendor, body).items()
    ]
    site = Site()
    assert site.send(vendor, body, headers).status_code == 401
    assert site.releases == []


@each_vendor
def test_a_proof_that_comes_twice_is_refused(vendor: str) -> None:
    body = written(MESSAGES[vendor])
    headers = [(name.encode(), text.encode()) for name, text in proven(vendor, body).items()]
    proof = next(pair for pair in headers if b"signature" in pair[0] or pair[0] == b"authorization")
    assert Site().send(vendor, body, [*headers, proof]).status_code == 401


@pytest.mark.parametrize(("off_s", "status"), [(-301, 401), (-300, 202), (300, 202), (301, 401)])
def test_a_stale_signature_of_gitlab_is_refused(off_s: int, status: int) -> None:
    site, body = Site(), written(GITLAB)
    headers = by_gitlab(body, NOW + timedelta(seconds=off_s))
    assert site.send("gitlab", body, headers).status_code == status


def test_a_gitlab_that_cannot_sign_is_known_by_its_token() -> None:
    body = written(GITLAB)
    for configured in ({}, {"SUTURE_GITLAB_WEBHOOK_SECRET": SIGNING}):
        site = Site(configured | {"SUTURE_GITLAB_WEBHOOK_TOKEN": TOKEN})
        assert site.send("gitlab", body, {"x-gitlab-token": TOKEN + "x"}).status_code == 401
        headers = {"x-gitlab-token": TOKEN, "idempotency-key": "k-1"}
        assert site.send("gitlab", body, headers).status_code == 202
        assert "repeated" in site.send("gitlab", b"{}", headers).json()


def test_a_token_does_not_stand_in_for_a_wrong_signature() -> None:
    site = Site(CONFIGURED | {"SUTURE_GITLAB_WEBHOOK_TOKEN": TOKEN})
    body = written(GITLAB)
    headers = by_gitlab(body + b" ") | {"x-gitlab-token": TOKEN}
    assert site.send("gitlab", body, headers).status_code == 401
    assert Site().send("gitlab", body, {"x-gitlab-token": TOKEN}).status_code == 401


@each_vendor
def test_a_body_that_is_large_packed_a_form_or_no_json_is_refused(vendor: str) -> None:
    site = Site()
    large = b"x" * (MAX_WEBHOOK_BYTES + 1)
    assert site.send(vendor, large, proven(vendor, large)).status_code == 413
    assert site.send(vendor, b"x", proven(vendor, b"x") | {"content-encoding": "gzip"}).status_code == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert site.send(vendor, b"payload=1", proven(vendor, b"payload=1") | form).status_code == 415
    assert site.send(vendor, b"\xff", proven(vendor, b"\xff")).status_code == 400
    assert site.releases == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@each_vendor
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_proven_body_makes_the_gateway_fail(vendor: str, data: st.DataObject) -> None:
    message = MESSAGES[vendor]
    name = data.draw(st.sampled_from(sorted(message)))
    bent = written(message | {name: data.draw(json_values)})
    site = Site()
    for body in (bent, data.draw(st.binary(max_size=60))):
        answer = site.send(vendor, body, proven(vendor, body))
        assert answer.status_code in (200, 202, 400)
    assert len(site.releases) <= 1


def test_names_of_the_settings_are_those_that_the_release_has() -> None:
    site = Site(
        CONFIGURED
        | {
            "SUTURE_WEBHOOK_SERVICES": "shop/cart=basket",
            "SUTURE_WEBHOOK_ENVIRONMENTS": "production=prod, staging",
        }
    )
    body = written(GITHUB)
    site.send("github", body, by_github(body))
    (release,) = site.releases
    assert (release.service, release.environment) == ("basket", "prod")
    other = written(GITLAB | {"environment": "review"})
    assert "ignored" in site.send("gitlab", other, by_gitlab(other)).json()


def test_a_secret_may_be_replaced_while_both_count(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"the one that comes after it\n{SECRET}\n\n", encoding="utf-8")
    site, body = Site({"SUTURE_GITHUB_WEBHOOK_SECRET_FILE": str(file)}), written(GITHUB)
    assert site.send("github", body, by_github(body)).status_code == 202


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUTURE_GITHUB_WEBHOOK_SECRET", "short"),
        ("SUTURE_GITHUB_WEBHOOK_SECRET_FILE", "/nowhere/at/all"),
        ("SUTURE_GITLAB_WEBHOOK_SECRET", "whsec_no base64 at all"),
        ("SUTURE_GITLAB_WEBHOOK_SECRET", "whsec_c2hvcnQ="),
        ("SUTURE_GITLAB_WEBHOOK_TOKEN", "short"),
        ("SUTURE_ARGOCD_WEBHOOK_TOKEN", "short"),
        ("SUTURE_WEBHOOK_SERVICES", "=cart"),
        ("SUTURE_WEBHOOK_SERVICES", "shop/cart"),
        ("SUTURE_WEBHOOK_ENVIRONMENTS", "a=b,a=c"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.removesuffix("_FILE")):
        read_settings({name: value})


def test_settings_show_no_secret() -> None:
    read = read_settings(CONFIGURED)
    assert read.webhooks != WebhookSettings()
    assert not any(secret in repr(read) + repr(read.webhooks) for secret in (SECRET, SIGNING, TOKEN))
