"""Canaries that Argo Rollouts promotes or aborts by the real verdict: nobody speaks in its place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.argo_canaries import try_all
from bench.canary_kinds import named
from bench.canary_trial import Fate, Tried
from bench.canary_world import canary_world
from infra.dev import collector
from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from tests.integration.parts import need_built


def tell(one: Tried) -> None:
    sys.stderr.write(f"{one.service}: {one.fate} after {one.seconds} s, {one.verdict}: {one.reason}\n")


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("argo_rollouts")
def test_a_good_canary_is_promoted_and_bad_ones_are_aborted_by_our_verdict(
    dev_cluster: Cluster, kafka_broker: Broker, tmp_path: Path
) -> None:
    need_built(collector, "collector")
    with canary_world(dev_cluster.kubeconfig, kafka_broker.bootstrap, tmp_path) as world:
        tried = try_all(world, named("well,errors-30,silent"), 3, tell)
    assert [(one.fate, one.verdict) for one in tried] == [
        (Fate.PROMOTED, "healthy"),
        (Fate.ABORTED, "harmful"),
        (Fate.ABORTED, "harmful"),
    ], tried
