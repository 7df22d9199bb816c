"""The gate: a decision goes out as a command, waits for a human, or is denied, and says which and why.

Pure: every function changes the state it is given and returns what there is to say. `now` is the
time of the observation that made it run.
"""

from datetime import datetime
from typing import assert_never

from actions import gate_orders
from actions.gate_answers import act_alone, answer, escalate
from actions.gate_holds import HoldEffect, expire, hold_back, withdraw
from actions.gate_leases import due_leases, look_reported, open_leases
from actions.gate_orders import issue, without_outcome
from actions.gate_state import ClosedHold, GateState
from actions.gate_words import command_for, denied, held, is_ordered, once, page_about, rehearsed
from actions.guardrails import Obstacle, WaysBack, missing, one_way, rollback_of_rollback, spent, stop
from schemas.freeze_windows import FreezeWindow, window_end
from schemas.judgements import Verdict
from schemas.keys import TemplateHash
from schemas.observations import FreezeSet, KillSwitchSet
from schemas.orders import (
    CommandKind,
    Decision,
    Guard,
    Outcome,
    Page,
    Playbook,
)
from schemas.policy import Autonomy, Rule
from schemas.releases import Release, Target

__all__ = [
    "GateEffect",
    "GateState",
    "WaysBack",
    "act_alone",
    "admit",
    "answer",
    "begun_window",
    "is_stopped",
    "outcome",
    "set_freeze",
    "set_kill_switch",
    "tick",
    "withdraw",
    "would_go_out",
]

GateEffect = HoldEffect


def admit(
    state: GateState,
    decision: Decision,
    release: Release,
    rule: Rule,
    *,
    rollback_template: TemplateHash,
    now: datetime,
    ways: WaysBack = WaysBack(),  # noqa: B008  # a frozen value
    verdict: Verdict | None = None,
) -> tuple[GateEffect, ...]:
    """Return what becomes of a decision: a command, a hold with its page, a denial, a page, or nothing.

    Deciding twice gives one command: a decision that was settled, or that waits, says nothing again.

    Args:
        state: The environment's gate.
        decision: What `actions.policy.decide` chose.
        release: The release that it is about.
        rule: The rule of its service.
        rollback_template: Template to go back to, as the deploy event or our own record of the last
            good release names it; "" when nobody knows.
        now: Time of the observation that led here.
        ways: Which playbook takes the release back, or what stands against that.
        verdict: The judge's newest word on it, for whoever is asked; None where a failure led here.
    """
    state.remembers_for(rule.gate.budget_window)
    state.sweep(now)
    if decision.id in state.settled or any(
        hold.held.decision == decision.id for hold in state.holds.values()
    ):
        return ()
    match decision.playbook:
        case Playbook.NOTHING if decision.suspects:
            return withdraw(state, release.id, decision.why, now)
        case Playbook.NOTHING:
            return ()
        case Playbook.PAGE if not decision.suspects:
            state.settled[decision.id] = now
            return once(state, page_about(decision, decision.why, decision.verdict, now))
        case Playbook.PAGE:
            return _hold_ambiguous(state, decision, release, rule, rollback_template, now, ways, verdict)
        case Playbook.ROLLBACK:
            return _act(state, decision, release, rule, rollback_template, now, ways, verdict)
        case Playbook.PROMOTE:
            return _act(state, decision, release, rule, release.template, now, WaysBack(), verdict)
        case Playbook.REMEDY:
            raise ValueError(f"decision {decision.id} is a playbook's step, expected one on a release")
        case _:
            assert_never(decision.playbook)


def would_go_out(
    state: GateState,
    decision: Decision,
    release: Release,
    rule: Rule,
    *,
    rollback_template: TemplateHash,
    now: datetime,
    ways: WaysBack,
) -> bool:
    """Return whether a rollback would become a command at once; asks only, the arguments are `admit`'s."""
    state.remembers_for(rule.gate.budget_window)
    state.sweep(now)
    if decision.id in state.settled or is_ordered(state, release.id, decision.playbook):
        return False
    return _obstacle(state, decision, release, rule, rollback_template, now, ways) is None


def is_stopped(state: GateState, now: datetime) -> bool:
    """Return whether the kill switch or a freeze is on."""
    return stop(state, now) is not None


