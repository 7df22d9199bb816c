"""Reverts are found in what forges tell of the default branch, and nowhere else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SchemaError
from schemas.git_reverts import read_github_reverts, read_gitlab_reverts, reverted_in

REVERTED, HEAD = "9a1c3f0d217b4e55a0c1b2d3e4f5061728394a5b", "c0ffee00d217b4e55a0c1b2d3e4f5061728394a5"
MESSAGE = f'Revert "Ask for the cart in one query"\n\nThis reverts commit {REVERTED}.\n\nIt lost two orders.'

PUSH: dict[str, Any] = {
    "ref": "refs/heads/main",
    "before": REVERTED,
    "after": HEAD,
    "repository": {"full_name": "shop/cart", "default_branch": "main"},
    "pusher": {"name": "ann", "email": "ann@shop.example"},
    "commits": [{"id": HEAD, "message": MESSAGE}, {"id": "0" * 40, "message": "Mend a word"}],
}
REQUEST: dict[str, Any] = {
    "action": "closed",
    "repository": {"full_name": "shop/cart", "default_branch": "main"},
    "pull_request": {
        "merged": True,
        "body": MESSAGE,
        "merge_commit_sha": HEAD,
        "html_url": "https://github.com/shop/cart/pull/13",
        "base": {"ref": "main"},
        "merged_by": {"login": "ann"},
    },
}
GITLAB_PUSH: dict[str, Any] = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "after": HEAD,
    "user_username": "ann",
    "project": {"path_with_namespace": "shop/cart", "default_branch": "main"},
    "commits": [{"id": HEAD, "message": MESSAGE}],
}
GITLAB_REQUEST: dict[str, Any] = {
    "object_kind": "merge_request",
    "user": {"username": "ann"},
    "project": {"path_with_namespace": "shop/cart", "default_branch": "main"},
    "object_attributes": {
        "action": "merge",
        "target_branch": "main",
        "description": "This reverts merge request !12",
        "last_commit": {"id": HEAD, "message": MESSAGE},
        "merge_commit_sha": HEAD,
        "url": "https://gitlab.example/shop/cart/-/merge_requests/13",
    },
}


def github(event: str, content: dict[str, Any]) -> object:
    return read_github_reverts(event, json.dumps(content).encode())


def gitlab(content: dict[str, Any]) -> object:
    return read_gitlab_reverts(json.dumps(content).encode())


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(github("push", PUSH), id="pushed to GitHub"),
        pytest.param(github("pull_request", REQUEST), id="merged in GitHub"),
        pytest.param(gitlab(GITLAB_PUSH), id="pushed to GitLab"),
        pytest.param(gitlab(GITLAB_REQUEST), id="merged in GitLab"),
    ],
)
def test_a_revert_on_the_default_branch_is_found(found: Any) -> None:
    assert (found.about, found.by, found.commits) == (HEAD, "ann", (REVERTED,))


@pytest.mark.parametrize(
    ("event", "content"),
    [
        pytest.param("push", PUSH | {"ref": "refs/heads/trial"}, id="on another branch"),
        pytest.param("push", PUSH | {"ref": "refs/tags/main"}, id="as a tag"),
        pytest.param("push", PUSH | {"commits": [{"message": "Explain reverts"}]}, id="with other messages"),
        pytest.param("push", PUSH | {"commits": [], "after": "0" * 40}, id="of a branch that is deleted"),
        pytest.param("pull_request", REQUEST | {"action": "opened"}, id="a request that is open"),
        pytest.param(
            "pull_request",
            REQUEST | {"pull_request": REQUEST["pull_request"] | {"merged": False}},
            id="a request that was turned down",
        ),
        pytest.param(
            "pull_request",
            REQUEST | {"pull_request": REQUEST["pull_request"] | {"base": {"ref": "trial"}}},
            id="a request into another branch",
        ),
        pytest.param(
            "pull_request",
            REQUEST | {"pull_request": REQUEST["pull_request"] | {"body": "Reverts shop/cart#12"}},
            id="a request that names no commit",
        ),
        pytest.param("issues", PUSH, id="another event"),
    ],
)
def test_what_takes_nothing_back_is_no_revert(event: str, content: dict[str, Any]) -> None:
    assert github(event, content) is None


def test_a_commit_that_takes_several_back_names_each_once() -> None:
    message = (
        f"This reverts commit {REVERTED}.\nThis reverts commit {HEAD[:8]}.\nThis reverts commit {REVERTED}."
    )
    assert reverted_in(message) == (REVERTED, HEAD[:8])


@pytest.mark.parametrize("content", [PUSH | {"commits": "none"}, PUSH | {"after": "main"}, {"ref": "x"}])
def test_a_push_that_github_did_not_write_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        github("push", content)


@given(message=st.text())
def test_no_text_is_too_odd_to_be_read(message: str) -> None:
    assert all(7 <= len(commit) <= 64 for commit in reverted_in(message))
