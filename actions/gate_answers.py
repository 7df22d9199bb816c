"""Answers to holds: whose count, how many are needed, and what each one does. Pure.

The first rejection ends a hold, and so does the approval that makes the quorum; whoever comes later is told
that it is over. An approval is held against kill switch and freeze as they are then; budget, blast radius
and cooldown are what the humans overrule.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from actions.gate_holds import HoldEffect, close, expire_hold
from actions.gate_orders import issue
from actions.gate_state import GateState, OpenHold
from actions.gate_words import answer_in_vain, hold_changed, hold_denied, once, page_about_hold
from actions.guardrails import stop
from schemas.approvals import Asked, HoldChange, Person, includes, person_behind
from schemas.keys import derived_id
from schemas.labels import TRUST, Label, LabelKind, Labelled, LabelSource
from schemas.observations import Answer, Approval
from schemas.orders import Decision, Guard, Playbook

_CHAT = ("pagerduty", "slack")


def answer(
    state: GateState, people: Mapping[str, Person], approval: Approval, now: datetime
) -> tuple[HoldEffect, ...]:
    """Return what a human's answer does."""
    hold = state.holds.get(approval.hold)
    if hold is None:
        closed = state.closed.get(approval.hold)
        if closed is not None and closed.by == approval.by and closed.answer is approval.answer:
            # The same message came again: it had its effect.
            return ()
        return once(state, answer_in_vain(approval, closed, now))
    if hold.held.expires_at is not None and now >= hold.held.expires_at:
        effects = expire_hold(state, hold, now)
        return effects + once(state, answer_in_vain(approval, state.closed[approval.hold], now))
    name = person_behind(people, approval.channel, approval.by)
    if not _counts(hold, people, approval, name):
        return _not_counted(hold, approval, name, now)
    who = f"{name or approval.by} via {approval.channel}"
    match approval.answer:
        case Answer.REJECT:
            return _rejected(state, hold, approval, who, now)
        case Answer.APPROVE:
            return _approved(state, hold, approval, name or f"{approval.channel}:{approval.by}", who, now)
        case Answer.HAND_OVER:
            return _handed_over(hold, people, approval, who, now)


def act_alone(state: GateState, decision: Decision, because: str, now: datetime) -> tuple[HoldEffect, ...]:
    """Return the order that waited for approval and needs none any more; nothing where none waits so.

    What waits for another reason than approval, such as a spent budget, still waits.
    """
    for hold in list(state.holds.values()):
        if hold.held.decision == decision.id and hold.held.guard is Guard.APPROVAL:
            if stop(state, now) is not None:
                return ()
            return _ordered(state, hold, f"policy: {because}", now, None)
    return ()


def escalate(state: GateState, now: datetime) -> tuple[HoldEffect, ...]:
    """Ask more people about the holds that have waited long enough for that; return the news and pages."""
    effects: tuple[HoldEffect, ...] = ()
    for hold in state.holds.values():
        asked = hold.held.asked
        if asked is None or asked.escalates_at is None or hold.is_escalated or now < asked.escalates_at:
            continue
        hold.is_escalated = True
        names = ", ".join(asked.escalates_to)
        text = f"{hold.playbook} has waited since {hold.held.at}; {names} may answer as well"
        effects += (hold_changed(hold.held, HoldChange.ESCALATED, "policy", text, now, asked.escalates_to),)
        effects += once(state, page_about_hold(hold.held, text, now))
    return effects


def _counts(hold: OpenHold, people: Mapping[str, Person], approval: Approval, name: str | None) -> bool:
    asked = hold.held.asked or Asked()
    if not asked.approvers:
        return name is not None or approval.channel not in _CHAT
    if name is None:
        return False
    escalated = asked.escalates_to if hold.is_escalated else ()
    return name in hold.handed_to or includes((*asked.approvers, *escalated), people, name)


def _not_counted(
    hold: OpenHold, approval: Approval, name: str | None, now: datetime
) -> tuple[HoldEffect, ...]:
    who = f"{name or approval.by} via {approval.channel}"
    text = f"{approval.answer} by {who} does not count: they are not asked"
    return (hold_changed(hold.held, HoldChange.NOT_COUNTED, who, text, now),)


