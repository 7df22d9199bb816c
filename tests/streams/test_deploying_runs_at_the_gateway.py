"""Workflow runs, releases and pipelines through the gateway's real application, and the settings for them."""

import asyncio
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.errors import SettingsError
from schemas.releases import Release
from streams.gateway import create_app
from streams.settings import read_settings
from streams.webhook_settings import read_webhook_settings

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
SECRET = "a secret that nobody guesses"
COMMIT = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
SECRETS = {"SUTURE_GITHUB_WEBHOOK_SECRET": SECRET, "SUTURE_GITLAB_WEBHOOK_TOKEN": SECRET}
NAMED = {
    "SUTURE_GITHUB_WORKFLOWS": "shop/cart:deploy.yml=prod, CD: deploy=staging",
    "SUTURE_GITHUB_RELEASES": "shop/pay=prod,shop/pay@prerelease=staging",
    "SUTURE_GITLAB_PIPELINES": "shop/web/cart=prod,shop/web/cart@release/1.4=staging",
}
REPOSITORY = {
    "full_name": "shop/cart",
    "html_url": "https://github.com/shop/cart",
    "default_branch": "main",
}
WORKFLOW_RUN: dict[str, Any] = {
    "action": "completed",
    "workflow_run": {
        "id": 7,
        "path": ".github/workflows/deploy.yml",
        "event": "push",
        "conclusion": "success",
        "head_branch": "1.4.2",
        "head_sha": COMMIT,
        "run_attempt": 1,
        "updated_at": "2026-11-20T14:00:00Z",
    },
    "repository": REPOSITORY,
}
RELEASE: dict[str, Any] = {
    "action": "published",
    "release": {
        "id": 7,
        "tag_name": "1.4.2",
        "draft": False,
        "prerelease": True,
        "published_at": "2026-11-20T14:00:00Z",
    },
    "repository": REPOSITORY | {"full_name": "shop/pay", "html_url": "https://github.com/shop/pay"},
}
PIPELINE: dict[str, Any] = {
    "object_kind": "pipeline",
    "object_attributes": {
        "id": 7,
        "ref": "release/1.4",
        "tag": False,
        "sha": COMMIT,
        "status": "success",
        "finished_at": "2026-11-20 14:00:00 UTC",
    },
    "project": {"path_with_namespace": "shop/web/cart", "web_url": "https://gitlab.example/shop/web/cart"},
}
MESSAGES = {"workflow_run": WORKFLOW_RUN, "release": RELEASE, "Pipeline Hook": PIPELINE}
each_event = pytest.mark.parametrize("event", MESSAGES)


class Site:
    """A gateway whose clock can be moved, and the releases that it began."""

    def __init__(self, configured: dict[str, str]) -> None:
        self.releases: list[Release] = []
        self.now = NOW
        webhooks = read_webhook_settings(SECRETS | configured)
        self._app = create_app(self, webhooks=webhooks, now=lambda: self.now)

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        started = read_deploy(read_record(value, headers))
        assert topic == "cdevents"
        assert started is not None
        assert key == f"{started.release.environment}/{started.release.service}".encode()
        self.releases.append(started.release)

    def send(self, event: str, message: dict[str, Any]) -> httpx.Response:
        body = json.dumps(message).encode()
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        github = {"x-github-event": event, "x-hub-signature-256": f"sha256={digest}"}
        gitlab = {"x-gitlab-event": event, "x-gitlab-token": SECRET}
        vendor, headers = ("gitlab", gitlab) if event == "Pipeline Hook" else ("github", github)

        async def work() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.post(f"/v1/webhooks/{vendor}", content=body, headers=headers)

        return asyncio.run(work())


@pytest.mark.parametrize(
    ("event", "service", "version", "environment"),
    [
        ("workflow_run", "cart", "1.4.2", "prod"),
        ("release", "pay", "1.4.2", "staging"),
        ("Pipeline Hook", "cart", "f95f852b", "staging"),
    ],
)
def test_what_the_settings_name_begins_a_release_and_once(
    event: str, service: str, version: str, environment: str
) -> None:
    site = Site(NAMED)
    answer = site.send(event, MESSAGES[event])
    (release,) = site.releases
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "releases": [release.id]}
    assert (release.service, release.version, release.environment) == (service, version, environment)
    assert release.started_at == datetime(2026, 11, 20, 14, tzinfo=UTC)
    assert "repeated" in site.send(event, MESSAGES[event]).json()
    assert site.releases == [release]


