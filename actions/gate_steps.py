"""Steps of playbooks at the gate: each goes out, waits for a human, or is put off. Pure."""

from datetime import datetime

from actions.gate_holds import HoldEffect, hold_back
from actions.gate_orders import issue
from actions.gate_state import GateState
from actions.gate_words import denied
from actions.guardrails import Obstacle, crowded
from schemas.orders import Command, Decision, Guard
from schemas.policy import Autonomy, GateSettings


def admit_step(
    state: GateState,
    decision: Decision,
    command: Command,
    settings: GateSettings,
    now: datetime,
    *,
    is_first: bool,
    asks: bool,
) -> tuple[HoldEffect, ...]:
    """Return what becomes of a step: its command, a hold with its page, or a denial in shadow mode.

    Kill switch, freeze and an order that is under way are asked before: a step waits for them.
    """
    state.remembers_for(settings.budget_window)
    state.sweep(now)
    if settings.remedy is Autonomy.SHADOW:
        obstacle = Obstacle(
            guard=Guard.SHADOW,
            reason=f"shadow mode: would order {command.kind} of {command.target.key}",
            is_denial=True,
        )
        return (denied(decision, obstacle, now),)
    found = _spent(state, command, settings, now, is_first=is_first)
    if found is None and (asks or decision.needs_approval):
        found = Obstacle(guard=Guard.APPROVAL, reason=f"it needs a human: {decision.why}")
    if found is not None:
        return hold_back(state, decision, found, command, decision.playbook, settings, now)
    return (issue(state, command, settings.recovery),)


def is_busy(state: GateState, service: str) -> bool:
    """Return whether an order about a service is under way: a step waits for its end."""
    return any(order.service == service and not order.is_reported for order in state.orders.values())


def _spent(
    state: GateState, command: Command, settings: GateSettings, now: datetime, *, is_first: bool
) -> Obstacle | None:
    service = command.service
    since = now - settings.budget_window
    steps = [one for one in state.orders.values() if one.remedy and one.issued_at > since]
    own = [one for one in steps if one.service == service]
    if len(own) >= settings.remedy_budget:
        return Obstacle(
            guard=Guard.BUDGET,
            reason=f"{len(own)} steps of playbooks for {service} within {settings.budget_window}, "
            f"budget is {settings.remedy_budget}",
        )
    if (found := crowded(state, service, settings, now)) is not None:
        return found
    ended = state.remedied.get(service)
    if is_first and ended is not None and now < ended + settings.cooldown:
        return Obstacle(
            guard=Guard.COOLDOWN,
            reason=f"a playbook for {service} ended at {ended}, cooldown ends at "
            f"{ended + settings.cooldown}; what comes back so soon was not mended",
        )
    return None
