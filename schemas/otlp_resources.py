"""Who speaks: what the attributes of an OpenTelemetry resource say about service, pod and release.

Sources: OpenTelemetry semantic conventions v1.44, service, deployment, k8s, host and process resources;
opentelemetry-collector-contrib, k8sattributesprocessor (which wrote `k8s.pod.labels.` for years).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash
from schemas.names import DEFAULT_ENVIRONMENT, why_not_a_name

_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment")
_TEMPLATES = (
    "k8s.pod.label.pod-template-hash",
    "k8s.pod.labels.pod-template-hash",
    "k8s.pod.label.rollouts-pod-template-hash",
    "k8s.pod.labels.rollouts-pod-template-hash",
    "suture.template",
)
_LONGEST = 253  # of a name in Kubernetes


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One resource, as far as judging needs to know it.

    Attributes:
        pod: Pod, else instance, else process; "" when the resource names none.
        instance: `service.instance.id` when it says more than `pod` does: two processes of one pod
            count from zero each, and must not be taken for one.
        template: Pod-template hash, or "".
    """

    environment: EnvironmentName
    service: ServiceName
    pod: str = ""
    instance: str = ""
    version: str = ""
    template: TemplateHash = NO_TEMPLATE


def identify(resource: Mapping[str, str]) -> Identity | str:
    """Return who the resource is, or why it cannot be told.

    >>> identify({"service.name": "cart", "k8s.pod.name": "cart-5d9c7b-x2x1p"}).pod
    'cart-5d9c7b-x2x1p'
    >>> identify({"service.name": "unknown_service:java"})
    'service.name is not set'
    """
    service = resource.get("service.name", "").strip()
    if not service or service.startswith("unknown_service"):
        return "service.name is not set"
    if (fault := why_not_a_name(service)) is not None:
        return f"service.name {fault}"
    environment = _first(resource, _ENVIRONMENTS).strip()
    if environment and (fault := why_not_a_name(environment)) is not None:
        return f"deployment.environment.name {fault}"
    instance = resource.get("service.instance.id", "")[:_LONGEST]
    pod = resource.get("k8s.pod.name", "")[:_LONGEST] or instance or _process(resource)
    return Identity(
        environment=EnvironmentName(environment) if environment else DEFAULT_ENVIRONMENT,
        service=ServiceName(service),
        pod=pod,
        instance=instance if instance != pod else "",
        version=resource.get("service.version", "")[:_LONGEST],
        template=TemplateHash(_first(resource, _TEMPLATES)[:_LONGEST] or _replicaset_tail(resource)),
    )


def _first(resource: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := resource.get(name, ""))), "")


def _process(resource: Mapping[str, str]) -> str:
    host, pid = resource.get("host.name", "")[:_LONGEST], resource.get("process.pid", "")[:_LONGEST]
    return f"{host}:{pid}" if host and pid else host


def _replicaset_tail(resource: Mapping[str, str]) -> str:
    """Return the hash that a ReplicaSet of a Deployment or a Rollout carries at the end of its name."""
    head, _, tail = resource.get("k8s.replicaset.name", "")[:_LONGEST].rpartition("-")
    return tail if head else ""
