"""The shipped playbooks against real troubles of real pods, through all parts of the product."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.playbooks import table, tell, try_troubles
from bench.remedy_cases import troubles
from bench.remedy_heard import Listener
from bench.remedy_world import remedy_world
from infra.dev import collector
from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from tests.integration.parts import need_built

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


def test_every_trouble_is_mended_by_the_playbook_that_is_for_it_and_by_nothing_else(
    dev_cluster: Cluster, kafka_broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_built(collector, "collector")
    with (
        remedy_world(dev_cluster.kubeconfig, kafka_broker.bootstrap, tmp_path) as world,
        Listener(world.settings) as listener,
    ):
        chosen = [one for one in troubles(world.folder) if not one.comes_alone]
        mended = try_troubles(world, listener, chosen, len(chosen), tell)
    with capsys.disabled():
        sys.stdout.write(f"\n{table(mended)}\n")
    assert [one.trouble.name for one in mended if not one.is_right] == [], mended
    assert [one.trouble.name for one in mended if one.said_s is None] == [], mended
    assert [one.account.failures for one in mended] == [[]] * len(mended)
