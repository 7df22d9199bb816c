"""Requests to revert: real commits in a real repository, asked for over a socket with real clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from actions.errors import ActionError, PermanentActionError, RefusedActionError, TransientActionError
from actions.github_reverts import GitHubReverts
from actions.gitlab_reverts import GitLabReverts
from actions.owner_objects import Source
from actions.revert_requests import Forge, RevertRequests, by_hand, repository_of
from schemas.releases import TargetKind
from tests.actions import github_server, gitlab_server
from tests.actions.forge_server import serving
from tests.actions.git_repository import GitRepository
from tests.actions.github_server import GitHubServer
from tests.actions.gitlab_server import GitLabServer
from tests.actions.orders import a_command, a_target

COMMAND = a_command(target=a_target(TargetKind.DEPLOYMENT), name="0123456789abcdef")
FIRST: dict[str, str | None] = {"deploy/cart.yaml": "image: 1", "deploy/old.yaml": "old", "readme": "hello"}
CHANGE: dict[str, str | None] = {"deploy/cart.yaml": "image: 2", "deploy/old.yaml": None, "deploy/new": "new"}


@dataclass
class Site:
    """A forge with a repository whose second commit is bad."""

    server: GitHubServer | GitLabServer
    git: GitRepository
    url: str
    requests: RevertRequests
    bad: str

    def open(self, commit: str = "", branch: str = "main", folder: str = "deploy") -> str:
        source = Source(url=self.url, branch=branch, commit=commit or self.bad, path=folder)
        return self.requests.open(COMMAND, "Application argocd/cart", source)

    @property
    def branch(self) -> str:
        return f"suture/revert-{self.bad[:12]}-01234567"

    def opened(self) -> list[dict[str, str]]:
        """Return title, body and branches of what was opened."""
        if isinstance(self.server, GitHubServer):
            return [
                {
                    "title": one["title"],
                    "body": one["body"],
                    "from": one["head"]["ref"],
                    "to": one["base"]["ref"],
                }
                for one in self.server.pulls
            ]
        return [
            {
                "title": one["title"],
                "body": one["description"],
                "from": one["source_branch"],
                "to": one["target_branch"],
            }
            for one in self.server.merge_requests
        ]


@pytest.fixture(params=["github", "gitlab"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    git = GitRepository(tmp_path / "infra.git")
    git.commit(FIRST, message="first")
    bad = git.commit(CHANGE, message="a bad one")
    git.commit({"readme": "hello again"}, message="something else")
    is_github = request.param == "github"
    server = GitHubServer(git) if is_github else GitLabServer(git, tmp_path / "work")
    with serving(server) as address:
        forge: Forge
        if is_github:
            forge, path = GitHubReverts(github_server.TOKEN, address), "shop/infra"
        else:
            forge, path = GitLabReverts(gitlab_server.TOKEN, address), "shop/teams/infra"
        host = address.removeprefix("http://")
        requests = RevertRequests({host: forge}, "https://suture.example/why/{release}")
        yield Site(server=server, git=git, url=f"{address}/{path}.git", requests=requests, bad=bad)


def test_a_revert_is_one_commit_on_the_base_branch_with_the_tree_that_git_revert_gives(site: Site) -> None:
    link = site.open()
    main, branch = site.git.tip("main"), site.branch
    assert site.git.git("rev-parse", f"{branch}^") == main
    assert site.git.files(branch) == {
        "deploy/cart.yaml": "image: 1",
        "deploy/old.yaml": "old",
        "readme": "hello again",
    }
    site.git.git("worktree", "add", "--quiet", "--detach", str(site.git.folder / "by-hand"), "main")
    site.git.git("-C", str(site.git.folder / "by-hand"), "revert", "--no-edit", site.bad)
    theirs = site.git.git("-C", str(site.git.folder / "by-hand"), "rev-parse", "HEAD^{tree}")
    assert site.git.git("rev-parse", f"{branch}^{{tree}}") == theirs
    (opened,) = site.opened()
    assert (opened["from"], opened["to"]) == (branch, "main")
    assert link.endswith("/1")


def test_a_request_names_release_decision_and_evidence(site: Site) -> None:
    site.open()
    (opened,) = site.opened()
    assert COMMAND.release in opened["title"]
    for word in (COMMAND.decision, COMMAND.id, site.bad, f"https://suture.example/why/{COMMAND.release}"):
        assert word in opened["body"]
    assert github_server.TOKEN not in str(opened)


def test_a_request_that_is_there_is_found_instead_of_opened_again(site: Site) -> None:
    first = site.open()
    before = site.git.tip(site.branch)
    assert site.open() == first
    assert len(site.opened()) == 1
    assert site.git.tip(site.branch) == before


@pytest.mark.parametrize(
    ("site", "step"),
    [
        ("github", "/git/trees"),
        ("github", "/git/refs"),
        ("github", "/pulls"),
        ("gitlab", "/branches"),
        ("gitlab", "/revert"),
        ("gitlab", "/merge_requests"),
    ],
    indirect=["site"],
)
def test_whichever_step_was_cut_off_the_next_try_comes_to_the_same(site: Site, step: str) -> None:
    site.server.dies_before = ("POST", step)
    with pytest.raises(TransientActionError):
        site.open()
    assert site.opened() == []
    site.server.dies_before = None
    site.open()
    assert len(site.opened()) == 1
    assert site.git.files(site.branch)["deploy/cart.yaml"] == "image: 1"
    assert site.git.git("rev-list", "--count", f"main..{site.branch}") == "1"


def test_a_commit_whose_files_changed_again_is_left_to_people(site: Site) -> None:
    site.git.commit({"deploy/cart.yaml": "image: 3"})
    with pytest.raises(RefusedActionError, match="cannot be reverted by itself"):
        site.open()
    assert site.git.branches() == ["main"]
    assert site.opened() == []


def test_a_commit_that_changed_nothing_below_the_followed_folder_is_not_to_blame(site: Site) -> None:
    other = site.git.tip("main")
    with pytest.raises(RefusedActionError, match=f"commit {other} changes nothing below deploy"):
        site.open(commit=other)
    assert site.git.branches() == ["main"]


def test_the_default_branch_is_taken_where_the_owner_names_none(site: Site) -> None:
    site.open(branch="")
    (opened,) = site.opened()
    assert opened["to"] == "main"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, PermanentActionError),
        (404, PermanentActionError),
        (429, TransientActionError),
        (500, TransientActionError),
        (503, TransientActionError),
    ],
)
def test_what_a_forge_says_no_with_is_told_apart(site: Site, status: int, error: type[ActionError]) -> None:
    site.server.refuse = (status, "not now")
    with pytest.raises(error, match=f"{status}"):
        site.open()


def test_a_forge_that_cannot_be_reached_may_be_later() -> None:
    forges: dict[str, Forge] = {
        "gone.example": GitHubReverts("t", "http://127.0.0.1:1"),
        "away.example": GitLabReverts("t", "http://127.0.0.1:1"),
    }
    for host in forges:
        source = Source(url=f"https://{host}/shop/infra", commit="1" * 40)
        with pytest.raises(TransientActionError, match="cannot be reached"):
            RevertRequests(forges).open(COMMAND, "Application argocd/cart", source)


@pytest.mark.parametrize("site", ["github"], indirect=True)
def test_the_first_commit_of_a_repository_is_left_to_people(site: Site) -> None:
    first = site.git.git("rev-list", "--max-parents=0", "main")
    with pytest.raises(RefusedActionError, match="is the first"):
        site.open(commit=first)


def test_without_credentials_people_are_told_what_to_revert() -> None:
    source = Source(url="https://ann:secret@git.example/shop/infra", branch="main", commit="1" * 40)
    with pytest.raises(RefusedActionError) as caught:
        RevertRequests({}).open(COMMAND, "Application argocd/cart", source)
    words = f"revert commit {'1' * 40} on main of https://git.example/shop/infra by hand"
    assert str(caught.value) == words == by_hand(source)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/shop/infra",
        "https://git.example/shop/infra.git",
        "https://ann:secret@git.example/shop/infra.git/",
        "git@git.example:shop/infra.git",
        "ssh://git@git.example:22/shop/infra.git",
        "https://GIT.example/shop/infra",
    ],
)
def test_every_form_of_an_address_names_the_same_repository(url: str) -> None:
    found = repository_of(url)
    assert (found.host, found.path) == ("git.example", "shop/infra")


def test_what_is_no_address_of_a_repository_is_refused_without_its_credentials() -> None:
    with pytest.raises(RefusedActionError) as caught:
        repository_of("https://ann:secret@git.example/infra")
    assert "secret" not in str(caught.value)
