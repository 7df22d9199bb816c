"""A GitHub of the tests' own: its Git Data API over a real repository, held to GitHub's OpenAPI document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.actions.git_repository import GitRepository
from tests.actions.openapi import Json, OpenApi

DOCUMENT = Path(__file__).parent / "github-openapi-subset.json"
TOKEN = "t0ken"


class GitHubServer:
    """One repository, `shop/infra`.

    Attributes:
        pulls: The pull requests that were opened.
        refuse: Status and words to answer with instead; None for none.
        dies_before: Method and end of the path of the request before which the caller dies; it is not done.
    """

    def __init__(self, git: GitRepository) -> None:
        self.git, self.api, self.address = git, OpenApi(DOCUMENT), ""
        self.pulls: list[Json] = []
        self.requests: list[tuple[str, str]] = []
        self.refuse: tuple[int, str] | None = None
        self.dies_before: tuple[str, str] | None = None

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if headers.get("Authorization") != f"token {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if self.refuse is not None:
            return self.refuse[0], {"message": self.refuse[1]}
        if self.dies_before and method == self.dies_before[0] and path.endswith(self.dies_before[1]):
            return 500, {"message": "died"}
        self.api.check_request(method, path, query, body)
        form, _, given = self.api.operation(method, path)
        if (given["owner"], given["repo"]) != ("shop", "infra"):
            return 404, {"message": "Not Found"}
        status, facts = self._facts(method, form, given, query, body)
        if status >= 400:
            return status, facts
        return status, self.api.answer(method, path, status, facts)

    def _facts(
        self, method: str, form: str, given: dict[str, str], query: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        match method, form.removeprefix("/repos/{owner}/{repo}"):
            case "GET", "":
                here = {"url": f"{self.address}/repos/shop/infra", "full_name": "shop/infra"}
                return 200, {**here, "name": "infra", "default_branch": "main", "owner": {"login": "shop"}}
            case "GET", "/pulls":
                return 200, [one for one in self.pulls if f"shop:{one['head']['ref']}" == query["head"]]
            case "POST", "/pulls":
                return self._pull(body)
            case "GET", "/git/ref/{ref}":
                tip = self.git.tip(given["ref"].removeprefix("heads/"))
                return (200, _reference(given["ref"], tip)) if tip else (404, {"message": "Not Found"})
            case "POST", "/git/refs":
                name = body["ref"].removeprefix("refs/heads/")
                if self.git.tip(name):
                    return 422, {"message": "Reference already exists"}
                self.git.git("update-ref", body["ref"], body["sha"])
                return 201, _reference(f"heads/{name}", body["sha"])
            case "GET", "/git/commits/{commit_sha}":
                return 200, self._commit(given["commit_sha"])
            case "POST", "/git/commits":
                parents = [word for sha in body["parents"] for word in ("-p", sha)]
                return 201, self._commit(
                    self.git.git("commit-tree", body["tree"], *parents, "-m", body["message"])
                )
            case "GET", "/git/trees/{tree_sha}":
                return 200, self._tree(given["tree_sha"], is_deep="recursive" in query)
            case "POST", "/git/trees":
                entries = [
                    f"{'0' if one['sha'] is None else one['mode']} {one['sha'] or '0' * 40}\t{one['path']}"
                    for one in body["tree"]
                ]
                return 201, self._tree(self.git.tree_from(body["base_tree"], entries), is_deep=False)
        raise LookupError(f"{method} {form} is not answered here")

    def _pull(self, body: Json) -> tuple[int, Any]:
        if not self.git.tip(body["head"]) or not self.git.tip(body["base"]):
            return 422, {"message": "Validation Failed"}
        if any(one["head"]["ref"] == body["head"] for one in self.pulls):
            return 422, {"message": "A pull request already exists"}
        number = len(self.pulls) + 1
        pull = {
            "number": number,
            "html_url": f"https://github.example/shop/infra/pull/{number}",
            "title": body["title"],
            "body": body["body"],
            "head": {"ref": body["head"]},
            "base": {"ref": body["base"]},
        }
        self.pulls.append(pull)
        return 201, pull

    def _commit(self, sha: str) -> Json:
        tree, parents, message = self.git.git("show", "-s", "--format=%T%n%P%n%s", sha).split("\n")[:3]
        listed = [
            {"sha": one, "url": "https://x.example", "html_url": "https://x.example"}
            for one in parents.split()
        ]
        return {"sha": sha, "tree": {"sha": tree}, "parents": listed, "message": message}

    def _tree(self, sha: str, *, is_deep: bool) -> Json:
        lines = self.git.git("ls-tree", *(["-r", "-t"] if is_deep else []), sha).splitlines()
        entries = []
        for line in lines:
            about, path = line.split("\t")
            mode, kind, blob = about.split()
            entries.append({"path": path, "mode": mode, "type": kind, "sha": blob})
        return {"sha": sha, "truncated": False, "tree": entries}


def _reference(ref: str, sha: str) -> Json:
    return {"ref": f"refs/{ref}", "object": {"type": "commit", "sha": sha}}
