"""What the gateway's OpenAPI document says of routes whose form is somebody else's contract."""

from collections.abc import Mapping
from typing import Any

from streams.flagger_hooks import Hook, HookCall
from streams.openapi_parts import JSON_OBJECT, bytes_body, json_body, responses

_PROTOBUF, _JSON, _TEXT = "application/x-protobuf", "application/json", "text/plain"
_BYTES = {"type": "string", "format": "binary"}
_SENTENCE = {"type": "string", "description": "A sentence; it becomes a part of a Kubernetes event."}
_STATUS = {
    "type": "object",
    "description": "google.rpc.Status.",
    "required": ["code", "message"],
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
}
_PARTIAL = {
    "type": "object",
    "description": "Empty, or `partialSuccess` with what was refused and why.",
    "properties": {"partialSuccess": {"type": "object"}},
}
_ACCEPTED = {
    "type": "object",
    "required": ["accepted"],
    "properties": {
        "accepted": {"type": "integer", "description": "How many events Kafka has."},
        "releases": {"type": "array", "items": {"type": "string"}, "description": "Releases they start."},
    },
}
_NOTHING_NEW = {
    "type": "object",
    "required": ["accepted"],
    "properties": {
        "accepted": {"const": 0},
        "repeated": {"type": "string", "description": "Why it is no news."},
        "ignored": {"type": "string", "description": "Why it tells of no deploy."},
    },
}
_HEALTH = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


def _either(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    content = {_PROTOBUF: {"schema": _BYTES}, _JSON: {"schema": dict(schema)}}
    return {"description": description, "content": content}


_OTLP = bytes_body(_PROTOBUF, _JSON) | {
    "responses": {
        "200": _either("Taken, or a part of it", _PARTIAL),
        "4XX": _either("Refused", _STATUS),
        "415": {
            "description": "Of neither media type",
            "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
        },
        "503": _either("Kafka did not take it; try again", _STATUS),
    }
}
_EVENTS = bytes_body("application/cloudevents+json", "application/cloudevents-batch+json", _JSON) | responses(
    _202=("Kafka has the events", _JSON, _ACCEPTED)
)
_WEBHOOK = bytes_body(_JSON) | responses(
    _200=("Nothing new: repeated, or not about a deploy", _JSON, _NOTHING_NEW),
    _202=("Kafka has the deploy", _JSON, _ACCEPTED),
)
_ANSWERED = {
    "type": "object",
    "required": ["hold", "answer", "by"],
    "properties": {
        "hold": {"type": "string"},
        "answer": {"type": "string"},
        "by": {"type": "string", "description": "Whose token it was."},
        "repeated": {"type": "string", "description": "Why it is no news."},
    },
}
_KAYENTA = json_body(dict[str, Any]) | responses(_200=("Kayenta's judgement", _JSON, JSON_OBJECT))
_FLAGGER = json_body(HookCall) | responses(
    _200=("Yes", _TEXT, _SENTENCE),
    _4XX=("No (409), or refused: to Flagger the same", _TEXT, _SENTENCE),
    _503=("No tokens are configured", _TEXT, _SENTENCE),
)

FOREIGN: Mapping[str, Mapping[str, Any]] = {
    "/v1/metrics": _OTLP,
    "/v1/logs": _OTLP,
    "/v1/events": _EVENTS,
    "/v1/webhooks/github": _WEBHOOK,
    "/v1/webhooks/gitlab": _WEBHOOK,
    "/v1/webhooks/argocd": _WEBHOOK,
    "/v1/approvals": responses(
        _200=("Nothing new: this answer was taken before", _JSON, _ANSWERED),
        _202=("Kafka has the answer", _JSON, _ANSWERED),
    ),
    "/judge": _KAYENTA,
    **{f"/flagger/{hook}": _FLAGGER for hook in Hook},
    "/healthz": responses(_200=("The process answers", _JSON, _HEALTH)),
    "/readyz": responses(
        _200=("Traffic should come here", _JSON, _HEALTH), _503=("Kafka does not answer", _JSON, _HEALTH)
    ),
}
"""By path: what its only operation takes and answers."""
