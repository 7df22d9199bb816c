"""The gateway's OpenAPI document, made whole: what every route shares is said once, here.

FastAPI knows of parameters and of the answers that are typed. Bodies that routes read by themselves, errors,
and who is asked for a token, it does not.

Source: OpenAPI 3.1.0; IANA's registry of authentication schemes.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from schemas.descriptions import described
from streams.gateway_tokens import Scope
from streams.openapi_foreign import FOREIGN

API_VERSION = "1"
"""Fields and routes are added under `/v1`; none is taken away, and none changes its meaning."""

_METHODS = ("get", "post", "put", "delete", "patch")
_ERROR = {
    "type": "object",
    "description": "Why a request was refused.",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "What was seen and what was expected."}},
}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of SUTURE_TOKENS."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any name, and a token as the password."},
}
_SCOPES: Mapping[str, Scope] = {
    "/v1/releases/{release}/labels": Scope.ANSWER,
    "/v1/releases": Scope.READ,
    "/v1/holds": Scope.READ,
    "/v1/watches": Scope.READ,
    "/v1/keptn": Scope.READ,
    "/api/v1/query": Scope.READ,
    "/v1/deploys": Scope.DEPLOY,
    "/v1/events": Scope.DEPLOY,
    "/v1/approvals": Scope.ANSWER,
    "/v1/sql": Scope.READ,
}
_ALWAYS = (Scope.ANSWER,)
_CLOSED = ("/v1/sql",)
"""Paths that ask for a token even where others of their scope are open."""
_HEALTH = ("/healthz", "/readyz", "/metrics")
_BASIC = ("/api/v1/query",)
_REFUSED = {
    "4XX": "Refused: the request is malformed, too large or too slow, names what is not known, or carries no "
    "token that may do this",
    "503": "Kafka cannot be reached, or what the route needs is not configured; try again",
}


def document(app: FastAPI) -> None:
    """Let an application describe itself whole, and refuse what it cannot read in the form that is described.

    Args:
        app: The application, whose routes may still grow until somebody asks.
    """

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = whole(app)
        return app.openapi_schema

    # Of an application as of any object: this is how FastAPI says that it is done.
    app.openapi = openapi  # type: ignore[method-assign]
    app.add_exception_handler(RequestValidationError, _not_read)
    app.add_exception_handler(HTTPException, _not_served)


def whole(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application's routes."""
    found = get_openapi(
        title=app.title,
        version=API_VERSION,
        description="Telemetry, deploys and answers come in; verdicts, releases and holds are told.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for path, _, operation in operations(found):
        _add(operation, FOREIGN.get(path, {}))
        _raise_definitions(operation, schemas)
        operation["responses"].pop("422", None)
        for response in operation["responses"].values():
            _drop_unsaid(response)
        _complete(path, operation)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["schemas"] = {
        name: described(schema) for name, schema in sorted({**schemas, "Error": _ERROR}.items())
    }
    components["securitySchemes"] = _SCHEMES
    return found


def operations(found: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of each route of a document."""
    for path, methods in found["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method, methods[method]


def _add(operation: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Say of an operation what is known of it besides; of a response, what is known takes its place."""
    for name, said in deepcopy(dict(more)).items():
        operation[name] = {**operation.get(name, {}), **said} if name == "responses" else said


def _drop_unsaid(response: dict[str, Any]) -> None:
    """Take away what FastAPI supposes of a response that it knows nothing of: any JSON."""
    content = response.get("content", {})
    for kind in [kind for kind, said in content.items() if not said.get("schema")]:
        del content[kind]
    if not content:
        response.pop("content", None)


def _complete(path: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status, why in _REFUSED.items():
        if path not in _HEALTH:
            answers.setdefault(status, {"description": why, "content": error})
    scope = next((scope for start, scope in _SCOPES.items() if path.startswith(start)), None)
    if scope is None:
        return
    is_closed = scope in _ALWAYS or path in _CLOSED
    ways: list[dict[str, list[str]]] = [] if is_closed else [{}]
    ways.append({"bearer": []})
    if path in _BASIC:
        ways.append({"basic": []})
    operation["security"] = ways
    needed = f"Needs a token with scope `{scope}`"
    if not is_closed:
        needed += f" where `SUTURE_{scope.upper()}_OPEN` is false"
    operation["description"] = "\n\n".join(filter(None, (operation.get("description", ""), f"{needed}.")))


def _raise_definitions(node: Any, schemas: dict[str, Any]) -> None:
    """Put the definitions that a schema carries where its references point: among the components."""
    if isinstance(node, list):
        for one in node:
            _raise_definitions(one, schemas)
    if not isinstance(node, dict):
        return
    for name, definition in node.pop("$defs", {}).items():
        _raise_definitions(definition, schemas)
        schemas.setdefault(name, definition)
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        node["$ref"] = f"#/components/schemas/{reference.removeprefix('#/$defs/')}"
    for one in node.values():
        _raise_definitions(one, schemas)


async def _not_served(_request: Request, error: Exception) -> Response:
    """Say in the form of every other refusal that there is no such route, or not by this method."""
    assert isinstance(error, HTTPException), "registered for nothing else"
    return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))


async def _not_read(_request: Request, error: Exception) -> Response:
    """Say which parameter is malformed, without a word of it."""
    assert isinstance(error, RequestValidationError), "registered for nothing else"
    faults = [f"{'.'.join(str(step) for step in one['loc'][1:])}: {one['msg']}" for one in error.errors()]
    return JSONResponse({"error": "; ".join(faults[:5])}, HTTPStatus.BAD_REQUEST)
