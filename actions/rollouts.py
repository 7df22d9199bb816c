"""Rollouts of Argo as a cluster keeps them: read whole, written only as they were read."""

from dataclasses import dataclass

from actions.deployment_undo import owned, selector_text
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi, PatchForm, UnservedTypeError
from actions.kubernetes_objects import Json, as_read, tests
from actions.kubernetes_resources import DEPLOYMENTS, REPLICA_SETS, ROLLOUTS, Resource, Rule
from actions.kubernetes_verb import what
from actions.owner_traces import rival_note
from actions.rollout_status import Rollout, template_of
from schemas.orders import Command

READING = (
    Rule(resource=ROLLOUTS, verbs=("get",)),
    Rule(resource=REPLICA_SETS, verbs=("list",)),
    # With `workloadRef` the template is a Deployment's.
    Rule(resource=DEPLOYMENTS, verbs=("get",)),
)
"""The rights that reading a Rollout needs."""

STATUS = Rule(resource=ROLLOUTS, verbs=("patch",), subresource="status")
"""The right that abort, retry and promotion need: they are written into the status."""

SPEC = Rule(resource=ROLLOUTS, verbs=("patch",))
"""The right to pause, to resume and to give a template back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write to a Rollout, or to the Deployment that holds its template.

    Attributes:
        body: A mapping is a merge patch, a list a JSON patch; both say what was read.
    """

    resource: Resource
    name: str
    body: Json | list[Json]
    subresource: str = ""


def read_rollout(api: KubernetesApi, command: Command) -> Rollout:
    """Return a command's Rollout.

    Raises:
        PermanentActionError: there is none, or the cluster knows no Rollouts.
        TransientActionError: its controller has not seen its newest change, so that its status speaks of
            an earlier state; perhaps it does not run.
    """
    name, target = what(command), command.target
    try:
        body = api.read(name, ROLLOUTS, target.namespace, target.workload)
    except UnservedTypeError as error:
        raise PermanentActionError(
            f"{name}: the cluster knows no Rollouts, expected Argo Rollouts with its CRD rollouts.argoproj.io"
        ) from error
    ref = body["spec"].get("workloadRef") or {}
    reference = None
    if ref.get("kind") == "Deployment":
        reference = api.read(name, DEPLOYMENTS, target.namespace, ref["name"])
    selecting = body if body["spec"].get("selector") else reference
    labels = selector_text(selecting) if selecting is not None else ""
    kept = owned(body, api.listed(name, REPLICA_SETS, target.namespace, labels))
    rollout = Rollout(body=body, kept=kept, reference=reference)
    if unseen := rollout.unseen():
        raise TransientActionError(f"{name}: {unseen}; is Argo Rollouts' controller running?")
    return rollout


def write_change(api: KubernetesApi, command: Command, change: Change, *, is_rehearsal: bool) -> None:
    """Write a change; a rehearsal stores nothing."""
    form = PatchForm.JSON if isinstance(change.body, list) else PatchForm.MERGE
    api.patch(
        what(command),
        change.resource,
        command.target.namespace,
        change.name,
        change.body,
        form,
        subresource=change.subresource,
        is_rehearsal=is_rehearsal,
    )


def status_change(rollout: Rollout, status: Json) -> Change:
    """Return the write of a status, as kubectl's plugin does it and on condition of what was read."""
    return Change(
        resource=ROLLOUTS,
        name=rollout.body["metadata"]["name"],
        body={"metadata": as_read(rollout.body), "status": status},
        subresource="status",
    )


def pause_change(rollout: Rollout, *, paused: bool) -> Change:
    """Return the write that pauses a Rollout or lets it go on."""
    return Change(
        resource=ROLLOUTS,
        name=rollout.body["metadata"]["name"],
        body={"metadata": as_read(rollout.body), "spec": {"paused": paused}},
    )


def template_change(command: Command, rollout: Rollout, replica_set: Json) -> Change:
    """Return the write that gives a ReplicaSet's template back to whoever holds the Rollout's template.

    Raises:
        RefusedActionError: that is neither the Rollout nor a Deployment.
    """
    holder, resource = rollout.body, ROLLOUTS
    if ref := rollout.body["spec"].get("workloadRef"):
        if rollout.reference is None:
            raise RefusedActionError(
                f"{what(command)}: its workloadRef is a {ref.get('kind')}, expected a Deployment"
            )
        holder, resource = rollout.reference, DEPLOYMENTS
    template = {"op": "replace", "path": "/spec/template", "value": template_of(replica_set)}
    return Change(resource=resource, name=holder["metadata"]["name"], body=[*tests(holder), template])


def template_holder(rollout: Rollout) -> Json:
    """Return the object that holds a Rollout's template: with `workloadRef` a Deployment, else itself."""
    return rollout.reference or rollout.body


def owner_note(rollout: Rollout) -> str:
    """Return what to add to a sentence about a Rollout whose template another tool owns."""
    return rival_note(template_holder(rollout))


def require_asked_for(command: Command, rollout: Rollout) -> None:
    """Go on when the Rollout asks for the template that the command was given for.

    Raises:
        RefusedActionError: it asks for another one.
    """
    expected = command.expected_template
    if expected and rollout.newest != expected:
        raise RefusedActionError(
            f"{what(command)}: template {rollout.newest} is asked for by now, the command was given for "
            f"{expected}"
        )


def require_not_paused(command: Command, rollout: Rollout) -> None:
    """Go on when nobody paused the Rollout: its controller then halts everything.

    Raises:
        RefusedActionError: it is paused.
    """
    if rollout.is_paused:
        raise RefusedActionError(f"{what(command)}: somebody paused it (spec.paused), resume it first")
