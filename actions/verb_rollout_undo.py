"""Undo of a Rollout by template hash: an abort while the update is under way, else the old template again."""

from dataclasses import replace

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import DEPLOYMENTS, Rule
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import said_owner
from actions.rollout_status import Rollout, hash_of
from actions.rollouts import (
    READING,
    SPEC,
    STATUS,
    Change,
    read_rollout,
    require_asked_for,
    require_not_paused,
    status_change,
    template_change,
    template_holder,
    write_change,
)
from actions.verb_rollout_abort import abort_change, abort_progress
from schemas.orders import Command
from schemas.releases import TargetKind


class UndoRollout:
    """Brings a Rollout back to the template of a hash.

    While an update is under way and the template is the stable one, the update is aborted: traffic is
    back at once. Else the template is written back, as kubectl's plugin does it, and, unlike there,
    promoted in full: a rollback that waited at each step would leave the damage where it is.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.ROLLOUT,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # the same for all
        """Return the rights that it needs."""
        return (*READING, STATUS, SPEC, Rule(resource=DEPLOYMENTS, verbs=("patch",)))

    def read_back(self, command: Command) -> Progress:
        """Return how far it is from the template."""
        rollout, template = read_rollout(self._api, command), command.template
        require_not_paused(command, rollout)
        ownership = said_owner(template_holder(rollout))
        if rollout.stable == template and rollout.is_under_way:
            return replace(abort_progress(command, rollout), ownership=ownership)
        is_promoted = rollout.stable == template or bool(rollout.status.get("promoteFull"))
        if rollout.newest != template or rollout.is_aborted or not is_promoted:
            detail = f"template {rollout.newest} is asked for, {rollout.phase}"
            return Progress(
                is_set=False, is_done=False, template=rollout.serving, detail=detail, ownership=ownership
            )
        lacking = rollout.lacking_of_promotion()
        return Progress(
            is_set=True,
            is_done=not lacking,
            template=template,
            detail=lacking or f"{where(command.target)} runs template {template} alone",
            ownership=ownership,
        )

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Abort; or give the template back and, once the controller has seen it, promote it in full.

        Raises:
            TransientActionError: the template is written and not promoted yet: come again.
        """
        name = what(command)
        text = write_as_read(
            name,
            lambda: read_rollout(self._api, command),
            lambda rollout: rollout.version,
            lambda rollout: self._decide(command, rollout),
            lambda change: write_change(self._api, command, change, is_rehearsal=is_rehearsal),
        )
        if not is_rehearsal and not self.read_back(command).is_set:
            raise TransientActionError(f"{name}: the template is written, its promotion follows")
        return text

    def _decide(self, command: Command, rollout: Rollout) -> tuple[str, Change | None]:
        name, place, template = what(command), where(command.target), command.template
        require_not_paused(command, rollout)
        if rollout.stable == template:
            if rollout.is_under_way:
                return abort_change(command, rollout)
            return f"{place} runs template {template} already", None
        if rollout.newest == template:
            if rollout.is_aborted:
                raise RefusedActionError(
                    f"{name}: the update to that template is itself aborted, retry it first"
                )
            if rollout.status.get("promoteFull"):
                return f"{place}: template {template} is written and promoted already", None
            text = f"{place}: template {template} is asked for again and promoted in full, past its steps"
            return text, status_change(rollout, {"promoteFull": True})
        require_asked_for(command, rollout)
        old = next((one for one in rollout.kept if hash_of(one) == template), None)
        if old is None:
            kept = ", ".join(hash_of(one) for one in rollout.kept) or "none"
            raise PermanentActionError(
                f"{name}: no ReplicaSet of that template is left, kept are {kept}; "
                "revisionHistoryLimit says how many"
            )
        text = f"{place}: template {rollout.newest} -> {template}, then promoted in full"
        return text, template_change(command, rollout, old)
