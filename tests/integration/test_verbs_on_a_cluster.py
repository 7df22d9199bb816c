"""Every verb against a real API server with real controllers and pods, each with the role it asks for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from actions.executor import Executor, Patience
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import manifests, rules
from actions.kubernetes_targets import SERVED, KubernetesTargets
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from actions.verb_run_job import job_name
from infra.dev import shop_images
from infra.dev.cluster import Cluster
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    TemplateHash,
)
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from schemas.releases import Target, TargetKind
from schemas.verbs import ConfigChange, PodDeletion, Scaling

pytestmark = pytest.mark.integration

T = TypeVar("T")
LABELS = {"app": "web"}
GONE = "localhost/gone:1"
WHERE = {
    TargetKind.DEPLOYMENT: "deployment/web",
    TargetKind.STATEFUL_SET: "statefulset/web",
    TargetKind.DAEMON_SET: "daemonset/web",
    TargetKind.CONFIG_MAP: "configmap/web",
    TargetKind.CRON_JOB: "cronjob/web",
}
LOAD = ["/shop", "load", "--rate=2", "--seconds=1", "--target=http://127.0.0.1:1/?token=hunter2"]


class Meddled(KubernetesApi):
    """Somebody writes between our read and our first write."""

    meddle: Callable[[], object] | None = None

    def patch(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        self._once(named)
        return super().patch(*arguments, **named)

    def delete(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        self._once(named)
        return super().delete(*arguments, **named)

    def _once(self, named: Mapping[str, Any]) -> None:
        if self.meddle is not None and not named.get("is_rehearsal"):
            meddle, self.meddle = self.meddle, None
            meddle()


class Site:
    """A namespace of the test's own with objects that are all called `web`."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.started = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def get(self, what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", what, "-o", "json"))
        return found

    def run(
        self, kind: TargetKind, image: str = shop_images.PAUSE, fault: str = "none", **spec: object
    ) -> TemplateHash:
        """Apply a workload, wait until it runs if it can, and return its template's name."""
        env = [{"name": "FAULT", "value": fault}, {"name": "CRASH_AFTER_S", "value": "0"}]
        container = {"name": "web", "image": image, "imagePullPolicy": "Never", "env": env}
        template = {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        }
        more: dict[str, object] = {"serviceName": "web"} if kind is TargetKind.STATEFUL_SET else {}
        names = {
            TargetKind.DEPLOYMENT: "Deployment",
            TargetKind.STATEFUL_SET: "StatefulSet",
            TargetKind.DAEMON_SET: "DaemonSet",
        }
        manifest = {
            "apiVersion": "apps/v1",
            "kind": names[kind],
            "metadata": {"name": "web", "namespace": self.namespace},
            "spec": {"selector": {"matchLabels": LABELS}, "template": template, **more, **spec},
        }
        self.cluster.apply(manifest)
        if image != GONE and fault == "none":
            self.kubectl("rollout", "status", WHERE[kind], "--timeout=90s")
        progress = KubernetesTargets(self.api()).read_back(self.order(CommandKind.RESTART, kind))
        return progress.template

    def configure(self, **data: str) -> None:
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "web", "namespace": self.namespace},
                "data": data,
            }
        )

    def schedule(self, command: list[str], image: str = shop_images.SHOP_V1) -> None:
        container = {"name": "task", "image": image, "imagePullPolicy": "Never", "command": command}
        pod = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
        self.cluster.apply(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": "web", "namespace": self.namespace},
                "spec": {
                    "schedule": "0 0 1 1 *",
                    "suspend": True,
                    "jobTemplate": {"spec": {"template": {"spec": pod}}},
                },
            }
        )

    def crashed_pod(self) -> PodDeletion:
        """Return a pod once its container has crashed."""

        def look() -> PodDeletion | None:
            for pod in self.get("pods")["items"]:
                for status in pod["status"].get("containerStatuses", []):
                    if "terminated" in {**status["state"], **status["lastState"]}:
                        return PodDeletion(pod=pod["metadata"]["name"], uid=pod["metadata"]["uid"])
            return None

        return self.until(look)

    def until(self, look: Callable[[], T | None]) -> T:
        """Return what is found; waits on an event that never comes, so that it is bounded."""
        never = threading.Event()
        for _ in range(150):
            if found := look():
                return found
            never.wait(0.2)
        raise AssertionError("not within 30 s")

    def order(self, kind: CommandKind, target: TargetKind, **more: Any) -> Command:
        now = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
        return Command(
            **{
                "id": CommandId(f"{self.namespace}-{kind}"),
                "kind": kind,
                "decision": DecisionId("d1"),
                "release": ReleaseId("r1"),
                "environment": EnvironmentName("prod"),
                "service": ServiceName("web"),
                "target": self.target(target),
                "template": NO_TEMPLATE,
                "expected_template": NO_TEMPLATE,
                "issued_at": now,
                "expires_at": now + timedelta(minutes=5),
                "timeout_s": 60,
                **more,
            }
        )

    def target(self, kind: TargetKind) -> Target:
        return Target(kind=kind, cluster="dev", namespace=self.namespace, workload="web")

    def api(self) -> KubernetesApi:
        return KubernetesApi.connect(self.cluster.kubeconfig)

    def narrow(self, *commands: CommandKind, kinds: tuple[TargetKind, ...] = SERVED) -> Meddled:
        """Return a connection that may do no more than these commands need."""
        account = "suture-" + "-".join(commands).replace("_", "-")
        self.cluster.apply(manifests(rules(commands, kinds), self.namespace, account))
        token = self.cluster.service_account_token(self.namespace, account)
        return Meddled.connect(self.cluster.kubeconfig_of(token, f"{account}-{self.namespace}"))

    def execute(self, command: Command, api: KubernetesApi | None = None) -> Outcome:
        """Execute as an executor that remembers nothing."""
        never = threading.Event()

        def wait(seconds: float) -> None:
            never.wait(seconds)

        return Executor(
            actuators=dict.fromkeys(SERVED, KubernetesTargets(api or self.api())),
            keys=KeyRing({"k1": b"0123456789abcdef"}),
            clock=lambda: datetime.now(UTC),  # noqa: TID251  # a real cluster lives in real time
            sleep=wait,
            ledger=MemoryLedger(),
            clusters=frozenset({"dev"}),
            patience=Patience(poll=timedelta(seconds=0.2), not_allowed=timedelta(0)),
        ).execute(command)

    def state(self) -> dict[str, object]:
        """Return everything that a verb could change, by uid."""
        things = self.get("deployments,statefulsets,daemonsets,configmaps,jobs,pods")["items"]
        return {
            one["metadata"]["uid"]: (one["metadata"].get("generation"), one.get("data"))
            for one in things
            if one["metadata"]["name"] != "kube-root-ca.crt"
        }


