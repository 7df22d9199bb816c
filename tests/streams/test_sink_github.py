"""GitHub is told what became of its deployments and what is held of their commits, each thing once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from actions.errors import PermanentActionError, TransientActionError
from actions.github_door import as_app, as_token
from actions.github_tellings import GitHubTellings
from schemas.cdevents_form import Addresses, Background
from schemas.errors import SettingsError
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId
from schemas.outward_words import SAID_BY
from schemas.releases import Release
from streams.sink_github import GitHubSink
from tests.actions.forge_server import serving
from tests.actions.github_status_server import COMMIT, TOKEN, GitHubStatusServer
from tests.told_effects import LOG_LINE, RELEASE, a_story, a_verdict, an_effect, an_undo

PAGE = "https://suture.example/releases/prod-cart-1.4.2-92ab94fd"


@pytest.fixture
def github() -> Iterator[GitHubStatusServer]:
    server = GitHubStatusServer()
    with serving(server):
        yield server


@pytest.fixture(scope="module")
def app_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def a_sink(
    github: GitHubStatusServer, key: str = "", token: str = TOKEN, release: Release = RELEASE
) -> GitHubSink:
    client = as_app(7, 42, key, github.address) if key else as_token(token, github.address)

    def background(_: ReleaseId) -> Background:
        return Background(release=release)

    pages = Addresses(release="https://suture.example/releases/{release}")
    return GitHubSink(GitHubTellings(client), "https://github.com", background, pages, has_checks=bool(key))


def test_a_harmful_verdict_fails_the_deployment_and_its_rollback_makes_it_inactive(
    github: GitHubStatusServer,
) -> None:
    sink = a_sink(github)
    for effect in a_story():
        sink.take(effect)
    undone, failed = github.statuses
    assert failed["state"] == "failure"
    assert failed["description"].startswith("Suture: harmful: cart 1.4.2 in prod; it does harm; ")
    assert undone == {"state": "inactive", "description": "Suture: rolled back cart 1.4.2 in prod"}
    posted = [body for body in github.bodies if body]
    assert all(body["target_url"] == PAGE and body["auto_inactive"] is False for body in posted)


def test_the_healthy_end_of_a_watch_is_a_success(github: GitHubStatusServer) -> None:
    a_sink(github).take(an_effect(a_verdict(VerdictKind.HEALTHY), 1))
    assert [status["state"] for status in github.statuses] == ["success"]


@pytest.mark.parametrize("kind", [VerdictKind.INCONCLUSIVE, VerdictKind.NODATA, VerdictKind.BROKEN])
def test_not_to_know_is_no_status_of_a_deployment_and_no_pass_of_a_check(
    github: GitHubStatusServer, app_key: str, kind: VerdictKind
) -> None:
    a_sink(github, app_key).take(an_effect(a_verdict(kind), 1))
    assert github.statuses == []
    assert [check["conclusion"] for check in github.checks] == ["action_required"]


def test_a_verdict_while_the_watch_goes_on_is_told_only_where_it_is_harm(github: GitHubStatusServer) -> None:
    sink = a_sink(github)
    sink.take(an_effect(a_verdict(VerdictKind.HEALTHY, is_final=False), 1))
    assert not github.requests
    sink.take(an_effect(a_verdict(VerdictKind.HARMFUL, is_final=False), 2))
    assert [status["state"] for status in github.statuses] == ["failure"]


def test_an_app_writes_a_check_of_the_commit_as_well(github: GitHubStatusServer, app_key: str) -> None:
    sink = a_sink(github, app_key)
    verdict = a_verdict()
    sink.take(an_effect(verdict, 1))
    (check,) = github.checks
    assert check["head_sha"] == COMMIT
    assert check["name"] == "suture prod/cart"
    assert (check["status"], check["conclusion"]) == ("completed", "failure")
    assert check["external_id"] == verdict.verdict.id
    assert check["details_url"] == PAGE
    assert github.tokens == 1


def test_what_is_told_again_is_written_once(github: GitHubStatusServer, app_key: str) -> None:
    for _ in range(3):
        sink = a_sink(github, app_key)
        for effect in a_story():
            sink.take(effect)
    assert len(github.statuses) == 2
    assert len(github.checks) == 1


def test_a_token_writes_no_checks_which_are_for_apps_alone(github: GitHubStatusServer) -> None:
    a_sink(github).take(an_effect(a_verdict(), 1))
    assert not any("check-runs" in path for _, path in github.requests)


@pytest.mark.parametrize(
    "release",
    [
        replace(RELEASE, repository="https://gitlab.com/shop/cart"),
        replace(RELEASE, repository=""),
        replace(RELEASE, deployment=""),
        replace(RELEASE, deployment="prod/cart/1.4.2/build-7"),
    ],
    ids=["another forge", "no repository", "no deployment", "no number"],
)
def test_github_hears_nothing_of_what_it_did_not_deploy(github: GitHubStatusServer, release: Release) -> None:
    sink = a_sink(github, release=release)
    sink.take(an_effect(a_verdict(release=release), 1))
    sink.take(an_effect(an_undo(release), 2))
    assert not github.requests


def test_a_deployment_that_is_gone_is_set_aside(github: GitHubStatusServer) -> None:
    gone = replace(RELEASE, deployment="1")
    with pytest.raises(PermanentActionError, match="status of deployment 1 in shop/cart: 404"):
        a_sink(github, release=gone).take(an_effect(a_verdict(release=gone), 1))


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "oops"), (429, "slow down"), (403, "You have exceeded a secondary rate limit.")],
)
def test_a_server_in_trouble_and_a_rate_limit_are_waited_for(
    github: GitHubStatusServer, status: int, words: str
) -> None:
    github.refuse = status, words
    with pytest.raises(TransientActionError, match=str(status)):
        a_sink(github).take(an_effect(a_verdict(), 1))


def test_a_repository_that_we_may_not_write_to_is_set_aside_and_holds_up_no_other(
    github: GitHubStatusServer,
) -> None:
    github.refuse = 403, "Resource not accessible by integration"
    with pytest.raises(PermanentActionError, match="403"):
        a_sink(github).take(an_effect(a_verdict(), 1))


def test_a_token_that_github_does_not_know_is_waited_for_and_never_repeated(
    github: GitHubStatusServer,
) -> None:
    with pytest.raises(TransientActionError, match="401") as error:
        a_sink(github, token="ghp_ended").take(an_effect(a_verdict(), 1))
    assert "ghp_ended" not in str(error.value)


def test_a_key_that_is_none_is_a_wrong_setting_and_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="expected PEM") as error:
        as_app(7, 42, "no-key-at-all")
    assert "no-key-at-all" not in str(error.value)


def test_github_never_sees_a_line_of_a_log(github: GitHubStatusServer, app_key: str) -> None:
    sink = a_sink(github, app_key)
    for effect in a_story():
        sink.take(effect)
    assert LOG_LINE not in json.dumps(github.bodies)


def test_whatever_is_said_of_a_deployment_says_that_it_is_ours(github: GitHubStatusServer) -> None:
    sink = a_sink(github)
    for effect in a_story():
        sink.take(effect)
    assert all(status["description"].startswith(SAID_BY) for status in github.statuses)
