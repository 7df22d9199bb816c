"""Everything that Suture can do to the objects of one cluster, by the command's kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from actions.actuator import Progress
from actions.errors import RefusedActionError
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_deployments import Deployments
from actions.kubernetes_verb import Verb, what
from actions.verb_delete_pod import DeletePod
from actions.verb_pause import Pause
from actions.verb_restart import Restart
from actions.verb_resume_sync import ResumeSync
from actions.verb_rollout_abort import AbortRollout
from actions.verb_rollout_pause import PauseRollout
from actions.verb_rollout_promote import PromoteRollout
from actions.verb_rollout_undo import UndoRollout
from actions.verb_run_job import RunJob
from actions.verb_scale import Scale
from actions.verb_set_config import SetConfig
from actions.verb_undo_revision import UndoRevision
from actions.verb_undo_through_owner import OwnerSettings, UndoThroughOwner
from schemas.orders import RUNBOOKS, Command, CommandKind
from schemas.releases import TargetKind

VerbType = (
    type[Deployments]
    | type[UndoRevision]
    | type[Restart]
    | type[Scale]
    | type[Pause]
    | type[DeletePod]
    | type[RunJob]
    | type[SetConfig]
    | type[UndoRollout]
    | type[PromoteRollout]
    | type[PauseRollout]
    | type[AbortRollout]
    | type[ResumeSync]
)

SERVED: tuple[TargetKind, ...] = tuple(kind for kind in TargetKind if kind is not TargetKind.PROCESSES)
"""Kinds of targets that a cluster has."""


class KubernetesTargets:
    """Changes the objects of one cluster.

    Args:
        api: The cluster.
        owners: How those are dealt with that write objects again from elsewhere.
    """

    def __init__(self, api: KubernetesApi, owners: OwnerSettings | None = None) -> None:
        self._api = api
        self._owners = owners or OwnerSettings()

    def read_back(self, command: Command) -> Progress:
        """Return how far the target is from what the command asks for; changes nothing."""
        return self._verb(command).read_back(command)

    def carry_out(self, command: Command) -> str:
        """Write down what the command asks for; return what was changed, as a sentence."""
        return self._verb(command).carry_out(command)

    def rehearse(self, command: Command) -> str:
        """Do everything that the command asks for, admission and quota included, and store nothing."""
        return self._verb(command).carry_out(command, is_rehearsal=True)

    def _verb(self, command: Command) -> Verb | UndoThroughOwner:
        kind = command.target.kind
        verb = verb_for(command.kind, kind)
        if kind not in verb.kinds:
            known = " or ".join(possible()[command.kind])
            raise RefusedActionError(f"{what(command)}: it is a {kind}, expected {known}")
        if command.kind is CommandKind.UNDO:
            return UndoThroughOwner(self._api, verb(self._api), self._owners)
        return verb(self._api)


def verb_for(command: CommandKind, kind: TargetKind) -> VerbType:
    """Return what carries out commands of a kind; it says itself what it can be done to."""
    is_rollout = kind is TargetKind.ROLLOUT
    match command:
        case CommandKind.UNDO if is_rollout:
            return UndoRollout
        case CommandKind.UNDO:
            return UndoRevision if kind in UndoRevision.kinds else Deployments
        case CommandKind.PROMOTE:
            return PromoteRollout if is_rollout else Deployments
        case CommandKind.PROMOTE_STEP:
            return PromoteRollout
        case CommandKind.ABORT | CommandKind.RETRY:
            return AbortRollout
        case CommandKind.RESTART:
            return Restart
        case CommandKind.SCALE:
            return Scale
        case CommandKind.PAUSE | CommandKind.RESUME:
            return PauseRollout if is_rollout else Pause
        case CommandKind.DELETE_POD:
            return DeletePod
        case CommandKind.RUN_JOB:
            return RunJob
        case CommandKind.SET_CONFIG:
            return SetConfig
        case CommandKind.RESUME_SYNC:
            return ResumeSync
        case (
            CommandKind.RUN_ANSIBLE
            | CommandKind.RUN_SCRIPT
            | CommandKind.CALL_HTTP
            | CommandKind.RUN_PIPELINE
        ):
            raise RefusedActionError(f"{command} is nothing that can be done to a {kind}")
        case _:
            assert_never(command)


def possible() -> Mapping[CommandKind, tuple[TargetKind, ...]]:
    """Return which kinds of targets each kind of command can be done to."""
    return MappingProxyType(
        {
            command: tuple(kind for kind in SERVED if kind in verb_for(command, kind).kinds)
            for command in CommandKind
            if command not in RUNBOOKS
        }
    )
