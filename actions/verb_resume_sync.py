"""The end of a lease: an owner that was paused goes on by itself, once its source wants something else."""

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError
from actions.kubernetes_api import KubernetesApi, NotFoundError
from actions.kubernetes_resources import Rule
from actions.kubernetes_verb import what
from actions.owner_objects import Owner, read_owner
from actions.ownership import tool_for
from actions.sync_lease import lift, note_of
from schemas.keys import NO_TEMPLATE
from schemas.orders import Command
from schemas.releases import TargetKind
from schemas.verbs import PausedSync


class ResumeSync:
    """Lets an owner go on that an undo paused.

    While the source still asks for a revision that is in quarantine, it is refused: going on would bring
    the damage back. What is put back is what the object's own note says; where somebody changed the pause
    meanwhile, that stays and only the note is removed.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (
        TargetKind.DEPLOYMENT,
        TargetKind.STATEFUL_SET,
        TargetKind.DAEMON_SET,
        TargetKind.ROLLOUT,
    )

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # nothing of the target is touched
        """Return no rights: those on owners' objects are asked for by the owner."""
        return ()

    def read_back(self, command: Command) -> Progress:
        """Return whether our note is gone, and with it the pause."""
        owner, paused = self._owner(command), _paused(command)
        title = f"{paused.resource} {paused.namespace}/{paused.name}"
        is_over = owner is None or note_of(owner) is None
        detail = f"{title} is {'not' if is_over else 'still'} paused by us"
        return Progress(is_set=is_over, is_done=is_over, template=NO_TEMPLATE, detail=detail)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Put back what was lifted.

        Raises:
            RefusedActionError: the source still asks for a revision in quarantine, or nobody can tell.
        """
        name, owner = what(command), self._owner(command)
        note = None if owner is None else note_of(owner)
        if owner is None or note is None:
            return self.read_back(command).detail
        wanted = owner.tool.wanted(self._api, name, owner.body, command.issued_at)
        if wanted in note.quarantined.values():
            raise RefusedActionError(
                f"{name}: the source of {owner.title} still asks for revision {wanted}, which was undone"
            )
        text = lift(self._api, name, owner, is_rehearsal=is_rehearsal)
        return f"{text}: its source asks for revision {wanted} by now"

    def _owner(self, command: Command) -> Owner | None:
        """Return what was paused; None if it is gone."""
        paused = _paused(command)
        tool = tool_for(paused.resource)
        try:
            return read_owner(self._api, what(command), tool, paused.namespace, paused.name)
        except NotFoundError:
            return None


def _paused(command: Command) -> PausedSync:
    if command.paused is None:
        raise PermanentActionError(f"{what(command)}: it names nothing that was paused")
    return command.paused
