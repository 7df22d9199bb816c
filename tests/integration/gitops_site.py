"""A namespace whose Deployment comes from a git of the test's own, with orders to undo it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.executor import Executor, Patience
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import manifests, rules
from actions.kubernetes_targets import SERVED, KubernetesTargets
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from actions.sync_lease import NOTE
from actions.verb_undo_through_owner import OwnerSettings
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
from schemas.orders import Command, CommandKind, Outcome
from schemas.releases import Target, TargetKind
from schemas.verbs import OwnerKind, PausedSync
from tests.integration.reconcilers import (
    Applying,
    ArgoCd,
    Git,
    Json,
    a_deployment,
)

APPLICATIONS = "applications.argoproj.io"
GOOD, BAD, FIXED = "1" * 40, "2" * 40, "3" * 40
AUTOMATED = {"prune": True, "selfHeal": True}
# Of Flux' source controller there is no definition among the contracts: what is read of it, and no more.
GIT_REPOSITORIES: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gitrepositories.source.toolkit.fluxcd.io"},
    "spec": {
        "group": "source.toolkit.fluxcd.io",
        "scope": "Namespaced",
        "names": {"kind": "GitRepository", "plural": "gitrepositories", "singular": "gitrepository"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


def present() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time


def define(cluster: Cluster, definition: Json) -> None:
    cluster.kubectl(
        "apply", "--server-side", "--force-conflicts", "--filename=-", given=json.dumps(definition)
    )
    name = definition["metadata"]["name"]

    def is_established() -> bool:
        # `kubectl wait` fails where no condition is written yet.
        status = json.loads(cluster.kubectl("get", "crd", name, "-o", "json")).get("status") or {}
        return any(
            one["type"] == "Established" and one["status"] == "True" for one in status.get("conditions") or []
        )

    until(is_established)


class Site:
    """A namespace with a Deployment of a good template, then of a bad one, that git asks for."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace, self.git = cluster, namespace, Git()
        self.good = self.bad = NO_TEMPLATE

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def get(self, what: str) -> Json:
        found: Json = json.loads(self.kubectl("get", what, "-o", "json", "--show-managed-fields"))
        return found

    def release(self, by: Applying, **metadata: Any) -> None:
        """Bring the good version and then the bad one in, as the reconciler would."""
        pause = a_deployment(self.namespace, shop_images.PAUSE, **metadata)
        self.good = self._brought_in(by, GOOD, pause)
        self.bad = self._brought_in(by, BAD, a_deployment(self.namespace, shop_images.SHOP_V1, **metadata))

    def _brought_in(self, by: Applying, revision: str, manifest: Json) -> TemplateHash:
        self.git.commit(revision, manifest)
        by.apply(manifest)
        self.kubectl("rollout", "status", "deployment/shop", "--timeout=120s")
        return self.template()

    def template(self) -> TemplateHash:
        """Return the template that the Deployment asks for, once its controller named it."""
        progress = KubernetesTargets(self.api()).read_back(self.order(CommandKind.RESTART))
        return progress.template

    def image(self) -> str:
        spec = self.get("deployment/shop")["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def changes(self) -> int:
        """Return how often the template changed: each change gives a ReplicaSet the next revision."""
        notes = self.get("deployment/shop")["metadata"]["annotations"]
        return int(notes["deployment.kubernetes.io/revision"])

    def settled(self, before: int) -> int:
        """Return how often the template has changed by the end of an undo.

        Once; or, where the reconciler had read its object before the pause and wrote after the undo, twice
        more, and that is the end of it.
        """
        changes = self.changes()
        assert changes - before in (1, 3)
        return changes

    def application(self, automated: Json | None, **metadata: Any) -> None:
        policy = {} if automated is None else {"syncPolicy": {"automated": automated}}
        source = {"repoURL": "https://git.example/shop", "path": "deploy", "targetRevision": "main"}
        self.cluster.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "shop", "namespace": self.namespace, **metadata},
                "spec": {
                    "project": "default",
                    "destination": {"namespace": self.namespace, "server": "https://kubernetes.default.svc"},
                    "source": source,
                    **policy,
                },
            }
        )

    def tracked(self) -> Json:
        """Return the annotation by which Argo CD knows its objects; here the Application lies beside them."""
        name = f"{self.namespace}_shop:apps/Deployment:{self.namespace}/shop"
        return {"annotations": {"argocd.argoproj.io/tracking-id": name}}

    def automated(self) -> Json | None:
        found: Json | None = self.get("application/shop")["spec"].get("syncPolicy", {}).get("automated")
        return found

    def note(self, what: str) -> str:
        return str((self.get(what)["metadata"].get("annotations") or {}).get(NOTE, ""))

    def api(self) -> KubernetesApi:
        return KubernetesApi.connect(self.cluster.kubeconfig)

    def narrow(self, owner: OwnerKind) -> KubernetesApi:
        """Return a connection that may do what `suture rbac` prints for undo and the end of its lease."""
        needed = rules(
            (CommandKind.UNDO, CommandKind.RESUME_SYNC), (TargetKind.DEPLOYMENT,), {owner: self.namespace}
        )
        self.cluster.apply(manifests(needed, self.namespace, "suture"))
        token = self.cluster.service_account_token(self.namespace, "suture")
        return KubernetesApi.connect(self.cluster.kubeconfig_of(token, f"suture-{self.namespace}"))

    def order(self, kind: CommandKind, **more: Any) -> Command:
        at = present()
        place = Target(kind=TargetKind.DEPLOYMENT, cluster="dev", namespace=self.namespace, workload="shop")
        command = Command(
            id=CommandId(f"{self.namespace}-{kind}"),
            kind=CommandKind.RESTART,
            decision=DecisionId("d1"),
            release=ReleaseId("r1"),
            environment=EnvironmentName("prod"),
            service=ServiceName("shop"),
            target=place,
            template=NO_TEMPLATE,
            expected_template=NO_TEMPLATE,
            issued_at=at,
            expires_at=at + timedelta(minutes=5),
            timeout_s=120,
        )
        return replace(command, kind=kind, **more)

    def undo(self, **more: Any) -> Command:
        return self.order(CommandKind.UNDO, template=self.good, **{"expected_template": self.bad, **more})

    def resumption(self, paused: PausedSync, look: int = 1) -> Command:
        name = CommandId(f"{self.namespace}-{paused.name}-{look}")
        return self.order(CommandKind.RESUME_SYNC, id=name, paused=paused)

    def execute(self, command: Command, api: KubernetesApi | None = None) -> Outcome:
        """Execute as an executor that remembers nothing."""
        never = threading.Event()

        def wait(seconds: float) -> None:
            never.wait(seconds)

        targets = KubernetesTargets(api or self.api(), OwnerSettings(argo_cd=self.namespace, clock=present))
        return Executor(
            actuators=dict.fromkeys(SERVED, targets),
            keys=KeyRing({"k1": b"0123456789abcdef"}),
            clock=present,
            sleep=wait,
            ledger=MemoryLedger(),
            clusters=frozenset({"dev"}),
            patience=Patience(poll=timedelta(seconds=0.2)),
        ).execute(command)


