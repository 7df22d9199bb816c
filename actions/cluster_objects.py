"""What a watcher keeps of the objects of a cluster: a few words of each, never what a program printed.

The instants are the objects' own, so that whoever reads the same object later says the same of it.

Source: kubernetes.io, API reference v1.34, Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob;
argoproj.github.io/rollouts, Rollout; kubernetes.io, Recommended Labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from actions.kubernetes_objects import Json
from schemas.keys import TemplateHash
from schemas.redaction import redact
from schemas.releases import TargetKind

NAME_LABEL = "app.kubernetes.io/name"
VERSION_LABEL = "app.kubernetes.io/version"
MIGRATION_LABEL = "suture.dev/migration"
ONE_WAY_ANNOTATION = "suture.dev/one-way"

_TEMPLATE_LABELS = ("rollouts-pod-template-hash", "pod-template-hash", "controller-revision-hash")
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The controller that made an object."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One run of a container that is over."""

    reason: str
    exit_code: int
    started_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSeen:
    """A container of a pod.

    Attributes:
        waiting: Why it does not run, as the kubelet names it; "" when it waits for nothing.
        running_since: Start of the run that lasts; None when it does not run.
        ended: The run that just ended; None while it runs or waits.
        before: The last run before the present state.
        is_init: It runs before the others, and is meant to end.
    """

    name: str
    restarts: int
    waiting: str
    running_since: datetime | None
    ended: Ended | None
    before: Ended | None
    is_init: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """A pod.

    Attributes:
        generation: Of a DaemonSet's template, which its pods carry; "" elsewhere.
        phase: Pending, Running, Succeeded, Failed or Unknown.
        is_ready: Condition Ready.
        ready_changed_at: When that last changed; None before it was ever told.
        going_at: When its deletion was asked for; None when it stays.
        has_probe: Some container tells by a probe whether it is ready; else running is ready.
    """

    name: str
    uid: str
    owner: Owner | None
    service: str
    version: str
    template: TemplateHash
    generation: str
    phase: str
    created_at: datetime
    is_ready: bool
    ready_changed_at: datetime | None
    going_at: datetime | None
    has_probe: bool
    containers: tuple[ContainerSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSeen:
    """A Deployment, StatefulSet, DaemonSet or Rollout.

    Attributes:
        replicas: Pods that it asks for.
        template: Hash of the template that it asks for, where it says so itself; else "".
        revision: What finds it among its ReplicaSets, or its pods, where it does not.
        changed_at: When the template was last written.
        one_way: What its template changes for good, as an annotation declares it.
    """

    kind: TargetKind
    name: str
    uid: str
    service: str
    version: str
    replicas: int
    template: TemplateHash
    revision: str
    changed_at: datetime
    one_way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSetSeen:
    """A ReplicaSet: what leads from a pod to its Deployment or Rollout."""

    name: str
    uid: str
    owner: Owner | None
    revision: str
    template: TemplateHash
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """A Job.

    Attributes:
        migration: What its label for migrations says; "" without one.
        failed_at: When it was given up; None when it was not.
        why_failed: As its controller names it, such as BackoffLimitExceeded.
    """

    name: str
    uid: str
    owner: Owner | None
    service: str
    version: str
    migration: str
    created_at: datetime
    failed_at: datetime | None
    why_failed: str
    completed_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Return whether it has not ended."""
        return self.failed_at is None and self.completed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CronJobSeen:
    """A CronJob: what Jobs are made from."""

    name: str
    uid: str
    service: str
    migration: str


ObjectSeen = PodSeen | WorkloadSeen | ReplicaSetSeen | JobSeen | CronJobSeen


class ObjectReader:
    """Makes of an object's JSON what is kept of it.

    Args:
        service_label: The label that names a pod's service.
    """

    def __init__(self, service_label: str = NAME_LABEL) -> None:
        self._service_label = service_label

    def pod(self, thing: Json) -> PodSeen:
        """Return what is kept of a pod."""
        metadata, status, spec = thing["metadata"], _part(thing, "status"), _part(thing, "spec")
        labels = _part(metadata, "labels")
        ready = _condition(status, "Ready")
        first, others = status.get("initContainerStatuses") or [], status.get("containerStatuses") or []
        return PodSeen(
            name=metadata["name"],
            uid=metadata["uid"],
            owner=_owner(metadata),
            service=str(labels.get(self._service_label, "")),
            version=str(labels.get(VERSION_LABEL, "")),
            template=_template(labels),
            generation=str(labels.get("pod-template-generation", "")),
            phase=str(status.get("phase", "")),
            created_at=_instant(metadata["creationTimestamp"]),
            is_ready=ready.get("status") == "True",
            ready_changed_at=_when(ready.get("lastTransitionTime")),
            going_at=_going_at(metadata),
            has_probe=any(one.get("readinessProbe") for one in spec.get("containers") or []),
            containers=(*(_container(one, True) for one in first), *(_container(one) for one in others)),
        )

    def workload(self, kind: TargetKind, thing: Json) -> WorkloadSeen:
        """Return what is kept of a workload; items of a list do not say their kind themselves."""
        metadata, spec, status = thing["metadata"], _part(thing, "spec"), _part(thing, "status")
        annotations = _part(metadata, "annotations")
        template = _part(_part(spec, "template"), "metadata")
        labels = {**_part(metadata, "labels"), **_part(template, "labels")}
        asked, revision = "", ""
        match kind:
            case TargetKind.STATEFUL_SET:
                asked = str(status.get("updateRevision", ""))
            case TargetKind.ROLLOUT:
                # An aborted update still names the bad template, and runs the stable one.
                asked = str(status.get("stableRS" if status.get("abort") else "currentPodHash", ""))
            case TargetKind.DAEMON_SET:
                revision = str(annotations.get("deprecated.daemonset.template.generation", ""))
            case _:
                revision = str(annotations.get(_REVISION, ""))
        is_observed = status.get("observedGeneration") in (None, metadata.get("generation"))
        if kind is not TargetKind.ROLLOUT and not is_observed:
            # Its controller has not seen the newest template, so whatever it names is the one before.
            asked, revision = "", ""
        one_way = {**annotations, **_part(template, "annotations")}.get(ONE_WAY_ANNOTATION, "")
        if kind is TargetKind.DAEMON_SET:
            replicas = int(status.get("desiredNumberScheduled") or 0)
        else:
            replicas = int(spec.get("replicas", 1))
        return WorkloadSeen(
            kind=kind,
            name=metadata["name"],
            uid=metadata["uid"],
            service=str(labels.get(self._service_label, "")),
            version=str(labels.get(VERSION_LABEL, "")),
            replicas=replicas,
            template=TemplateHash(asked),
            revision=revision,
            changed_at=_template_written(metadata),
            one_way=redact(str(one_way)) if one_way else "",
        )

    def replica_set(self, thing: Json) -> ReplicaSetSeen:
        """Return what is kept of a ReplicaSet."""
        metadata = thing["metadata"]
        return ReplicaSetSeen(
            name=metadata["name"],
            uid=metadata["uid"],
            owner=_owner(metadata),
            revision=str(_part(metadata, "annotations").get(_REVISION, "")),
            template=_template(_part(metadata, "labels")),
            created_at=_instant(metadata["creationTimestamp"]),
        )

    def job(self, thing: Json) -> JobSeen:
        """Return what is kept of a Job."""
        metadata, status = thing["metadata"], _part(thing, "status")
        template = _part(_part(_part(thing, "spec"), "template"), "metadata")
        labels = {**_part(template, "labels"), **_part(metadata, "labels")}
        marks = {**_part(metadata, "annotations"), **labels}
        failed, completed = _condition(status, "Failed"), _condition(status, "Complete")
        return JobSeen(
            name=metadata["name"],
            uid=metadata["uid"],
            owner=_owner(metadata) or _cron_job(metadata),
            service=str(labels.get(self._service_label, "")),
            version=str(labels.get(VERSION_LABEL, "")),
            migration=str(marks.get(MIGRATION_LABEL, "")),
            created_at=_instant(metadata["creationTimestamp"]),
            failed_at=_when(failed.get("lastTransitionTime")) if failed.get("status") == "True" else None,
            why_failed=str(failed.get("reason", "")),
            completed_at=_when(status.get("completionTime")) if completed.get("status") == "True" else None,
        )

    def cron_job(self, thing: Json) -> CronJobSeen:
        """Return what is kept of a CronJob."""
        metadata = thing["metadata"]
        labels = _part(metadata, "labels")
        marks = {**_part(metadata, "annotations"), **labels}
        return CronJobSeen(
            name=metadata["name"],
            uid=metadata["uid"],
            service=str(labels.get(self._service_label, "")),
            migration=str(marks.get(MIGRATION_LABEL, "")),
        )


def _container(status: Json, is_init: bool = False) -> ContainerSeen:
    state, before = _part(status, "state"), _part(status, "lastState")
    return ContainerSeen(
        name=str(status.get("name", "")),
        restarts=int(status.get("restartCount") or 0),
        waiting=str(_part(state, "waiting").get("reason", "")),
        running_since=_when(_part(state, "running").get("startedAt")),
        ended=_ended(_part(state, "terminated")),
        before=_ended(_part(before, "terminated")),
        is_init=is_init,
    )


def _ended(terminated: Json) -> Ended | None:
    at = _when(terminated.get("finishedAt"))
    if at is None:
        return None
    return Ended(
        reason=str(terminated.get("reason", "")),
        exit_code=int(terminated.get("exitCode") or 0),
        started_at=_when(terminated.get("startedAt")),
        at=at,
    )


def _template(labels: Mapping[str, Any]) -> TemplateHash:
    return TemplateHash(next((str(labels[name]) for name in _TEMPLATE_LABELS if labels.get(name)), ""))


def _owner(metadata: Json) -> Owner | None:
    for one in metadata.get("ownerReferences") or []:
        if one.get("controller"):
            return Owner(kind=str(one.get("kind", "")), name=str(one.get("name", "")))
    return None


def _cron_job(metadata: Json) -> Owner | None:
    """Return the CronJob that a Job was made from by hand: it owns the Job without being its controller."""
    for one in metadata.get("ownerReferences") or []:
        if one.get("kind") == "CronJob":
            return Owner(kind="CronJob", name=str(one.get("name", "")))
    return None


def _going_at(metadata: Json) -> datetime | None:
    """Return when the deletion was asked for: the server writes down when it is to be over."""
    over = _when(metadata.get("deletionTimestamp"))
    if over is None:
        return None
    return over - timedelta(seconds=int(metadata.get("deletionGracePeriodSeconds") or 0))


def _template_written(metadata: Json) -> datetime:
    """Return when somebody last wrote fields of the template, as the server keeps it by writer."""
    written = [
        entry["time"]
        for entry in metadata.get("managedFields") or []
        if entry.get("time") and "f:template" in _part(_part(entry, "fieldsV1"), "f:spec")
    ]
    return _instant(max(written, default=metadata["creationTimestamp"]))


def _condition(status: Json, name: str) -> Json:
    found = (one for one in status.get("conditions") or [] if one.get("type") == name)
    return next(found, {})


def _part(thing: Mapping[str, Any], name: str) -> Json:
    found = thing.get(name)
    return found if isinstance(found, dict) else {}


def _when(text: Any) -> datetime | None:
    return _instant(text) if text else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
