"""Argo Rollouts: its real controller with real pods, told what to do by orders and asking for verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.dev.argo import Controller
from infra.dev.cluster import Cluster
from infra.dev.kafka import Broker
from infra.dev.ports import free_ports
from schemas.cdevents import deploy_event
from schemas.cloudevents import write_record
from schemas.effect_messages import verdict_event
from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.judgements import Suspicion, Verdict, VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import LogPosition, VerdictReached
from schemas.orders import Command, CommandKind, OutcomeKind
from schemas.releases import Release
from schemas.topics import Topic
from streams import clock
from tests.integration.argo import PAUSED_AT, RolloutSite
from tests.integration.installation import REPOSITORY, Installation

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
    assert site.running() == {good: 1, bad: 1}

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


class Judged:
    """A gateway as a process, with somebody who deploys, and says verdicts in the worker's place."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._http = httpx.Client(base_url=f"http://{installation.settings.listen}", timeout=30)

    def deploy(self, version: str, template: TemplateHash) -> Release:
        """Tell the gateway of a deploy, as a pipeline does."""
        at = clock.now()
        event = deploy_event(
            service=ServiceName("web"),
            version=version,
            environment=EnvironmentName("prod"),
            at=at,
            template=template,
        )
        value, headers = write_record(event)
        kind = dict(headers)["content-type"].decode()
        answer = self._http.post("/v1/events", content=value, headers={"content-type": kind})
        answer.raise_for_status()
        (release,) = answer.json()["releases"]
        return Release(
            id=ReleaseId(release),
            environment=EnvironmentName("prod"),
            service=ServiceName("web"),
            version=version,
            started_at=at,
            template=template,
        )

    def say(self, release: Release, kind: VerdictKind, ordinal: int) -> None:
        """Put a verdict onto its public topic."""
        at = clock.now()
        verdict = Verdict(
            id=f"{release.id}-{ordinal}",
            release=release.id,
            environment=release.environment,
            service=release.service,
            version=release.version,
            ordinal=ordinal,
            kind=kind,
            at=at,
            is_final=False,
            confidence=0.999 if kind is VerdictKind.HARMFUL else 0.0,
            alpha=0.01,
            reasons=("said by a test",),
        )
        weighed = Suspicion(
            release=release.id,
            service=release.service,
            environment=release.environment,
            at=at,
            started_at=at,
        )
        said = VerdictReached(verdict=verdict, suspicion=weighed, release=release)
        cause = LogPosition(topic=Topic.OBSERVATIONS.value, partition=0, offset=ordinal)
        effect = Effect(key="prod/web", cause=cause, index=0, said=said)
        self._installation.send(
            Message(topic=Topic.VERDICTS, key=release.id.encode(), value=verdict_event(effect, verdict))
        )

    def answer(self, version: str) -> str:
        """Return what the gateway holds of a version; "" while it does not answer."""
        try:
            answer = self._http.get(f"/v1/releases/prod/web/{version}/verdict")
        except httpx.TransportError:
            return ""
        return str(answer.json()["verdict"]) if answer.status_code == 200 else ""


def test_our_word_lets_an_analysis_promote_and_abort(
    dev_cluster: Cluster, kafka_broker: Broker, namespace: str, tmp_path: Path
) -> None:
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    template: dict[str, Any] = yaml.safe_load(
        (REPOSITORY / "infra/argo/analysis-template.yaml").read_text(encoding="utf-8")
    )
    template["metadata"]["namespace"] = namespace
    template["spec"]["metrics"][0]["interval"] = "1s"
    dev_cluster.apply(template)

    def asking(version: str) -> dict[str, Any]:
        values = {"gateway": f"http://{listen}", "environment": "prod", "service": "web", "version": version}
        arguments: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in values.items()]
        arguments.append({"name": "template", "valueFrom": {"podTemplateHashValue": "Latest"}})
        analysis = {"templates": [{"templateName": "suture-verdict"}], "args": arguments}
        return {"canary": {"steps": [{"setWeight": 50}, {"analysis": analysis}]}}

    site = RolloutSite(dev_cluster, namespace, asking("1"))

    def measured(phase: str, run: TemplateHash) -> bool:
        """Return whether an analysis of this template has a measurement of a phase."""
        return any(
            measurement["phase"] == phase
            for one in site.get("analysisruns")["items"]
            if one["metadata"]["labels"]["rollouts-pod-template-hash"] == run
            for result in one.get("status", {}).get("metricResults", [])
            for measurement in result.get("measurements", [])
        )

    parts = {"gateway": ["gateway"]}
    with Installation(kafka_broker.bootstrap, tmp_path, "argo.", parts, listen=listen) as installation:
        judged = Judged(installation)
        installation.until(lambda: judged.answer("1") == "unknown", "gateway answers")
        site.run("1")

        site.strategy = asking("2")
        good = site.update("2")
        site.until(lambda: measured("Inconclusive", good))
        release = judged.deploy("2", good)
        judged.say(release, VerdictKind.INCONCLUSIVE, 1)
        installation.until(lambda: judged.answer("2") == "inconclusive", "the watch goes on")
        assert site.status()["stableRS"] != good
        judged.say(release, VerdictKind.HEALTHY, 2)
        site.until(lambda: site.status()["stableRS"] == good and site.status()["phase"] == "Healthy")

        site.strategy = asking("3")
        bad = site.update("3")
        judged.say(judged.deploy("3", bad), VerdictKind.HARMFUL, 1)
        site.until(lambda: site.status().get("abort") and site.running() == {good: 2})
        assert site.status()["stableRS"] == good
        assert "assessed Failed due to failed (1) > failureLimit (0)" in site.status()["message"]
        assert measured("Failed", bad)