@each_event
def test_without_the_setting_it_is_ignored_in_a_sentence(event: str) -> None:
    site = Site({})
    answer = site.send(event, MESSAGES[event])
    assert answer.status_code == 200
    assert "SUTURE_GIT" in answer.json()["ignored"]
    assert site.releases == []


@each_event
def test_what_is_a_day_old_begins_nothing(event: str) -> None:
    site = Site(NAMED)
    site.now += timedelta(hours=24)
    assert "older" in site.send(event, MESSAGES[event]).json()["ignored"]
    assert site.releases == []


@pytest.mark.parametrize(
    ("event", "part", "name"),
    [
        ("workflow_run", "workflow_run", "head_sha"),
        ("release", "release", "tag_name"),
        ("Pipeline Hook", "object_attributes", "sha"),
    ],
)
def test_what_is_not_as_the_vendor_writes_it_is_refused(event: str, part: str, name: str) -> None:
    site, message = Site(NAMED), MESSAGES[event]
    answer = site.send(event, message | {part: message[part] | {name: None}})
    assert answer.status_code == 400
    assert f"{part}.{name}" in answer.json()["error"]
    assert site.releases == []


def test_a_run_that_is_run_again_is_another_release() -> None:
    site = Site(NAMED)
    for attempt in (1, 2, 2):
        site.send(
            "workflow_run",
            WORKFLOW_RUN | {"workflow_run": WORKFLOW_RUN["workflow_run"] | {"run_attempt": attempt}},
        )
    assert len({release.id for release in site.releases}) == len(site.releases) == 2


def test_the_settings_in_the_documentation_are_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"`(SUTURE_(?:GITHUB|GITLAB)_[A-Z]+)=([^`]+)`", page))
    assert shown.keys() == NAMED.keys()
    runs = read_settings(shown).webhooks.runs
    assert runs.workflows == {"shop/cart:deploy.yml": "prod", "deploy": "staging"}
    assert runs.releases == {"shop/cart": "prod", "shop/cart@prerelease": "staging"}
    assert runs.pipelines == {"shop/cart": "prod", "shop/cart@develop": "staging"}


def test_names_with_blanks_colons_and_slashes_are_read_where_they_may_stand() -> None:
    runs = read_settings(NAMED).webhooks.runs
    assert runs.workflows == {"shop/cart:deploy.yml": "prod", "CD: deploy": "staging"}
    assert runs.releases == {"shop/pay": "prod", "shop/pay@prerelease": "staging"}
    assert runs.pipelines == {"shop/web/cart": "prod", "shop/web/cart@release/1.4": "staging"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SUTURE_GITHUB_WORKFLOWS", "shop/cart=prod", "[OWNER/REPOSITORY:]WORKFLOW=ENVIRONMENT"),
        ("SUTURE_GITHUB_WORKFLOWS", "shop/cart:.github/workflows/deploy.yml=prod", "WORKFLOW=ENVIRONMENT"),
        ("SUTURE_GITHUB_WORKFLOWS", "shop/cart:=prod", "WORKFLOW=ENVIRONMENT"),
        ("SUTURE_GITHUB_WORKFLOWS", "deploy.yml", "WORKFLOW=ENVIRONMENT"),
        ("SUTURE_GITHUB_WORKFLOWS", "deploy.yml=", "environment name is empty"),
        ("SUTURE_GITHUB_WORKFLOWS", "deploy.yml=a/b", "environment name holds a slash"),
        ("SUTURE_GITHUB_WORKFLOWS", "deploy.yml=a,deploy.yml=b", "expected each once"),
        ("SUTURE_GITHUB_RELEASES", "cart=prod", "OWNER/REPOSITORY[@prerelease]=ENVIRONMENT"),
        ("SUTURE_GITHUB_RELEASES", "shop/cart@beta=prod", "OWNER/REPOSITORY[@prerelease]=ENVIRONMENT"),
        ("SUTURE_GITHUB_RELEASES", "shop/cart", "OWNER/REPOSITORY[@prerelease]=ENVIRONMENT"),
        ("SUTURE_GITLAB_PIPELINES", "cart=prod", "GROUP/PROJECT[@REF]=ENVIRONMENT"),
        ("SUTURE_GITLAB_PIPELINES", "shop/cart@=prod", "GROUP/PROJECT[@REF]=ENVIRONMENT"),
        ("SUTURE_GITLAB_PIPELINES", "shop/cart@main", "GROUP/PROJECT[@REF]=ENVIRONMENT"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})
    assert name in str(refused.value)
    assert expected in str(refused.value)
