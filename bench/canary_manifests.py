"""What a canary asks of Kubernetes: a Rollout whose analysis asks for our verdict, as in docs/argo.md."""

from pathlib import Path
from typing import Any

import yaml

from bench.canary_kinds import Asks, CanaryKind
from bench.cluster_board import PORT
from infra.dev.shop_images import SHOP_V1

ENVIRONMENT = "prod"
NAMESPACE = "canaries"
OLD, NEW = "1", "2"
PODS = 4
PROGRESS_SECONDS = 90
"""A canary whose pods are not ready by then is aborted by Argo itself, whatever is held of it."""

TEMPLATE = Path(__file__).parents[1] / "infra" / "argo" / "analysis-template.yaml"


def analysis_template(gateway: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return the shipped template, asked every two seconds, for three minutes at most.

    Args:
        gateway: URL of the gateway, as the controller reaches it.
        namespace: Where the Rollouts are.
    """
    template: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    template["metadata"]["namespace"] = namespace
    (metric,) = template["spec"]["metrics"]
    # Argo refuses an inconclusiveLimit above the count, and an analysis that it refuses aborts the update.
    metric.update(interval="2s", count=90, inconclusiveLimit=90)
    given = next(one for one in template["spec"]["args"] if one["name"] == "gateway")
    given["value"] = gateway
    return template


def rollout(kind: CanaryKind, service: str, version: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return the Rollout of a service at one of its two versions."""
    chosen = {"app": service}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": service, "namespace": namespace},
        "spec": {
            "replicas": PODS,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": PROGRESS_SECONDS,
            "progressDeadlineAbort": True,
            "selector": {"matchLabels": chosen},
            "strategy": {"canary": _canary(kind, service, version)},
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
                "spec": {"containers": [_container(kind, version)], "terminationGracePeriodSeconds": 3},
            },
        },
    }


def _canary(kind: CanaryKind, service: str, version: str) -> dict[str, Any]:
    """Return the strategy: a quarter of the pods, and all of them once the verdict is healthy."""
    values = {"environment": ENVIRONMENT, "service": service, "version": version}
    arguments: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in values.items()]
    arguments.append({"name": "template", "valueFrom": {"podTemplateHashValue": "Latest"}})
    analysis = {"templates": [{"templateName": "suture-verdict"}], "args": arguments}
    strategy: dict[str, Any] = {
        "maxSurge": 0 if kind.takes_a_place else 1,
        "maxUnavailable": 1 if kind.takes_a_place else 0,
        "steps": [{"setWeight": 25}, {"analysis": analysis}],
    }
    if kind.asks is Asks.START:
        strategy["analysis"] = analysis
    return strategy


def _container(kind: CanaryKind, version: str) -> dict[str, Any]:
    is_new = version == NEW
    environment = {"VERSION": version, **kind.stable, **(kind.canary if is_new else {})}
    probe = kind.probe if is_new else "/healthz"
    return {
        "name": "shop",
        "image": kind.image if is_new else SHOP_V1,
        "imagePullPolicy": "Never",
        "ports": [{"containerPort": PORT}],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "readinessProbe": {"httpGet": {"path": probe, "port": PORT}, "periodSeconds": 1},
        # Callers that looked a moment ago are still served.
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
    }
