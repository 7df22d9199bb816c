"""Pieces of the gateway's OpenAPI document for what its routes read and answer by themselves."""

from collections.abc import Mapping
from typing import Any

from schemas.codec import adapter
from schemas.descriptions import described

REFERENCE = "#/components/schemas/{model}"
"""How a schema names another one; `gateway_openapi` puts them where this points."""

JSON_OBJECT: dict[str, Any] = {"type": "object"}
_ANY_BYTES = {"type": "string", "format": "binary"}

PROMETHEUS_PARAMETERS: Mapping[str, str] = {
    "query": 'A selector, such as suture_verdict{service="cart",environment="prod"}.',
    "time": "RFC 3339 or seconds of the epoch; within 5 minutes of now.",
    "timeout": "Is not needed: the answer is at hand.",
    "limit": "How many series at most; 0 for all.",
}

_PROMETHEUS_ERROR = {
    "type": "object",
    "required": ["status", "errorType", "error"],
    "properties": {
        "status": {"const": "error"},
        "errorType": {"type": "string"},
        "error": {"type": "string"},
    },
}
_PROMETHEUS_VECTOR = {
    "type": "object",
    "required": ["status", "data"],
    "properties": {
        "status": {"const": "success"},
        "data": {
            "type": "object",
            "required": ["resultType", "result"],
            "properties": {
                "resultType": {"const": "vector"},
                "result": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["metric", "value"],
                        "properties": {
                            "metric": {"type": "object", "additionalProperties": {"type": "string"}},
                            "value": {
                                "type": "array",
                                "description": "Seconds of the epoch, and 0 or 1 as a string.",
                                "items": {"type": ["number", "string"]},
                                "minItems": 2,
                                "maxItems": 2,
                            },
                        },
                    },
                },
            },
        },
    },
}


def responses(**answers: tuple[str, str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return responses by status: `_200=(description, media type, schema)`."""
    return {
        "responses": {
            status.lstrip("_"): {"description": description, "content": {kind: {"schema": dict(schema)}}}
            for status, (description, kind, schema) in answers.items()
        }
    }


PROMETHEUS_ANSWERS = responses(
    _200=("An instant vector", "application/json", _PROMETHEUS_VECTOR),
    _400=("The query is not understood", "application/json", _PROMETHEUS_ERROR),
    _503=("Verdicts cannot be read from Kafka", "application/json", _PROMETHEUS_ERROR),
)


def json_body(kind: type[Any]) -> dict[str, Any]:
    """Return the body of a request that is a value in JSON."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(kind)}}}}


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """Return the schema of a value as it is read, described by its docstrings."""
    return described(adapter(kind).json_schema(ref_template=REFERENCE))


def bytes_body(*kinds: str) -> dict[str, Any]:
    """Return a body that is bytes of one of some media types."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": _ANY_BYTES} for kind in kinds}}}


def form_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a request that is a form; the first field has to be there."""
    schema = {
        "type": "object",
        "required": [next(iter(fields))],
        "properties": {name: {"type": "string", "description": told} for name, told in fields.items()},
    }
    return {
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": schema}},
        }
    }


def query_parameters(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters of the URL; the first one has to be there."""
    return {
        "parameters": [_parameter(name, told, name == next(iter(fields))) for name, told in fields.items()]
    }


def _parameter(name: str, told: str, is_required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": is_required,
        "description": told,
        "schema": {"type": "string"},
    }