def until(look: Callable[[], bool]) -> None:
    never = threading.Event()
    for _ in range(600):
        if look():
            return
        never.wait(0.1)
    raise AssertionError("not within a minute")


def kustomization(site: Site, name: str, **metadata: Any) -> Json:
    manifest: Json = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": site.namespace, **metadata},
        "spec": {
            "interval": "10m",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "infra"},
        },
    }
    site.cluster.apply(manifest)
    return manifest


def by_flux(site: Site, name: str) -> Json:
    keys = {"name": name, "namespace": site.namespace}
    return {f"kustomize.toolkit.fluxcd.io/{key}": value for key, value in keys.items()}


@pytest.fixture(scope="session")
def gitops_cluster(dev_cluster: Cluster, contracts: Path) -> Cluster:
    """A cluster that knows the owners' kinds of objects, by their own definitions."""
    definitions = [
        yaml.safe_load((contracts / name).read_text())
        for name in ("argo-cd/application-crd.yaml", "flux/kustomizations-crd.yaml")
    ]
    for definition in (*definitions, GIT_REPOSITORIES):
        define(dev_cluster, definition)
    return dev_cluster


def with_self_heal(site: Site) -> ArgoCd:
    """Return the reconciler of an Application with self-heal, whose git asks for the bad version."""
    reconciler = ArgoCd(site.cluster, site.namespace, site.git)
    site.release(reconciler, **site.tracked())
    site.application(AUTOMATED)
    reconciler.once()
    return reconciler
