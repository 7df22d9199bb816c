"""The generated documents: up to date, well-formed, and true of what is really written."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from schemas.codec import to_json
from schemas.documents import GENERATED, documents, drift, json_schema, main, write
from schemas.effect_messages import cloud_event
from schemas.effects import Effect
from schemas.judgements import Evidence, Side, Verdict, VerdictKind
from schemas.keys import (
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    SignalName,
    TemplateHash,
)
from schemas.observations import LogPosition
from schemas.order_messages import command_message
from schemas.orders import Command, CommandKind, Guard, Held
from schemas.releases import Target, TargetKind
from schemas.topics import TOPICS

AT = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
COMMAND = Command(
    id=CommandId("c-1"),
    kind=CommandKind.UNDO,
    decision=DecisionId("d-1"),
    release=ReleaseId("prod-cart-1"),
    environment=EnvironmentName("prod"),
    service=ServiceName("cart"),
    target=Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="prod", workload="cart"),
    template=TemplateHash("5d9c7b"),
    expected_template=TemplateHash("6c8d9f"),
    issued_at=AT,
    expires_at=AT,
)
HELD = Held(
    id="h-1",
    decision=DecisionId("d-1"),
    release=ReleaseId("prod-cart-1"),
    environment=EnvironmentName("prod"),
    service=ServiceName("cart"),
    guard=Guard.APPROVAL,
    reason="prod asks",
    at=AT,
    command=COMMAND,
)
SIDE = Side(pods=1, intervals=3, exposure=100.0, level=None)
VERDICT = Verdict(
    id="v-1",
    release=ReleaseId("prod-cart-1"),
    environment=EnvironmentName("prod"),
    service=ServiceName("cart"),
    version="1.4.2",
    ordinal=1,
    kind=VerdictKind.HARMFUL,
    at=AT,
    is_final=False,
    confidence=0.99,
    alpha=0.01,
    reasons=("errors",),
    evidence=(
        Evidence(
            id="e-1",
            release=ReleaseId("prod-cart-1"),
            signal=SignalName("errors"),
            detector="counts",
            at=AT,
            canary=SIDE,
            control=SIDE,
            log_e=9.0,
            threshold_log_e=5.0,
            margin=0.01,
            comparison="stable pods",
            join="template",
        ),
    ),
)


def registry() -> Registry[Any]:
    """Return the documents under the names that they call each other by."""
    return Registry().with_resources(
        (f"./{name}", Resource.from_contents(json.loads(content)))
        for name, content in documents().items()
        if name != "asyncapi.json"
    )


def references(node: Any) -> list[str]:
    match node:
        case dict():
            found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return found + [ref for value in node.values() for ref in references(value)]
        case list():
            return [ref for value in node for ref in references(value)]
        case _:
            return []


def test_the_kept_documents_are_those_of_the_types() -> None:
    assert drift(GENERATED) == []


def test_every_schema_is_a_schema() -> None:
    for name, content in documents().items():
        if name != "asyncapi.json":
            Draft202012Validator.check_schema(json.loads(content))


@pytest.mark.parametrize("value", [COMMAND, HELD, VERDICT])
def test_what_is_really_written_is_valid_under_its_schema(value: Any) -> None:
    validator = Draft202012Validator(json_schema(type(value)))
    written = json.loads(to_json(value))
    validator.validate(written)
    del written["id"]
    assert not validator.is_valid(written)


def message(topic: str, name: str) -> Any:
    return json.loads(documents()["asyncapi.json"])["channels"][topic]["messages"][name]["payload"]


def test_whole_messages_are_valid_under_the_payload_of_their_channel() -> None:
    effect = Effect(key="prod", cause=LogPosition(topic="t", partition=1, offset=2), index=0, said=HELD)
    held = Draft202012Validator(message("decisions", "held"), registry=registry())
    held.validate(json.loads(cloud_event(effect)))
    ordered = Draft202012Validator(message("commands", "command"), registry=registry())
    ordered.validate(json.loads(command_message(COMMAND).value))
    assert not held.is_valid(json.loads(command_message(COMMAND).value))


def test_every_topic_is_a_channel_with_its_key_and_headers() -> None:
    channels = json.loads(documents()["asyncapi.json"])["channels"]
    assert list(channels) == [spec.topic.value for spec in TOPICS]
    for spec in TOPICS:
        for found in channels[spec.topic.value]["messages"].values():
            assert found["bindings"]["kafka"]["key"]["description"] == spec.key
            assert set(found.get("headers", {}).get("properties", {})) == {name for name, _ in spec.headers}


def test_every_reference_of_the_topic_document_leads_somewhere() -> None:
    whole = json.loads(documents()["asyncapi.json"])
    for reference in references(whole):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in documents()
        else:
            node = whole
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]


def test_attributes_are_described_where_they_stand_and_nowhere_else() -> None:
    schema = json_schema(Held)
    assert schema["properties"]["id"]["description"] == "What a human approves or rejects by."
    assert not re.search(r"Attributes:|Raises:", json.dumps(schema))


def test_a_check_names_what_is_missing_changed_and_stale(tmp_path: Path) -> None:
    write(tmp_path)
    assert drift(tmp_path) == []
    (tmp_path / "held.json").unlink()
    (tmp_path / "command.json").write_text("{}")
    (tmp_path / "old.json").write_text("{}")
    assert drift(tmp_path) == [
        "held.json is missing",
        "command.json differs from the types",
        "old.json describes nothing any more",
    ]
    write(tmp_path)
    assert drift(tmp_path) == []


def test_an_unknown_argument_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--verify"]) == 2
    assert "usage" in capsys.readouterr().err
