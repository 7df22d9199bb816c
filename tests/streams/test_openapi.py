"""The gateway's OpenAPI document: whole, kept up to date, and true of what the gateway answers.

Schemathesis makes requests of the document, good ones and bad ones, and holds each answer against it. A
longer run is `python -m bench.openapi_fuzz`.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.openapi_fuzz import Taking, fuzz, known_gateway
from streams.cli import app
from streams.gateway_openapi import operations
from tests.streams.gateway_socket import serving

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
OPERATIONS = {f"{method} {path}": operation for path, method, operation in operations(DOCUMENT)}


def test_the_document_that_is_kept_is_what_the_gateway_serves() -> None:
    printed = CliRunner().invoke(app, ["openapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == DOCUMENT, "run `suture openapi --output docs/openapi.json`"


def test_the_document_can_be_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    assert CliRunner().invoke(app, ["openapi", "--output", str(file)]).exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8")) == DOCUMENT
    assert CliRunner().invoke(app, ["openapi", "--output", str(tmp_path)]).exit_code != 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_route_says_what_it_is_takes_and_answers(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    method, path = name.split()
    wanted = {part.strip("{}").partition(":")[0] for part in path.split("/") if part.startswith("{")}
    told = [one for one in operation.get("parameters", ()) if one["in"] == "path"]
    assert {one["name"] for one in told} == wanted
    good = [status for status in operation["responses"] if status.startswith(("2", "3"))]
    assert good
    for status, response in operation["responses"].items():
        assert response["description"]
        if status != "204" and status.startswith(("2", "4", "5")):
            for content in response.get("content", {}).values():
                assert content["schema"], (name, status)
    assert method in ("get", "post", "delete", "put", "patch")


def test_every_parameter_is_described() -> None:
    for name, operation in OPERATIONS.items():
        for one in operation.get("parameters", ()):
            assert one.get("description"), (name, one["name"])


def test_every_name_that_a_schema_mentions_is_there() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for one in node for found in references(one)]
        if not isinstance(node, dict):
            return []
        here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return here + [found for one in node.values() for found in references(one)]

    for reference in references(DOCUMENT):
        assert reference.removeprefix("#/components/schemas/") in schemas
    schemes = DOCUMENT["components"]["securitySchemes"]
    for operation in OPERATIONS.values():
        for way in operation.get("security", ()):
            assert set(way) <= set(schemes)


@pytest.mark.timeout(300)
def test_what_the_gateway_answers_is_what_the_document_says() -> None:
    report = fuzz(known_gateway(), examples=4, start=1)
    assert report.failures == ()
    assert report.operations >= len(OPERATIONS) - 6
    assert report.requests > report.operations


@pytest.mark.timeout(300)
def test_over_a_socket_the_answers_are_the_same() -> None:
    with serving(publisher=Taking()) as gateway:
        report = fuzz(gateway.url, examples=2, start=1, only="/v1/releases")
    assert report.failures == ()
