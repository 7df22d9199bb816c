"""Holds: decisions that wait for a human, from the page to the expiry or the withdrawal."""

from datetime import datetime, timedelta

from actions.briefs import brief_of
from actions.gate_state import ClosedHold, GateState, OpenHold
from actions.gate_words import held, hold_changed, hold_denied, once, page_about, page_about_hold
from actions.guardrails import Obstacle
from schemas.approvals import ApprovalSettings, Asked, HoldChange, HoldChanged
from schemas.judgements import Verdict
from schemas.keys import ReleaseId
from schemas.labels import Labelled
from schemas.observations import Approval
from schemas.orders import Command, Decision, Denied, Guard, Held, Page, Playbook
from schemas.policy import GateSettings
from schemas.releases import Release

HoldEffect = Command | Held | Denied | Page | HoldChanged | Labelled


def hold_back(
    state: GateState,
    decision: Decision,
    obstacle: Obstacle,
    command: Command,
    playbook: Playbook,
    settings: GateSettings,
    now: datetime,
    release: Release | None = None,
    verdict: Verdict | None = None,
) -> tuple[HoldEffect, ...]:
    """Hold a command until a human answers or nobody does; return the hold and its page."""
    begins = now
    if obstacle.guard is Guard.FREEZE and state.frozen_until is not None:
        # The time to answer starts when an answer can have an effect.
        begins = max(now, state.frozen_until)
    expires_at = begins + settings.approval_expires
    brief = brief_of(decision, command, expires_at, release, verdict)
    said = held(decision, obstacle, now, expires_at, command, _asked(settings.approval, begins), brief)
    state.holds[said.id] = OpenHold(
        held=said,
        playbook=playbook,
        command_life_s=settings.command_expires.total_seconds(),
        recovery_s=settings.recovery.total_seconds(),
    )
    what = f"{playbook} waits for approval until {said.expires_at} ({obstacle.guard}): {obstacle.reason}"
    return (said, *once(state, page_about(decision, what, said.id, now)))


def expire(state: GateState, now: datetime) -> tuple[HoldEffect, ...]:
    """End the holds that nobody answered in time; return their denials and pages."""
    effects: tuple[HoldEffect, ...] = ()
    for hold in list(state.holds.values()):
        if hold.held.expires_at is not None and now >= hold.held.expires_at:
            effects += expire_hold(state, hold, now)
    return effects


def withdraw(state: GateState, release: ReleaseId, why: str, now: datetime) -> tuple[HoldEffect, ...]:
    """End the holds of a release that another one superseded, or that is over; return their denials."""
    effects: tuple[HoldEffect, ...] = ()
    for hold in list(state.holds.values()):
        if hold.held.release == release:
            effects += _withdrawn(state, hold, why, now)
    return effects


def expire_hold(state: GateState, hold: OpenHold, now: datetime) -> tuple[HoldEffect, ...]:
    """End a hold that nobody answered; return its denial and page."""
    reason = f"nobody answered by {hold.held.expires_at}: no answer means no action"
    ended = close(state, hold, HoldChange.EXPIRED, reason, now)
    state.settled[hold.held.decision] = now
    return (
        ended,
        hold_denied(hold.held, Guard.EXPIRED, reason, now),
        *once(state, page_about_hold(hold.held, f"{hold.playbook} not done, {reason}", now)),
    )


def _asked(settings: ApprovalSettings, begins: datetime) -> Asked:
    escalates = bool(settings.escalate_to) and settings.escalate_after > timedelta(0)
    return Asked(
        approvers=settings.approvers,
        quorum=settings.quorum,
        escalates_at=begins + settings.escalate_after if escalates else None,
        escalates_to=settings.escalate_to if escalates else (),
    )


def _withdrawn(state: GateState, hold: OpenHold, why: str, now: datetime) -> tuple[HoldEffect, ...]:
    # Not settled: blame may move back, and the same decision then waits again.
    ended = close(state, hold, HoldChange.WITHDRAWN, f"withdrawn: {why}", now)
    return (ended, hold_denied(hold.held, Guard.SUPERSEDED, f"withdrawn: {why}", now))


def close(
    state: GateState,
    hold: OpenHold,
    change: HoldChange,
    end: str,
    now: datetime,
    approval: Approval | None = None,
    by: str = "policy",
) -> HoldChanged:
    """Remember a hold as over, so that a late answer can be told what became of it; return that it is."""
    del state.holds[hold.held.id]
    state.closed[hold.held.id] = ClosedHold(
        service=hold.held.service,
        release=hold.held.release,
        end=end,
        at=now,
        by=approval.by if approval else "",
        answer=approval.answer if approval else None,
    )
    return hold_changed(hold.held, change, by, end, now)
