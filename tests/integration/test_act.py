"""A person's order, from the command line over Kafka and an executor to real objects, and its answer back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from schemas.topics import Topic
from tests.integration.installation import Installation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def installation(
    kafka_broker: Broker, dev_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An executor alone, which finds the cluster as it would elsewhere."""
    monkeypatch.setenv("KUBECONFIG", str(dev_cluster.kubeconfig))
    parts = {"executor": ["executor"]}
    with Installation(kafka_broker.bootstrap, tmp_path, "act-", parts=parts) as running:
        yield running


def act(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return installation.cli("act", *arguments, "--environment=prod", "--json", check=False)


def test_an_order_is_rehearsed_confirmed_carried_out_and_answered(
    installation: Installation, dev_cluster: Cluster, namespace: str
) -> None:
    for name in ("web", "fixed"):
        dev_cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": namespace},
                "data": {"size": "1"},
                "immutable": name == "fixed",
            }
        )
    order = ["set-config", f"configmap:default/{namespace}/web", "size", "2"]

    def size() -> str:
        found = dev_cluster.kubectl("get", "configmap/web", f"--namespace={namespace}", "-o", "json")
        return str(json.loads(found)["data"]["size"])

    rehearsed = act(installation, *order, "--dry-run")
    assert (rehearsed.returncode, json.loads(rehearsed.stdout)["would_change"]) == (0, True), rehearsed
    unconfirmed = act(installation, *order)
    assert (unconfirmed.returncode, "expected --yes" in unconfirmed.stderr) == (2, True), unconfirmed
    assert size() == "1"

    done = act(installation, *order, "--yes", "--by=ann")
    assert done.returncode == 0, done
    outcome = json.loads(done.stdout)
    assert (outcome["kind"], outcome["command_kind"], size()) == ("done", "set_config", "2")
    (record,) = installation.records(Topic.COMMANDS)
    assert json.loads(record.value or b"")["data"]["approved_by"] == "ann via cli"

    again = act(installation, *order, "--yes")
    assert (again.returncode, json.loads(again.stdout)["kind"]) == (0, "already_done"), again
    refused = act(installation, "set-config", f"configmap:default/{namespace}/fixed", "size", "2", "--yes")
    assert (refused.returncode, json.loads(refused.stdout)["kind"]) == (3, "refused"), refused