@pytest.fixture
def site(dev_cluster: Cluster, namespace: str) -> Site:
    return Site(dev_cluster, namespace)


def an_undo(site: Site, kind: TargetKind) -> Command:
    good = site.run(kind)
    bad = site.run(kind, fault="none", image=shop_images.SHOP_V1)
    return site.order(CommandKind.UNDO, kind, template=good, expected_template=bad)


def a_restart(site: Site, kind: TargetKind) -> Command:
    return site.order(CommandKind.RESTART, kind, expected_template=site.run(kind))


def a_scaling(site: Site, kind: TargetKind) -> Command:
    running = site.run(kind)
    scaling = Scaling(replicas=2, minimum=1, maximum=3)
    return site.order(CommandKind.SCALE, kind, expected_template=running, scaling=scaling)


def a_pause(site: Site, kind: TargetKind) -> Command:
    return site.order(CommandKind.PAUSE, kind, expected_template=site.run(kind))


def a_resumption(site: Site, kind: TargetKind) -> Command:
    site.run(kind)
    site.kubectl("rollout", "pause", WHERE[kind])
    return site.order(CommandKind.RESUME, kind)


def a_deletion(site: Site, kind: TargetKind) -> Command:
    site.run(kind, image=shop_images.SHOP_V1, fault="crash")
    return site.order(CommandKind.DELETE_POD, kind, pod=site.crashed_pod())


def a_job(site: Site, kind: TargetKind) -> Command:
    site.schedule(LOAD)
    return site.order(CommandKind.RUN_JOB, kind)


def a_setting(site: Site, kind: TargetKind) -> Command:
    site.configure(other="kept", size="1")
    site.run(TargetKind.DEPLOYMENT)
    change = ConfigChange(key="size", value="2", restart=site.target(TargetKind.DEPLOYMENT))
    return site.order(CommandKind.SET_CONFIG, kind, config=change)


ORDERS: list[tuple[Callable[[Site, TargetKind], Command], TargetKind]] = [
    (an_undo, TargetKind.STATEFUL_SET),
    (an_undo, TargetKind.DAEMON_SET),
    (a_restart, TargetKind.DEPLOYMENT),
    (a_restart, TargetKind.STATEFUL_SET),
    (a_restart, TargetKind.DAEMON_SET),
    (a_scaling, TargetKind.DEPLOYMENT),
    (a_scaling, TargetKind.STATEFUL_SET),
    (a_pause, TargetKind.DEPLOYMENT),
    (a_resumption, TargetKind.DEPLOYMENT),
    (a_deletion, TargetKind.STATEFUL_SET),
    (a_job, TargetKind.CRON_JOB),
    (a_setting, TargetKind.CONFIG_MAP),
]


