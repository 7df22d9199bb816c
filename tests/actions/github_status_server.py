"""A GitHub of the tests' own for deployments' statuses and check runs, held to GitHub's OpenAPI document.

`github-statuses-openapi-subset.json` is cut from @octokit/openapi 23.0.2 (npm; MIT, Copyright GitHub Inc. and
Octokit contributors): the paths that we use, without their prose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.actions.openapi import Json, OpenApi

DOCUMENT = Path(__file__).parent / "github-statuses-openapi-subset.json"
TOKEN = "t0ken"
INSTALLATION_TOKEN = "ghs_of-the-installation"
DEPLOYMENT = 145988746
COMMIT = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"


class GitHubStatusServer:
    """One repository, `shop/cart`, with one deployment of one commit.

    Attributes:
        statuses: Of the deployment, newest first.
        checks: Of the commit.
        tokens: How often the App asked for a token of its installation.
        refuse: Status and words to answer with instead; None for none.
    """

    def __init__(self) -> None:
        self.api, self.address = OpenApi(DOCUMENT), ""
        self.statuses: list[Json] = []
        self.checks: list[Json] = []
        self.tokens = 0
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.refuse: tuple[int, str] | None = None

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        self.bodies.append(body)
        by = headers.get("Authorization", "")
        if path.startswith("/app/installations/"):
            return self._installation(method, path, query, body, by)
        if by not in (f"token {TOKEN}", f"token {INSTALLATION_TOKEN}"):
            return 401, {"message": "Bad credentials"}
        if self.refuse is not None:
            return self.refuse[0], {"message": self.refuse[1]}
        self.api.check_request(method, path, query, body)
        form, _, given = self.api.operation(method, path)
        if (given["owner"], given["repo"]) != ("shop", "cart"):
            return 404, {"message": "Not Found"}
        status, facts = self._facts(method, form, given, query, body, is_app=INSTALLATION_TOKEN in by)
        return (status, facts) if status >= 400 else (status, self.api.answer(method, path, status, facts))

    def _facts(
        self, method: str, form: str, given: dict[str, str], query: dict[str, str], body: Any, *, is_app: bool
    ) -> tuple[int, Any]:
        match method, form.removeprefix("/repos/{owner}/{repo}"):
            case _, "/deployments/{deployment_id}/statuses":
                if given["deployment_id"] != str(DEPLOYMENT):
                    return 404, {"message": "Not Found"}
                if method == "GET":
                    return 200, self.statuses
                assert len(body["description"]) <= 140
                self.statuses.insert(0, {"state": body["state"], "description": body["description"]})
                return 201, self.statuses[0]
            case "POST", "/check-runs":
                if not is_app:
                    return 403, {"message": "You must authenticate via a GitHub App."}
                if body["head_sha"] != COMMIT:
                    return 422, {"message": f"No commit found for SHA: {body['head_sha']}"}
                self.checks.append(body)
                return 201, {
                    "external_id": body["external_id"],
                    "name": body["name"],
                    "app": None,
                    "check_suite": {"id": 5},
                }
            case "GET", "/commits/{ref}/check-runs":
                found = [
                    {
                        "external_id": one["external_id"],
                        "name": one["name"],
                        "app": None,
                        "check_suite": {"id": 5},
                    }
                    for one in self.checks
                    if one["name"] == query["check_name"] and one["head_sha"] == given["ref"]
                ]
                whole = [self._whole_check(one) for one in found]
                return 200, {"total_count": len(whole), "check_runs": whole}
        raise LookupError(f"{method} {form} is not answered here")

    def _whole_check(self, facts: Json) -> Json:
        checked: Json = self.api.answer("POST", "/repos/shop/cart/check-runs", 201, facts)
        return checked

    def _installation(
        self, method: str, path: str, query: dict[str, str], body: Any, by: str
    ) -> tuple[int, Any]:
        if not by.startswith("Bearer ey"):
            return 401, {"message": "A JSON web token could not be decoded"}
        self.api.check_request(method, path, query, body)
        if path != "/app/installations/42/access_tokens":
            return 404, {"message": "Not Found"}
        self.tokens += 1
        facts = {"token": INSTALLATION_TOKEN, "expires_at": "2099-01-01T00:00:00Z"}
        return 201, self.api.answer(method, path, 201, facts)
