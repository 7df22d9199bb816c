"""The gateway as a process: telemetry, a deploy event and a human's answer over HTTP, to the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.dev.kafka import Broker
from infra.dev.ports import free_ports
from schemas.cdevents import deploy_event
from schemas.cloudevents import write_record
from schemas.judgements import Recovery, RecoveryKind
from schemas.keys import EnvironmentName, ServiceName
from schemas.observations import Approval, OutcomeReported
from schemas.orders import Command, Guard, Held, OutcomeKind, Page
from streams import clock
from tests.integration.installation import PARTS, TOKENS, Installation
from tests.integration.shop import Shop, open_shop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


class Client:
    """A sender and a human, who speak HTTP."""

    def __init__(self, listen: str) -> None:
        self._http = httpx.Client(base_url=f"http://{listen}", timeout=30)

    def is_ready(self) -> bool:
        """Return whether the gateway takes what is sent."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def metrics(self, value: bytes) -> None:
        """Send OTLP metrics in the form that they are in."""
        kind = "application/json" if value.startswith(b"{") else "application/x-protobuf"
        self._http.post("/v1/metrics", content=value, headers={"content-type": kind}).raise_for_status()

    def deploy(self, shop: Shop) -> str:
        """Tell of the second version; return the release's id."""
        value, headers = write_record(
            deploy_event(
                service=ServiceName("cart"),
                version="2",
                environment=EnvironmentName(shop.environment),
                at=clock.now(),
                template=shop.new,
                rollback_template=shop.old,
            )
        )
        kind = dict(headers)["content-type"].decode()
        answer = self._http.post("/v1/events", content=value, headers={"content-type": kind})
        answer.raise_for_status()
        (release,) = answer.json()["releases"]
        return str(release)

    def answer(self, held: Held, token: str) -> httpx.Response:
        """Approve what is held."""
        body: dict[str, Any] = {"hold": held.id, "environment": held.environment, "answer": "approve"}
        return self._http.post(
            "/v1/approvals", content=json.dumps(body), headers={"authorization": f"Bearer {token}"}
        )


def test_a_rollback_in_production_waits_for_an_answer_over_http(kafka_broker: Broker, tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    parts = {**PARTS, "gateway": ["gateway"]}
    installation = Installation(kafka_broker.bootstrap, tmp_path, "gateway.", parts, listen=listen)
    client = Client(listen)
    with installation:
        installation.until(client.is_ready, "gateway is ready")
        with open_shop(installation, "prod", send=client.metrics) as shop:
            shop.workload.deploy_canary(shop.new, 1)
            release = client.deploy(shop)
            (held,) = installation.until(lambda: installation.said(Held), "held")
            assert (held.release, held.guard) == (release, Guard.APPROVAL)
            assert [page.about for page in installation.said(Page)] == [held.id]
            assert not installation.said(Command)

            assert client.answer(held, "a-token-of-somebody-else").status_code == 403
            assert client.answer(held, TOKENS.partition(":")[2]).status_code == 202
            (command,) = installation.until(lambda: installation.said(Command), "command")
            assert command.approved_by == "ann via http"
            (outcome,) = installation.until(lambda: installation.said(OutcomeReported), "outcome")
            assert outcome.outcome.kind is OutcomeKind.DONE
            (recovery,) = installation.until(lambda: installation.said(Recovery), "recovery")
            assert recovery.kind is RecoveryKind.RECOVERED
            (answer,) = installation.said(Approval)
            assert (answer.by, answer.channel) == ("ann", "http")
            assert shop.generation == 3
            assert installation.tree.restarts == 0
