"""Undo of a StatefulSet or DaemonSet to a template by its name."""

from actions.actuator import Progress
from actions.errors import PermanentActionError
from actions.kubernetes_api import KubernetesApi, NotFoundError
from actions.kubernetes_objects import Json, as_read
from actions.kubernetes_resources import PODS, Rule, changing
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import said_owner
from actions.revision_undo import blocking_pods, name_of, revision_patch
from actions.workloads import Workload, patch_workload, read_workload, require_expected, require_rolling
from schemas.orders import Command
from schemas.releases import TargetKind


class UndoRevision:
    """Gives a StatefulSet or DaemonSet an earlier template back.

    The template is named as pods carry it in their label `controller-revision-hash`. An ordered
    StatefulSet replaces no pod while another is not ready; what blocks it of other templates is deleted.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.STATEFUL_SET, TargetKind.DAEMON_SET)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that it needs; a StatefulSet's also to the pods that block it."""
        pods = (Rule(resource=PODS, verbs=("list", "delete")),)
        return changing(kind) + (pods if kind is TargetKind.STATEFUL_SET else ())

    def read_back(self, command: Command) -> Progress:
        """Return how far it is from the template."""
        workload = read_workload(self._api, what(command), command.target)
        template, ownership = workload.template, said_owner(workload.body)
        if template != command.template:
            return Progress(
                is_set=False,
                is_done=False,
                template=template,
                detail=f"template {template} is asked for",
                ownership=ownership,
            )
        require_rolling(what(command), workload)
        if blocking := self._blocking(command, workload):
            names = ", ".join(pod["metadata"]["name"] for pod in blocking)
            return Progress(
                is_set=False,
                is_done=False,
                template=template,
                detail=f"{names} blocks the rollout",
                ownership=ownership,
            )
        lacking = workload.lacking()
        detail = lacking or f"{where(command.target)} runs template {template}"
        return Progress(
            is_set=True, is_done=lacking == "", template=template, detail=detail, ownership=ownership
        )

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Give the template back, and delete what blocks the rollout."""
        name = what(command)
        text = write_as_read(
            name,
            lambda: read_workload(self._api, name, command.target),
            lambda workload: workload.version,
            lambda workload: self._decide(command, workload),
            lambda body: patch_workload(self._api, name, command.target, body, is_rehearsal=is_rehearsal),
        )
        for pod in self._blocking(command, read_workload(self._api, name, command.target)):
            if self._is_deleted(command, pod, is_rehearsal=is_rehearsal):
                text += f"; {pod['metadata']['name']} deleted, which blocked the rollout"
        return text

    def _decide(self, command: Command, workload: Workload) -> tuple[str, Json | None]:
        name, place, template = what(command), where(command.target), workload.template
        require_rolling(name, workload)
        if template == command.template:
            return f"{place} is set to template {template} already", None
        require_expected(command, workload)
        kept = {name_of(one, workload.kind): one for one in reversed(workload.kept)}
        if command.template not in kept:
            raise PermanentActionError(
                f"{name}: no ControllerRevision of that template is left, kept are "
                f"{', '.join(kept) or 'none'}; revisionHistoryLimit says how many"
            )
        text = f"{place}: template {template or '?'} -> {command.template}"
        return text, revision_patch(workload.body, kept[command.template])

    def _blocking(self, command: Command, workload: Workload) -> list[Json]:
        if workload.kind is not TargetKind.STATEFUL_SET:
            return []
        pods = self._api.listed(what(command), PODS, command.target.namespace, workload.selector)
        return blocking_pods(workload.body, pods, command.template)

    def _is_deleted(self, command: Command, pod: Json, *, is_rehearsal: bool) -> bool:
        """Delete a pod if it is still as it was read; if it changed, it is looked at again later."""
        name, namespace = pod["metadata"]["name"], command.target.namespace
        try:
            self._api.delete(what(command), PODS, namespace, name, as_read(pod), is_rehearsal=is_rehearsal)
        except NotFoundError:
            return False
        return True
