"""Undo and promotion of Kubernetes Deployments by template hash."""

from actions.actuator import Progress
from actions.deployment_undo import hash_of, is_paused, undo_patch
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_objects import Json, tests
from actions.kubernetes_resources import Rule, changing
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import said_owner
from actions.workloads import Workload, patch_workload, read_workload
from schemas.keys import TemplateHash
from schemas.orders import Command, CommandKind
from schemas.releases import Target, TargetKind


class Deployments:
    """Changes the template of Deployments of one cluster.

    Safe to repeat: the way back is named by the hash of its pod template, and the server checks that
    what is changed is what was read.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.DEPLOYMENT,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that undo and promotion need."""
        return changing(kind)

    def running(self, namespace: str, name: str) -> TemplateHash:
        """Return the hash of the template that a Deployment asks for; "" before the controller knows."""
        target = Target(kind=TargetKind.DEPLOYMENT, cluster="", namespace=namespace, workload=name)
        return read_workload(self._api, f"look at {where(target)}", target).template

    def read_back(self, command: Command) -> Progress:
        """Return how far the Deployment is from what the command asks for."""
        workload = self._read(command)
        template, ownership = workload.template, said_owner(workload.body)
        if template != command.template:
            return Progress(
                is_set=False,
                is_done=False,
                template=template,
                detail=f"template {template} is asked for",
                ownership=ownership,
            )
        if is_paused(workload.body):
            if command.kind is CommandKind.PROMOTE:
                return Progress(is_set=False, is_done=False, template=template, detail="it is paused")
            raise RefusedActionError(f"{what(command)}: it is paused, resume it first")
        lacking = workload.lacking()
        return Progress(
            is_set=True,
            is_done=lacking == "",
            template=template,
            detail=lacking or f"{where(command.target)} runs template {template}",
            ownership=ownership,
        )

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Give the template back, or all of the Deployment to the newest one."""
        decide = self._promotion if command.kind is CommandKind.PROMOTE else self._undo
        return write_as_read(
            what(command),
            lambda: self._read(command),
            lambda workload: workload.version,
            lambda workload: decide(command, workload),
            lambda body: patch_workload(
                self._api, what(command), command.target, body, is_rehearsal=is_rehearsal
            ),
        )

    def _promotion(self, command: Command, workload: Workload) -> tuple[str, list[Json] | None]:
        """Let a paused rollout go on; without a pause a Deployment's rollout promotes itself."""
        place, template = where(command.target), workload.template
        if template != command.template:
            raise RefusedActionError(
                f"{what(command)}: template {template or '(not known yet)'} is asked for by now"
            )
        if not is_paused(workload.body):
            return f"{place} is not paused", None
        resume = [*tests(workload.body), {"op": "remove", "path": "/spec/paused"}]
        return f"{place}: rollout of template {template} resumed", resume

    def _undo(self, command: Command, workload: Workload) -> tuple[str, list[Json] | None]:
        name, place, template = what(command), where(command.target), workload.template
        if is_paused(workload.body):
            raise RefusedActionError(f"{name}: it is paused, resume it first")
        if template == command.template:
            return f"{place} is set to template {template} already", None
        if command.expected_template:
            if not template:
                raise TransientActionError(f"{name}: the controller has made no ReplicaSet yet")
            if template != command.expected_template:
                raise RefusedActionError(
                    f"{name}: template {template} runs by now, the command undoes {command.expected_template}"
                )
        old = next((one for one in workload.kept if hash_of(one) == command.template), None)
        if old is None:
            kept = ", ".join(hash_of(one) for one in workload.kept) or "none"
            raise PermanentActionError(
                f"{name}: no ReplicaSet of that template is left, kept are {kept}; "
                "revisionHistoryLimit says how many"
            )
        text = f"{place}: template {template or '?'} -> {command.template}"
        return text, undo_patch(workload.body, old)

    def _read(self, command: Command) -> Workload:
        return read_workload(self._api, what(command), command.target)