def outcome(state: GateState, outcome: Outcome, now: datetime) -> tuple[Page, ...]:
    """Return the page that a failed or refused command gives; remember what a successful one changed."""
    pages = gate_orders.outcome(state, outcome, now)
    if outcome.command_kind is CommandKind.RESUME_SYNC:
        # A refusal is the answer that the source still wants the bad revision: told once, not each time.
        return look_reported(state, outcome, now)
    open_leases(state, outcome)
    return pages


def tick(state: GateState, now: datetime) -> tuple[GateEffect, ...]:
    """Return what the passing of time does: unanswered holds end, commands without an outcome page."""
    state.sweep(now)
    return expire(state, now) + escalate(state, now) + without_outcome(state, now) + due_leases(state, now)


def set_freeze(state: GateState, freeze: FreezeSet) -> None:
    """Freeze the environment until an instant; one that is past lifts the freeze."""
    state.frozen_until = freeze.until if freeze.until > freeze.at else None
    state.frozen_by = freeze.by
    state.frozen_why = freeze.why


def begun_window(state: GateState, windows: tuple[FreezeWindow, ...], now: datetime) -> FreezeSet | None:
    """Return the freeze that a window of the policy begins now; None when none does, or it was lifted."""
    found = window_end(windows, now)
    if found is None or found[0] == state.window_until:
        return None
    end, why = found
    state.window_until = end
    if state.frozen_until is not None and state.frozen_until >= end:
        return None
    return FreezeSet(environment=state.environment, until=end, by="policy", at=now, why=why)


def set_kill_switch(state: GateState, switch: KillSwitchSet) -> None:
    """Stop every action in the environment, or let them go on. Holds stay open, but cannot be approved."""
    state.is_killed = switch.is_on
    state.killed_by = switch.by
    state.killed_why = switch.why


_NOTHING_TO_APPROVE = (Guard.NO_TARGET, Guard.NO_ROLLBACK_TEMPLATE)


def _act(
    state: GateState,
    decision: Decision,
    release: Release,
    rule: Rule,
    template: TemplateHash,
    now: datetime,
    ways: WaysBack,
    verdict: Verdict | None,
) -> tuple[GateEffect, ...]:
    """Admit a rollback or a promotion."""
    if decision.failure and any(
        hold.held.release == release.id and hold.playbook is decision.playbook
        for hold in state.holds.values()
    ):
        # A human is asked about the same command already, on better grounds.
        return ()
    # The newest decision on a release counts: what an earlier one left waiting is over.
    effects = withdraw(state, release.id, f"a later verdict decided {decision.playbook}", now)
    if is_ordered(state, release.id, decision.playbook):
        state.settled[decision.id] = now
        return effects
    obstacle = _obstacle(state, decision, release, rule, template, now, ways)
    if obstacle is not None and _is_final(obstacle, ways):
        return effects + _turned_down(state, decision, obstacle, now)
    is_one_way = obstacle is not None and obstacle.guard is Guard.IRREVERSIBLE
    command = command_for(
        decision,
        release,
        decision.playbook,
        _target(release, rule),
        template,
        now,
        rule.gate.command_expires,
        ways.roll_forward if is_one_way else ways.playbook,
    )
    autonomy = rule.gate.promote if decision.playbook is Playbook.PROMOTE else rule.gate.rollback
    if autonomy is Autonomy.DRY_RUN:
        command = rehearsed(command)
    if obstacle is not None:
        return effects + hold_back(
            state, decision, obstacle, command, decision.playbook, rule.gate, now, release, verdict
        )
    state.settled[decision.id] = now
    return (*effects, issue(state, command, rule.gate.recovery))


def _target(release: Release, rule: Rule) -> Target:
    """Return what runs the release: as its event says, else as the policy does."""
    return release.target or rule.target.target(release.environment, release.service)


def _is_final(obstacle: Obstacle, ways: WaysBack) -> bool:
    """Return whether there is nothing that a human could approve."""
    if obstacle.guard is Guard.IRREVERSIBLE:
        return ways.roll_forward is None
    return obstacle.is_denial or obstacle.guard in _NOTHING_TO_APPROVE