def _rejected(
    state: GateState, hold: OpenHold, approval: Approval, who: str, now: datetime
) -> tuple[HoldEffect, ...]:
    reason = f"rejected by {who}{_because(approval)}"
    ended = close(state, hold, HoldChange.REJECTED, reason, now, approval, who)
    state.settled[hold.held.decision] = now
    labels = (_label(hold, LabelKind.HARMLESS, LabelSource.REJECTION, approval, who, now),)
    return (
        ended,
        hold_denied(hold.held, Guard.REJECTED, reason, now),
        *(labels if hold.playbook is Playbook.ROLLBACK else ()),
    )


def _approved(
    state: GateState, hold: OpenHold, approval: Approval, identity: str, who: str, now: datetime
) -> tuple[HoldEffect, ...]:
    obstacle = stop(state, now)
    if obstacle is not None:
        reason = (
            f"approved by {who}, but {obstacle.reason}; lift it and approve the next hold, or act by hand"
        )
        ended = close(state, hold, HoldChange.WITHDRAWN, reason, now, approval)
        return (
            ended,
            hold_denied(hold.held, obstacle.guard, reason, now),
            *once(state, page_about_hold(hold.held, reason, now)),
        )
    if identity in hold.approved_by:
        return ()
    hold.approved_by[identity] = who
    needed = hold.held.asked.quorum if hold.held.asked else 1
    if len(hold.approved_by) < needed:
        text = f"{len(hold.approved_by)} of {needed} approvals: {', '.join(hold.approved_by.values())}"
        return (hold_changed(hold.held, HoldChange.AGREED, who, text, now, tuple(hold.approved_by)),)
    kind = {Playbook.ROLLBACK: LabelKind.BAD, Playbook.PROMOTE: LabelKind.GOOD}.get(hold.playbook)
    labels = () if kind is None else (_label(hold, kind, LabelSource.APPROVAL, approval, who, now),)
    return (*_ordered(state, hold, ", ".join(hold.approved_by.values()), now, approval), *labels)


def _ordered(
    state: GateState, hold: OpenHold, who: str, now: datetime, approval: Approval | None
) -> tuple[HoldEffect, ...]:
    """Close a hold and give its order, which is as young as the last approval."""
    end = f"approved by {who}{_because(approval)}"
    ended = close(state, hold, HoldChange.GRANTED, end, now, approval, who if approval else "policy")
    state.settled[hold.held.decision] = now
    waiting = hold.held.command
    assert waiting is not None, "a hold without a command is never open"
    life = timedelta(seconds=hold.command_life_s)
    command = replace(waiting, issued_at=now, expires_at=now + life, approved_by=who)
    return (ended, issue(state, command, timedelta(seconds=hold.recovery_s)))


def _handed_over(
    hold: OpenHold, people: Mapping[str, Person], approval: Approval, who: str, now: datetime
) -> tuple[HoldEffect, ...]:
    if approval.to not in people:
        text = f"{who} handed the question to {approval.to}, whom the policy does not know"
        return (hold_changed(hold.held, HoldChange.NOT_COUNTED, who, text, now),)
    if approval.to in hold.handed_to:
        return ()
    hold.handed_to.append(approval.to)
    text = f"{who} asks {approval.to} to answer{_because(approval)}"
    return (hold_changed(hold.held, HoldChange.HANDED_OVER, who, text, now, (approval.to,)),)


def _because(approval: Approval | None) -> str:
    return f": {approval.why}" if approval is not None and approval.why else ""


def _label(
    hold: OpenHold, kind: LabelKind, source: LabelSource, approval: Approval, who: str, now: datetime
) -> Labelled:
    held = hold.held
    return Labelled(
        label=Label(
            id=derived_id("label", held.release, source, held.id),
            release=held.release,
            environment=held.environment,
            service=held.service,
            kind=kind,
            source=source,
            by=who,
            at=now,
            about=held.id,
            trust=TRUST[source].trust,
            why=approval.why,
        )
    )
