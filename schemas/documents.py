"""The machine-readable description of every topic and message, generated from the types.

`python -m schemas.documents` writes `schemas/generated/`; with `--check` it writes nothing and names
what differs, so that CI refuses a type whose description was forgotten.

Sources: JSON Schema 2020-12 (by pydantic); AsyncAPI 3.0.0; AsyncAPI Kafka bindings 0.5.0.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.approvals import HoldChanged
from schemas.codec import adapter
from schemas.descriptions import described, summary_of
from schemas.effect_messages import EFFECT_TYPES, VERDICT_TYPE
from schemas.explanations import Explained
from schemas.judgements import Anomaly, Evidence, Recovery, Verdict
from schemas.labels import Labelled
from schemas.models import ModelChanged
from schemas.observations import (
    Approval,
    FailureCleared,
    FailureSeen,
    FreezeSet,
    KillSwitchSet,
    OutcomeReported,
    ReleaseClosed,
    ReleaseOpened,
    SettingsChanged,
    SuspicionChanged,
    VerdictReached,
)
from schemas.orders import Command, Decision, Denied, Held, Outcome, Page
from schemas.quality import BuildAssessed
from schemas.replies import Reply
from schemas.reports import BUILD_REPORT_TYPE, BuildReported
from schemas.smoke_tests import SmokeTested
from schemas.topics import TOPICS, Topic, TopicSpec

GENERATED = Path(__file__).parent / "generated"
"""Where the documents are kept."""

_BINDING = "0.5.0"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPE_OF: dict[type[Any], str] = {kind: name for name, kind in EFFECT_TYPES.items()} | {
    Verdict: VERDICT_TYPE,
    Outcome: "dev.suture.outcome.v1",
    Reply: "dev.suture.reply.v1",
    BuildReported: BUILD_REPORT_TYPE,
}
_ON_TOPIC: dict[Topic, tuple[type[Any], ...]] = {
    Topic.CDEVENTS: (BuildReported,),
    Topic.VERDICTS: (Verdict,),
    Topic.DECISIONS: (Decision, Held, HoldChanged, Denied, Page),
    Topic.COMMANDS: (Command,),
    Topic.OUTCOMES: (Outcome,),
    Topic.EFFECTS: (
        ReleaseOpened,
        ReleaseClosed,
        Evidence,
        VerdictReached,
        SuspicionChanged,
        Decision,
        Held,
        Denied,
        Command,
        Page,
        OutcomeReported,
        Recovery,
        Anomaly,
        FailureSeen,
        FailureCleared,
        Approval,
        FreezeSet,
        KillSwitchSet,
        SettingsChanged,
        HoldChanged,
        SmokeTested,
        Labelled,
        Explained,
        ModelChanged,
        BuildAssessed,
    ),
    Topic.CALLBACKS: (Reply,),
}
_FOREIGN: dict[Topic, tuple[str, str]] = {
    Topic.CDEVENTS: ("application/cloudevents+json", "a CloudEvent that holds a CDEvent, v0.3 to v0.5"),
    Topic.CDEVENTS_OUT: (
        "application/cloudevents+json",
        "a CloudEvent with a CDEvent, v0.5 or draft 0.6",
    ),
    Topic.OTLP_METRICS: ("application/x-protobuf", "ExportMetricsServiceRequest, in protobuf or JSON"),
    Topic.OTLP_LOGS: ("application/x-protobuf", "ExportLogsServiceRequest, in protobuf or JSON"),
    Topic.REMOTE_WRITE: (
        "application/x-protobuf",
        "prometheus.WriteRequest or io.prometheus.write.v2.Request",
    ),
    Topic.DEAD_LETTERS: ("application/octet-stream", "a message that was refused, as it came"),
}
_INPUTS = (Topic.CDEVENTS, Topic.OTLP_METRICS, Topic.OTLP_LOGS, Topic.REMOTE_WRITE)
_CAUSE = {
    "causetopic": ("string", "Topic of the observation that made the engine say this."),
    "causepartition": ("integer", "Its partition."),
    "causeoffset": ("integer", "Its offset."),
    "causeindex": ("integer", "Which of that observation's effects; tells a repeat from news."),
}


def documents() -> dict[str, bytes]:
    """Return every document by file name: a JSON Schema a kind of message, and one AsyncAPI file."""
    kinds = {kind: None for found in _ON_TOPIC.values() for kind in found}
    files = {f"{_name(kind)}.json": json_schema(kind) for kind in kinds}
    files["asyncapi.json"] = asyncapi()
    return {
        name: json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
        for name, content in sorted(files.items())
    }


def json_schema(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a value as it is written, described by its docstrings."""
    schema = described(adapter(kind).json_schema(mode="serialization"))
    return {"$schema": _DIALECT, "$id": f"urn:suture:schema:{_name(kind)}:v1", **schema}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document of all topics, with the public ones' operations."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Suture",
            "version": "1.0.0",
            "description": "Topics of a release guardian. An installation may put a prefix before each name.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {spec.topic.value: _channel(spec) for spec in TOPICS},
        "operations": {
            spec.topic.value: {
                "action": "receive" if spec.topic in _INPUTS else "send",
                "channel": {"$ref": f"#/channels/{spec.topic.value}"},
            }
            for spec in TOPICS
            if spec.is_public
        },
    }


