"""Argo Rollouts: its real controller with real pods, told what to do by orders and asking for verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.dev.argo import Controller
from infra.dev.cluster import Cluster
from schemas.keys import TemplateHash
from schemas.orders import Command, CommandKind, OutcomeKind
from tests.integration.argo import PAUSED_AT, RolloutSite

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("argo_rollouts"),
]


def done_once(site: RolloutSite, command: Command, written: str = "rollout/web") -> str:
    """Rehearse a command, execute it with somebody who writes in between, and again; return its detail."""
    before = site.get("rollout/web")
    assert site.rehearse(command)
    assert site.get("rollout/web")["spec"] == before["spec"]
    assert site.status().get("abort") == before["status"].get("abort")
    site.narrow(command.kind).meddle = lambda: site.kubectl(
        "annotate", written, "somebody=else", "--overwrite"
    )
    done = site.execute(command)
    assert done.kind is OutcomeKind.DONE, done.detail
    after = site.get("rollout/web")["metadata"]["generation"]
    again = site.execute(command)
    assert again.kind is OutcomeKind.ALREADY_DONE, again.detail
    assert site.get("rollout/web")["metadata"]["generation"] == after
    return done.detail


@pytest.mark.parametrize("is_referenced", [False, True], ids=["own_template", "workload_ref"])
def test_an_update_is_aborted_retried_promoted_and_undone(
    dev_cluster: Cluster, namespace: str, *, is_referenced: bool
) -> None:
    """Each with its own role, rehearsed, with somebody who writes in between, and twice."""
    site = RolloutSite(dev_cluster, namespace, is_referenced=is_referenced)
    good = site.run("1")
    bad = site.update("2")
    site.at_step(PAUSED_AT[0])
    assert site.running() == {good: 1, bad: 1} or site.running() == {good: 2, bad: 1}

    undo = site.order(CommandKind.UNDO, template=good, expected_template=bad)
    told = done_once(site, undo)
    assert f"update to template {bad} aborted at Paused: CanaryPauseStep" in told
    assert f"template {good} serves alone; {namespace}/web still names {bad}" in told
    assert site.running() == {good: 2}
    assert site.status()["phase"] == "Degraded"

    refused = site.execute(site.order(CommandKind.PROMOTE, template=bad))
    assert (refused.kind, "retry it first" in refused.detail) == (OutcomeKind.REFUSED, True), refused.detail
    done_once(site, site.order(CommandKind.RETRY, expected_template=bad))
    site.at_step(PAUSED_AT[0])

    early = site.execute(site.past(PAUSED_AT[1], bad))
    assert (early.kind, "it is at step 1" in early.detail) == (OutcomeKind.REFUSED, True), early.detail
    done_once(site, site.past(PAUSED_AT[0], bad))
    site.at_step(PAUSED_AT[1])
    done_once(site, site.order(CommandKind.ABORT, expected_template=bad))
    done_once(site, site.order(CommandKind.RETRY))
    site.at_step(PAUSED_AT[0])

    done_once(site, site.order(CommandKind.PROMOTE, template=bad))
    assert site.running() == {bad: 2}
    late = site.execute(site.order(CommandKind.ABORT))
    assert late.kind is OutcomeKind.REFUSED
    assert f"no update is under way, template {bad} is promoted in full; undo takes it back" in late.detail

    told = done_once(site, undo, "deployment/web" if is_referenced else "rollout/web")
    assert f"{namespace}/web runs template {good} alone" in told
    assert site.running() == {good: 2}
    assert site.status()["stableRS"] == good


def test_what_cannot_be_done_to_a_rollout_is_said(
    dev_cluster: Cluster, argo_rollouts: Controller, namespace: str
) -> None:
    site = RolloutSite(dev_cluster, namespace)
    good = site.run("1")
    undo = site.order(CommandKind.UNDO, template=TemplateHash("judgedlongago"))
    lost = site.execute(undo)
    assert (lost.kind, f"of that template is left, kept are {good}" in lost.detail) == (
        OutcomeKind.FAILED,
        True,
    )
    nobody = site.execute(replace(undo, target=replace(undo.target, workload="nobody")))
    assert (nobody.kind, "404 NotFound" in nobody.detail) == (OutcomeKind.FAILED, True)

    bad = site.update("2")
    site.at_step(PAUSED_AT[0])
    done_once(site, site.order(CommandKind.PAUSE, expected_template=bad))
    for kind in (CommandKind.ABORT, CommandKind.UNDO):
        held = site.execute(site.order(kind, template=good))
        assert (held.kind, "somebody paused it" in held.detail) == (OutcomeKind.REFUSED, True), held.detail
    done_once(site, site.order(CommandKind.RESUME))

    stale = site.execute(site.order(CommandKind.ABORT, expected_template=good))
    assert (stale.kind, f"template {bad} is asked for by now" in stale.detail) == (OutcomeKind.REFUSED, True)

    argo_rollouts.stop()
    try:
        site.apply("3")
        unheard = site.execute(site.soon(site.order(CommandKind.ABORT)))
    finally:
        argo_rollouts.start()
    assert unheard.kind is OutcomeKind.FAILED
    assert "is Argo Rollouts' controller running?" in unheard.detail


def test_a_blue_green_rollout_is_promoted_past_its_pause_and_aborted(
    dev_cluster: Cluster, namespace: str
) -> None:
    strategy = {
        "activeService": "active",
        "previewService": "preview",
        "autoPromotionEnabled": False,
        "scaleDownDelaySeconds": 1,
    }
    site = RolloutSite(dev_cluster, namespace, {"blueGreen": strategy})
    for name in ("active", "preview"):
        site.kubectl("create", "service", "clusterip", name, "--tcp=80:80")
        site.kubectl("set", "selector", f"service/{name}", "app=web")
    site.run("1")
    second = site.update("2")
    site.at_step(0)
    done_once(site, site.past(0, second))
    site.until(lambda: site.status().get("phase") == "Healthy")
    assert site.get("service/active")["spec"]["selector"]["rollouts-pod-template-hash"] == second

    third = site.update("3")
    site.at_step(0)
    done_once(site, site.order(CommandKind.UNDO, template=second, expected_template=third))
    assert site.get("service/active")["spec"]["selector"]["rollouts-pod-template-hash"] == second