@pytest.mark.parametrize(
    ("prepare", "kind"), ORDERS, ids=[f"{prepare.__name__}-{kind}" for prepare, kind in ORDERS]
)
def test_a_verb_twice_is_once(
    site: Site, prepare: Callable[[Site, TargetKind], Command], kind: TargetKind
) -> None:
    """With the role that it asks for, and with somebody else who writes in between."""
    command = prepare(site, kind)
    needed = [command.kind] + ([CommandKind.RESTART] if command.config else [])
    api = site.narrow(*needed, kinds=(kind, TargetKind.DEPLOYMENT) if command.config else (kind,))
    before = site.state()
    assert KubernetesTargets(api).rehearse(command)
    assert site.state() == before

    written = f"pod/{command.pod.pod}" if command.pod else WHERE[kind]
    writes: list[str] = []
    api.meddle = lambda: writes.append(site.kubectl("annotate", written, "somebody=else"))
    first = site.execute(command, api)
    assert first.kind is OutcomeKind.DONE, first.detail
    if command.kind is not CommandKind.RUN_JOB:  # what is created has nobody in between
        assert len(writes) == 1
    if command.pod is None and command.kind is not CommandKind.RUN_JOB:
        assert site.get(written)["metadata"]["annotations"]["somebody"] == "else"
    after = site.state()
    assert after != before

    second = site.execute(command, api)
    assert (second.kind, second.id) == (OutcomeKind.ALREADY_DONE, first.id), second.detail
    assert site.state() == after


def test_an_ordered_stateful_set_that_its_bad_template_blocks_is_repaired(site: Site) -> None:
    good = site.run(TargetKind.STATEFUL_SET)
    bad = site.run(TargetKind.STATEFUL_SET, image=GONE)
    site.until(lambda: GONE in site.kubectl("get", "pod/web-0", "-o", "yaml"))
    undo = site.order(CommandKind.UNDO, TargetKind.STATEFUL_SET, template=good, expected_template=bad)
    outcome = site.execute(undo, site.narrow(CommandKind.UNDO, kinds=(TargetKind.STATEFUL_SET,)))
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert "web-0 deleted, which blocked the rollout" in outcome.detail
    assert (outcome.template_before, outcome.template_after) == (bad, good)


def test_a_job_tells_its_last_lines_without_secrets_and_a_failed_one_why(site: Site) -> None:
    site.schedule(LOAD)
    api = site.narrow(CommandKind.RUN_JOB)
    run = site.order(CommandKind.RUN_JOB, TargetKind.CRON_JOB)
    done = site.execute(run, api)
    assert done.kind is OutcomeKind.DONE, done.detail
    # A container's two streams are put together in any order.
    assert any('"sent"' in line for line in done.log_tail)
    assert not any("hunter2" in line for line in done.log_tail)

    site.schedule(["/shop", "load"])
    failed = site.execute(replace(run, id=CommandId("another")), api)
    assert failed.kind is OutcomeKind.FAILED
    assert "failed: BackoffLimitExceeded" in failed.detail
    assert any("expected load --target" in line for line in failed.log_tail)


def test_two_jobs_of_one_template_never_run_at_once(site: Site) -> None:
    site.schedule(["/pause"], image=shop_images.PAUSE)
    run = site.order(CommandKind.RUN_JOB, TargetKind.CRON_JOB)
    KubernetesTargets(site.api()).carry_out(run)
    refused = site.execute(replace(run, id=CommandId("another")))
    assert refused.kind is OutcomeKind.REFUSED
    assert f"Job {job_name(run.id, 'web')} of it is under way" in refused.detail
    assert len(site.get("jobs")["items"]) == 1


def test_what_an_autoscaler_holds_is_not_scaled_against_it(site: Site) -> None:
    site.run(TargetKind.DEPLOYMENT)
    site.cluster.apply(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": site.namespace},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "maxReplicas": 4,
            },
        }
    )
    scaling = Scaling(replicas=3, minimum=1, maximum=5)
    command = site.order(CommandKind.SCALE, TargetKind.DEPLOYMENT, scaling=scaling)
    outcome = site.execute(command, site.narrow(CommandKind.SCALE))
    assert outcome.kind is OutcomeKind.REFUSED
    assert "HorizontalPodAutoscaler web keeps it at 1 to 4 replicas" in outcome.detail
    assert site.get("deployment/web")["spec"]["replicas"] == 1


