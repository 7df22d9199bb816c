"""Holds: decisions that wait for a human, from the page to the answer, the expiry or the withdrawal."""

from dataclasses import replace
from datetime import datetime, timedelta

from actions.gate_orders import issue
from actions.gate_state import ClosedHold, GateState, OpenHold
from actions.gate_words import answer_in_vain, held, hold_denied, once, page_about, page_about_hold
from actions.guardrails import Obstacle, stop
from schemas.keys import ReleaseId
from schemas.observations import Answer, Approval
from schemas.orders import Command, Decision, Denied, Guard, Held, Page, Playbook
from schemas.policy import GateSettings

HoldEffect = Command | Held | Denied | Page


def hold_back(
    state: GateState,
    decision: Decision,
    obstacle: Obstacle,
    command: Command,
    playbook: Playbook,
    settings: GateSettings,
    now: datetime,
) -> tuple[HoldEffect, ...]:
    """Hold a command until a human answers or nobody does; return the hold and its page."""
    begins = now
    if obstacle.guard is Guard.FREEZE and state.frozen_until is not None:
        # The time to answer starts when an answer can have an effect.
        begins = max(now, state.frozen_until)
    said = held(decision, obstacle, now, begins + settings.approval_expires, command)
    state.holds[said.id] = OpenHold(
        held=said,
        playbook=playbook,
        command_life_s=settings.command_expires.total_seconds(),
        recovery_s=settings.recovery.total_seconds(),
    )
    what = f"{playbook} waits for approval until {said.expires_at} ({obstacle.guard}): {obstacle.reason}"
    return (said, *once(state, page_about(decision, what, said.id, now)))


def answer(state: GateState, approval: Approval, now: datetime) -> tuple[HoldEffect, ...]:
    """Return what a human's answer does. The first one ends the hold; a later one is told that it is late.

    An approval is held against kill switch and freeze as they are now; budget, blast radius and
    cooldown are what the human overrules. The command is as young as the approval.
    """
    hold = state.holds.get(approval.hold)
    if hold is None:
        closed = state.closed.get(approval.hold)
        if closed is not None and closed.by == approval.by and closed.answer is approval.answer:
            # The same message came again: it had its effect.
            return ()
        return once(state, answer_in_vain(approval, closed, now))
    if hold.held.expires_at is not None and now >= hold.held.expires_at:
        effects = _expire(state, hold, now)
        return effects + once(state, answer_in_vain(approval, state.closed[approval.hold], now))

    who = f"{approval.by} via {approval.channel}"
    because = f": {approval.why}" if approval.why else ""
    if approval.answer is Answer.REJECT:
        _close(state, hold, f"rejected by {who}{because}", now, approval)
        state.settled[hold.held.decision] = now
        return (hold_denied(hold.held, Guard.REJECTED, f"rejected by {who}{because}", now),)

    obstacle = stop(state, now)
    if obstacle is not None:
        reason = (
            f"approved by {who}, but {obstacle.reason}; lift it and approve the next hold, or act by hand"
        )
        _close(state, hold, reason, now, approval)
        return (
            hold_denied(hold.held, obstacle.guard, reason, now),
            *once(state, page_about_hold(hold.held, reason, now)),
        )
    _close(state, hold, f"approved by {who}{because}", now, approval)
    state.settled[hold.held.decision] = now
    waiting = hold.held.command
    assert waiting is not None, "a hold without a command is never open"
    life = timedelta(seconds=hold.command_life_s)
    command = replace(waiting, issued_at=now, expires_at=now + life, approved_by=who)
    return (issue(state, command, timedelta(seconds=hold.recovery_s)),)


def expire(state: GateState, now: datetime) -> tuple[HoldEffect, ...]:
    """End the holds that nobody answered in time; return their denials and pages."""
    effects: tuple[HoldEffect, ...] = ()
    for hold in list(state.holds.values()):
        if hold.held.expires_at is not None and now >= hold.held.expires_at:
            effects += _expire(state, hold, now)
    return effects


def withdraw(state: GateState, release: ReleaseId, why: str, now: datetime) -> tuple[HoldEffect, ...]:
    """End the holds of a release that another one superseded, or that is over; return their denials."""
    effects: tuple[HoldEffect, ...] = ()
    for hold in list(state.holds.values()):
        if hold.held.release == release:
            effects += _withdrawn(state, hold, why, now)
    return effects


def _expire(state: GateState, hold: OpenHold, now: datetime) -> tuple[HoldEffect, ...]:
    reason = f"nobody answered by {hold.held.expires_at}: no answer means no action"
    _close(state, hold, reason, now)
    state.settled[hold.held.decision] = now
    return (
        hold_denied(hold.held, Guard.EXPIRED, reason, now),
        *once(state, page_about_hold(hold.held, f"{hold.playbook} not done, {reason}", now)),
    )


def _withdrawn(state: GateState, hold: OpenHold, why: str, now: datetime) -> tuple[HoldEffect, ...]:
    # Not settled: blame may move back, and the same decision then waits again.
    _close(state, hold, f"withdrawn: {why}", now)
    return (hold_denied(hold.held, Guard.SUPERSEDED, f"withdrawn: {why}", now),)


def _close(
    state: GateState, hold: OpenHold, end: str, now: datetime, approval: Approval | None = None
) -> None:
    del state.holds[hold.held.id]
    state.closed[hold.held.id] = ClosedHold(
        service=hold.held.service,
        release=hold.held.release,
        end=end,
        at=now,
        by=approval.by if approval else "",
        answer=approval.answer if approval else None,
    )
