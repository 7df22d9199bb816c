"""Pause and resumption of a Deployment's rollouts, as `kubectl rollout pause` and `resume` do it.

A pause stops rollouts, not pods. Only Deployments have one.
"""

from actions.actuator import Progress
from actions.deployment_undo import is_paused
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_objects import Json, as_read
from actions.kubernetes_resources import Rule, changing
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import rival_note
from actions.workloads import Workload, patch_workload, read_workload, require_expected
from schemas.orders import Command, CommandKind
from schemas.releases import TargetKind


class Pause:
    """Pauses a Deployment's rollouts, or lets them go on.

    A resumption is done when the rollout that was waiting is complete.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.DEPLOYMENT,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that it needs."""
        return changing(kind)

    def read_back(self, command: Command) -> Progress:
        """Return whether it is paused, or how far the resumed rollout has come."""
        workload = read_workload(self._api, what(command), command.target)
        pausing, paused = command.kind is CommandKind.PAUSE, is_paused(workload.body)
        state = f"{where(command.target)} is {'' if paused else 'not '}paused"
        if pausing is not paused:
            return Progress(is_set=False, is_done=False, template=workload.template, detail=state)
        lacking = "" if pausing else workload.lacking()
        return Progress(
            is_set=True, is_done=lacking == "", template=workload.template, detail=lacking or state
        )

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Pause or resume."""
        name, pausing = what(command), command.kind is CommandKind.PAUSE

        def decide(workload: Workload) -> tuple[str, Json | None]:
            place = where(command.target)
            if pausing is is_paused(workload.body):
                return f"{place} is {'' if pausing else 'not '}paused already", None
            require_expected(command, workload)
            body = {"metadata": as_read(workload.body), "spec": {"paused": True if pausing else None}}
            return f"{place}: {'paused' if pausing else 'resumed'}{rival_note(workload.body)}", body

        return write_as_read(
            name,
            lambda: read_workload(self._api, name, command.target),
            lambda workload: workload.version,
            decide,
            lambda body: patch_workload(self._api, name, command.target, body, is_rehearsal=is_rehearsal),
        )
