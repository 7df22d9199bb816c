"""The one door to GitHub's client: who we are, and what its errors mean for who asked.

Source: docs.github.com, REST API, authentication and rate limits; PyGithub 2.10.
"""

import requests
from github import Auth, Github, GithubException, InputGitTreeElement, RateLimitExceededException
from github.GithubObject import NotSet
from github.Repository import Repository
from jwt.exceptions import PyJWTError

from actions.errors import ActionError, PermanentActionError, TransientActionError
from schemas.errors import SettingsError

__all__ = [
    "GITHUB_ERRORS",
    "PUBLIC",
    "TIMEOUT_S",
    "Github",
    "GithubException",
    "InputGitTreeElement",
    "NotSet",
    "Repository",
    "as_app",
    "as_token",
    "told_by_github",
]

TIMEOUT_S = 15
PUBLIC = "https://api.github.com"

GITHUB_ERRORS = (GithubException, requests.RequestException)
"""What a call may raise; `told_by_github` says what it means."""


def as_token(token: str, address: str = PUBLIC) -> Github:
    """Return a client that a token stands for.

    Args:
        token: The token.
        address: Base of the API; of an Enterprise Server `https://HOST/api/v3`.
    """
    return _client(Auth.Token(token), address)


def as_app(app: int, installation: int, key: str, address: str = PUBLIC) -> Github:
    """Return a client that an installation of a GitHub App stands for; its tokens are renewed as they end.

    Args:
        app: The App's id.
        installation: The installation's.
        key: The App's private key, PEM.
        address: Base of the API.

    Raises:
        SettingsError: the key cannot sign.
    """
    auth = Auth.AppAuth(app, key)
    try:
        auth.create_jwt()
    except (PyJWTError, ValueError) as error:
        raise SettingsError("the GitHub App's key is no private key, expected PEM") from error
    return _client(auth.get_installation_auth(installation), address)


def told_by_github(what: str, error: GithubException | requests.RequestException) -> ActionError:
    """Return the error of an answer, with GitHub's own words."""
    if isinstance(error, requests.RequestException):
        return TransientActionError(f"{what}: GitHub cannot be reached: {type(error).__name__}")
    said = error.data.get("message", "") if isinstance(error.data, dict) else ""
    text = f"{what}: {error.status} {said}".rstrip()
    if isinstance(error, RateLimitExceededException) or error.status == 429 or error.status >= 500:
        return TransientActionError(text)
    return PermanentActionError(text)


def _client(auth: Auth.Auth, address: str) -> Github:
    # By itself the client tries ten times and sleeps out rate limits, past any command's end.
    return Github(
        auth=auth,
        base_url=address.rstrip("/"),
        timeout=TIMEOUT_S,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        user_agent="suture",
    )
