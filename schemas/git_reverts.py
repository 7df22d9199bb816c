"""Reverts: commits that somebody took back in Git, as GitHub and GitLab tell of them by webhook.

`git revert` writes "This reverts commit SHA." into the message, and so do the buttons of both, into the
commit that they make. A revert counts once it is on the default branch: pushed there, or merged. "Reverts
OWNER/REPO#12" and "This reverts merge request !12" name no commit; the commits that such a merge brings name
it, or nobody does.

Sources: git-scm.com, git-revert; octokit/webhooks, payload schemas `push`, `pull_request`; docs.gitlab.com,
"Webhook events", "Push events", "Merge request events".
"""

import re
from dataclasses import dataclass

from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object
from schemas.labels import COMMITS_MOST
from schemas.webhook_deploys import optional_text_at, text_at

_REVERTS = re.compile(r"\b[Tt]his reverts commit ([0-9a-f]{7,64})\b")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_LONGEST_MESSAGE = 20_000
_LONGEST_NAME = 100
_MOST_COMMITS_READ = 2_048  # GitHub lists at most so many of a push, GitLab twenty


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverts:
    """Commits that were taken back, and by whom.

    Attributes:
        about: The commit, push or request that took them back, by which a repeat is told.
        by: Who did, as the forge calls them; "" where it does not say.
        commits: What was taken back, as it was written; never empty.
    """

    about: str
    by: str
    commits: tuple[str, ...]


def reverted_in(message: str) -> tuple[str, ...]:
    r"""Return the commits that a message says it takes back.

    >>> reverted_in("Revert \"Cart in one query\"\n\nThis reverts commit 9a1c3f0d217b4e55.")
    ('9a1c3f0d217b4e55',)
    >>> reverted_in("Explain what the phrase about reverts means")
    ()
    """
    return tuple(dict.fromkeys(_REVERTS.findall(message[:_LONGEST_MESSAGE])))


def read_github_reverts(event: str, body: bytes) -> Reverts | None:
    """Return what a delivery of GitHub's takes back; None for nothing, and for events of another kind.

    Args:
        event: The header `X-GitHub-Event`.
        body: JSON, proven.

    Raises:
        SchemaError: it is a push or a pull request, and not as GitHub writes it.
    """
    if event == "push":
        whole = read_object(body, "push")
        branch = text_at(whole, "repository.default_branch")
        return _of_push(whole, branch, "after", optional_text_at(whole, "pusher.name"))
    if event != "pull_request":
        return None
    whole = read_object(body, "pull_request")
    request = whole.get("pull_request")
    if whole.get("action") != "closed" or not isinstance(request, dict) or request.get("merged") is not True:
        return None
    base, branch = (
        text_at(whole, "pull_request.base.ref"),
        text_at(whole, "repository.default_branch"),
    )
    if base != branch:
        return None
    merged = optional_text_at(whole, "pull_request.merge_commit_sha") or text_at(
        whole, "pull_request.html_url"
    )
    by = optional_text_at(whole, "pull_request.merged_by.login")
    return _found(merged, by, [request.get("body")])


def read_gitlab_reverts(body: bytes) -> Reverts | None:
    """Return what a delivery of GitLab's takes back; None for nothing, and for events of another kind.

    Raises:
        SchemaError: it is a push or a merge request, and not as GitLab writes it.
    """
    whole = read_object(body, "webhook")
    kind = whole.get("object_kind")
    if kind == "push":
        branch = text_at(whole, "project.default_branch")
        return _of_push(whole, branch, "after", optional_text_at(whole, "user_username"))
    attributes = whole.get("object_attributes")
    if kind != "merge_request" or not isinstance(attributes, dict) or attributes.get("action") != "merge":
        return None
    if attributes.get("target_branch") != text_at(whole, "project.default_branch"):
        return None
    last = attributes.get("last_commit")
    messages = [attributes.get("description"), last.get("message") if isinstance(last, dict) else None]
    merged = optional_text_at(whole, "object_attributes.merge_commit_sha") or text_at(
        whole, "object_attributes.url"
    )
    return _found(merged, optional_text_at(whole, "user.username"), messages)


def _of_push(whole: dict[str, Json], branch: str, after: str, by: str) -> Reverts | None:
    if text_at(whole, "ref") != f"refs/heads/{branch}":
        return None
    commits = whole.get("commits")
    if not isinstance(commits, list):
        raise SchemaError("commits of a push is no list")
    head = text_at(whole, after)
    if not _COMMIT.fullmatch(head):
        raise SchemaError(f"{after} of a push is no commit")
    messages = [one.get("message") for one in commits[:_MOST_COMMITS_READ] if isinstance(one, dict)]
    return _found(head, by, messages)


def _found(about: str, by: str, messages: list[Json]) -> Reverts | None:
    found: dict[str, None] = {}
    for message in messages:
        if isinstance(message, str):
            found.update(dict.fromkeys(reverted_in(message)))
    if not found:
        return None
    return Reverts(about=about, by=by[:_LONGEST_NAME], commits=tuple(found)[:COMMITS_MOST])
