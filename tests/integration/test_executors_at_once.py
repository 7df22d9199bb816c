"""Two executors that hold one command: the group took a partition from one that was only slow."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import CONFIG_MAPS
from infra.dev.cluster import Cluster
from infra.dev.credentials import ADMIN
from infra.dev.kafka import Broker
from schemas.keys import CommandId
from schemas.orders import Command, CommandKind, OutcomeKind
from schemas.releases import TargetKind
from schemas.verbs import ConfigChange
from tests.integration.crew import Crew
from tests.integration.request_gate import Moment, RequestGate, request_gate
from tests.integration.verb_rows import Stand

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def gate(dev_cluster: Cluster, tmp_path: Path) -> Iterator[RequestGate]:
    with request_gate(dev_cluster, dev_cluster.token(ADMIN), tmp_path) as running:
        yield running


def until(look: Callable[[], bool], what: str) -> None:
    """Return once it is so; waits on an event that never comes, so that it is bounded."""
    never = threading.Event()
    for _ in range(1200):
        if look():
            return
        never.wait(0.1)
    raise AssertionError(f"{what}: not within two minutes")


def test_an_executor_that_was_only_slow_changes_nothing_back_and_says_what_its_successor_said(
    kafka_broker: Broker, dev_cluster: Cluster, namespace: str, gate: RequestGate, tmp_path: Path
) -> None:
    """It read before its successor did this command and the next one, and writes after."""
    stand = Stand(KubernetesApi.connect(dev_cluster.kubeconfig), namespace)
    stand.api.create("prepare", CONFIG_MAPS, namespace, {"metadata": {"name": "web"}, "data": {"size": "1"}})

    def setting(value: str) -> Command:
        change = ConfigChange(key="size", value=value)
        command = stand.order(CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP, config=change)
        return replace(command, id=CommandId(f"to-{value}"))

    first, second = setting("2"), setting("3")
    slow = Crew(kafka_broker.bootstrap, "slow.", gate.kubeconfig, tmp_path / "slow.log")
    heir = Crew(kafka_broker.bootstrap, "slow.", gate.kubeconfig, tmp_path / "heir.log", instance="slow.heir")
    line = gate.lines[namespace]
    line.begin(Moment.BEFORE)
    try:
        slow.start()
        slow.order({0: first})
        slow.order({0: second})
        until(line.reached.is_set, "the first one writes")
        slow.signal(signal.SIGSTOP)
        heir.start()
        until(lambda: second.id in heir.outcomes(), "its successor takes over and does both")
        assert stand.read(CONFIG_MAPS)["data"] == {"size": "3"}

        slow.signal(signal.SIGCONT)
        line.open()
        until(lambda: len(heir.outcomes()[first.id]) == 2 or not slow.is_running, "the first one ends")
        line.quiet()
    finally:
        slow.close()
        heir.close()
    assert stand.read(CONFIG_MAPS)["data"] == {"size": "3"}
    assert (len(line.accepted), line.refused) == (2, [422])
    said = heir.outcomes_so_far()
    assert {one.kind for one in said[first.id] + said[second.id]} == {OutcomeKind.DONE}
    assert [len(set(said[command.id])) for command in (first, second)] == [1, 1]
