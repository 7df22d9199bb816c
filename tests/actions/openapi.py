"""What a vendor's OpenAPI 3.0 document says of requests and answers, as checks and as smallest answers.

`github-openapi-subset.json` is cut from @octokit/openapi 23.0.2 (npm; MIT, Copyright GitHub Inc. and Octokit
contributors): the paths that we use, without their prose.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]

_EXAMPLES = {
    "uri": "https://api.example/x",
    "date-time": "2026-11-01T03:00:00Z",
    "email": "ann@example.com",
    "date": "2026-11-01",
}


class OpenApi:
    """One document.

    Args:
        file: The document, as JSON.
    """

    def __init__(self, file: Path) -> None:
        self.document: Json = json.loads(file.read_text())
        self._paths = {
            re.compile(
                re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)).replace(
                    "(?P<ref>[^/]+)", "(?P<ref>.+)"
                )
            ): path
            for path in self.document["paths"]
        }

    def operation(self, method: str, path: str) -> tuple[str, Json, dict[str, str]]:
        """Return the path's form, the operation and the path's parameters.

        Raises:
            LookupError: the document knows no such operation.
        """
        for pattern, form in self._paths.items():
            if found := pattern.fullmatch(path):
                return form, self.document["paths"][form][method.lower()], found.groupdict()
        raise LookupError(f"{method} {path} is none of the API's")

    def check_request(self, method: str, path: str, query: dict[str, str], body: Any) -> None:
        """Go on when a request is as the document says, and names nothing that it does not."""
        _, operation, _ = self.operation(method, path)
        parameters = [self._resolved(one) for one in operation.get("parameters", [])]
        known = {one["name"] for one in parameters if one["in"] == "query"}
        assert query.keys() <= known, f"{method} {path}: {query.keys() - known} are no parameters"
        if "requestBody" not in operation:
            assert body is None
            return
        schema = self._plain(operation["requestBody"]["content"]["application/json"]["schema"])
        self.check(body, schema)
        unknown = body.keys() - schema["properties"].keys()
        assert not unknown, f"{method} {path}: {unknown} are no fields"

    def answer(self, method: str, path: str, status: int, facts: Any) -> Any:
        """Return an answer with these facts and whatever else it has to hold, checked."""
        _, operation, _ = self.operation(method, path)
        answer = self._resolved(operation["responses"][str(status)])
        schema = self._plain(answer["content"]["application/json"]["schema"])
        whole = (
            [_laid_over(smallest(schema["items"]), one) for one in facts]
            if isinstance(facts, list)
            else _laid_over(smallest(schema), facts)
        )
        self.check(whole, schema)
        return whole

    def check(self, value: Any, schema: Json) -> None:
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(value)]
        assert not errors, errors[:3]

    def _resolved(self, thing: Json) -> Json:
        while "$ref" in thing:
            found: Any = self.document
            for step in thing["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            thing = found
        return thing

    def _plain(self, schema: Any) -> Any:
        """Return a schema as JSON Schema has it: without references, and with null as a type."""
        if isinstance(schema, list):
            return [self._plain(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        resolved = self._resolved(schema)
        plain = {key: self._plain(value) for key, value in resolved.items() if key != "nullable"}
        if resolved.get("nullable") is True:
            return {"anyOf": [plain, {"type": "null"}]}
        return plain


def smallest(schema: Json) -> Any:
    """Return the smallest value that a schema takes."""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return None if {"type": "null"} in schema[key] else smallest(schema[key][0])
    if "allOf" in schema:
        return {key: value for one in schema["allOf"] for key, value in smallest(one).items()}
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            known = schema.get("properties", {})
            return {key: smallest(known[key]) for key in schema.get("required", [])}
        case "array":
            return []
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case _:
            return _EXAMPLES.get(schema.get("format", ""), "x")


def _laid_over(value: Any, facts: Any) -> Any:
    if isinstance(value, dict) and isinstance(facts, dict):
        return {**value, **{key: _laid_over(value.get(key), fact) for key, fact in facts.items()}}
    return facts