def test_what_is_not_as_the_command_expects_is_left_alone_in_words(site: Site) -> None:
    running = site.run(TargetKind.DEPLOYMENT)
    kind, stale = TargetKind.DEPLOYMENT, TemplateHash("judgedlongago")
    pod = site.get("pods")["items"][0]["metadata"]
    healthy = PodDeletion(pod=pod["name"], uid=pod["uid"])
    site.configure(a="1")
    site.kubectl("patch", "configmap/web", '--patch={"immutable": true}')
    before = site.state()
    restart = site.order(CommandKind.RESTART, kind)
    expected = {
        f"template {running} runs by now": replace(restart, expected_template=stale),
        "has not crashed": site.order(CommandKind.DELETE_POD, kind, pod=healthy),
        "it is immutable": site.order(
            CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP, config=ConfigChange(key="a", value="2")
        ),
        "it is a configmap": site.order(CommandKind.PAUSE, TargetKind.CONFIG_MAP),
    }
    for words, command in expected.items():
        outcome = site.execute(command)
        assert outcome.kind is OutcomeKind.REFUSED, outcome
        assert words in outcome.detail
    gone = site.execute(replace(restart, target=replace(restart.target, workload="nobody")))
    assert (gone.kind, "404 NotFound" in gone.detail) == (OutcomeKind.FAILED, True)
    lost = site.execute(site.order(CommandKind.UNDO, kind, template=stale))
    assert (lost.kind, "no ReplicaSet of that template" in lost.detail) == (OutcomeKind.FAILED, True)
    assert site.state() == before

    site.kubectl("rollout", "pause", "deployment/web")
    paused = site.execute(restart)
    assert (paused.kind, "it is paused" in paused.detail) == (OutcomeKind.REFUSED, True)


def test_an_account_for_one_verb_is_forbidden_the_others(site: Site) -> None:
    site.run(TargetKind.DEPLOYMENT)
    site.configure(a="1")
    api = site.narrow(CommandKind.SCALE, kinds=(TargetKind.DEPLOYMENT,))
    kind = TargetKind.DEPLOYMENT
    for command, words in (
        (site.order(CommandKind.RESTART, kind), 'cannot patch resource "deployments"'),
        (site.order(CommandKind.PAUSE, kind), 'cannot patch resource "deployments"'),
        (
            site.order(CommandKind.DELETE_POD, kind, pod=PodDeletion(pod="web-1", uid="u")),
            'cannot list resource "pods"',
        ),
        (
            site.order(
                CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP, config=ConfigChange(key="a", value="2")
            ),
            'cannot get resource "configmaps"',
        ),
        (site.order(CommandKind.RUN_JOB, TargetKind.CRON_JOB), 'cannot get resource "jobs"'),
        (site.order(CommandKind.RESTART, TargetKind.DAEMON_SET), 'cannot get resource "daemonsets"'),
    ):
        outcome = site.execute(command, api)
        assert outcome.kind is OutcomeKind.FAILED
        assert "403 Forbidden" in outcome.detail
        assert words in outcome.detail


def test_a_rule_of_the_cluster_refuses_and_a_quota_is_waited_for_until_the_command_expires(
    site: Site,
) -> None:
    site.configure(a="1")
    site.schedule(LOAD)
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": site.namespace},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["configmaps"],
                    }
                ],
            },
            "validations": [{"expression": "false", "message": "nobody changes this at night"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": site.namespace},
        "spec": {"policyName": site.namespace, "validationActions": ["Deny"]},
    }
    site.cluster.apply(policy)
    site.cluster.apply(binding)
    change = ConfigChange(key="a", value="2")
    command = site.order(CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP, config=change)

    def rehearsed() -> str:
        try:
            KubernetesTargets(site.api()).rehearse(command)
        except Exception as error:  # noqa: BLE001  # whatever it is, its words are looked at
            return str(error)
        return ""

    # The API server learns of a policy by a watch.
    site.until(rehearsed)
    refused = site.execute(command)
    assert (refused.kind, "nobody changes this at night" in refused.detail) == (OutcomeKind.REFUSED, True)

    site.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
    run = site.order(CommandKind.RUN_JOB, TargetKind.CRON_JOB)
    site.until(lambda: "count/jobs.batch" in site.get("quota/none").get("status", {}).get("used", {}))
    soon = datetime.now(UTC) + timedelta(seconds=2)  # noqa: TID251  # a real cluster lives in real time
    failed = site.execute(replace(run, expires_at=soon))
    assert failed.kind is OutcomeKind.FAILED
    assert "exceeded quota: none" in failed.detail
    assert "tries, until" in failed.detail
