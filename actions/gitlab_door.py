"""The one door to GitLab's client: who we are, and what its errors mean for who asked.

Source: docs.gitlab.com, REST API, authentication and rate limits; python-gitlab 8.
"""

from typing import Any

import requests
from gitlab import Gitlab, GitlabError
from gitlab.v4.objects import Project, ProjectBranch

from actions.errors import ActionError, PermanentActionError, TransientActionError

__all__ = [
    "AT_ONCE",
    "GITLAB_ERRORS",
    "PUBLIC",
    "TIMEOUT_S",
    "Gitlab",
    "GitlabError",
    "Project",
    "ProjectBranch",
    "as_token",
    "told_by_gitlab",
]

TIMEOUT_S = 15
PUBLIC = "https://gitlab.com"

AT_ONCE: dict[str, Any] = {"obey_rate_limit": False}
"""For every call: by itself the client sleeps out a rate limit, past any command's end."""

GITLAB_ERRORS = (GitlabError, requests.RequestException)
"""What a call may raise; `told_by_gitlab` says what it means."""


def as_token(token: str, address: str = PUBLIC) -> Gitlab:
    """Return a client that a token stands for."""
    return Gitlab(
        address, private_token=token, timeout=TIMEOUT_S, retry_transient_errors=False, user_agent="suture"
    )


def told_by_gitlab(what: str, error: GitlabError | requests.RequestException) -> ActionError:
    """Return the error of an answer, with GitLab's own words."""
    if isinstance(error, requests.RequestException):
        return TransientActionError(f"{what}: GitLab cannot be reached: {type(error).__name__}")
    code = error.response_code or 0
    text = f"{what}: {code} {error.error_message}".rstrip()
    return TransientActionError(text) if code == 429 or code >= 500 else PermanentActionError(text)
