"""What the API server shows of all workloads of a namespace: one look a moment serves whoever asks."""

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Any

from schemas.errors import SutureError
from streams.demo.kubectl import Kubectl
from streams.demo.traffic import Place

PORT = 8080
"""Of the shop's containers."""

ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{namespace}/deployments"
_PODS = "/api/v1/namespaces/{namespace}/pods"
_LOOK_SECONDS = 0.4


class Board:
    """Workloads and pods of one namespace as of a moment ago; the last ones known when the server is away.

    Args:
        kubectl: The cluster, with its proxy running.
        namespace: Where they are.
        workloads: Path of the workloads' list: `ROLLOUTS` or `DEPLOYMENTS`.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, workloads: str) -> None:
        self._kubectl = kubectl
        self._workloads_path = workloads.format(namespace=namespace)
        self._pods_path = _PODS.format(namespace=namespace)
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._workloads: dict[str, dict[str, Any]] = {}
        self._pods: dict[str, list[dict[str, Any]]] = {}

    def workload(self, service: str) -> dict[str, Any]:
        """Return the workload that is named like a service; empty when there is none."""
        self._look()
        return self._workloads.get(service, {})

    def pods(self, service: str) -> list[dict[str, Any]]:
        """Return a service's pods, those on their way out among them."""
        self._look()
        return self._pods.get(service, [])

    def places(self, service: str) -> Sequence[Place]:
        """Return where a service can be called: its ready pods that are not on their way out."""
        return [
            Place(
                f"{pod['status']['podIP']}:{PORT}",
                pod["metadata"]["labels"].get("app.kubernetes.io/version", ""),
            )
            for pod in self.pods(service)
            if _is_ready(pod)
        ]

    def _look(self) -> None:
        with self._lock:
            if time.monotonic() - self._looked < _LOOK_SECONDS:
                return
            self._looked = time.monotonic()
            with contextlib.suppress(SutureError):
                workloads = self._kubectl.get(self._workloads_path)["items"]
                pods: dict[str, list[dict[str, Any]]] = {}
                for pod in self._kubectl.get(self._pods_path)["items"]:
                    pods.setdefault(pod["metadata"]["labels"].get("app", ""), []).append(pod)
                self._workloads = {one["metadata"]["name"]: one for one in workloads}
                self._pods = pods


def _is_ready(pod: dict[str, Any]) -> bool:
    if "deletionTimestamp" in pod["metadata"] or not pod["status"].get("podIP"):
        return False
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
