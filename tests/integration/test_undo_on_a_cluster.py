"""Undo of a real Deployment with real pods, through the real executor."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actions.errors import RefusedActionError
from actions.executor import Executor, Patience
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_deployments import Deployments
from actions.kubernetes_targets import KubernetesTargets
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
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

pytestmark = pytest.mark.integration

LABELS = {"app": "shop"}
NEEDED = Deployments.rights(TargetKind.DEPLOYMENT)
NARROW_ROLE = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: suture, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: suture, namespace: {namespace}}}
rules:
- {{apiGroups: [apps], resources: [deployments], verbs: [{verbs}]}}
- {{apiGroups: [apps], resources: [replicasets], verbs: [list]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: suture, namespace: {namespace}}}
subjects: [{{kind: ServiceAccount, name: suture, namespace: {namespace}}}]
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: suture}}
"""


class Shop:
    """The shop's Deployment in a namespace of the test's own."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.api = KubernetesApi.connect(cluster.kubeconfig)

    def deploy(self, image: str, fault: str = "none", **spec: object) -> TemplateHash:
        """Apply a version, wait for its rollout, and return its template's hash."""
        container = {
            "name": "shop",
            "image": image,
            "imagePullPolicy": "Never",
            "env": [{"name": "FAULT", "value": fault}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
        }
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": self.namespace},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": LABELS},
                "template": {
                    "metadata": {"labels": LABELS},
                    "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
                },
                **spec,
            },
        }
        self.cluster.apply(manifest)
        self.kubectl("rollout", "status", "deployment/shop", "--timeout=90s")
        return Deployments(self.api).running(self.namespace, "shop")

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(self.kubectl("get", "deployment/shop", "-o", "json"))
        return seen

    def pod_templates(self) -> list[str]:
        pods = json.loads(self.kubectl("get", "pods", "--selector=app=shop", "-o", "json"))["items"]
        return sorted(
            pod["metadata"]["labels"]["pod-template-hash"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
        )

    def undo(self, template: TemplateHash, expected: TemplateHash = NO_TEMPLATE) -> Command:
        return self.command(CommandKind.UNDO, template, expected)

    def command(
        self, kind: CommandKind, template: TemplateHash, expected: TemplateHash = NO_TEMPLATE
    ) -> Command:
        now = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
        return Command(
            id=CommandId("c1"),
            kind=kind,
            decision=DecisionId("d1"),
            release=ReleaseId("r1"),
            environment=EnvironmentName("prod"),
            service=ServiceName("shop"),
            target=Target(
                kind=TargetKind.DEPLOYMENT,
                cluster="dev",
                namespace=self.namespace,
                workload="shop",
            ),
            template=template,
            expected_template=expected,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
        )

    def execute(self, command: Command, api: KubernetesApi | None = None) -> Outcome:
        """Execute as an executor that remembers nothing."""
        waiting = threading.Event()

        def sleep(seconds: float) -> None:
            waiting.wait(seconds)

        return Executor(
            actuators={TargetKind.DEPLOYMENT: KubernetesTargets(api or self.api)},
            keys=KeyRing({"k1": b"0123456789abcdef"}),
            clock=lambda: datetime.now(UTC),  # noqa: TID251  # a real cluster lives in real time
            sleep=sleep,
            ledger=MemoryLedger(),
            clusters=frozenset({"dev"}),
            patience=Patience(rollout=timedelta(minutes=2)),
        ).execute(command)

    def narrow(self, verbs: str) -> KubernetesApi:
        """Return a connection that may do no more than the role says."""
        self.cluster.apply(NARROW_ROLE.format(namespace=self.namespace, verbs=verbs))
        token = self.cluster.service_account_token(self.namespace, "suture")
        return KubernetesApi.connect(self.cluster.kubeconfig_of(token, f"suture-{self.namespace}"))


@pytest.fixture
def shop(dev_cluster: Cluster, namespace: str) -> Shop:
    return Shop(dev_cluster, namespace)


def test_a_bad_version_is_undone_by_hash_and_twice_is_once(shop: Shop) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    bad = shop.deploy(shop_images.SHOP_V2, fault="errors")
    assert good != bad

    first = shop.execute(shop.undo(good, expected=bad))
    assert first.kind is OutcomeKind.DONE, first.detail
    assert (first.template_before, first.template_after) == (bad, good)
    assert shop.pod_templates() == [good, good]
    after = shop.seen()

    second = shop.execute(shop.undo(good, expected=bad))
    assert second.kind is OutcomeKind.ALREADY_DONE
    assert second.id == first.id
    assert shop.seen()["metadata"]["generation"] == after["metadata"]["generation"]
    # kubectl agrees on what happened: the old template under a new revision.
    assert "localhost/shop:v1" in shop.kubectl("rollout", "history", "deployment/shop", "--revision=3")


def test_an_undo_names_itself_as_the_manager_of_the_template(shop: Shop) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    shop.deploy(shop_images.SHOP_V2)
    shop.execute(shop.undo(good))
    fields = json.loads(shop.kubectl("get", "deployment/shop", "-o", "json", "--show-managed-fields"))
    managers = [entry["manager"] for entry in fields["metadata"]["managedFields"]]
    assert "suture" in managers


def test_a_writer_in_between_is_kept_and_the_undo_still_happens(shop: Shop) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    bad = shop.deploy(shop_images.SHOP_V2)

    class Meddled(KubernetesApi):
        """Somebody scales between our read and our first write."""

        writes = 0

        def patch(self, *arguments: Any, **named: Any) -> dict[str, Any]:
            self.writes += 1
            if self.writes == 1:
                shop.kubectl("scale", "deployment/shop", "--replicas=3")
            return super().patch(*arguments, **named)

    api = Meddled.connect(shop.cluster.kubeconfig)
    outcome = shop.execute(shop.undo(good, expected=bad), api)
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert api.writes >= 2
    assert shop.seen()["spec"]["replicas"] == 3
    assert shop.pod_templates() == [good, good, good]


def test_a_newer_deploy_is_not_taken_back(shop: Shop) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    bad = shop.deploy(shop_images.SHOP_V2, fault="errors")
    fixed = shop.deploy(shop_images.SHOP_V2)
    outcome = shop.execute(shop.undo(good, expected=bad))
    assert outcome.kind is OutcomeKind.REFUSED
    assert f"template {fixed} runs by now, the command undoes {bad}" in outcome.detail
    assert shop.pod_templates() == [fixed, fixed]


def test_a_rehearsal_changes_nothing(shop: Shop) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    bad = shop.deploy(shop_images.SHOP_V2)
    before = shop.seen()["metadata"]["resourceVersion"]
    outcome = shop.execute(replace(shop.undo(good), is_rehearsal=True))
    assert outcome.kind is OutcomeKind.REHEARSED, outcome.detail
    assert f"{bad} -> {good}" in outcome.detail
    assert shop.seen()["metadata"]["resourceVersion"] == before


def test_a_paused_rollout_is_refused_to_undo_and_a_promotion_resumes_it(shop: Shop) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    bad = shop.deploy(shop_images.SHOP_V2)
    shop.kubectl("rollout", "pause", "deployment/shop")
    with pytest.raises(RefusedActionError, match="it is paused"):
        KubernetesTargets(shop.api).carry_out(shop.undo(good))
    outcome = shop.execute(shop.command(CommandKind.PROMOTE, bad))
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert "paused" not in shop.seen()["spec"]


def test_pods_that_never_get_ready_fail_the_undo_in_words(shop: Shop) -> None:
    sick = shop.deploy(shop_images.SHOP_V1, progressDeadlineSeconds=5)
    good = shop.deploy(shop_images.SHOP_V2, progressDeadlineSeconds=5)
    # The image of the template to go back to is gone: it names one that no node has.
    replica_set = f"replicaset/shop-{sick}"
    gone = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "localhost/gone:1"}]
    shop.kubectl("patch", replica_set, "--type=json", f"--patch={json.dumps(gone)}")
    outcome = shop.execute(shop.undo(sick, expected=good))
    assert outcome.kind is OutcomeKind.FAILED
    assert "made no progress within its deadline" in outcome.detail


def test_the_narrow_role_is_enough_and_a_narrower_one_says_what_is_missing(
    shop: Shop,
) -> None:
    good = shop.deploy(shop_images.SHOP_V1)
    bad = shop.deploy(shop_images.SHOP_V2)

    reader = shop.narrow("get")
    rights = {f"{one.verb} {one.resource}": one.is_allowed for one in reader.rights(shop.namespace, NEEDED)}
    assert rights == {
        "get deployments.apps": True,
        "patch deployments.apps": False,
        "list replicasets.apps": True,
    }
    refused = shop.execute(shop.undo(good, expected=bad), reader)
    assert refused.kind is OutcomeKind.FAILED
    assert "403 Forbidden" in refused.detail
    assert 'cannot patch resource "deployments"' in refused.detail

    writer = shop.narrow("get, patch")
    done = shop.execute(shop.undo(good, expected=bad), writer)
    assert done.kind is OutcomeKind.DONE, done.detail
    assert not any(one.is_allowed for one in writer.rights("kube-system", NEEDED))
