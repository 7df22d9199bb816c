"""GitHub: a pull request that takes one commit back, built with its Git Data API.

GitHub's REST API has no revert. The revert is the inverse of the commit's files, laid on the head of the base
branch, and only where these files are still as the commit left them: then it is what `git revert` gives, and
nothing has to be merged here. Source: docs.github.com, REST API, Git database and Pulls.
"""

from actions.errors import RefusedActionError
from actions.github_door import (
    GITHUB_ERRORS,
    PUBLIC,
    GithubException,
    InputGitTreeElement,
    Repository,
    as_token,
    told_by_github,
)
from actions.revert_requests import Revert, named, require_in_folder

Blob = tuple[str, str, str]
"""Mode, type and id of one path in a tree."""


class GitHubReverts:
    """Opens pull requests that revert a commit.

    Needs a token that may read and write contents and pull requests of the repository.

    Args:
        token: The token.
        address: Base of the API; of an Enterprise Server `https://HOST/api/v3`.
    """

    def __init__(self, token: str, address: str = PUBLIC) -> None:
        self._client = as_token(token, address)

    def request(self, revert: Revert) -> str:
        """Return the address of the pull request, which is opened unless it is there."""
        try:
            repository = self._client.get_repo(revert.repository)
            head = f"{repository.owner.login}:{revert.branch}"
            for pull in repository.get_pulls(state="all", head=head):
                return str(pull.html_url)
            base = revert.base or repository.default_branch
            if not _has_branch(repository, revert.branch):
                self._make_branch(repository, revert, base)
            opened = repository.create_pull(base, revert.branch, title=revert.title, body=revert.body)
            return str(opened.html_url)
        except GITHUB_ERRORS as error:
            raise told_by_github(f"revert of {revert.commit} in {revert.repository}", error) from error

    def _make_branch(self, repository: Repository, revert: Revert, base: str) -> None:
        """Make a branch with one commit more than the base branch, the revert."""
        bad = repository.get_git_commit(revert.commit)
        if not bad.parents:
            raise RefusedActionError(f"commit {revert.commit} is the first of its repository")
        # Of a merge, the first parent is the branch that it was merged into.
        before = _tree(repository, repository.get_git_commit(bad.parents[0].sha).tree.sha)
        after = _tree(repository, bad.tree.sha)
        tip = repository.get_git_commit(repository.get_git_ref(f"heads/{base}").object.sha)
        now = _tree(repository, tip.tree.sha)
        inverse = inverse_of(revert, before, after, now, base)
        tree = repository.create_git_tree(
            [InputGitTreeElement(path, mode, kind, sha=sha) for path, (mode, kind, sha) in inverse.items()],
            base_tree=repository.get_git_tree(tip.tree.sha),
        )
        message = f"{revert.title}\n\nThis reverts commit {revert.commit}."
        commit = repository.create_git_commit(message, tree, [tip])
        repository.create_git_ref(f"refs/heads/{revert.branch}", commit.sha)


def inverse_of(
    revert: Revert, before: dict[str, Blob], after: dict[str, Blob], now: dict[str, Blob], base: str
) -> dict[str, tuple[str, str, str | None]]:
    """Return what takes a commit back, by path: mode, type, and id, None to remove it.

    Args:
        revert: What is asked for.
        before: The tree that the commit was laid on, by path.
        after: The commit's own.
        now: That of the base branch's head.
        base: The base branch.

    Raises:
        RefusedActionError: the files are not as the commit left them any more.
    """
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    require_in_folder(revert, changed)
    if all(now.get(path) == before.get(path) for path in changed):
        raise RefusedActionError(f"commit {revert.commit} is taken back on {base} already")
    if others := [path for path in changed if now.get(path) != after.get(path)]:
        raise RefusedActionError(
            f"commit {revert.commit} cannot be reverted by itself: {named(others)} changed again on {base}"
        )
    return {path: before.get(path) or (*after[path][:2], None) for path in changed}


def _tree(repository: Repository, sha: str) -> dict[str, Blob]:
    """Return what a tree holds, by path, without its folders."""
    tree = repository.get_git_tree(sha, recursive=True)
    if tree.raw_data.get("truncated"):
        raise RefusedActionError(
            f"the tree of {repository.full_name} is too large to be listed, revert by hand"
        )
    return {one.path: (one.mode, one.type, one.sha) for one in tree.tree if one.type != "tree"}


def _has_branch(repository: Repository, name: str) -> bool:
    try:
        repository.get_git_ref(f"heads/{name}")
    except GithubException as error:
        if error.status == 404:
            return False
        raise
    return True
