"""Undo of a Deployment that Helm brought: a real Helm rolls a real release back."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actions.executor import Executor, Patience
from actions.helm_program import Helm
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import manifests, rules
from actions.kubernetes_targets import SERVED, KubernetesTargets
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from actions.verb_undo_through_owner import OwnerSettings
from infra.dev import helm, shop_images
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
from schemas.verbs import OwnerKind
from tests.integration.parts import need_built

pytestmark = pytest.mark.integration

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}, annotations: {note: "{{ .Values.note }}"}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: shop, image: "{{ .Values.image }}", imagePullPolicy: Never}
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {image: "{{ .Values.image }}"}
"""
# What the chart holds beside the Deployment: a rollback writes it, too.
CHARTS_OWN = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: chart, namespace: {namespace}}}
rules:
- {{apiGroups: [""], resources: [configmaps], verbs: [get, patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: chart, namespace: {namespace}}}
subjects: [{{kind: ServiceAccount, name: suture, namespace: {namespace}}}]
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: chart}}
"""


def present() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time


class Site:
    """A release called `shop` in a namespace of the test's own."""

    def __init__(self, cluster: Cluster, namespace: str, program: Path, chart: Path) -> None:
        self.cluster, self.namespace, self.program, self.chart = cluster, namespace, program, chart
        self.good = self.bad = NO_TEMPLATE

    def helm(self, *arguments: str) -> str:
        return subprocess.run(
            [str(self.program), *arguments, "--namespace", self.namespace],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.chart),
                "KUBECONFIG": str(self.cluster.kubeconfig),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def upgrade(self, image: str, note: str = "") -> TemplateHash:
        values = ("--set", f"image={image},note={note}", "--wait")
        self.helm("upgrade", "--install", "shop", str(self.chart), *values)
        return self.template()

    def released(self) -> None:
        self.good = self.upgrade(shop_images.PAUSE)
        # The history tells instants in whole seconds.
        self.next_second()
        self.bad = self.upgrade(shop_images.SHOP_V1)

    def next_second(self) -> None:
        never, second = threading.Event(), present().second
        while present().second == second:
            never.wait(0.05)

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def history(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.helm("history", "shop", "-o", "json"))
        return found

    def image(self) -> str:
        return self.kubectl("get", "configmap/settings", "-o", "jsonpath={.data.image}")

    def template(self) -> TemplateHash:
        return KubernetesTargets(self.api()).read_back(self.order(CommandKind.RESTART)).template

    def api(self) -> KubernetesApi:
        return KubernetesApi.connect(self.cluster.kubeconfig)

    def narrow(self) -> Path:
        """Return the kubeconfig of an account with the role that is printed, and the chart's own."""
        needed = rules((CommandKind.UNDO,), (TargetKind.DEPLOYMENT,), {OwnerKind.HELM: ""})
        self.cluster.apply(manifests(needed, self.namespace, "suture"))
        self.cluster.apply(CHARTS_OWN.format(namespace=self.namespace))
        token = self.cluster.service_account_token(self.namespace, "suture")
        return self.cluster.kubeconfig_of(token, f"suture-{self.namespace}")

    def order(self, kind: CommandKind, life: timedelta = timedelta(minutes=5)) -> Command:
        at = present()
        return Command(
            id=CommandId(f"{self.namespace}-{kind}"),
            kind=kind,
            decision=DecisionId("d1"),
            release=ReleaseId("r1"),
            environment=EnvironmentName("prod"),
            service=ServiceName("shop"),
            target=Target(
                kind=TargetKind.DEPLOYMENT, cluster="dev", namespace=self.namespace, workload="shop"
            ),
            template=self.good,
            expected_template=self.bad,
            issued_at=at,
            expires_at=at + life,
            timeout_s=120,
        )

    def execute(self, command: Command, kubeconfig: Path | None = None, *, has_helm: bool = True) -> Outcome:
        never = threading.Event()

        def wait(seconds: float) -> None:
            never.wait(seconds)

        file = kubeconfig or self.cluster.kubeconfig
        found = {"PATH": os.environ["PATH"], "HOME": str(self.chart), "KUBECONFIG": str(file)}
        settings = OwnerSettings(helm=Helm(self.program, found) if has_helm else None)
        targets = KubernetesTargets(KubernetesApi.connect(file), settings)
        return Executor(
            actuators=dict.fromkeys(SERVED, targets),
            keys=KeyRing({"k1": b"0123456789abcdef"}),
            clock=present,
            sleep=wait,
            ledger=MemoryLedger(),
            clusters=frozenset({"dev"}),
            patience=Patience(poll=timedelta(seconds=0.2)),
        ).execute(command)


