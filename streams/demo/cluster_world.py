"""The demonstration's world on Kubernetes: a Deployment of real pods that rolls out by itself."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from actions.deployment_undo import HASH_LABEL
from schemas.errors import SutureError
from streams.demo.announcing import Announcer
from streams.demo.fault import Fault
from streams.demo.kubectl import Kubectl
from streams.demo.manifests import ENVIRONMENT, NAMESPACE, PODS, PORT, deployment, namespace
from streams.demo.shop import SERVICE
from streams.demo.stage import Announced
from streams.demo.traffic import Place
from streams.demo.waiting import Patience

_LOOK_SECONDS = 0.3
_PODS_PATH = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3D{SERVICE}"
_DEPLOYMENT_PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{SERVICE}"


class ClusterWorld:
    """A Deployment and its pods.

    Args:
        kubectl: The cluster.
        announce: Tells Suture of a release.
    """

    def __init__(self, kubectl: Kubectl, announce: Announcer) -> None:
        self._kubectl, self._announce = kubectl, announce
        self._pods: list[dict[str, Any]] = []
        self._looked = float("-inf")

    def deploy(self, version: str, patience: Patience) -> None:
        """Run a version, and return when all its pods are ready.

        Raises:
            SutureError: the cluster refuses it, or it takes too long.
        """
        self._kubectl.apply(namespace())
        self._kubectl.apply(deployment(version, Fault.NONE))
        patience.until(lambda: self.is_all_on(version), f"{PODS} pods of the shop that are ready", 120.0)

    def release(self, version: str, fault: Fault) -> Announced:
        """Tell Suture of a version, and let the Deployment's controller roll it out.

        The event names no template: which pods are the release's, the collector's telemetry says.
        """
        announced = self._announce(SERVICE, version, ENVIRONMENT)
        self._kubectl.apply(deployment(version, fault))
        return announced

    def places(self) -> Sequence[Place]:
        """Return the pods that are ready and not on their way out."""
        return [
            Place(f"{pod['status']['podIP']}:{PORT}", _version(pod)) for pod in self._look() if _is_ready(pod)
        ]

    def running(self) -> dict[str, int]:
        """Return how many pods of each version are ready."""
        counts: dict[str, int] = {}
        for place in self.places():
            counts[place.version] = counts.get(place.version, 0) + 1
        return counts

    def is_all_on(self, version: str) -> bool:
        """Return whether every pod is ready and of this version, and no other is left."""
        return self.running() == {version: PODS} and {_version(pod) for pod in self._look()} == {version}

    def templates(self) -> dict[str, str]:
        """Return the pod-template hash of each version that has pods."""
        return {_version(pod): pod["metadata"]["labels"].get(HASH_LABEL, "") for pod in self._look()}

    def asked_for(self) -> str:
        """Return the version that the Deployment asks for."""
        labels = self._kubectl.get(_DEPLOYMENT_PATH)["spec"]["template"]["metadata"]["labels"]
        return str(labels["app.kubernetes.io/version"])

    def _look(self) -> list[dict[str, Any]]:
        """Return the pods as of a moment ago; the last ones known when the server does not answer."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            with contextlib.suppress(SutureError):
                self._pods = self._kubectl.get(_PODS_PATH)["items"]
        return self._pods


def _version(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get("app.kubernetes.io/version", ""))


def _is_ready(pod: dict[str, Any]) -> bool:
    if "deletionTimestamp" in pod["metadata"] or not pod["status"].get("podIP"):
        return False
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
