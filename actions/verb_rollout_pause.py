"""Pause and resumption of a Rollout, as `kubectl argo rollouts pause` does it."""

from actions.actuator import Progress
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_resources import Rule
from actions.kubernetes_verb import what, where, write_as_read
from actions.rollout_status import Rollout
from actions.rollouts import (
    READING,
    SPEC,
    Change,
    owner_note,
    pause_change,
    read_rollout,
    require_asked_for,
    write_change,
)
from schemas.orders import Command, CommandKind
from schemas.releases import TargetKind


class PauseRollout:
    """Halts a Rollout where it is, or lets it go on with the step that it was at.

    Done when its controller has seen it: a step of its own may hold the resumed Rollout for long.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.ROLLOUT,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # the same for all
        """Return the rights that it needs."""
        return (*READING, SPEC)

    def read_back(self, command: Command) -> Progress:
        """Return whether it is paused."""
        rollout = read_rollout(self._api, command)
        is_set = rollout.is_paused is (command.kind is CommandKind.PAUSE)
        detail = f"{where(command.target)} is {'' if rollout.is_paused else 'not '}paused, {rollout.phase}"
        return Progress(is_set=is_set, is_done=is_set, template=rollout.serving, detail=detail)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Pause or resume."""
        pausing, place = command.kind is CommandKind.PAUSE, where(command.target)

        def decide(rollout: Rollout) -> tuple[str, Change | None]:
            if rollout.is_paused is pausing:
                return f"{place} is {'' if pausing else 'not '}paused already", None
            require_asked_for(command, rollout)
            text = f"{place}: {'paused' if pausing else 'resumed'} at {rollout.phase}{owner_note(rollout)}"
            return text, pause_change(rollout, paused=pausing)

        return write_as_read(
            what(command),
            lambda: read_rollout(self._api, command),
            lambda rollout: rollout.version,
            decide,
            lambda change: write_change(self._api, command, change, is_rehearsal=is_rehearsal),
        )
