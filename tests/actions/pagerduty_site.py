"""The stand-in for PagerDuty as a fixture, and channels that speak to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions.people.pagerduty import PagerDutyChannel
from actions.people.pagerduty_api import PagerDutyApi
from actions.people.pagerduty_settings import PagerDutySettings
from infra.dev.pagerduty_server import PagerDuty, running
from schemas.approvals import Person
from streams.pagerduty_settings import read_pagerduty_settings
from tests.actions.orders import MINUTE, NOW

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"
ADA, BOB = "PADA", "PBOB"
PEOPLE = {
    "ada": Person(pagerduty=ADA),
    "bob": Person(pagerduty=BOB),
    "eve": Person(slack="U1"),
    "old": Person(pagerduty="PGONE"),
}


@pytest.fixture
def pagerduty() -> Iterator[PagerDuty]:
    """Yield a stand-in that holds every request against PagerDuty's own documents, to the test's end."""
    if not CONTRACTS.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CONTRACTS} is absent, expected the contracts in CI")
        pytest.skip(f"{CONTRACTS} is absent: it is kept beside the repository")
    with running(CONTRACTS) as server:
        server.account.clock = lambda: NOW + MINUTE
        yield server
        assert server.violations == []


def settings_of(server: PagerDuty) -> PagerDutySettings:
    return read_pagerduty_settings(server.environment)


class Pauses:
    """Keeps how long somebody would have waited, and lets nobody wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def a_channel(
    server: PagerDuty,
    pauses: Callable[[float], None] | None = None,
    decision_field: str = "rollback_decision",
    escalation_level: int = 0,
    routing_key: str | None = None,
    incident_type: str = "incident_default",
) -> PagerDutyChannel:
    settings = replace(
        settings_of(server),
        decision_field=decision_field,
        escalation_level=escalation_level,
        incident_type=incident_type,
    )
    if routing_key is not None:
        settings = replace(settings, routing_key=routing_key)
    api = PagerDutyApi(settings, pauses or Pauses())
    return PagerDutyChannel(api, settings, lambda held: f"https://suture.example/holds/{held.id}", PEOPLE)
