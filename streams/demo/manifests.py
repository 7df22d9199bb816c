"""What the demonstration asks of Kubernetes: one namespace, one Deployment."""

from typing import Any

from streams.demo.fault import Fault
from streams.demo.shop import SERVICE
from streams.demo.story import FIRST

NAMESPACE = "shop-demo"
ENVIRONMENT = "dev"
PODS = 4
PORT = 8080
MIN_READY_SECONDS = 12
"""A pod must have been ready so long before the next one is replaced: old and new run side by side."""


def namespace() -> dict[str, Any]:
    """Return the namespace's manifest."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def deployment(version: str, fault: Fault) -> dict[str, Any]:
    """Return the Deployment that runs a version: one pod more than wanted, never one less."""
    chosen = {"app": SERVICE}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {
            "replicas": PODS,
            "minReadySeconds": MIN_READY_SECONDS,
            "progressDeadlineSeconds": 300,
            "selector": {"matchLabels": chosen},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {
                    "labels": {**chosen, "app.kubernetes.io/version": version},
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": str(PORT),
                        # k8sattributes puts these on what the pod says.
                        "resource.opentelemetry.io/deployment.environment.name": ENVIRONMENT,
                        "resource.opentelemetry.io/service.version": version,
                    },
                },
                "spec": {"containers": [_container(version, fault)], "terminationGracePeriodSeconds": 10},
            },
        },
    }


def _container(version: str, fault: Fault) -> dict[str, Any]:
    environment = {"VERSION": version, "FAULT": fault.value, "CRASH_AFTER_S": "5"}
    if fault is Fault.ERRORS:
        environment["FAULT_RATIO"] = "0.3"
    return {
        "name": SERVICE,
        "image": "localhost/shop:v1" if version == FIRST else "localhost/shop:v2",
        "imagePullPolicy": "Never",
        "ports": [{"containerPort": PORT}],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 1},
        # Callers that looked a moment ago are still served.
        "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
    }
