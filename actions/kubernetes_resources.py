"""Kinds of Kubernetes objects as URLs and roles name them, and the rights that a verb needs on them."""

from dataclasses import dataclass

from schemas.releases import TargetKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object.

    Attributes:
        group: API group; "" for the core.
        version: Version of the group that is spoken.
        plural: Its name in URLs and roles.
        kind: Its name in objects.
    """

    group: str
    version: str
    plural: str
    kind: str

    @property
    def root(self) -> str:
        """Return the path that namespaces hang under.

        >>> JOBS.root, PODS.root
        ('/apis/batch/v1', '/api/v1')
        """
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def api_version(self) -> str:
        """Return group and version as objects write them."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a role allows on one kind of object.

    Attributes:
        subresource: Part of the object that it is about; "" for the object.
        verbs: The API's verbs.
        namespace: Where it is needed; "" for the target's namespace.
    """

    resource: Resource
    verbs: tuple[str, ...]
    subresource: str = ""
    namespace: str = ""

    @property
    def name(self) -> str:
        """Return the resource as a role names it."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


DEPLOYMENTS = Resource(group="apps", version="v1", plural="deployments", kind="Deployment")
STATEFUL_SETS = Resource(group="apps", version="v1", plural="statefulsets", kind="StatefulSet")
DAEMON_SETS = Resource(group="apps", version="v1", plural="daemonsets", kind="DaemonSet")
REPLICA_SETS = Resource(group="apps", version="v1", plural="replicasets", kind="ReplicaSet")
CONTROLLER_REVISIONS = Resource(
    group="apps", version="v1", plural="controllerrevisions", kind="ControllerRevision"
)
PODS = Resource(group="", version="v1", plural="pods", kind="Pod")
CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
JOBS = Resource(group="batch", version="v1", plural="jobs", kind="Job")
CRON_JOBS = Resource(group="batch", version="v1", plural="cronjobs", kind="CronJob")
ROLLOUTS = Resource(group="argoproj.io", version="v1alpha1", plural="rollouts", kind="Rollout")
AUTOSCALERS = Resource(
    group="autoscaling", version="v2", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler"
)
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
APPLICATIONS = Resource(group="argoproj.io", version="v1alpha1", plural="applications", kind="Application")
KUSTOMIZATIONS = Resource(
    group="kustomize.toolkit.fluxcd.io", version="v1", plural="kustomizations", kind="Kustomization"
)
HELM_RELEASES = Resource(
    group="helm.toolkit.fluxcd.io", version="v2", plural="helmreleases", kind="HelmRelease"
)
_FLUX_SOURCES = {
    "GitRepository": "gitrepositories",
    "OCIRepository": "ocirepositories",
    "Bucket": "buckets",
    "HelmChart": "helmcharts",
}
FLUX_SOURCES = {
    kind: Resource(group="source.toolkit.fluxcd.io", version="v1", plural=plural, kind=kind)
    for kind, plural in _FLUX_SOURCES.items()
}
"""What Flux fetches from, by kind."""

WORKLOADS: dict[TargetKind, tuple[Resource, Resource]] = {
    TargetKind.DEPLOYMENT: (DEPLOYMENTS, REPLICA_SETS),
    TargetKind.STATEFUL_SET: (STATEFUL_SETS, CONTROLLER_REVISIONS),
    TargetKind.DAEMON_SET: (DAEMON_SETS, CONTROLLER_REVISIONS),
}
"""What runs pods from a template, and what keeps its earlier templates."""


def reading(kind: TargetKind) -> tuple[Rule, ...]:
    """Return the rights that reading a workload with its kept templates needs."""
    workload, kept = WORKLOADS[kind]
    return (Rule(resource=workload, verbs=("get",)), Rule(resource=kept, verbs=("list",)))


def changing(kind: TargetKind) -> tuple[Rule, ...]:
    """Return the rights that reading and patching a workload needs."""
    return (*reading(kind), Rule(resource=WORKLOADS[kind][0], verbs=("patch",)))
