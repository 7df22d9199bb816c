"""Undo of a StatefulSet or DaemonSet as `kubectl rollout undo` does it, on JSON.

Their templates are kept in ControllerRevisions, each a strategic merge patch of its owner. Source:
kubernetes/kubectl v1.37, pkg/polymorphichelpers/rollback.go and rollout_status.go; kubernetes v1.34,
pkg/controller/history and pkg/controller/statefulset/stateful_set_control.go. The departures are those of
`deployment_undo`: a template has a name instead of a place in the history, and the patch says what was read.
"""

from actions.deployment_undo import owned
from actions.kubernetes_objects import Json, as_read
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.releases import TargetKind

REVISION_LABEL = "controller-revision-hash"
"""On pods: of a StatefulSet the revision's name, of a DaemonSet its hash."""


def owned_revisions(owner: Json, revisions: list[Json]) -> list[Json]:
    """Return the ControllerRevisions that this very object controls, newest first."""
    return sorted(owned(owner, revisions), key=lambda one: int(one["revision"]), reverse=True)


def name_of(revision: Json, kind: TargetKind) -> TemplateHash:
    """Return what pods of this template carry as label `controller-revision-hash`."""
    metadata = revision["metadata"]
    labels = metadata.get("labels") or {}
    if kind is TargetKind.DAEMON_SET and REVISION_LABEL in labels:
        return TemplateHash(labels[REVISION_LABEL])
    return TemplateHash(metadata["name"])


def running_revision(owner: Json, mine: list[Json], kind: TargetKind) -> TemplateHash:
    """Return the name of the template that the object asks for; "" before its revision is there."""
    wanted = _plain(owner["spec"]["template"])
    for one in mine:
        if _plain(one["data"]["spec"]["template"]) == wanted:
            return name_of(one, kind)
    return NO_TEMPLATE


def revision_patch(owner: Json, revision: Json) -> Json:
    """Return the strategic merge patch that gives a template back: kubectl's, and what was read."""
    return {**revision["data"], "metadata": as_read(owner)}


def waits_for_deletion(owner: Json) -> bool:
    """Return whether its pods take a new template only when somebody deletes them."""
    return bool((owner["spec"].get("updateStrategy") or {}).get("type") == "OnDelete")


def missing_of_stateful_set(owner: Json) -> str:
    """Return what a StatefulSet's rollout lacks, "" when it is complete."""
    spec, status = owner["spec"], owner.get("status") or {}
    if _is_unseen(owner):
        return "the controller has not seen the change yet"
    wanted = 1 if spec.get("replicas") is None else spec["replicas"]
    due = max(0, wanted - partition_of(owner))
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if status.get("updateRevision") == status.get("currentRevision"):
        # A finished rollout is counted as current, and not as updated any more.
        updated = max(updated, status.get("currentReplicas", 0))
    if updated < due:
        return f"{updated} of {due} pods are of the new template"
    if status.get("replicas", 0) > wanted:
        return f"{status['replicas'] - wanted} pods too many still run"
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    if due == wanted and status.get("updateRevision") != status.get("currentRevision"):
        return "the rollout is not finished"
    return ""


def missing_of_daemon_set(owner: Json) -> str:
    """Return what a DaemonSet's rollout lacks, "" when it is complete."""
    status = owner.get("status") or {}
    if _is_unseen(owner):
        return "the controller has not seen the change yet"
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new template"
    if available < wanted:
        return f"{available} of {wanted} pods are available"
    return ""


def blocking_pods(owner: Json, pods: list[Json], template: TemplateHash) -> list[Json]:
    """Return the pods that an ordered StatefulSet waits for in vain: of another template, and not ready.

    The controller replaces no pod while another one is not ready, so a bad template blocks its own
    repair (kubernetes#67250). Pods below the partition are left alone, as the rollout leaves them.
    """
    if owner["spec"].get("podManagementPolicy", "OrderedReady") != "OrderedReady":
        return []
    first = partition_of(owner)
    return [
        pod
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(REVISION_LABEL) != template
        and "deletionTimestamp" not in pod["metadata"]
        and not _is_ready(pod)
        and _ordinal(pod) >= first
        and any(one.get("uid") == owner["metadata"]["uid"] for one in _owners(pod))
    ]


def partition_of(owner: Json) -> int:
    """Return the ordinal below which pods keep their template."""
    strategy = owner["spec"].get("updateStrategy") or {}
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def _owners(thing: Json) -> list[Json]:
    return thing["metadata"].get("ownerReferences") or []


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _ordinal(pod: Json) -> int:
    tail = pod["metadata"]["name"].rpartition("-")[2]
    return int(tail) if tail.isdecimal() else 0


def _is_unseen(owner: Json) -> bool:
    seen = (owner.get("status") or {}).get("observedGeneration", 0)
    return bool(owner["metadata"].get("generation", 0) > seen)


def _plain(template: Json) -> Json:
    """Return a pod template without the patch's directive, and without fields that hold nothing."""
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value is not None}
    return {key: value for key, value in template.items() if key != "$patch"} | {"metadata": metadata}
