"""What services in trouble ask of Kubernetes: Deployments, a ConfigMap and a CronJob, as teams write them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cluster_board import PORT
from infra.dev.shop_images import SHOP_V1

ENVIRONMENT = "prod"
NAMESPACE = "remedies"
STATE, SHARED = "/state", "/shared"
"""Where containers see their pod's own folder, and the node's folder of their service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service and what its pods need.

    Attributes:
        min_ready_s: A pod must have been ready so long before a rollout goes on to the next one.
        environment: Variables of its containers.
        memory: Memory limit of a container; "" for none.
        shared: A folder of the node that all its pods see as `/shared`; None for none.
        has_state: Each pod has a folder of its own as `/state`.
        reads: Keys of the ConfigMap that is named like it, which are variables of its containers.
    """

    name: str
    replicas: int = 2
    min_ready_s: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: str = ""
    shared: Path | None = None
    has_state: bool = False
    reads: tuple[str, ...] = ()

    def deployment(self, version: str = "1", image: str = SHOP_V1, **more: str) -> dict[str, Any]:
        """Return the Deployment at a version, whose containers have further variables."""
        chosen = {"app": self.name}
        return {
            **self._head("apps/v1", "Deployment", self.name),
            "spec": {
                "replicas": self.replicas,
                "minReadySeconds": self.min_ready_s,
                "selector": {"matchLabels": chosen},
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {
                    "metadata": {
                        "labels": {
                            **chosen,
                            "app.kubernetes.io/name": self.name,
                            "app.kubernetes.io/version": version,
                        },
                        "annotations": _told(version),
                    },
                    "spec": {
                        "containers": [self._container(image, {"VERSION": version, **more})],
                        "terminationGracePeriodSeconds": 3,
                        "volumes": self._volumes(),
                    },
                },
            },
        }

    def config_map(self, **values: str) -> dict[str, Any]:
        """Return the ConfigMap that is named like the service."""
        return {**self._head("v1", "ConfigMap", self.name), "data": values}

    def migration(self, schema: str, **more: str) -> dict[str, Any]:
        """Return the CronJob that never runs by itself, from which a deploy makes its migration's Job."""
        container = self._container(SHOP_V1, {"SCHEMA": schema, **more})
        container.update(args=["migrate"], name="migrate")
        del container["readinessProbe"], container["lifecycle"], container["ports"]
        labels = {"app.kubernetes.io/name": self.name, "suture.dev/migration": "true"}
        pod = {
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "volumes": self._volumes(),
        }
        head = self._head("batch/v1", "CronJob", f"{self.name}-migrate")
        head["metadata"]["labels"] = labels
        return {
            **head,
            "spec": {
                "schedule": "0 0 1 1 *",
                "suspend": True,
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {
                    "metadata": {"labels": labels},
                    "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
                },
            },
        }

    def _head(self, version: str, kind: str, name: str) -> dict[str, Any]:
        return {
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "labels": {"app.kubernetes.io/name": self.name},
            },
        }

    def _container(self, image: str, more: Mapping[str, str]) -> dict[str, Any]:
        variables = {**self.environment, **more}
        environment: list[dict[str, Any]] = [
            {"name": name, "value": value} for name, value in variables.items()
        ]
        environment += [
            {"name": key, "valueFrom": {"configMapKeyRef": {"name": self.name, "key": key}}}
            for key in self.reads
        ]
        mounts = [{"name": one["name"], "mountPath": f"/{one['name']}"} for one in self._volumes()]
        return {
            "name": "shop",
            "image": image,
            "imagePullPolicy": "Never",
            "ports": [{"containerPort": PORT}],
            "env": environment,
            "volumeMounts": mounts,
            "resources": {"limits": {"memory": self.memory}} if self.memory else {},
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 1},
            # Callers that looked a moment ago are still served.
            "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
        }

    def _volumes(self) -> list[dict[str, Any]]:
        volumes: list[dict[str, Any]] = []
        if self.has_state:
            volumes.append({"name": "state", "emptyDir": {}})
        if self.shared is not None:
            path = {"path": str(self.shared), "type": "DirectoryOrCreate"}
            volumes.append({"name": "shared", "hostPath": path})
        return volumes


def _told(version: str) -> dict[str, str]:
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PORT),
        # k8sattributes puts these on what the pod says.
        "resource.opentelemetry.io/deployment.environment.name": ENVIRONMENT,
        "resource.opentelemetry.io/service.version": version,
    }
