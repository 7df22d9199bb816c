"""Restart of a workload's pods, one after the other, as `kubectl rollout restart` does it.

Source: kubernetes/kubectl v1.37, pkg/polymorphichelpers/objectrestarter.go. The instant is the command's
own instead of the present one, so that a command that comes again restarts nothing again.
"""

from datetime import UTC, datetime

from actions.actuator import Progress
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_objects import Json, as_read
from actions.kubernetes_resources import WORKLOADS, Rule, changing
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import rival_note
from actions.workloads import Workload, patch_workload, read_workload, require_expected, require_rolling
from schemas.orders import Command
from schemas.releases import Target, TargetKind

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class Restart:
    """Restarts a workload.

    Reached once its pods were restarted at the command's instant or later, by whomever.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = tuple(WORKLOADS)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:
        """Return the rights that it needs."""
        return changing(kind)

    def read_back(self, command: Command) -> Progress:
        """Return how far the restart has come."""
        return self.progress(command, command.target)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Ask for the restart."""
        return self.restart(command, command.target, is_rehearsal=is_rehearsal)

    def progress(self, command: Command, target: Target) -> Progress:
        """Return how far the restart of a target has come."""
        workload = read_workload(self._api, what(command), target)
        stamp = _stamp(workload)
        if not _is_restarted(workload, command):
            detail = f"last restarted at {stamp}" if stamp else "never restarted"
            return Progress(is_set=False, is_done=False, template=workload.template, detail=detail)
        require_rolling(what(command), workload)
        lacking = workload.lacking()
        return Progress(
            is_set=True,
            is_done=lacking == "",
            template=workload.template,
            detail=lacking or f"every pod of {where(target)} was restarted at {stamp}",
        )

    def restart(self, command: Command, target: Target, *, is_rehearsal: bool) -> str:
        """Ask for the restart of a target."""
        name = what(command)

        def decide(workload: Workload) -> tuple[str, Json | None]:
            if _is_restarted(workload, command):
                return f"{where(target)} was restarted at {_stamp(workload)} already", None
            if target == command.target:
                require_expected(command, workload)
            require_rolling(name, workload)
            instant = _instant(command).strftime("%Y-%m-%dT%H:%M:%SZ")
            annotations = {"metadata": {"annotations": {RESTARTED_AT: instant}}}
            body = {"metadata": as_read(workload.body), "spec": {"template": annotations}}
            return f"{where(target)}: restart as of {instant}{rival_note(workload.body)}", body

        return write_as_read(
            name,
            lambda: read_workload(self._api, name, target),
            lambda workload: workload.version,
            decide,
            lambda body: patch_workload(self._api, name, target, body, is_rehearsal=is_rehearsal),
        )


def _instant(command: Command) -> datetime:
    return command.issued_at.astimezone(UTC).replace(microsecond=0)


def _stamp(workload: Workload) -> str:
    metadata = workload.body["spec"]["template"].get("metadata") or {}
    return str((metadata.get("annotations") or {}).get(RESTARTED_AT, ""))


def _is_restarted(workload: Workload, command: Command) -> bool:
    try:
        at = datetime.fromisoformat(_stamp(workload))
    except ValueError:
        return False
    # An instant without its offset says too little to spare a restart.
    return at.tzinfo is not None and at >= _instant(command)
