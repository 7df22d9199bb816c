"""Promotion of a Rollout's update, in full or past one step, as `kubectl argo rollouts promote` does it."""

from actions.actuator import Progress
from actions.errors import RefusedActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import Rule
from actions.kubernetes_verb import what, where, write_as_read
from actions.rollout_status import Rollout
from actions.rollouts import (
    READING,
    SPEC,
    STATUS,
    Change,
    owner_note,
    pause_change,
    read_rollout,
    status_change,
    write_change,
)
from schemas.orders import Command
from schemas.releases import TargetKind


class PromoteRollout:
    """Promotes the template that a command names: in full, or past the step that it names.

    In full means past all steps, pauses and analyses. Both lift a pause that somebody set. A step is
    named by its place: kubectl's "the next one" said twice would skip two.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.ROLLOUT,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # the same for all
        """Return the rights that it needs."""
        return (*READING, STATUS, SPEC)

    def read_back(self, command: Command) -> Progress:
        """Return how far the promotion has come."""
        rollout = read_rollout(self._api, command)
        is_newest = rollout.newest == command.template
        is_set = is_newest and not rollout.is_aborted and self._is_written(command, rollout)
        if not is_set:
            detail = f"template {rollout.newest} is asked for, {rollout.phase}"
            return Progress(is_set=False, is_done=False, template=rollout.serving, detail=detail)
        if command.step is None:
            lacking = rollout.lacking_of_promotion()
            detail = lacking or f"{where(command.target)} runs template {rollout.newest} alone"
        else:
            passed = rollout.is_past(command.step.step)
            lacking = "" if passed else f"step {command.step.step} is not left yet, {rollout.phase}"
            detail = lacking or f"{where(command.target)} is past step {command.step.step}: {rollout.phase}"
        return Progress(is_set=True, is_done=not lacking, template=rollout.serving, detail=detail)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Write the promotion, then lift a pause if there is one."""

        def write() -> str:
            return write_as_read(
                what(command),
                lambda: read_rollout(self._api, command),
                lambda rollout: rollout.version,
                lambda rollout: self._decide(command, rollout),
                lambda change: write_change(self._api, command, change, is_rehearsal=is_rehearsal),
            )

        text = write()
        if not is_rehearsal:
            write()
        return text

    def _decide(self, command: Command, rollout: Rollout) -> tuple[str, Change | None]:
        """Return the one write that is lacking: status and pause are two requests."""
        name, place = what(command), where(command.target)
        if rollout.newest != command.template:
            raise RefusedActionError(f"{name}: template {rollout.newest} is asked for by now")
        if rollout.newest == rollout.stable:
            return f"{place}: template {rollout.newest} is promoted already", None
        if rollout.is_aborted:
            raise RefusedActionError(f"{name}: its update is aborted, retry it first")
        if self._is_status_written(command, rollout):
            if rollout.is_paused:
                return f"{place}: pause lifted", pause_change(rollout, paused=False)
            return f"{place}: the promotion is written already", None
        note = owner_note(rollout)
        if command.step is None:
            text = f"{place}: template {rollout.newest} promoted in full at {rollout.phase}{note}"
            return text, status_change(rollout, {"promoteFull": True})
        text = f"{place}: template {rollout.newest} promoted past step {command.step.step} at {rollout.phase}"
        return text + note, status_change(rollout, _past(command, rollout, command.step.step))

    def _is_written(self, command: Command, rollout: Rollout) -> bool:
        if rollout.newest == rollout.stable:
            return True
        return self._is_status_written(command, rollout) and not rollout.is_paused

    def _is_status_written(self, command: Command, rollout: Rollout) -> bool:
        if command.step is None:
            return bool(rollout.status.get("promoteFull"))
        at_it = rollout.is_blue_green or rollout.step == command.step.step
        return rollout.is_past(command.step.step) or (at_it and rollout.is_unpausing)


def _past(command: Command, rollout: Rollout, step: int) -> dict[str, object]:
    """Return the status that leaves a step behind.

    Raises:
        RefusedActionError: the Rollout does not wait at that step.
    """
    name = what(command)
    if rollout.step is None and not rollout.is_blue_green:
        raise RefusedActionError(f"{name}: its strategy has no steps, it can be promoted in full alone")
    if rollout.step is not None and rollout.step != step:
        raise RefusedActionError(f"{name}: it is at step {rollout.step}, and not at step {step} yet")
    status = rollout.past_current_step()
    if status is None:
        raise RefusedActionError(f"{name}: it does not wait for a promotion, {rollout.phase}")
    return status
