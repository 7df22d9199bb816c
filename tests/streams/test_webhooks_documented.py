"""The template for Argo CD in docs/webhooks.md, against Argo CD's own definition of an Application."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.argocd_deploys import read_argo_cd
from schemas.webhook_deploys import ToldDeploy, WebhookNames

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT.parent / "shared" / "contracts" / "argo-cd" / "application-crd.yaml"
FIELD = re.compile(r"\{\{toJson \.app\.([A-Za-z.]+)\}\}")

APPLICATION: dict[str, Any] = {
    "metadata": {"name": "cart", "namespace": "argocd", "uid": "0d6e9a6c-4f0e-4a64-9a33-6b7ee6b0c9a1"},
    "spec": {"destination": {"namespace": "prod"}},
    "status": {
        "health": {"status": "Healthy"},
        "summary": {"images": ["shop/cart:1.4.2"]},
        "operationState": {
            "phase": "Succeeded",
            "startedAt": "2026-11-20T14:00:00Z",
            "syncResult": {"revision": "279484c0"},
        },
    },
}


def body() -> str:
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    template = yaml.safe_load(yaml.safe_load(block)["template.suture-deployed"])
    found: str = template["webhook"]["suture"]["body"]
    return found


def at(path: str) -> Any:
    value: Any = APPLICATION
    for part in path.split("."):
        value = value[part]
    return value


def fields() -> Iterator[str]:
    for field in FIELD.findall(body()):
        if not field.startswith("metadata."):
            yield field


def test_the_documented_template_is_read_as_the_deployment_that_it_tells_of() -> None:
    rendered = FIELD.sub(lambda field: json.dumps(at(field[1])), body())
    assert "{{" not in rendered
    told = read_argo_cd(rendered.encode(), WebhookNames())
    assert isinstance(told, ToldDeploy)
    assert (told.service, told.version, told.environment) == ("cart", "1.4.2", "prod")
    assert (told.commit, told.at) == ("279484c0", datetime(2026, 11, 20, 14, tzinfo=UTC))


@pytest.mark.skipif(not DEFINITION.is_file(), reason=f"{DEFINITION} is not there")
def test_every_field_of_the_documented_template_is_one_that_applications_have() -> None:
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    whole = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    named = list(fields())
    assert len(named) == 6
    for field in named:
        schema = whole
        for part in field.split("."):
            schema = schema["properties"][part]
    state = whole["properties"]["status"]["properties"]["operationState"]
    assert {"phase", "startedAt"} <= set(state["required"])
