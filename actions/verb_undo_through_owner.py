"""Undo of a workload through whoever owns it: an owner that would write it again is paused before."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions.actuator import Progress
from actions.errors import ActionError, HandedOverError, TransientActionError
from actions.helm_program import Helm
from actions.helm_rollback import Release, read_release, roll_back
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_objects import Json
from actions.kubernetes_resources import DEPLOYMENTS, ROLLOUTS, WORKLOADS
from actions.kubernetes_verb import Verb, what
from actions.owner_objects import Owner, read_again
from actions.ownership import ARGO_CD_NAMESPACE, LEASE, Owned, find_owner, is_spared
from actions.revert_requests import RevertRequests, by_hand
from actions.sync_lease import is_ours, leave, note_link, note_of, pause, paused_sync
from schemas.orders import Command
from schemas.releases import TargetKind
from schemas.verbs import OwnerKind, Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSettings:
    """How owners are dealt with.

    Attributes:
        lease: How long an owner is told to leave an undone object alone before it is asked whether its
            source still wants the bad revision.
        argo_cd: Namespace of Argo CD's own Applications.
        clock: Returns the present instant, aware; None where nobody waits for an owner to see its pause.
        helm: Rolls releases back; None where there is no such program.
        reverts: Opens requests to revert what was undone; None where there are no credentials.
    """

    lease: timedelta = LEASE
    argo_cd: str = ARGO_CD_NAMESPACE
    clock: Callable[[], datetime] | None = None
    helm: Helm | None = None
    reverts: RevertRequests | None = None


ACKNOWLEDGED_WITHIN = timedelta(seconds=30)
"""An owner that has not shown by then that it has seen its pause does not run, or has much else to do."""


class UndoThroughOwner:
    """Gives a workload its template back so that it stays.

    An owner that acts by itself is paused before, on a lease that its object notes; what only holds until
    somebody's next sync is said. Where a pause would be taken back by the owner's own owner, nothing is
    touched and a human is handed the rest.

    Args:
        api: The cluster.
        undo: What gives the template back.
        settings: How owners are dealt with.
    """

    def __init__(self, api: KubernetesApi, undo: Verb, settings: OwnerSettings) -> None:
        self._api, self._undo, self._settings = api, undo, settings

    def read_back(self, command: Command) -> Progress:
        """Return how far the workload is from the template, and whether its owner leaves it alone."""
        progress = self._undo.read_back(command)
        if progress.ownership is not None:
            # Nobody left a trace on what was read.
            return progress
        thing = self._thing(command)
        owned = self._owned(command, thing)
        if owned is None:
            return replace(progress, ownership=Ownership(owner=OwnerKind.NOBODY))
        release = self._release(command, owned)
        ownership = _of_release(command, release) if release else _ownership(command, owned, thing)
        progress = replace(progress, ownership=ownership)
        if not ownership.paused:
            return progress
        if not progress.is_set:
            return replace(
                progress,
                is_begun=True,
                is_taken_back=progress.template == command.expected_template,
                detail=f"{progress.detail}; {ownership.strategy}",
            )
        if busy := _busy(command, owned.owners) or self._unseen(owned.owners):
            return replace(progress, is_done=False, detail=busy)
        return progress

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Pause the owner where it acts by itself, then give the template back.

        Raises:
            HandedOverError: a pause would be taken back.
            TransientActionError: a sync that began before the pause may yet write the template again.
        """
        thing = self._thing(command)
        owned = self._owned(command, thing)
        if owned is None:
            return self._undo.carry_out(command, is_rehearsal=is_rehearsal)
        # What is refused must be so before anybody is paused for it.
        text = self._undo.carry_out(command, is_rehearsal=True)
        release = self._release(command, owned)
        if release and release.history and self._settings.helm is not None:
            return roll_back(
                self._api, self._settings.helm, command, release, self._undo, is_rehearsal=is_rehearsal
            )
        acting = _acting(owned, thing)
        if not acting:
            done = text if is_rehearsal else self._undo.carry_out(command)
            ownership = _of_release(command, release) if release else _ownership(command, owned, thing)
            return f"{done}; {ownership.drift}"
        if owned.held_by:
            raise self._handed_over(command, owned, is_rehearsal=is_rehearsal)
        if is_rehearsal:
            return "; ".join((*self._paused(command, acting, is_rehearsal=True), text))
        with self._leaving(command, acting):
            pauses = self._paused(command, acting, is_rehearsal=False)
            done = self._undo.carry_out(command)
            if busy := _busy(command, [read_again(self._api, what(command), one) for one in acting]):
                raise TransientActionError(f"{what(command)}: {busy}")
        return "; ".join((*pauses, done, self._follow_up(command, owned, acting[-1])))

    def _paused(self, command: Command, acting: tuple[Owner, ...], *, is_rehearsal: bool) -> tuple[str, ...]:
        clock = self._settings.clock
        done = [
            pause(
                self._api,
                what(command),
                one,
                command,
                self._settings.lease,
                now=clock() if clock else None,
                is_rehearsal=is_rehearsal,
            )
            for one in acting
        ]
        return tuple(text for text in done if text)

    def _unseen(self, owners: Sequence[Owner]) -> str:
        """Return who may act on what it saw before its pause; "" once it has seen that, or does not run."""
        clock = self._settings.clock
        for one in owners:
            note = note_of(one)
            if clock is None or note is None or note.since is None or one.tool.has_seen(one.body):
                continue
            if clock() < note.since + ACKNOWLEDGED_WITHIN:
                return f"{one.title} has not seen its pause yet"
        return ""

    @contextmanager
    def _leaving(self, command: Command, acting: tuple[Owner, ...]) -> Iterator[None]:
        """Let the owners go on if the undo fails before it changed anything; else tell of what is paused."""
        try:
            yield
        except ActionError as error:
            name = what(command)
            try:
                if not isinstance(error, TransientActionError) and not self._undo.read_back(command).is_set:
                    for one in reversed(acting):
                        leave(self._api, name, one, command)
                error.ownership = self.read_back(command).ownership
            except ActionError:
                # What cannot be read now is read when the command comes again.
                raise error from None
            raise

    def _release(self, command: Command, owned: Owned) -> Release | None:
        """Return the release of Helm that owns the workload; None where something else does."""
        if owned.trace.owner is not OwnerKind.HELM:
            return None
        if self._settings.helm is None or command.target.kind is TargetKind.ROLLOUT:
            # A Rollout is taken back by its own controller: a rollback would walk through all of its steps.
            return Release(trace=owned.trace, history=())
        return read_release(self._api, command, owned.trace)

    def _follow_up(self, command: Command, owned: Owned, paused: Owner) -> str:
        """Ask for a revert, once; return what is asked for, or left to people."""
        text, link = self._requested(command, owned)
        if link:
            note_link(self._api, what(command), paused, command, link)
        return text

    def _requested(self, command: Command, owned: Owned) -> tuple[str, str]:
        """Return what is asked for at the source, or left to people, and the address of the request."""
        owner, name = owned.owners[-1], what(command)
        try:
            source = owner.tool.source(self._api, name, owner.body)
            if self._settings.reverts is None:
                return by_hand(source), ""
            link = self._settings.reverts.open(command, owned.title, source)
        except ActionError as error:
            # The undo is done, or left to people: it does not fail for want of a request.
            return f"no revert is requested: {error}", ""
        return f"revert requested: {link}", link

    def _handed_over(self, command: Command, owned: Owned, *, is_rehearsal: bool) -> HandedOverError:
        request, link = ("", "") if is_rehearsal else self._requested(command, owned)
        ownership = Ownership(
            owner=owned.trace.owner,
            name=owned.title,
            strategy=f"nothing is touched: {owned.held_by} would take a pause of {owned.title} back",
            drift=f"it still runs what revision {_applied(owned)} of {owned.title} says",
            link=link,
        )
        return HandedOverError(
            f"{what(command)}: {ownership.strategy}; {request or ownership.drift}", ownership
        )

    def _owned(self, command: Command, thing: Json) -> Owned | None:
        return find_owner(self._api, what(command), thing, self._settings.argo_cd)

    def _thing(self, command: Command) -> Json:
        """Return the object that holds the template."""
        target, name = command.target, what(command)
        if target.kind is not TargetKind.ROLLOUT:
            return self._api.read(name, WORKLOADS[target.kind][0], target.namespace, target.workload)
        rollout = self._api.read(name, ROLLOUTS, target.namespace, target.workload)
        reference = rollout["spec"].get("workloadRef") or {}
        if reference.get("kind") != "Deployment":
            return rollout
        return self._api.read(name, DEPLOYMENTS, target.namespace, reference["name"])


