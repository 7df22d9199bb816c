"""Abort of a Rollout's update, and its retry, as `kubectl argo rollouts abort` and `retry` do it."""

from actions.actuator import Progress
from actions.errors import RefusedActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import Rule
from actions.kubernetes_verb import what, where, write_as_read
from actions.rollout_status import Rollout
from actions.rollouts import (
    READING,
    STATUS,
    Change,
    read_rollout,
    require_asked_for,
    require_not_paused,
    status_change,
    write_change,
)
from schemas.orders import Command, CommandKind
from schemas.releases import TargetKind


class AbortRollout:
    """Takes a Rollout's traffic back to its stable template, or lets an aborted update start again.

    An abort is done when the stable pods serve alone. The Rollout goes on naming the aborted template.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.ROLLOUT,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # the same for all
        """Return the rights that it needs."""
        return (*READING, STATUS)

    def read_back(self, command: Command) -> Progress:
        """Return whether the update is aborted, or is not any more."""
        rollout = read_rollout(self._api, command)
        if command.kind is CommandKind.ABORT:
            return abort_progress(command, rollout)
        place = where(command.target)
        if rollout.is_aborted:
            return _progress(rollout, is_set=False, detail=f"{place} is aborted")
        is_open = rollout.is_abort_seen
        detail = "its controller has not started again yet" if is_open else f"{place}: {rollout.phase}"
        return _progress(rollout, is_set=True, is_done=not is_open, detail=detail)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Abort or retry."""
        decide = abort_change if command.kind is CommandKind.ABORT else _retry_change
        return write_as_read(
            what(command),
            lambda: read_rollout(self._api, command),
            lambda rollout: rollout.version,
            lambda rollout: decide(command, rollout),
            lambda change: write_change(self._api, command, change, is_rehearsal=is_rehearsal),
        )


def abort_progress(command: Command, rollout: Rollout) -> Progress:
    """Return how far the abort of the update that is under way has come."""
    if not (rollout.is_under_way and rollout.is_aborted):
        return _progress(rollout, is_set=False, detail=f"not aborted, {rollout.phase}")
    lacking = rollout.lacking_of_abort()
    detail = (
        f"template {rollout.stable} serves alone; {where(command.target)} still names {rollout.newest}, "
        "which a retry starts again"
    )
    return _progress(rollout, is_set=True, is_done=not lacking, detail=lacking or detail)


def abort_change(command: Command, rollout: Rollout) -> tuple[str, Change | None]:
    """Return what is to be said about an abort, and its write; None when it is aborted already.

    Raises:
        RefusedActionError: there is nothing to abort, it is another update by now, or it is paused.
    """
    place = where(command.target)
    if not rollout.stable:
        raise RefusedActionError(
            f"{what(command)}: its first template {rollout.newest} has nothing to go back to"
        )
    if not rollout.is_under_way:
        raise RefusedActionError(
            f"{what(command)}: no update is under way, template {rollout.stable} is promoted in full; "
            "undo takes it back"
        )
    if rollout.is_aborted:
        return f"{place}: update to template {rollout.newest} is aborted already", None
    require_not_paused(command, rollout)
    require_asked_for(command, rollout)
    text = f"{place}: update to template {rollout.newest} aborted at {rollout.phase}"
    return text, status_change(rollout, {"abort": True})


def _retry_change(command: Command, rollout: Rollout) -> tuple[str, Change | None]:
    place = where(command.target)
    if not rollout.is_aborted:
        return f"{place} is not aborted already", None
    require_asked_for(command, rollout)
    text = f"{place}: update to template {rollout.newest} starts again"
    return text, status_change(rollout, {"abort": False})


def _progress(rollout: Rollout, *, is_set: bool, is_done: bool = False, detail: str) -> Progress:
    return Progress(is_set=is_set, is_done=is_done, template=rollout.serving, detail=detail)
