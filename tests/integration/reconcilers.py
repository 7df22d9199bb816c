"""Reconcilers of the tests' own, played on a real API server with the vendors' own CRDs.

Each brings a Deployment to what a "git" says, round after round, whenever the live one differs and it may act
by itself: what Argo CD's application controller with self-heal and Flux' kustomize-controller do. What they
read and write of their own objects is what those controllers read and write.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from infra.dev import credentials
from infra.dev.cluster import Cluster
from infra.dev.kubectl import kubectl

Json = dict[str, Any]
LABELS = {"app": "shop"}


def now() -> str:
    instant = datetime.now(UTC)  # noqa: TID251  # a real cluster lives in real time
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def a_deployment(namespace: str, image: str, **metadata: Any) -> Json:
    container = {"name": "shop", "image": image, "imagePullPolicy": "Never"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": namespace, **metadata},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }


@dataclass(slots=True, kw_only=True)
class Git:
    """What a source holds.

    Attributes:
        commits: The Deployment's manifest by revision.
        head: The revision that is asked for.
    """

    commits: dict[str, Json] = field(default_factory=dict)
    head: str = ""

    def commit(self, revision: str, manifest: Json) -> str:
        self.commits[revision] = manifest
        self.head = revision
        return revision


class Reconciler(Protocol):
    """Something that acts in rounds."""

    rounds: int

    def once(self) -> None:
        """Look, and bring the live object to what git says if it may."""


class Applying:
    """What all of them share: a Deployment, its manifest, and server-side apply under their own name."""

    manager = "nobody-knows"

    def __init__(self, cluster: Cluster, namespace: str, git: Git) -> None:
        self.cluster, self.namespace, self.git, self.rounds = cluster, namespace, git, 0
        # A file of its own: the cluster writes its own anew each time that somebody asks for it.
        self.kubeconfig = cluster.kubeconfig_of(cluster.token(credentials.ADMIN), f"reconciler-{namespace}")

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return kubectl(self.kubeconfig, *arguments, f"--namespace={self.namespace}", given=given)

    def get(self, resource: str, name: str) -> Json:
        found: Json = json.loads(self.kubectl("get", resource, name, "-o", "json"))
        return found

    def patch(self, resource: str, name: str, body: Json, *more: str) -> None:
        self.kubectl(
            "patch",
            resource,
            name,
            "--type=merge",
            f"--patch={json.dumps(body)}",
            *more,
        )

    def differs(self) -> bool:
        return not covers(self.get("deployment", "shop"), self.git.commits[self.git.head])

    def apply(self, *manifests: Json) -> None:
        for manifest in manifests:
            self.kubectl(
                "apply",
                "--server-side",
                "--force-conflicts",
                f"--field-manager={self.manager}",
                "--filename=-",
                given=json.dumps(manifest),
            )

    def once(self) -> None:
        """Write the manifest again wherever the live object differs, whatever anybody says."""
        self.rounds += 1
        if self.differs():
            self.apply(self.git.commits[self.git.head])


class ArgoCd(Applying):
    """One Application and its controller, with self-heal."""

    manager = "argocd-controller"
    name = "shop"

    def once(self) -> None:
        self.rounds += 1
        began = now()
        app = self.get("application", self.name)
        if (app["metadata"].get("annotations") or {}).get("argocd.argoproj.io/skip-reconcile") == "true":
            return
        differs, revision = self.differs(), self.git.head
        automated = (app["spec"].get("syncPolicy") or {}).get("automated")
        may_act = automated is not None and automated.get("enabled") is not False
        healing = (automated or {}).get("selfHeal") or (app.get("status") or {}).get("sync", {}).get(
            "revision"
        ) != revision
        if differs and may_act and healing:
            self.sync(app, revision)
            differs = False
        status: Json = {
            "reconciledAt": began,
            "sync": {"status": "OutOfSync" if differs else "Synced", "revision": revision},
            "resources": [
                {"group": "apps", "version": "v1", "kind": "Deployment"}
                | {"namespace": self.namespace, "name": "shop"}
            ],
        }
        notes = {"argocd.argoproj.io/refresh": None}
        self.patch("application", self.name, {"metadata": {"annotations": notes}, "status": status})

    def sync(self, app: Json, revision: str) -> None:
        """Sync as an operation: asked for, under way, ended and in the history."""
        operation = {"sync": {"revision": revision}}
        state: Json = {"operation": operation, "phase": "Running", "startedAt": now()}
        self.patch("application", self.name, {"operation": operation, "status": {"operationState": state}})
        self.apply(self.git.commits[revision])
        source = app["spec"]["source"]
        state |= {"phase": "Succeeded", "finishedAt": now()}
        state["syncResult"] = {"revision": revision, "source": source}
        history = [
            *((app.get("status") or {}).get("history") or []),
            {"id": self.rounds, "revision": revision, "deployedAt": now(), "source": source},
        ]
        done = {"operation": None, "status": {"operationState": state, "history": history}}
        self.patch("application", self.name, done)


class Flux(Applying):
    """A Kustomization and the one that it came from, with their controller and their source's."""

    manager = "kustomize-controller"

    def __init__(self, cluster: Cluster, namespace: str, git: Git, child: Json) -> None:
        super().__init__(cluster, namespace, git)
        self._child = child

    def once(self) -> None:
        self.rounds += 1
        revision = f"main@sha1:{self.git.head}"
        self.patch("gitrepository", "infra", {"status": {"artifact": {"revision": revision}}})
        if not self.get("kustomization", "all")["spec"].get("suspend"):
            # What the repository says of the child: it holds no word of `suspend`.
            self.apply(self._child)
            self._tried("all", revision)
        if not self.get("kustomization", "shop")["spec"].get("suspend"):
            self.apply(self.git.commits[self.git.head])
            self._tried("shop", revision)

    def _tried(self, name: str, revision: str) -> None:
        status = {"lastAttemptedRevision": revision, "lastAppliedRevision": revision}
        self.patch("kustomization", name, {"status": status}, "--subresource=status")


def covers(live: Any, wanted: Any) -> bool:
    """Return whether a live object has every field that a manifest names."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(covers(ours, theirs) for ours, theirs in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)


@contextmanager
def acting(reconciler: Reconciler, rounds: int = 600) -> Iterator[None]:
    """Let a reconciler act beside the test, at most so many rounds; what fails in it fails the test."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(rounds):
                if stop.wait(0.05):
                    return
                reconciler.once()
        except RuntimeError as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failed, failed


def wait_rounds(reconciler: Reconciler, count: int) -> None:
    """Go on once a reconciler that acts beside the test has done so many more rounds."""
    never, until = threading.Event(), reconciler.rounds + count
    for _ in range(2400):
        if reconciler.rounds >= until:
            return
        never.wait(0.05)
    raise AssertionError(f"{reconciler.rounds} rounds, expected {until} within two minutes")
