"""A Datadog of the tests' own: it takes what Datadog's official client could have sent, and nothing else."""

from __future__ import annotations

import re
from typing import Any

from datadog_api_client import Configuration
from datadog_api_client.model_utils import ModelNormal, validate_and_convert_types
from datadog_api_client.v2.model.dora_deployment_patch_request import DORADeploymentPatchRequest
from datadog_api_client.v2.model.dora_deployment_request import DORADeploymentRequest
from datadog_api_client.v2.model.dora_failure_request import DORAFailureRequest
from datadog_api_client.v2.model.event_create_request_payload import EventCreateRequestPayload

from tests.actions.small_server import Reply, Request

KEY, APPLICATION_KEY = "datadog-key", "datadog-application-key"
_ID = re.compile(r"[A-Za-z0-9\-_.:]{16,128}")
_PATCHED = re.compile(r"/api/v2/dora/deployments/([^/]+)")


class DatadogServer:
    """What it was told, by id: what is told again replaces it.

    Attributes:
        refuse: Status to answer with instead; 0 for none.
    """

    def __init__(self) -> None:
        self.deployments: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, dict[str, Any]] = {}
        self.patches: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.refuse = 0

    def __call__(self, request: Request) -> Reply:
        if self.refuse:
            return Reply(self.refuse, {"errors": [f"refused, with {request.headers.get('DD-API-KEY')}"]})
        if request.headers.get("DD-API-KEY") != KEY:
            return Reply(403, {"errors": ["Forbidden"]})
        has_application_key = request.headers.get("DD-APPLICATION-KEY") == APPLICATION_KEY
        if patched := _PATCHED.fullmatch(request.path):
            return self._patch(request, patched[1]) if has_application_key else Reply(403, {"errors": []})
        match request.method, request.path:
            case "POST", "/api/v2/dora/deployment":
                return self._keep(self.deployments, request, DORADeploymentRequest)
            case "POST", "/api/v2/dora/failure":
                return self._keep(self.failures, request, DORAFailureRequest)
            case "POST", "/api/v2/events":
                require(request.body, EventCreateRequestPayload)
                self.events.append(request.body["data"]["attributes"])
                return Reply(202, {}) if has_application_key else Reply(403, {"errors": []})
        return Reply(404, {"errors": ["Not Found"]})

    def _keep(self, kept: dict[str, dict[str, Any]], request: Request, model: type[Any]) -> Reply:
        require(request.body, model)
        attributes = request.body["data"]["attributes"]
        assert _ID.fullmatch(attributes["id"]), attributes["id"]
        assert all(":" in tag for tag in attributes["custom_tags"])
        kept[attributes["id"]] = attributes
        return Reply(202, {"data": {"id": attributes["id"], "type": "dora"}})

    def _patch(self, request: Request, id_: str) -> Reply:
        require(request.body, DORADeploymentPatchRequest)
        assert request.body["data"]["id"] == id_
        if id_ not in self.deployments:
            return Reply(404, {"errors": ["Not Found"]})
        self.patches[id_] = request.body["data"]["attributes"]
        return Reply(202, None)


def require(body: Any, model: type[Any]) -> None:
    """Go on when a body is one of the model's, key by key."""
    configuration = Configuration()  # type: ignore[no-untyped-call]  # Datadog leaves it untyped
    whole = validate_and_convert_types(  # type: ignore[no-untyped-call]  # likewise
        body, (model,), ["body"], True, True, configuration
    )
    _require_known(whole, "body")


def _require_known(value: Any, where: str) -> None:
    if isinstance(value, ModelNormal):
        assert not value._unparsed, f"{where} is not of its type"
        for key, inner in value._data_store.items():
            assert key in value.openapi_types, f"{where}.{key} is no field"
            _require_known(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            _require_known(inner, where)
    else:
        assert not getattr(value, "_unparsed", False), f"{where} is not of its type"
