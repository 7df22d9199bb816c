"""Random schedules on a real API server, and proof that executors with a part broken are caught by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.actuator import Progress
from actions.executor import Executor
from actions.kubernetes_api import KubernetesApi, PatchForm
from actions.kubernetes_resources import CONFIG_MAPS
from actions.kubernetes_targets import KubernetesTargets
from actions.ledger import Ledger
from bench.schedule_executors import deployed
from bench.schedule_plan import Blow, draw
from bench.schedules import NAMESPACE, figures, play_all
from infra.dev.cluster import Cluster
from schemas.keys import NO_TEMPLATE, CommandId
from schemas.orders import Command, Outcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FIRST, COUNT = 1, 24
CAUGHT_BLIND = (7, 11, 14, 24, 56)
CAUGHT_DEAF = (11, 56, 95)


@pytest.fixture(scope="module")
def kubeconfig(dev_cluster: Cluster) -> Iterator[Path]:
    dev_cluster.kubectl("create", "namespace", NAMESPACE)
    yield dev_cluster.kubeconfig
    dev_cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


class Blind(KubernetesTargets):
    """Sets keys without a look at what is there, and without saying what it rests on."""

    def __init__(self, api: KubernetesApi) -> None:
        super().__init__(api)
        self._door = api
        self._written: list[CommandId] = []

    def read_back(self, command: Command) -> Progress:
        if command.config is None or command.id in self._written:
            return super().read_back(command)
        return Progress(is_set=False, is_done=False, template=NO_TEMPLATE, detail="it did not look")

    def carry_out(self, command: Command) -> str:
        if command.config is not None:
            target, body = command.target, {"data": {command.config.key: command.config.value}}
            self._door.patch("set", CONFIG_MAPS, target.namespace, target.workload, body, PatchForm.MERGE)
            self._written.append(command.id)
        return super().carry_out(command)


def blind(api: KubernetesApi, ledger: Ledger) -> Executor:
    return deployed(api, ledger, Blind(api))


class Deaf:
    """Asks once for each command, and hears nothing of what is said later."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._heard: dict[CommandId, Outcome | None] = {}

    def outcome(self, command: CommandId) -> Outcome | None:
        if command not in self._heard:
            self._heard[command] = self._ledger.outcome(command)
        return self._heard[command]

    def record(self, outcome: Outcome) -> None:
        self._heard[outcome.command] = outcome


def deaf(api: KubernetesApi, ledger: Ledger) -> Executor:
    return deployed(api, Deaf(ledger))


def test_random_schedules_do_everything_once_and_lose_no_outcome(kubeconfig: Path) -> None:
    said = figures(list(play_all(range(FIRST, FIRST + COUNT), kubeconfig)))
    assert said["broken"] == {}, "python -m bench.schedules --count 1 --seed N plays one again"
    assert said["schedules"] == COUNT
    assert said["happened"][Blow.KILL] >= COUNT / 3
    assert said["executions"] > said["deliveries"] > said["commands"]


def test_an_executor_that_does_not_look_before_it_acts_is_caught(kubeconfig: Path) -> None:
    broken = figures(list(play_all(CAUGHT_BLIND, kubeconfig, blind)))["broken"]
    words = [word for words in broken.values() for word in words]
    assert any("changed configmaps twice" in word for word in words), words


def test_an_executor_that_does_not_hear_of_its_successor_is_caught(kubeconfig: Path) -> None:
    broken = figures(list(play_all(CAUGHT_DEAF, kubeconfig, deaf)))["broken"]
    words = [word for words in broken.values() for word in words]
    assert any(" after command " in word for word in words), words


def test_a_seed_draws_the_same_schedule_each_time() -> None:
    assert [draw(seed) for seed in range(50)] == [draw(seed) for seed in range(50)]
    assert len({draw(seed).orders for seed in range(50)}) > 25