def _obstacle(
    state: GateState,
    decision: Decision,
    release: Release,
    rule: Rule,
    template: TemplateHash,
    now: datetime,
    ways: WaysBack,
) -> Obstacle | None:
    """Return what stands in the way, hardest first: what no human can overrule before what one can."""
    is_promotion = decision.playbook is Playbook.PROMOTE
    target = _target(release, rule)
    found = _already_undone(state, release) if is_promotion else None
    found = found or missing(decision, release, target if target.workload else None, template)
    if not is_promotion:
        found = found or rollback_of_rollback(state, release, template)
    autonomy = rule.gate.promote if is_promotion else rule.gate.rollback
    if autonomy is Autonomy.SHADOW and (found is None or not found.is_denial):
        would = f"{decision.playbook} of {release.id} to template {template or '(unknown)'}"
        but = f", but: {found.reason}" if found else ""
        return Obstacle(guard=Guard.SHADOW, reason=f"shadow mode: would order {would}{but}", is_denial=True)
    found = found or stop(state, now)
    if not is_promotion:
        offered = ways.roll_forward.about if ways.roll_forward else ""
        found = found or one_way(release, ways.one_way, offered)
        found = found or spent(state, release, rule.gate, now)
    if found is None and decision.needs_approval:
        return Obstacle(guard=Guard.APPROVAL, reason=f"{decision.playbook} needs a human: {decision.why}")
    return found


def _already_undone(state: GateState, release: Release) -> Obstacle | None:
    if not is_ordered(state, release.id, Playbook.ROLLBACK):
        return None
    return Obstacle(
        guard=Guard.SUPERSEDED,
        reason=f"{release.id} was ordered back before, it is not promoted",
        is_denial=True,
    )


def _hold_ambiguous(
    state: GateState,
    decision: Decision,
    release: Release,
    rule: Rule,
    rollback_template: TemplateHash,
    now: datetime,
    ways: WaysBack,
    verdict: Verdict | None,
) -> tuple[GateEffect, ...]:
    """Hold the rollback of one suspect of several; the human who sees the ranking may approve it."""
    if is_ordered(state, release.id, Playbook.ROLLBACK):
        state.settled[decision.id] = now
        return ()
    if any(
        hold.held.release == release.id and hold.playbook is Playbook.ROLLBACK
        for hold in state.holds.values()
    ):
        # The same command waits for a human already.
        return ()
    effects = withdraw(state, release.id, "a later verdict decided that it is harmful", now)
    reason = Obstacle(guard=Guard.AMBIGUOUS_BLAME, reason=decision.why)
    found = _obstacle(state, decision, release, rule, rollback_template, now, ways)
    if found is not None and _is_final(found, ways):
        reason = Obstacle(
            guard=Guard.AMBIGUOUS_BLAME,
            reason=f"{decision.why}; there is no rollback to approve: {found.reason}",
        )
        return effects + _turned_down(state, decision, reason, now)
    command = command_for(
        decision,
        release,
        Playbook.ROLLBACK,
        _target(release, rule),
        rollback_template,
        now,
        rule.gate.command_expires,
        ways.roll_forward if found is not None and found.guard is Guard.IRREVERSIBLE else ways.playbook,
    )
    if rule.gate.rollback is Autonomy.DRY_RUN:
        command = rehearsed(command)
    return effects + hold_back(
        state, decision, reason, command, Playbook.ROLLBACK, rule.gate, now, release, verdict
    )


def _turned_down(
    state: GateState, decision: Decision, obstacle: Obstacle, now: datetime
) -> tuple[GateEffect, ...]:
    """Say that a decision is not carried out and that there is nothing to approve."""
    if not obstacle.may_pass_later:
        state.settled[decision.id] = now
    what = f"{decision.playbook} {'denied' if obstacle.is_denial else 'held'} ({obstacle.guard}): "
    page = page_about(decision, what + obstacle.reason, f"{obstacle.guard}", now)
    # A promotion that needs no doing wakes nobody, and shadow mode least of all.
    is_quiet = obstacle.guard in (Guard.SHADOW, Guard.SUPERSEDED) or (
        decision.playbook is Playbook.PROMOTE and obstacle.guard is Guard.NO_TARGET
    )
    pages = () if is_quiet else once(state, page)
    if obstacle.is_denial:
        return (denied(decision, obstacle, now), *pages)
    said = held(decision, obstacle, now)
    state.closed[said.id] = ClosedHold(
        service=said.service, release=said.release, end=f"nothing to approve: {obstacle.reason}", at=now
    )
    return (said, *pages)
