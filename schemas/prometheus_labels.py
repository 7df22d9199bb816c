"""Which of Prometheus' labels say whose a series is: service, environment, pod, version, template.

Sources: prometheus.io/docs/concepts/jobs_instances, for `job` and `instance`; OpenTelemetry's specification,
compatibility/prometheus_and_openmetrics, for `job` as `service.namespace/service.name`; Prometheus Operator
for `prometheus_replica`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash
from schemas.names import DEFAULT_ENVIRONMENT, why_not_a_name
from schemas.otlp_resources import Identity

_LONGEST = 253  # of a name in Kubernetes


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNames:
    """Names of labels by what they say; of several the first that a series bears.

    What says whose a series is, is no attribute of it any more; other labels stay.

    Attributes:
        service: Of `namespace/name`, as OpenTelemetry writes `job`, the name counts.
        pod: Pod or process that counts from zero by itself.
        version: What the release's `version` is. Not of metrics that end in `_info`, which tell the versions
            of other things.
        template: Pod-template hash.
        ignored: Labels that tell twins of Prometheus apart. Kept, they would double every count.
        gauges: Metrics that are levels although their names end like a counter's.
        environments: An environment label's value to the environment's name here; others keep theirs.
    """

    service: tuple[str, ...] = ("service", "service_name", "app", "app_kubernetes_io_name", "job")
    environment: tuple[str, ...] = (
        "deployment_environment_name",
        "deployment_environment",
        "environment",
        "env",
        "namespace",
    )
    pod: tuple[str, ...] = ("pod", "kubernetes_pod_name", "k8s_pod_name", "instance")
    version: tuple[str, ...] = ("version", "service_version", "app_kubernetes_io_version")
    template: tuple[str, ...] = (
        "pod_template_hash",
        "rollouts_pod_template_hash",
        "k8s_pod_label_pod_template_hash",
    )
    ignored: tuple[str, ...] = ("prometheus_replica", "__replica__")
    gauges: tuple[str, ...] = ()
    environments: tuple[tuple[str, EnvironmentName], ...] = field(default=())

    def identity(self, labels: Mapping[str, str], metric: str = "") -> tuple[Identity, frozenset[str]] | str:
        """Return who the labels speak of and which of them say so; or why it cannot be told.

        >>> who, said = LabelNames().identity({"job": "shop/cart", "instance": "10.0.0.7:80", "code": "200"})
        >>> who.service, who.pod, sorted(said)
        ('cart', '10.0.0.7:80', ['instance', 'job'])
        >>> LabelNames().identity({"code": "200"})
        'no label names a service'
        """
        service_label, service = _first(labels, self.service)
        service = service.rpartition("/")[2].strip()
        if not service:
            return "no label names a service"
        if (fault := why_not_a_name(service)) is not None:
            return f"service label {fault}"
        environment_label, environment = _first(labels, self.environment)
        environment = dict(self.environments).get(environment, environment.strip())
        if environment and (fault := why_not_a_name(environment)) is not None:
            return f"environment label {fault}"
        pod_label, pod = _first(labels, self.pod)
        version_label, version = ("", "") if metric.endswith("_info") else _first(labels, self.version)
        template_label, template = _first(labels, self.template)
        who = Identity(
            environment=EnvironmentName(environment) if environment else DEFAULT_ENVIRONMENT,
            service=ServiceName(service),
            pod=pod[:_LONGEST],
            version=version[:_LONGEST],
            template=TemplateHash(template[:_LONGEST]) if template else NO_TEMPLATE,
        )
        said = (service_label, environment_label, pod_label, version_label, template_label)
        return who, frozenset(name for name in said if name)


DEFAULT_LABELS = LabelNames()
"""What holds where an installation says nothing."""


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    return next(((name, text) for name in names if (text := labels.get(name, ""))), ("", ""))
