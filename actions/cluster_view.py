"""What is there in one namespace, as far as a watcher knows, and what belongs to what."""

from dataclasses import dataclass, field

from actions.cluster_objects import (
    CronJobSeen,
    JobSeen,
    Owner,
    PodSeen,
    ReplicaSetSeen,
    WorkloadSeen,
)
from schemas.keys import NO_TEMPLATE, EnvironmentName, TemplateHash
from schemas.releases import Target, TargetKind

_DIRECT = {"StatefulSet": TargetKind.STATEFUL_SET, "DaemonSet": TargetKind.DAEMON_SET}
_BEHIND_REPLICA_SETS = {"Deployment": TargetKind.DEPLOYMENT, "Rollout": TargetKind.ROLLOUT}


@dataclass(slots=True, kw_only=True)
class ClusterView:
    """The objects of one namespace.

    Attributes:
        environment: What telemetry calls the namespace.
        cluster: What commands call the cluster.
        pods: By uid, and so are the others but workloads and CronJobs, which are looked up by name.
    """

    environment: EnvironmentName
    cluster: str
    namespace: str
    pods: dict[str, PodSeen] = field(default_factory=dict)
    replica_sets: dict[str, ReplicaSetSeen] = field(default_factory=dict)
    jobs: dict[str, JobSeen] = field(default_factory=dict)
    workloads: dict[tuple[TargetKind, str], WorkloadSeen] = field(default_factory=dict)
    cron_jobs: dict[str, CronJobSeen] = field(default_factory=dict)

    def target(self, kind: TargetKind, workload: str) -> Target:
        """Return an object of this namespace as a target."""
        return Target(kind=kind, cluster=self.cluster, namespace=self.namespace, workload=workload)

    def sets_by_name(self) -> dict[str, ReplicaSetSeen]:
        """Return the ReplicaSets by name."""
        return {one.name: one for one in self.replica_sets.values()}

    def runs(self, pod: PodSeen, sets: dict[str, ReplicaSetSeen]) -> Target | None:
        """Return what runs a pod: a Job's pod, a lone one and one whose owner is not known yet have nothing.

        Args:
            pod: Of this namespace.
            sets: From `sets_by_name`.
        """
        owner = pod.owner
        if owner is not None and owner.kind == "ReplicaSet":
            found = sets.get(owner.name)
            owner = found.owner if found is not None else None
            kinds = _BEHIND_REPLICA_SETS
        else:
            kinds = _DIRECT
        if owner is None or owner.kind not in kinds:
            return None
        return self.target(kinds[owner.kind], owner.name)

    def workload_of(self, target: Target) -> WorkloadSeen | None:
        """Return a target's workload; None when there is none."""
        return self.workloads.get((target.kind, target.workload))

    def template_of(self, workload: WorkloadSeen) -> TemplateHash:
        """Return the hash of the template that a workload asks for; "" while nobody knows."""
        if workload.template or not workload.revision:
            return workload.template
        if workload.kind is TargetKind.DEPLOYMENT:
            owner = Owner(kind="Deployment", name=workload.name)
            found = (
                one.template
                for one in self.replica_sets.values()
                if one.owner == owner and one.revision == workload.revision
            )
        else:
            owner = Owner(kind="DaemonSet", name=workload.name)
            found = (
                pod.template
                for pod in self.pods.values()
                if pod.owner == owner and pod.generation == workload.revision
            )
        return next(found, NO_TEMPLATE)

    def migration_of(self, job: JobSeen) -> str:
        """Return what a Job, or what it was made from, says of migrations; "" for no migration."""
        cron_job = self.cron_job_of(job)
        return job.migration or (cron_job.migration if cron_job is not None else "")

    def cron_job_of(self, job: JobSeen) -> CronJobSeen | None:
        """Return the CronJob that a Job was made from; None for one that stands for itself."""
        if job.owner is None or job.owner.kind != "CronJob":
            return None
        return self.cron_jobs.get(job.owner.name)

    def migrated(self, job: JobSeen) -> str:
        """Return the service that a migration belongs to, as Job or CronJob name it; "" when neither does.

        The label for migrations may name it, too: any value but `true` is a service.
        """
        cron_job = self.cron_job_of(job)
        named = job.service or (cron_job.service if cron_job is not None else "")
        marked = self.migration_of(job)
        return named or (marked if marked.lower() != "true" else "")

    def workload_named(self, service: str) -> WorkloadSeen | None:
        """Return the workload of a service; None when none, or several, run it."""
        found = [one for one in self.workloads.values() if one.service == service]
        return found[0] if len(found) == 1 else None
