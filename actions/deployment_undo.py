"""Undo of a Deployment as `kubectl rollout undo` does it, on JSON: what to send, and when it is done.

Source: kubernetes/kubectl v1.37, pkg/polymorphichelpers/rollback.go and rollout_status.go. Three
departures: the way back is named by template hash instead of revision, because an undo gives the old
template a new revision number and "the previous one" said twice swaps back and forth; and the patch
tests uid and resourceVersion, so that a deploy in between is noticed instead of overwritten; and what tells
whose the Deployment is stays as it is, though an older ReplicaSet was made when it was somebody else's.
"""

from actions.errors import PermanentActionError
from actions.kubernetes_objects import Json, tests
from actions.owner_traces import OWNER_NOTES
from schemas.keys import NO_TEMPLATE, TemplateHash

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"

# These stay the Deployment's own; every other annotation comes from the ReplicaSet.
_OWN_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
    *OWNER_NOTES,
)


def selector_text(deployment: Json) -> str:
    """Return the Deployment's selector as a query takes it.

    >>> selector_text({"spec": {"selector": {"matchLabels": {"app": "d"}}}})
    'app=d'
    """
    selector = deployment["spec"]["selector"]
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or []:
        key, values = term["key"], ",".join(term.get("values") or [])
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[term["operator"]]
        )
    return ",".join(parts)


def owned(deployment: Json, replica_sets: list[Json]) -> list[Json]:
    """Return the ReplicaSets that this very Deployment controls, newest revision first."""
    uid = deployment["metadata"]["uid"]
    mine = [
        one
        for one in replica_sets
        if any(
            owner.get("controller") and owner.get("uid") == uid
            for owner in one["metadata"].get("ownerReferences") or []
        )
    ]
    return sorted(mine, key=_revision, reverse=True)


def hash_of(replica_set: Json) -> TemplateHash:
    """Return the template hash that the controller gave a ReplicaSet; "" without one."""
    return TemplateHash((replica_set["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def running_template(deployment: Json, mine: list[Json]) -> TemplateHash:
    """Return the hash of the template that the Deployment asks for; "" before its ReplicaSet is there."""
    wanted = _without_hash(deployment["spec"]["template"])
    for one in mine:
        if _without_hash(one["spec"]["template"]) == wanted:
            return hash_of(one)
    return NO_TEMPLATE


def undo_patch(deployment: Json, replica_set: Json) -> list[Json]:
    """Return the JSON patch that gives a ReplicaSet's template back to its Deployment."""
    before = deployment["metadata"].get("annotations") or {}
    annotations = {key: before[key] for key in _OWN_ANNOTATIONS if key in before}
    theirs = replica_set["metadata"].get("annotations") or {}
    annotations |= {key: value for key, value in theirs.items() if key not in _OWN_ANNOTATIONS}
    return [
        *tests(deployment),
        {"op": "replace", "path": "/spec/template", "value": _without_hash(replica_set["spec"]["template"])},
        # A Deployment without annotations has nothing to replace.
        {"op": "replace" if before else "add", "path": "/metadata/annotations", "value": annotations},
    ]


def is_paused(deployment: Json) -> bool:
    """Return whether its rollouts are paused."""
    return bool(deployment["spec"].get("paused"))


def missing(deployment: Json) -> str:
    """Return what a rollout lacks, "" when it is complete.

    Raises:
        PermanentActionError: the rollout did not progress within its own deadline.
    """
    spec, status = deployment["spec"], deployment.get("status") or {}
    name = f"{deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return "the controller has not seen the change yet"
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    if conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        raise PermanentActionError(
            f"rollout of {name} made no progress within its deadline: "
            f"{conditions['Progressing'].get('message', '')}"
        )
    failure = conditions.get("ReplicaFailure", {})
    because = f" ({failure.get('message', '')})" if failure.get("status") == "True" else ""
    wanted = 1 if spec.get("replicas") is None else spec["replicas"]
    updated = status.get("updatedReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new template{because}"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} pods of other templates still run"
    available = status.get("availableReplicas", 0)
    if available < updated:
        return f"{available} of {updated} pods are available{because}"
    return ""


def _without_hash(template: Json) -> Json:
    """Return a pod template without the label that the controller adds."""
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _revision(replica_set: Json) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0
