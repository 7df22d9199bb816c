"""A GitLab of the tests' own over a real repository.

No package of a registry carries GitLab's OpenAPI document. Requests are held to what python-gitlab's own
classes declare as required and optional, which its makers keep with GitLab's documentation; answers have the
fields of the examples in docs.gitlab.com, REST API: Projects, Branches, Commits, Merge requests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gitlab.v4.objects import ProjectBranchManager, ProjectMergeRequestManager

from tests.actions.git_repository import GitError, GitRepository
from tests.actions.openapi import Json

TOKEN = "t0ken"
PROJECT = "/api/v4/projects/7"


class GitLabServer:
    """One project, `shop/teams/infra`, with the number 7."""

    def __init__(self, git: GitRepository, work: Path) -> None:
        self.git, self.work, self.address = git, work, ""
        self.merge_requests: list[Json] = []
        self.requests: list[tuple[str, str]] = []
        self.refuse: tuple[int, str] | None = None
        self.dies_before: tuple[str, str] | None = None

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if headers.get("PRIVATE-TOKEN") != TOKEN:
            return 401, {"message": "401 Unauthorized"}
        if self.refuse is not None:
            return self.refuse[0], {"message": self.refuse[1]}
        if self.dies_before and method == self.dies_before[0] and path.endswith(self.dies_before[1]):
            return 500, {"message": "died"}
        if path in ("/api/v4/projects/shop/teams/infra", PROJECT):
            return 200, {"id": 7, "path_with_namespace": "shop/teams/infra", "default_branch": "main"}
        if not path.startswith(PROJECT):
            return 404, {"message": "404 Project Not Found"}
        return self._project(method, path.removeprefix(PROJECT), query, body)

    def _project(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if path == "/merge_requests":
            if method == "GET":
                branch = query["source_branch"]
                return 200, [one for one in self.merge_requests if one["source_branch"] == branch]
            _require_known(ProjectMergeRequestManager, body)
            number = len(self.merge_requests) + 1
            url = f"https://gitlab.example/shop/teams/infra/-/merge_requests/{number}"
            self.merge_requests.append({"id": 70 + number, "iid": number, "web_url": url, **body})
            return 201, self.merge_requests[-1]
        if path == "/repository/branches" and method == "POST":
            _require_known(ProjectBranchManager, body)
            if self.git.tip(body["branch"]):
                return 400, {"message": "Branch already exists"}
            self.git.git("update-ref", f"refs/heads/{body['branch']}", self.git.tip(body["ref"]))
            return 201, self._branch(body["branch"])
        if found := re.fullmatch(r"/repository/branches/(.+)", path):
            if not self.git.tip(found[1]):
                return 404, {"message": "404 Branch Not Found"}
            if method == "DELETE":
                self.git.git("update-ref", "-d", f"refs/heads/{found[1]}")
                return 204, None
            return 200, self._branch(found[1])
        if found := re.fullmatch(r"/repository/commits/([0-9a-f]{40})(/\w+)?", path):
            return self._commit(found[1], found[2] or "", body)
        raise LookupError(f"{method} {path} is not answered here")

    def _branch(self, name: str) -> Json:
        tip = self.git.tip(name)
        message = self.git.git("show", "-s", "--format=%B", tip)
        return {"name": name, "commit": {"id": tip, "short_id": tip[:8], "message": message}}

    def _commit(self, sha: str, part: str, body: Any) -> tuple[int, Any]:
        if part == "/diff":
            paths = self.git.git("diff", "--name-only", f"{sha}^", sha).splitlines()
            return 200, [{"old_path": path, "new_path": path, "diff": ""} for path in paths]
        if part != "/revert":
            return 200, {"id": sha, "short_id": sha[:8]}
        assert body.keys() == {"branch"}
        folder = str(self.work)
        try:
            self.git.git("worktree", "add", "--quiet", "--detach", folder, body["branch"])
            self.git.git("-C", folder, "revert", "--no-edit", sha)
            tip = self.git.git("-C", folder, "rev-parse", "HEAD")
            self.git.git("update-ref", f"refs/heads/{body['branch']}", tip)
        except GitError:
            words = "Sorry, we cannot revert this commit automatically."
            return 400, {"message": words, "error_code": "conflict"}
        finally:
            self.git.git("worktree", "remove", "--force", folder)
        return 201, {
            "id": tip,
            "short_id": tip[:8],
            "message": self.git.git("show", "-s", "--format=%B", tip),
        }


def _require_known(manager: Any, body: Json) -> None:
    attributes = manager._create_attrs
    assert set(attributes.required) <= body.keys() <= {*attributes.required, *attributes.optional}
