"""Guardrails: what stands between a decision and the world, asked in a fixed order."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.gate_state import GateState
from schemas.keys import ServiceName, TemplateHash
from schemas.orders import CommandKind, Decision, Guard, Playbook
from schemas.playbooks import PlaybookSpec
from schemas.policy import GateSettings
from schemas.releases import Release, Target

OWN_UNDO_GRACE = timedelta(minutes=2)
"""A deploy event without a template that comes so soon after our undo is taken for the undo's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """What holds or denies a decision.

    Attributes:
        is_denial: No human's answer changes it; otherwise the decision is held.
        may_pass_later: The same decision is asked again when it comes again.
    """

    guard: Guard
    reason: str
    is_denial: bool = False
    may_pass_later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysBack:
    """How a release is taken back.

    Attributes:
        playbook: What does it; None for a single undo.
        one_way: What was seen to speak against it: a change that going back does not take back; "" for none.
        roll_forward: What a human is offered then; None for nothing.
    """

    playbook: PlaybookSpec | None = None
    one_way: str = ""
    roll_forward: PlaybookSpec | None = None


def stop(state: GateState, now: datetime) -> Obstacle | None:
    """Return the kill switch or the freeze that is on: these two bind humans, too."""
    if state.is_killed:
        return Obstacle(
            guard=Guard.KILL_SWITCH,
            reason=f"the kill switch of {state.environment} is on, set by {state.killed_by}"
            + _because(state.killed_why),
            is_denial=True,
            may_pass_later=True,
        )
    if state.frozen_at(now):
        return Obstacle(
            guard=Guard.FREEZE,
            reason=f"{state.environment} is frozen until {state.frozen_until} by {state.frozen_by}"
            + _because(state.frozen_why),
        )
    return None


def missing(
    decision: Decision, release: Release, target: Target | None, template: TemplateHash
) -> Obstacle | None:
    """Return what a command cannot be written without: an object to change, a template to bring it to."""
    if target is None:
        return Obstacle(
            guard=Guard.NO_TARGET,
            reason=f"neither the deploy event nor the policy says what runs {release.service}",
        )
    if decision.playbook is Playbook.PROMOTE:
        if not template:
            return Obstacle(
                guard=Guard.NO_TARGET,
                reason="the deploy event names no template, so there is nothing to promote",
                is_denial=True,
            )
        return None
    if not template:
        return Obstacle(
            guard=Guard.NO_ROLLBACK_TEMPLATE,
            reason=f"no template to take {target.key} back to is known; roll back by hand",
        )
    if template == release.template:
        return Obstacle(
            guard=Guard.NO_ROLLBACK_TEMPLATE,
            reason=f"the template to go back to is {template}, which is the release's own",
        )
    return None


def rollback_of_rollback(state: GateState, release: Release, template: TemplateHash) -> Obstacle | None:
    """Return the earlier rollback that this one would take back, or the bad template it would restore."""
    mark = state.restored.get(release.service)
    is_ours = False
    if mark is not None:
        if release.template:
            is_ours = release.template == mark.template
        else:
            is_ours = mark.since <= release.started_at <= mark.until + OWN_UNDO_GRACE
    if mark is not None and is_ours:
        return Obstacle(
            guard=Guard.ROLLBACK_OF_ROLLBACK,
            reason=f"{release.version} is what our own rollback of {mark.since} restored "
            f"(template {mark.template}); a human must look",
            is_denial=True,
        )
    taken_away_at = state.undone.get(undone_key(release.service, template))
    if taken_away_at is not None:
        return Obstacle(
            guard=Guard.ROLLBACK_OF_ROLLBACK,
            reason=f"template {template} was itself rolled back at {taken_away_at}; a human must look",
            is_denial=True,
        )
    return None


def undone_key(service: str, template: str) -> str:
    """Return the key of a template in `GateState.undone`."""
    return f"{service} {template}"


def spent(state: GateState, release: Release, settings: GateSettings, now: datetime) -> Obstacle | None:
    """Return the budget, blast radius or cooldown that an undo now would break; a human may overrule it.

    Only undos count, and only undos are held: promoting a good release neither flaps nor harms.
    """
    recent = state.undos_since(now - settings.budget_window)
    if len(recent) >= settings.budget:
        return Obstacle(
            guard=Guard.BUDGET,
            reason=f"{len(recent)} rollbacks in {state.environment} within {settings.budget_window}, "
            f"budget is {settings.budget}",
        )
    own = [order for order in recent if order.service == release.service]
    if len(own) >= settings.service_budget:
        return Obstacle(
            guard=Guard.BUDGET,
            reason=f"{len(own)} rollbacks of {release.service} within {settings.budget_window}, budget of "
            f"one service is {settings.service_budget}",
        )
    if (found := crowded(state, release.service, settings, now)) is not None:
        return found
    for order in reversed(state.orders.values()):
        if order.kind is not CommandKind.UNDO or order.service != release.service or not order.is_cooling:
            continue
        ends = order.changed_at + settings.cooldown
        if now < ends:
            return Obstacle(
                guard=Guard.COOLDOWN,
                reason=f"{release.service} was rolled back at {order.changed_at}, cooldown ends at {ends}",
            )
    return None


def crowded(state: GateState, service: ServiceName, settings: GateSettings, now: datetime) -> Obstacle | None:
    """Return the blast radius that acting on one more service would break."""
    if settings.blast_radius is None:
        return None
    since = now - settings.budget_window
    services = {order.service: True for order in state.interventions_since(since)}
    if service in services or len(services) < settings.blast_radius:
        return None
    return Obstacle(
        guard=Guard.BLAST_RADIUS,
        reason=f"{', '.join(services)} were rolled back or mended within {settings.budget_window}, blast "
        f"radius is {settings.blast_radius} services; a common cause is likelier than {service}",
    )


def one_way(release: Release, shown: str, offered: str) -> Obstacle | None:
    """Return the guard that a release which cannot be taken back meets.

    Args:
        release: What its deploy event declares.
        shown: What was seen of it since, such as a migration that ran; "" for nothing.
        offered: What a human may approve instead, in words; "" for nothing.
    """
    reason = release.one_way or shown
    if not reason:
        return None
    instead = f"approval would {offered}" if offered else "nothing is offered instead"
    return Obstacle(
        guard=Guard.IRREVERSIBLE,
        reason=f"{release.version} made a change that going back does not take back ({reason}); {instead}; "
        "undo by hand only if the old version is known to bear it",
    )


def _because(why: str) -> str:
    return f": {why}" if why else ""
