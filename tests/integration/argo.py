"""A Rollout of Argo with real pods, in a namespace of a test's own, and orders about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from actions.executor import Executor, Patience
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_role import manifests, rules
from actions.kubernetes_targets import SERVED, KubernetesTargets
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
from schemas.orders import Command, CommandKind, Outcome
from schemas.releases import Target, TargetKind
from schemas.verbs import StepPromotion

T = TypeVar("T")
LABELS = {"app": "web"}
STEPS: tuple[dict[str, Any], ...] = ({"setWeight": 50}, {"pause": {}}, {"setWeight": 75}, {"pause": {}})
PAUSED_AT = (1, 3)


class Meddled(KubernetesApi):
    """Somebody writes between our read and our first write."""

    meddle: Callable[[], object] | None = None

    def patch(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        if self.meddle is not None and not named.get("is_rehearsal"):
            meddle, self.meddle = self.meddle, None
            meddle()
        return super().patch(*arguments, **named)


class RolloutSite:
    """A namespace with a Rollout called `web`, whose template is its own or a Deployment's.

    Args:
        cluster: Where.
        namespace: The test's own.
        strategy: The Rollout's.
        is_referenced: A Deployment holds the template.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        strategy: Mapping[str, Any] | None = None,
        *,
        is_referenced: bool = False,
    ) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.strategy = strategy or {"canary": {"steps": list(STEPS), "maxSurge": 1, "maxUnavailable": 0}}
        self.is_referenced = is_referenced
        self._narrow: dict[str, Meddled] = {}

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def get(self, what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", what, "-o", "json"))
        return found

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("rollout/web").get("status", {})
        return found

    def apply(self, version: str) -> None:
        """Ask for a version."""
        container = {
            "name": "web",
            "image": shop_images.PAUSE,
            "imagePullPolicy": "Never",
            "env": [{"name": "VERSION", "value": version}],
        }
        template = {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        }
        place = {"name": "web", "namespace": self.namespace}
        held: dict[str, Any] = {"template": template}
        if self.is_referenced:
            held = {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
            spec = {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": template}
            self.cluster.apply(
                {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": spec}
            )
        self.cluster.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "metadata": place,
                "spec": {
                    "replicas": 2,
                    "progressDeadlineSeconds": 120,
                    "selector": {"matchLabels": LABELS},
                    "strategy": self.strategy,
                    **held,
                },
            }
        )

    def run(self, version: str) -> TemplateHash:
        """Ask for the first version and return its template once it runs."""
        self.apply(version)
        self.until(lambda: self.status().get("phase") == "Healthy")
        return TemplateHash(self.status()["stableRS"])

    def update(self, version: str) -> TemplateHash:
        """Ask for another version and return its template once it is under way."""
        self.apply(version)
        stable = self.status()["stableRS"]
        self.until(lambda: self.status().get("currentPodHash") != stable)
        return TemplateHash(self.status()["currentPodHash"])

    def at_step(self, step: int) -> None:
        """Return once the update waits at a step."""
        self.until(
            lambda: self.status().get("pauseConditions") and self.status().get("currentStepIndex", 0) == step
        )

    def running(self) -> dict[str, int]:
        """Return how many pods there are of each template."""
        counts: dict[str, int] = {}
        for pod in self.get("pods")["items"]:
            if "deletionTimestamp" not in pod["metadata"]:
                template = pod["metadata"]["labels"]["rollouts-pod-template-hash"]
                counts[template] = counts.get(template, 0) + 1
        return counts

    def until(self, look: Callable[[], T | None], tries: int = 300) -> T:
        """Return what is found; waits on an event that never comes, so that it is bounded."""
        never = threading.Event()
        for _ in range(tries):
            if found := look():
                return found
            never.wait(0.2)
        raise AssertionError(f"not within the bound; the Rollout says {self.status()}")

    def order(self, kind: CommandKind, **more: Any) -> Command:
        now = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
        return Command(
            **{
                "id": CommandId(f"{self.namespace}-{kind}"),
                "kind": kind,
                "decision": DecisionId("d1"),
                "release": ReleaseId("r1"),
                "environment": EnvironmentName("prod"),
                "service": ServiceName("web"),
                "target": Target(
                    kind=TargetKind.ROLLOUT, cluster="dev", namespace=self.namespace, workload="web"
                ),
                "template": NO_TEMPLATE,
                "expected_template": NO_TEMPLATE,
                "issued_at": now,
                "expires_at": now + timedelta(minutes=2),
                "timeout_s": 60,
                **more,
            }
        )

    def past(self, step: int, template: TemplateHash) -> Command:
        return self.order(CommandKind.PROMOTE_STEP, template=template, step=StepPromotion(step=step))

    def narrow(self, kind: CommandKind) -> Meddled:
        """Return a connection that may do no more than commands of this kind to Rollouts need."""
        if kind not in self._narrow:
            account = f"suture-{kind}".replace("_", "-")
            role = rules((kind,), (TargetKind.ROLLOUT,))
            self.cluster.apply(manifests(role, self.namespace, account))
            token = self.cluster.service_account_token(self.namespace, account)
            config = self.cluster.kubeconfig_of(token, f"{account}-{self.namespace}")
            self._narrow[kind] = Meddled.connect(config)
        return self._narrow[kind]

    def execute(self, command: Command) -> Outcome:
        """Execute with the role that the command asks for, as an executor that remembers nothing."""
        never = threading.Event()

        def wait(seconds: float) -> None:
            never.wait(seconds)

        return Executor(
            actuators=dict.fromkeys(SERVED, KubernetesTargets(self.narrow(command.kind))),
            keys=KeyRing({"k1": b"0123456789abcdef"}),
            clock=lambda: datetime.now(UTC),  # noqa: TID251  # a real cluster lives in real time
            sleep=wait,
            ledger=MemoryLedger(),
            clusters=frozenset({"dev"}),
            patience=Patience(poll=timedelta(seconds=0.2)),
        ).execute(command)

    def rehearse(self, command: Command) -> str:
        """Rehearse with the role that the command asks for."""
        return KubernetesTargets(self.narrow(command.kind)).rehearse(command)

    def soon(self, command: Command) -> Command:
        """Return the command with two seconds left."""
        now = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
        return replace(command, expires_at=now + timedelta(seconds=2))
