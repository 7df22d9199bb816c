"""Leases: owners that were told to leave an undone object alone are asked, from time to time, to go on. Pure.

An owner such as Argo CD stays paused while its source still wants the bad revision: letting it go on would
bring the damage back. So the executor is ordered to look at the end of the lease, and again each time it has
passed, until the source moved on or a human ended it.
"""

from datetime import datetime, timedelta

from actions.gate_orders import issue
from actions.gate_state import GateState, Lease
from actions.gate_words import once
from actions.guardrails import stop
from schemas.keys import NO_TEMPLATE, CommandId, DecisionId, derived_id
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind, Page

LIFE = timedelta(minutes=5)
"""How long an order to look may wait for an executor."""

_SHORTEST = timedelta(minutes=1)


def open_leases(state: GateState, outcome: Outcome) -> None:
    """Remember what an executor paused on its way."""
    for paused in outcome.ownership.paused if outcome.ownership else ():
        key = derived_id("lease", paused.owner, paused.resource, paused.namespace, paused.name)
        if key not in state.leases:
            state.leases[key] = Lease(
                paused=paused,
                command=outcome.command,
                release=outcome.release,
                service=outcome.service,
                target=outcome.target,
                length_s=max(paused.until - outcome.at, _SHORTEST).total_seconds(),
                next_at=paused.until,
            )


def due_leases(state: GateState, now: datetime) -> tuple[Command, ...]:
    """Return the orders to look at the leases that are over; none while nothing may be changed."""
    commands = []
    for key, lease in state.leases.items():
        if now < lease.next_at or stop(state, now) is not None:
            continue
        lease.asked += 1
        lease.next_at = now + timedelta(seconds=lease.length_s)
        command = Command(
            id=CommandId(derived_id("command", key, lease.command, "resume", str(lease.asked))),
            kind=CommandKind.RESUME_SYNC,
            decision=DecisionId(derived_id("decision", key, lease.command)),
            release=lease.release,
            environment=state.environment,
            service=lease.service,
            target=lease.target,
            template=NO_TEMPLATE,
            expected_template=NO_TEMPLATE,
            issued_at=now,
            expires_at=now + LIFE,
            paused=lease.paused,
        )
        lease.order = command.id
        commands.append(issue(state, command, LIFE))
    return tuple(commands)


def look_reported(state: GateState, outcome: Outcome, now: datetime) -> tuple[Page, ...]:
    """End the lease whose owner goes on; page once where its source still wants the bad revision."""
    for key, lease in list(state.leases.items()):
        if lease.order != outcome.command:
            continue
        if outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE):
            del state.leases[key]
            return ()
        paused = lease.paused
        page = Page(
            id=derived_id("page", key, lease.command, "still paused"),
            environment=state.environment,
            service=lease.service,
            release=lease.release,
            about=outcome.id,
            summary=f"{paused.resource} {paused.namespace}/{paused.name} stays paused since {lease.service} "
            f"was taken back, and is asked again every {timedelta(seconds=lease.length_s)}: {outcome.detail}",
            at=now,
        )
        return once(state, page)
    return ()
