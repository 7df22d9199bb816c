"""GitLab is told what is held of a release as a status of its commit, each thing once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from gitlab.v4.objects import ProjectCommitStatusManager

from actions.errors import PermanentActionError, TransientActionError
from actions.gitlab_door import as_token
from actions.gitlab_tellings import GitLabTellings
from schemas.cdevents_form import Addresses
from schemas.judgements import VerdictKind
from schemas.releases import Release
from streams.sink_gitlab import GitLabSink
from tests.actions.forge_server import serving
from tests.told_effects import LOG_LINE, RELEASE, a_story, a_verdict, an_effect

TOKEN = "glpat-not-a-real-token"
COMMIT = RELEASE.commit
STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
"""docs.gitlab.com, REST API, Commits, "Set the pipeline status of a commit"."""


class GitLabStatusServer:
    """One project, `shop/web/cart`, with one commit, held to what python-gitlab declares."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[tuple[str, str]] = []
        self.statuses: list[dict[str, Any]] = []
        self.refuse: tuple[int, str] | None = None

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if headers.get("PRIVATE-TOKEN") != TOKEN:
            return 401, {"message": "401 Unauthorized"}
        if self.refuse is not None:
            return self.refuse[0], {"message": self.refuse[1]}
        project = "/api/v4/projects/shop/web/cart"
        if not path.startswith(project):
            return 404, {"message": "404 Project Not Found"}
        if found := re.fullmatch(r"/repository/commits/(\w+)/statuses", path.removeprefix(project)):
            assert method == "GET"
            named = [one for one in self.statuses if one["name"] == query["name"]]
            return (200, named) if found[1] == COMMIT else (404, {"message": "404 Commit Not Found"})
        if method == "POST" and path == f"{project}/statuses/{COMMIT}":
            known = ProjectCommitStatusManager._create_attrs
            assert set(known.required) <= body.keys() <= {*known.required, *known.optional}
            assert body["state"] in STATES
            assert len(body["description"]) <= 255
            told = {key: value for key, value in body.items() if key != "state"}
            self.statuses.append({"id": len(self.statuses) + 1, "status": body["state"], **told})
            return 201, self.statuses[-1]
        return 404, {"message": "404 Commit Not Found"}


@pytest.fixture
def gitlab() -> Iterator[GitLabStatusServer]:
    server = GitLabStatusServer()
    with serving(server):
        yield server


def released(gitlab: GitLabStatusServer) -> Release:
    return replace(RELEASE, repository=f"{gitlab.address}/shop/web/cart", deployment="15")


def a_sink(gitlab: GitLabStatusServer, token: str = TOKEN) -> GitLabSink:
    pages = Addresses(release="https://suture.example/releases/{release}")
    return GitLabSink(GitLabTellings(as_token(token, gitlab.address)), gitlab.address, pages)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (VerdictKind.HARMFUL, "failed"),
        (VerdictKind.HEALTHY, "success"),
        (VerdictKind.INCONCLUSIVE, "canceled"),
        (VerdictKind.NODATA, "canceled"),
        (VerdictKind.BROKEN, "canceled"),
    ],
)
def test_a_verdict_is_a_status_of_the_commit_and_not_to_know_is_no_pass(
    gitlab: GitLabStatusServer, kind: VerdictKind, state: str
) -> None:
    a_sink(gitlab).take(an_effect(a_verdict(kind, release=released(gitlab)), 1))
    (status,) = gitlab.statuses
    assert status["status"] == state
    assert status["name"] == "suture prod/cart"
    assert status["description"].startswith(f"Suture: {kind}: cart 1.4.2 in prod; ")
    assert status["target_url"] == "https://suture.example/releases/prod-cart-1.4.2-92ab94fd"


def test_what_is_told_again_is_written_once(gitlab: GitLabStatusServer) -> None:
    for _ in range(3):
        for effect in a_story(released(gitlab)):
            a_sink(gitlab).take(effect)
    assert len(gitlab.statuses) == 1


def test_a_later_verdict_is_a_later_status(gitlab: GitLabStatusServer) -> None:
    sink, release = a_sink(gitlab), released(gitlab)
    sink.take(an_effect(a_verdict(VerdictKind.HEALTHY, release=release), 1))
    sink.take(an_effect(a_verdict(VerdictKind.HARMFUL, release=release, ordinal=2), 2))
    assert [status["status"] for status in gitlab.statuses] == ["success", "failed"]


def test_gitlab_hears_nothing_of_a_release_that_is_not_its_own(gitlab: GitLabStatusServer) -> None:
    sink = a_sink(gitlab)
    for release in (RELEASE, replace(released(gitlab), commit="279484c0")):
        sink.take(an_effect(a_verdict(release=release), 1))
    sink.take(an_effect(a_verdict(VerdictKind.HEALTHY, release=released(gitlab), is_final=False), 2))
    assert not gitlab.requests


def test_a_commit_that_is_gone_is_set_aside(gitlab: GitLabStatusServer) -> None:
    gone = replace(released(gitlab), commit="0" * 40)
    with pytest.raises(PermanentActionError, match="404"):
        a_sink(gitlab).take(an_effect(a_verdict(release=gone), 1))


@pytest.mark.parametrize("status", [429, 500, 502])
def test_a_server_in_trouble_is_waited_for(gitlab: GitLabStatusServer, status: int) -> None:
    gitlab.refuse = status, "later"
    with pytest.raises(TransientActionError, match=str(status)):
        a_sink(gitlab).take(an_effect(a_verdict(release=released(gitlab)), 1))


def test_a_token_that_gitlab_does_not_know_is_waited_for_and_never_repeated(
    gitlab: GitLabStatusServer,
) -> None:
    with pytest.raises(TransientActionError, match="401") as error:
        a_sink(gitlab, "glpat-ended").take(an_effect(a_verdict(release=released(gitlab)), 1))
    assert "glpat" not in str(error.value)


def test_gitlab_never_sees_a_line_of_a_log(gitlab: GitLabStatusServer) -> None:
    for effect in a_story(released(gitlab)):
        a_sink(gitlab).take(effect)
    assert LOG_LINE not in json.dumps(gitlab.statuses)
