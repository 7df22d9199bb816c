"""GitHub: what is held of a deployment, as its status and as a check run of its commit.

Neither knows an idempotency key, so what is there is looked at before it is written. Source: docs.github.com,
REST API, Deployment statuses and Check runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from actions.errors import TransientActionError
from actions.github_door import GITHUB_ERRORS, Github, GithubException, NotSet, told_by_github

LONGEST_DESCRIPTION = 140
"""Characters of a deployment status's description."""

_BAD_CREDENTIALS = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentWord:
    """What is said of a deployment.

    Attributes:
        repository: OWNER/NAME.
        deployment: GitHub's id of it.
        state: failure, success or inactive.
        description: In at most `LONGEST_DESCRIPTION` characters; the same again is the same word.
        address: Where a reader goes on, or "".
    """

    repository: str
    deployment: int
    state: str
    description: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWord:
    """What is said of a commit.

    Attributes:
        repository: OWNER/NAME.
        commit: Its whole id.
        name: Of the check.
        id: Derived; the same again is the same word.
        conclusion: success, failure or action_required; neutral would pass a protected branch.
        address: Where a reader goes on, or "".
    """

    repository: str
    commit: str
    name: str
    id: str
    conclusion: str
    title: str
    summary: str
    began_at: datetime
    ended_at: datetime
    address: str = ""


class GitHubTellings:
    """Writes statuses of deployments, and check runs.

    A token has to be allowed to write deployments. Check runs are written by Apps alone.

    Args:
        client: Stands for a token or an App.
    """

    def __init__(self, client: Github) -> None:
        # Nothing is read of a repository, a deployment or a commit before it is written to.
        self._client = client.withLazy(True)

    def deployment(self, word: DeploymentWord) -> None:
        """Set a deployment's status, unless it was set to the same before.

        Raises:
            TransientActionError: GitHub is not there, asks to come later, or does not know who we are.
            PermanentActionError: there is no such deployment, or we may not write it.
        """
        with _told(f"status of deployment {word.deployment} in {word.repository}"):
            deployment = self._client.get_repo(word.repository).get_deployment(word.deployment)
            for status in deployment.get_statuses():
                if (status.state, status.description) == (word.state, word.description):
                    return
            # By itself a success makes earlier deployments inactive, which are not ours to judge.
            deployment.create_status(
                word.state,
                target_url=word.address or NotSet,
                description=word.description,
                auto_inactive=False,
            )

    def check(self, word: CheckWord) -> None:
        """Write a check run, unless it is there.

        Raises:
            TransientActionError: as for a deployment.
            PermanentActionError: there is no such commit, or we may not write checks.
        """
        with _told(f"check of {word.commit} in {word.repository}"):
            repository = self._client.get_repo(word.repository)
            for run in repository.get_commit(word.commit).get_check_runs(check_name=word.name, filter="all"):
                if run.external_id == word.id:
                    return
            repository.create_check_run(
                word.name,
                word.commit,
                external_id=word.id,
                status="completed",
                started_at=word.began_at,
                conclusion=word.conclusion,
                completed_at=word.ended_at,
                output={"title": word.title, "summary": word.summary},
                details_url=word.address or NotSet,
            )


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except GITHUB_ERRORS as error:
        if isinstance(error, GithubException) and error.status == _BAD_CREDENTIALS:
            # A token that ended is renewed by somebody; what is told waits for it.
            raise TransientActionError(f"{what}: 401, expected a token that GitHub knows") from error
        raise told_by_github(what, error) from error
