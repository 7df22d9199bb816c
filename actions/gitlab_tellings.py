"""GitLab: what is held of a release, as a status of its commit.

Statuses know no idempotency key, so what is there is looked at before one is written. A pipeline's status is
success, failed or, where nothing is known, canceled, which passes no merge request. Source: docs.gitlab.com,
REST API, Commits ("Commit status").
"""

from dataclasses import dataclass

from actions.errors import TransientActionError
from actions.gitlab_door import AT_ONCE, GITLAB_ERRORS, Gitlab, GitlabError, told_by_gitlab

LONGEST_DESCRIPTION = 140
"""Characters of a description; GitLab takes 255."""

_BAD_CREDENTIALS = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitWord:
    """What is said of a commit.

    Attributes:
        project: Path with its groups.
        commit: Its whole id.
        name: Of the status.
        state: success, failed or canceled.
        description: In at most `LONGEST_DESCRIPTION` characters; the same again is the same word.
        address: Where a reader goes on, or "".
    """

    project: str
    commit: str
    name: str
    state: str
    description: str
    address: str = ""


class GitLabTellings:
    """Writes statuses of commits. Needs a token with the scope `api` and the role Developer.

    Args:
        client: Stands for a token.
    """

    def __init__(self, client: Gitlab) -> None:
        self._client = client

    def commit(self, word: CommitWord) -> None:
        """Set a commit's status of this name, unless it was set to the same before.

        Raises:
            TransientActionError: GitLab is not there, asks to come later, or does not know who we are.
            PermanentActionError: there is no such commit, or we may not write its status.
        """
        what = f"status of {word.commit} in {word.project}"
        try:
            project = self._client.projects.get(word.project, lazy=True)
            statuses = project.commits.get(word.commit, lazy=True).statuses
            for status in statuses.list(name=word.name, all=True, get_all=True, **AT_ONCE):
                if (status.status, status.description) == (word.state, word.description):
                    return
            told = {"state": word.state, "name": word.name, "description": word.description}
            if word.address:
                told["target_url"] = word.address
            statuses.create(told, **AT_ONCE)
        except GITLAB_ERRORS as error:
            if isinstance(error, GitlabError) and error.response_code == _BAD_CREDENTIALS:
                # A token that ended is renewed by somebody; what is told waits for it.
                raise TransientActionError(f"{what}: 401, expected a token that GitLab knows") from error
            raise told_by_gitlab(what, error) from error
