"""Scaling of a Deployment or StatefulSet to a number of replicas, as `kubectl scale` does it."""

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError
from actions.kubernetes_api import KubernetesApi, PatchForm
from actions.kubernetes_objects import Json, as_read
from actions.kubernetes_resources import AUTOSCALERS, WORKLOADS, Rule, reading
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import rival_note
from actions.workloads import Workload, read_workload, require_expected
from schemas.orders import Command
from schemas.releases import TargetKind
from schemas.verbs import Scaling


class Scale:
    """Scales a workload.

    A HorizontalPodAutoscaler would write another number within seconds: it is not fought, but named.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that it needs: to the number alone, not to the rest of the workload."""
        return (
            *reading(kind),
            Rule(resource=WORKLOADS[kind][0], subresource="scale", verbs=("patch",)),
            Rule(resource=AUTOSCALERS, verbs=("list",)),
        )

    def read_back(self, command: Command) -> Progress:
        """Return how far the workload is from the number."""
        workload = read_workload(self._api, what(command), command.target)
        wanted, asked = _scaling(command).replicas, _replicas(workload)
        if asked != wanted:
            detail = f"{asked} replicas are asked for"
            return Progress(is_set=False, is_done=False, template=workload.template, detail=detail)
        lacking = _missing(workload, wanted)
        return Progress(
            is_set=True,
            is_done=lacking == "",
            template=workload.template,
            detail=lacking or f"{where(command.target)} runs {wanted} replicas",
        )

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Ask for the number."""
        name, target = what(command), command.target
        resource, _ = WORKLOADS[target.kind]
        return write_as_read(
            name,
            lambda: read_workload(self._api, name, target),
            lambda workload: workload.version,
            lambda workload: self._decide(command, workload),
            lambda body: self._api.patch(
                name,
                resource,
                target.namespace,
                target.workload,
                body,
                PatchForm.MERGE,
                subresource="scale",
                is_rehearsal=is_rehearsal,
            ),
        )

    def _decide(self, command: Command, workload: Workload) -> tuple[str, Json | None]:
        place, wanted, asked = where(command.target), _scaling(command).replicas, _replicas(workload)
        if asked == wanted:
            return f"{place} has {wanted} replicas already", None
        require_expected(command, workload)
        self._require_no_autoscaler(command)
        body = {"metadata": as_read(workload.body), "spec": {"replicas": wanted}}
        return f"{place}: {asked} -> {wanted} replicas{rival_note(workload.body)}", body

    def _require_no_autoscaler(self, command: Command) -> None:
        kind = WORKLOADS[command.target.kind][0].kind
        for one in self._api.listed(what(command), AUTOSCALERS, command.target.namespace):
            scaled = one["spec"]["scaleTargetRef"]
            if (scaled["kind"], scaled["name"]) == (kind, command.target.workload):
                raise RefusedActionError(
                    f"{what(command)}: HorizontalPodAutoscaler {one['metadata']['name']} keeps it at "
                    f"{one['spec'].get('minReplicas', 1)} to {one['spec']['maxReplicas']} replicas and would "
                    "write its own number again, change its bounds instead"
                )


def _scaling(command: Command) -> Scaling:
    if command.scaling is None:
        raise PermanentActionError(f"{what(command)}: no number of replicas is given")
    return command.scaling


def _replicas(workload: Workload) -> int:
    replicas = workload.body["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _missing(workload: Workload, wanted: int) -> str:
    """Return what the pods lack. A rollout under way, or a pause, is no part of it: the number is."""
    status = workload.body.get("status") or {}
    if workload.body["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return "the controller has not seen the change yet"
    ready = status.get("readyReplicas", 0)
    if ready < wanted:
        conditions = status.get("conditions") or []
        failed = [one for one in conditions if (one["type"], one["status"]) == ("ReplicaFailure", "True")]
        because = f" ({failed[0].get('message', '')})" if failed else ""
        return f"{ready} of {wanted} pods are ready{because}"
    if status.get("replicas", 0) > wanted:
        return f"{status['replicas'] - wanted} pods too many still run"
    return ""
