"""GitLab: a merge request that takes one commit back, by GitLab's own revert.

Source: docs.gitlab.com, REST API, Commits ("Revert a commit"), Branches and Merge requests.
"""

from actions.errors import RefusedActionError
from actions.gitlab_door import (
    AT_ONCE,
    GITLAB_ERRORS,
    PUBLIC,
    GitlabError,
    Project,
    ProjectBranch,
    as_token,
    told_by_gitlab,
)
from actions.revert_requests import Revert, require_in_folder


class GitLabReverts:
    """Opens merge requests that revert a commit.

    Needs a token with the scope `api` and the role Developer in the project.

    Args:
        token: The token.
        address: Of the installation.
    """

    def __init__(self, token: str, address: str = PUBLIC) -> None:
        self._client = as_token(token, address)

    def request(self, revert: Revert) -> str:
        """Return the address of the merge request, which is opened unless it is there."""
        try:
            project = self._client.projects.get(revert.repository, **AT_ONCE)
            found = project.mergerequests.list(
                source_branch=revert.branch, state="all", per_page=1, page=1, **AT_ONCE
            )
            for one in found:
                return str(one.web_url)
            base = revert.base or project.default_branch
            self._make_branch(project, revert, base)
            opened = project.mergerequests.create(
                {
                    "source_branch": revert.branch,
                    "target_branch": base,
                    "title": revert.title,
                    "description": revert.body,
                    "remove_source_branch": True,
                },
                **AT_ONCE,
            )
            return str(opened.web_url)
        except GITLAB_ERRORS as error:
            raise told_by_gitlab(f"revert of {revert.commit} in {revert.repository}", error) from error

    def _make_branch(self, project: Project, revert: Revert, base: str) -> None:
        """Make a branch from the base branch, and the revert on it, unless both are there."""
        branch = _branch(project, revert.branch)
        if branch is None:
            commit = project.commits.get(revert.commit, **AT_ONCE)
            changed = [
                path
                for entry in commit.diff(get_all=True, **AT_ONCE)
                for path in (str(entry["old_path"]), str(entry["new_path"]))
            ]
            require_in_folder(revert, changed)
            branch = project.branches.create({"branch": revert.branch, "ref": base}, **AT_ONCE)
        if revert.commit in str(branch.commit.get("message", "")):
            # GitLab's revert says which commit it takes back; we died before the request was opened.
            return
        try:
            project.commits.get(revert.commit, lazy=True).revert(revert.branch, **AT_ONCE)
        except GitlabError as error:
            project.branches.delete(revert.branch, **AT_ONCE)
            if error.response_code == 400:
                raise RefusedActionError(
                    f"commit {revert.commit} cannot be reverted by itself on {base}: {error.error_message}"
                ) from error
            raise


def _branch(project: Project, name: str) -> ProjectBranch | None:
    try:
        return project.branches.get(name, **AT_ONCE)
    except GitlabError as error:
        if error.response_code == 404:
            return None
        raise
