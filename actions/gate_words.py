"""How the gate says things: commands, holds, denials and pages with ids derived from their cause."""

from dataclasses import replace
from datetime import datetime, timedelta

from actions.gate_state import ClosedHold, GateState
from actions.guardrails import Obstacle
from actions.playbook_orders import release_order
from schemas.approvals import Asked, Brief, HoldChange, HoldChanged
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    ReleaseId,
    ServiceName,
    TemplateHash,
    command_id,
    derived_id,
)
from schemas.observations import Approval
from schemas.orders import Command, CommandKind, Decision, Denied, Guard, Held, Outcome, Page, Playbook
from schemas.playbooks import PlaybookSpec
from schemas.releases import Release, Target
from schemas.verbs import RemedyStep

_NOBODY = ServiceName("")

ROLL_FORWARD = "roll_forward"
"""What a release that cannot be taken back gets instead of a rollback, as ids are derived from it."""


def command_for(
    decision: Decision,
    release: Release,
    playbook: Playbook,
    target: Target,
    template: TemplateHash,
    now: datetime,
    life: timedelta,
    spec: PlaybookSpec | None = None,
) -> Command:
    """Return the order that carries a decision out; its id hangs on release and playbook alone.

    Of a rollback, `spec` says with which step it begins; None undoes.
    """
    is_promotion = playbook is Playbook.PROMOTE
    command = Command(
        id=command_id(release.id, playbook, 1),
        kind=CommandKind.PROMOTE if is_promotion else CommandKind.UNDO,
        decision=decision.id,
        release=release.id,
        environment=release.environment,
        service=release.service,
        target=target,
        template=template,
        expected_template=NO_TEMPLATE if is_promotion else release.template,
        issued_at=now,
        expires_at=now + life,
    )
    if spec is None or is_promotion:
        return command
    remedy = RemedyStep(playbook=spec.label, index=0, step=spec.steps[0].name, failure=decision.failure)
    first = command_id(release.id, ROLL_FORWARD, 1) if spec.roll_forward else command.id
    return release_order(command, spec.steps[0], remedy, first)


def rehearsed(command: Command) -> Command:
    """Return a command as a rehearsal, which is another order than the real one."""
    return replace(
        command, id=CommandId(derived_id("rehearsal", command.id)), is_rehearsal=True, awaited=None
    )


def is_ordered(state: GateState, release: ReleaseId, playbook: Playbook) -> bool:
    """Return whether a release's rollback, or what stood in for it, or its promotion was ordered before."""
    if playbook is Playbook.ROLLBACK and command_id(release, ROLL_FORWARD, 1) in state.orders:
        return True
    return command_id(release, playbook, 1) in state.orders


def held(
    decision: Decision,
    obstacle: Obstacle,
    now: datetime,
    expires_at: datetime | None = None,
    command: Command | None = None,
    asked: Asked | None = None,
    brief: Brief | None = None,
) -> Held:
    """Return the hold of a decision; one instant and one guard give one id."""
    return Held(
        id=derived_id("hold", decision.id, obstacle.guard, now.isoformat()),
        decision=decision.id,
        release=decision.release,
        environment=decision.environment,
        service=decision.service,
        guard=obstacle.guard,
        reason=obstacle.reason,
        at=now,
        expires_at=expires_at,
        command=command,
        asked=asked,
        brief=brief,
    )


def denied(decision: Decision, obstacle: Obstacle, now: datetime) -> Denied:
    """Return the denial of a decision."""
    return Denied(
        id=derived_id("denied", decision.id, obstacle.guard, now.isoformat()),
        decision=decision.id,
        release=decision.release,
        environment=decision.environment,
        service=decision.service,
        guard=obstacle.guard,
        reason=obstacle.reason,
        at=now,
    )


def guarded(decision: Decision, said: tuple[object, ...]) -> Decision:
    """Return a decision with what held or denied it among the things said of it at once."""
    for item in said:
        if isinstance(item, Held | Denied) and item.decision == decision.id:
            return replace(decision, guard=item.guard)
    return decision


def hold_denied(hold: Held, guard: Guard, reason: str, now: datetime) -> Denied:
    """Return the denial that ends a hold: one per hold, whatever ended it."""
    return Denied(
        id=derived_id("denied", hold.id),
        decision=hold.decision,
        release=hold.release,
        environment=hold.environment,
        service=hold.service,
        guard=guard,
        reason=reason,
        at=now,
    )


def hold_changed(
    hold: Held, change: HoldChange, by: str, text: str, now: datetime, to: tuple[str, ...] = ()
) -> HoldChanged:
    """Return what became of a hold; one change by one person is one."""
    return HoldChanged(
        id=derived_id("hold_changed", hold.id, change, by, *to),
        hold=hold.id,
        release=hold.release,
        environment=hold.environment,
        service=hold.service,
        change=change,
        by=by,
        at=now,
        text=text,
        to=to,
    )


def once(state: GateState, page: Page) -> tuple[Page, ...]:
    """Return the page, or nothing when it was sent before."""
    if page.id in state.paged:
        return ()
    state.paged[page.id] = page.at
    return (page,)


def page_about(decision: Decision, what: str, about: str, now: datetime) -> Page:
    """Return a page about a decision; a decision pages once per thing that it is about."""
    return Page(
        id=derived_id("page", decision.id, about),
        environment=decision.environment,
        service=decision.service,
        release=decision.release,
        about=about,
        summary=f"{decision.service} {decision.version} in {decision.environment}: {what}",
        at=now,
    )


def page_about_hold(hold: Held, what: str, now: datetime) -> Page:
    """Return a page about what became of a hold."""
    return Page(
        id=derived_id("page", hold.id, what),
        environment=hold.environment,
        service=hold.service,
        release=hold.release,
        about=hold.id,
        summary=f"{hold.release}: {what}",
        at=now,
    )


def page_about_outcome(outcome: Outcome, now: datetime) -> Page:
    """Return the page that a failed or refused command gives."""
    return Page(
        id=derived_id("page", outcome.command, outcome.kind),
        environment=outcome.environment,
        service=outcome.service,
        release=outcome.release,
        about=outcome.id,
        summary=f"{outcome.command_kind} of {outcome.target.key} {outcome.kind}: {outcome.detail}",
        at=now,
    )


def answer_in_vain(approval: Approval, hold: ClosedHold | None, now: datetime) -> Page:
    """Return the page that tells somebody that an answer changed nothing."""
    said = f"{approval.answer} by {approval.by} via {approval.channel} changed nothing"
    if hold is None:
        summary = f"{said}: no hold {approval.hold} in {approval.environment}"
    else:
        summary = f"{said}: the hold on {hold.release} was over at {hold.at}, {hold.end}"
    return Page(
        id=derived_id("page", "answer", approval.hold, approval.by, approval.answer, approval.channel),
        environment=approval.environment,
        service=hold.service if hold else _NOBODY,
        release=hold.release if hold else None,
        about=approval.hold,
        summary=summary,
        at=now,
    )