@pytest.fixture
def site(dev_cluster: Cluster, namespace: str, tmp_path: Path) -> Site:
    need_built(helm, "helm")
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (tmp_path / "templates/deployment.yaml").write_text(DEPLOYMENT)
    (tmp_path / "templates/settings.yaml").write_text(CONFIG)
    site = Site(dev_cluster, namespace, helm.fetch() / helm.PROGRAM, tmp_path)
    site.released()
    return site


def test_a_release_is_rolled_back_once_with_all_that_it_holds_and_the_narrow_role_is_enough(
    site: Site,
) -> None:
    command, account = site.order(CommandKind.UNDO), site.narrow()
    outcome = site.execute(command, account)
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert site.template() == site.good
    assert site.image() == shop_images.PAUSE
    assert [one["description"] for one in site.history()][2:] == ["Rollback to 1"]
    assert outcome.ownership is not None
    assert (outcome.ownership.owner, outcome.ownership.drift) == (OwnerKind.HELM, "")
    assert "as revision 3" in outcome.ownership.strategy

    repeated = site.execute(command, account)
    assert repeated.kind is OutcomeKind.ALREADY_DONE
    assert repeated.ownership == outcome.ownership
    assert len(site.history()) == 3


def test_without_the_program_the_template_is_given_back_and_the_drift_is_said(site: Site) -> None:
    outcome = site.execute(site.order(CommandKind.UNDO), has_helm=False)
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert site.template() == site.good
    assert site.image() == shop_images.SHOP_V1
    assert outcome.ownership is not None
    assert "does not know of it" in outcome.ownership.drift
    assert len(site.history()) == 2


def test_a_release_on_which_somebody_works_is_waited_for_and_then_given_up(site: Site) -> None:
    site.kubectl("label", "secret/sh.helm.release.v1.shop.v2", "status=pending-upgrade", "--overwrite")
    outcome = site.execute(site.order(CommandKind.UNDO, life=timedelta(seconds=5)))
    assert outcome.kind is OutcomeKind.FAILED
    assert "is pending-upgrade since" in outcome.detail
    assert site.template() == site.bad


def test_a_template_that_no_revision_holds_is_handed_over(site: Site) -> None:
    # Somebody changed the image past Helm, and the next upgrade brought the bad one.
    site.next_second()
    site.kubectl("set", "image", "deployment/shop", f"shop={shop_images.SHOP_V2}")
    site.kubectl("rollout", "status", "deployment/shop", "--timeout=90s")
    site.good = site.template()
    site.next_second()
    site.bad = site.upgrade(shop_images.PAUSE, note="bad")
    outcome = site.execute(site.order(CommandKind.UNDO))
    assert outcome.kind is OutcomeKind.HANDED_OVER, outcome.detail
    assert "the template of revision 2 is another one" in outcome.detail
    assert site.template() == site.bad


def test_templates_that_no_revision_tells_apart_are_handed_over(site: Site) -> None:
    # Somebody changed the image past Helm: the revision before is not what ran before.
    site.good = site.bad
    site.kubectl("set", "image", "deployment/shop", f"shop={shop_images.SHOP_V2}")
    site.kubectl("rollout", "status", "deployment/shop", "--timeout=90s")
    site.bad = site.template()
    outcome = site.execute(site.order(CommandKind.UNDO))
    assert outcome.kind is OutcomeKind.HANDED_OVER, outcome.detail
    assert "both templates were made after revision 2 began" in outcome.detail
    assert site.template() == site.bad
    assert len(site.history()) == 2