def _acting(owned: Owned, thing: Json) -> tuple[Owner, ...]:
    """Return the owner's objects that have to be paused, the outermost first; those that we paused, too."""
    if not owned.owners or is_spared(thing):
        return ()
    acting = tuple(one for one in owned.owners if one.is_automatic or is_ours(one))
    # A parent that acts writes its child again, and not the workload.
    return acting if owned.owners[-1] in acting else ()


def _busy(command: Command, owners: Sequence[Owner]) -> str:
    """Return which sync is under way that a pause came too late for; "" when none is."""
    for one in owners:
        if one.tool.is_busy(one.body, command.issued_at):
            return f"a sync of {one.title} that began before it was paused is under way"
    return ""


def _ownership(command: Command, owned: Owned, thing: Json) -> Ownership:
    """Return what follows from an owner, from its objects alone."""
    paused = [found for one in owned.owners if (found := paused_sync(one, command)) is not None]
    link = ""
    if paused:
        until = min(one.until for one in paused)
        names = " and ".join(f"{one.resource} {one.namespace}/{one.name}" for one in paused)
        strategy = f"{names} paused until {until}, or until its source moves on"
        drift = f"template {command.template} differs from revision {paused[-1].revision} of {owned.title}"
        note = note_of(owned.owners[-1])
        link = note.links.get(command.id, "") if note else ""
    else:
        strategy = _why_plain(owned, thing)
        drift = (
            f"template {command.template} is in the cluster alone, {owned.title} brought in "
            f"{_applied(owned) or 'another'}"
        )
    return Ownership(
        owner=owned.trace.owner,
        name=owned.title,
        strategy=strategy,
        drift=drift,
        link=link,
        paused=tuple(paused),
    )


def _of_release(command: Command, release: Release) -> Ownership:
    """Return what follows from a release of Helm, which does nothing by itself."""
    newest = release.rolled_back_since(command.issued_at)
    if newest is not None:
        strategy, drift = f"{release.title} was rolled back, as revision {newest.number}", ""
    else:
        strategy = f"undone in the cluster, without Helm: {release.title} may bring the bad template in again"
        drift = f"template {command.template} is in the cluster alone, {release.title} does not know of it"
    return Ownership(owner=OwnerKind.HELM, name=release.title, strategy=strategy, drift=drift)


def _why_plain(owned: Owned, thing: Json) -> str:
    if is_spared(thing):
        return f"undone in the cluster: the object tells {owned.title} to leave it alone"
    if owned.owners[-1].is_automatic:
        return f"{owned.title} acts by itself, and this command paused nothing of it"
    return f"undone in the cluster: {owned.title} does not act by itself, until somebody syncs it"


def _applied(owned: Owned) -> str:
    """Return the revision that an owner brought in last."""
    owner = owned.owners[-1]
    return owner.tool.applied(owner.body)
