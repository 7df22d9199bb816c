"""PagerDuty's own OpenAPI documents, as a check of every request that a client makes.

They carry no licence, so they stay beside the repository: whoever has them names their folder. The REST
document contradicts its own examples in a few places; `pagerduty-openapi-errata.json` repairs these.
Validated by the schema alone, an unknown key passes; so keys, query parameters and headers are held
against what the document names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

__all__ = ["Contract", "read_contract"]

Json = dict[str, Any]

_LARGEST_EVENT_BYTES = 512 * 1024
# Limits that stand in the documentation of the Events API alone.
_LONGEST = {"summary": 1024, "dedup_key": 255}
_ROUTING_KEY = 32


class Contract:
    """What PagerDuty publishes of its REST API v2 and Events API v2.

    Args:
        folder: Holds `pagerduty/rest-openapi.json`, `pagerduty/events-v2-openapi.json` and
            `authored/pagerduty-openapi-errata.json`.
    """

    def __init__(self, folder: Path) -> None:
        rest = json.loads((folder / "pagerduty/rest-openapi.json").read_text())
        for change in json.loads((folder / "authored/pagerduty-openapi-errata.json").read_text())["patch"]:
            _patch(rest, change["path"], change["value"])
        # Two more places: an option that is being created has no id and no times yet, and a discriminator
        # with one branch refers to where nothing is.
        options = rest["components"]["schemas"]
        options["CustomFieldsFieldOption"]["allOf"][1]["required"] = ["data"]
        del options["CustomFieldsEditableFieldOption"]["properties"]["data"]["discriminator"]
        self._rest = _Document("urn:pagerduty-rest", rest, base="")
        events = json.loads((folder / "pagerduty/events-v2-openapi.json").read_text())
        self._events = _Document("urn:pagerduty-events", events, base="/v2")

    def faults(
        self, method: str, path: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], body: Any
    ) -> list[str]:
        """Return what is wrong with a request; nothing when it is as the document says."""
        if path.startswith("/v2/"):
            found = self._events.faults(method, path, query, headers, body)
            return found + [f"{method} {path}: {fault}" for fault in _event_faults(body)]
        return self._rest.faults(method, path, query, headers, body)


@cache
def read_contract(folder: Path) -> Contract:
    """Return the contract that a folder holds; it is read once, since the document is large."""
    return Contract(folder)


class _Document:
    def __init__(self, name: str, document: Json, base: str) -> None:
        self._document: Json = _renamed(document, name)
        self._registry: Registry[Any] = Registry().with_resource(
            name, Resource.from_contents(self._document, default_specification=DRAFT4)
        )
        self._resolver = self._registry.resolver()
        # A path without parameters goes before one that has a parameter in the same place.
        forms = sorted(document["paths"], key=lambda form: (form.count("{"), form))
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(base + form))), form) for form in forms
        ]

    def faults(
        self, method: str, path: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], body: Any
    ) -> list[str]:
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path} is none of the API's"]
        found = [
            *self._parameter_faults(operation, query, {k.lower(): v for k, v in headers.items()}),
            *self._body_faults(operation, body),
        ]
        return [f"{method} {path}: {fault}" for fault in found]

    def _operation(self, method: str, path: str) -> Json | None:
        for pattern, form in self._paths:
            if pattern.fullmatch(path) and method.lower() in self._document["paths"][form]:
                found: Json = self._document["paths"][form]
                shared = found.get("parameters", [])
                operation: Json = found[method.lower()]
                return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}
        return None

    def _parameter_faults(
        self, operation: Json, query: Sequence[tuple[str, str]], headers: Mapping[str, str]
    ) -> Iterator[str]:
        parameters = [self._resolved(one) for one in operation["parameters"]]
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        for name, value in query:
            if name not in known:
                yield f"{name} is no parameter"
                continue
            schema = self._resolved(known[name]["schema"])
            if schema.get("type") == "array":
                schema = schema["items"]
            plain: Any = int(value) if schema.get("type") == "integer" and value.isdecimal() else value
            plain = value == "true" if schema.get("type") == "boolean" else plain
            yield from (f"{name}: {fault}" for fault in self._schema_faults(schema, plain))
        for one in parameters:
            if one["in"] != "header" or not one.get("required"):
                continue
            said = headers.get(one["name"].lower())
            if said is None:
                yield f"header {one['name']} is missing"
            elif one["name"] == "Accept" and said != one["schema"]["default"]:
                yield f"header Accept is {said}"
            else:
                yield from (f"header {one['name']}: {f}" for f in self._schema_faults(one["schema"], said))

    def _body_faults(self, operation: Json, body: Any) -> Iterator[str]:
        if "requestBody" not in operation:
            if body is not None:
                yield "a body is sent, expected none"
            return
        schema = self._resolved(operation["requestBody"])["content"]["application/json"]["schema"]
        yield from self._schema_faults(schema, body)
        yield from self._unknown_keys(schema, body, "body")

    def _schema_faults(self, schema: Json, value: Any) -> Iterator[str]:
        validator = OAS30Validator(schema, registry=self._registry, format_checker=oas30_format_checker)
        for error in validator.iter_errors(value):
            place = "/".join(str(step) for step in error.absolute_path)
            yield f"{place or 'value'}: {error.message[:300]}"

    def _unknown_keys(self, schema: Json, value: Any, place: str) -> Iterator[str]:
        """Yield the keys that no branch of a schema names; an object without properties is free."""
        branches = list(self._branches(schema))
        if isinstance(value, list):
            for branch in branches:
                if "items" in branch:
                    for index, one in enumerate(value):
                        yield from self._unknown_keys(branch["items"], one, f"{place}/{index}")
        if not isinstance(value, dict):
            return
        known = {name for branch in branches for name in branch.get("properties", {})}
        if not known:
            return
        for name, one in value.items():
            if name not in known:
                yield f"{place}/{name} is no key of the schema"
            inner = [b["properties"][name] for b in branches if name in b.get("properties", {})]
            if inner:
                yield from self._unknown_keys({"anyOf": inner}, one, f"{place}/{name}")

    def _branches(self, schema: Json) -> Iterator[Json]:
        schema = self._resolved(schema)
        yield schema
        for key in ("allOf", "anyOf", "oneOf"):
            for one in schema.get(key, []):
                yield from self._branches(one)

    def _resolved(self, thing: Json) -> Json:
        while "$ref" in thing:
            thing = self._resolver.lookup(thing["$ref"]).contents
        return thing


def _event_faults(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    if len(str(body.get("routing_key", ""))) != _ROUTING_KEY:
        yield f"routing_key has not {_ROUTING_KEY} characters"
    for name, longest in _LONGEST.items():
        given = body.get(name) or (body.get("payload") or {}).get(name, "")
        if len(given) > longest:
            yield f"{name} has {len(given)} characters, expected at most {longest}"
    if len(json.dumps(body).encode()) > _LARGEST_EVENT_BYTES:
        yield f"event is larger than {_LARGEST_EVENT_BYTES} bytes"


def _renamed(value: Any, name: str) -> Any:
    """Return a document whose references name it, so that they resolve from wherever they are read."""
    if isinstance(value, dict):
        return {key: _renamed(one, name) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, name) for one in value]
    if isinstance(value, str) and value.startswith("#/"):
        return name + value
    return value


def _patch(document: Any, path: str, value: Any) -> None:
    """Set one place, as `add` and `replace` of RFC 6902 do with objects."""
    *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in path.lstrip("/").split("/"))
    for step in steps:
        document = document[int(step) if isinstance(document, list) else step]
    document[last] = value
