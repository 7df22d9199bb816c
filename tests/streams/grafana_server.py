"""A Grafana of the tests' own: it keeps annotations, takes only what Grafana's own client could have sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from tests.actions.small_server import Reply, Request

TOKEN = "glsa_not-a-real-token"
POST_ANNOTATIONS_CMD: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "dashboardId": {"type": "integer"},
        "dashboardUID": {"type": "string"},
        "data": {"type": "object"},
        "panelId": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "text": {"type": "string", "minLength": 1},
        "time": {"type": "integer"},
        "timeEnd": {"type": "integer"},
    },
}
"""`PostAnnotationsCmd` of grafana-openapi-client-go, which Grafana generates from its OpenAPI document."""

GET_PARAMETERS = {
    "alertId",
    "alertUID",
    "dashboardId",
    "dashboardUID",
    "from",
    "limit",
    "matchAny",
    "panelId",
    "tags",
    "to",
    "type",
    "userId",
}
"""Parameters of `GetAnnotations` there."""


class Grafana:
    """Keeps annotations and finds them by tag and time, as Grafana does."""

    def __init__(self) -> None:
        self.annotations: list[dict[str, Any]] = []
        self.loses_answers = False
        self.refuse = 0

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply(401, {"message": "Unauthorized"})
        if self.refuse:
            return Reply(self.refuse, {"message": "no"})
        parts = urlsplit(request.path)
        assert parts.path == "/api/annotations"
        if request.method == "GET":
            query = parse_qs(parts.query)
            assert query.keys() <= GET_PARAMETERS
            return Reply(200, [one for one in self.annotations if _is_asked(one, query)])
        Draft202012Validator(POST_ANNOTATIONS_CMD).validate(request.body)
        self.annotations.append(request.body)
        return (
            Reply(0) if self.loses_answers else Reply(200, {"id": len(self.annotations), "message": "added"})
        )


def _is_asked(annotation: dict[str, Any], query: dict[str, list[str]]) -> bool:
    ends = annotation.get("timeEnd", annotation["time"])
    return (
        all(tag in annotation["tags"] for tag in query["tags"])
        and annotation["time"] <= int(query["to"][0])
        and ends >= int(query["from"][0])
    )