def _channel(spec: TopicSpec) -> dict[str, Any]:
    kinds = _ON_TOPIC.get(spec.topic, ())
    configuration = spec.configuration
    messages = {_name(kind): _cloud_event(spec, kind) for kind in kinds}
    if spec.topic in _FOREIGN or not messages:
        messages["message"] = _foreign(spec)
    return {
        "address": spec.topic.value,
        "description": f"Value: {spec.value}. Key: {spec.key}."
        + ("" if spec.is_public else " Internal: its form may change with any version."),
        "messages": messages,
        "bindings": {
            "kafka": {
                "topic": spec.topic.value,
                "partitions": spec.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [configuration["cleanup.policy"]],
                    "retention.ms": int(configuration["retention.ms"]),
                    "max.message.bytes": int(configuration["max.message.bytes"]),
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _foreign(spec: TopicSpec) -> dict[str, Any]:
    content_type, summary = _FOREIGN.get(spec.topic, ("application/octet-stream", spec.value))
    return _message(spec, {"contentType": content_type, "summary": summary})


def _cloud_event(spec: TopicSpec, kind: type[Any]) -> dict[str, Any]:
    has_cause = spec.topic not in (Topic.CDEVENTS, Topic.COMMANDS, Topic.OUTCOMES)
    return _message(
        spec,
        {
            "name": _TYPE_OF[kind],
            "title": kind.__name__,
            "summary": summary_of(kind),
            "contentType": "application/cloudevents+json",
            "payload": _envelope(kind, has_cause=has_cause),
        },
    )


def _message(spec: TopicSpec, content: dict[str, Any]) -> dict[str, Any]:
    key = {"type": "string", "description": spec.key}
    message = content | {"bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}}}
    if spec.headers:
        headers = {name: {"type": "string", "description": told} for name, told in spec.headers}
        message["headers"] = {"type": "object", "properties": headers}
    return message


def _envelope(kind: type[Any], *, has_cause: bool) -> dict[str, Any]:
    """Return the schema of the CloudEvent around a value."""
    text = {"type": "string", "minLength": 1}
    properties: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": text | {"description": "Derived: the same thing said again has the same id."},
        "source": text,
        "type": {"const": _TYPE_OF[kind]},
        "time": {"type": "string", "format": "date-time"},
        "subject": text,
        "datacontenttype": {"const": "application/json"},
    }
    if has_cause:
        properties |= {name: {"type": type_, "description": told} for name, (type_, told) in _CAUSE.items()}
    properties["data"] = {"$ref": f"./{_name(kind)}.json"}
    return {"type": "object", "required": list(properties), "properties": properties}


def _name(kind: type[Any]) -> str:
    """Return a type's name as files and channels spell it.

    >>> _name(VerdictReached)
    'verdict_reached'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).lstrip(
        "_"
    )


def drift(folder: Path = GENERATED) -> list[str]:
    """Return what differs between the documents in a folder and the types, one line each."""
    expected = documents()
    found = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    missing = [f"{name} is missing" for name in expected if name not in found]
    stale = [f"{name} describes nothing any more" for name in found if name not in expected]
    changed = [
        f"{name} differs from the types"
        for name, content in expected.items()
        if name in found and found[name] != content
    ]
    return missing + changed + stale


def write(folder: Path = GENERATED) -> None:
    """Bring the documents in a folder up to date; others in it are removed."""
    folder.mkdir(exist_ok=True)
    expected = documents()
    for path in sorted(folder.glob("*.json")):
        if path.name not in expected:
            path.unlink()
    for name, content in expected.items():
        (folder / name).write_bytes(content)


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or with `--check` say what differs; return the exit code."""
    if list(arguments) not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.documents [--check]\n")
        return 2
    if not arguments:
        write()
        return 0
    differences = drift()
    for line in differences:
        sys.stderr.write(f"schemas/generated/{line}; run python -m schemas.documents\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
