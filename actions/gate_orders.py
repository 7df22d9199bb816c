"""Commands that the gate issued: what they leave behind in its memory, and what their outcomes say."""

from datetime import datetime, timedelta

from actions.gate_state import GateState, Order, Restored
from actions.gate_words import once, page_about_outcome
from actions.guardrails import undone_key
from schemas.keys import derived_id
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind, Page


def issue(state: GateState, command: Command, patience: timedelta) -> Command:
    """Remember a command and return it; without an outcome so long after its expiry a human is paged."""
    state.orders[command.id] = Order(
        id=command.id,
        kind=command.kind,
        release=command.release,
        service=command.service,
        template=command.template,
        replaced=command.expected_template,
        issued_at=command.issued_at,
        due_at=command.expires_at + patience,
        changed_at=command.issued_at,
        remedy=command.remedy.playbook if command.remedy else "",
        is_rehearsal=command.is_rehearsal,
    )
    if command.kind is CommandKind.UNDO and not command.is_rehearsal:
        # Now and not with the outcome: the undo's own deploy event may come first.
        state.restored[command.service] = Restored(
            template=command.template, since=command.issued_at, until=command.expires_at
        )
    return command


def outcome(state: GateState, outcome: Outcome, now: datetime) -> tuple[Page, ...]:
    """Return the page that a failed or refused command gives; remember what a successful one changed."""
    succeeded = outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
    order = state.orders.get(outcome.command)
    if order is not None and order.is_rehearsal:
        order.is_reported, order.is_cooling = True, False
        return () if outcome.kind is OutcomeKind.REHEARSED else once(state, page_about_outcome(outcome, now))
    if order is not None:
        order.is_reported = True
        order.is_cooling = succeeded
        order.changed_at = max(order.changed_at, now)
        if outcome.command_kind is CommandKind.UNDO:
            _remember_undo(state, order, succeeded, now)
        elif succeeded and outcome.command_kind is CommandKind.PROMOTE:
            _remember_promotion(state, order)
    elif succeeded and outcome.command_kind is CommandKind.UNDO:
        _remember_undo_by_hand(state, outcome, now)
    if succeeded or outcome.command_kind is CommandKind.RESUME_SYNC:
        return ()
    return once(state, page_about_outcome(outcome, now))


def without_outcome(state: GateState, now: datetime) -> tuple[Page, ...]:
    """Return pages about commands whose outcome is overdue: nobody may be executing."""
    pages: tuple[Page, ...] = ()
    for order in state.orders.values():
        if order.is_reported or now < order.due_at:
            continue
        order.is_reported = True
        pages += once(
            state,
            Page(
                id=derived_id("page", order.id, "no outcome"),
                environment=state.environment,
                service=order.service,
                release=order.release,
                about=order.id,
                summary=f"{order.kind} of {order.release} issued at {order.issued_at} has no outcome; "
                "is an executor running?",
                at=now,
            ),
        )
    return pages


def _remember_undo(state: GateState, order: Order, succeeded: bool, now: datetime) -> None:
    mark = state.restored.get(order.service)
    is_ours = mark is not None and mark.since == order.issued_at
    if succeeded:
        if mark is not None and is_ours:
            mark.until = now
        if order.replaced:
            state.undone[undone_key(order.service, order.replaced)] = now
        state.undone.pop(undone_key(order.service, order.template), None)
    elif is_ours:
        del state.restored[order.service]


def _remember_undo_by_hand(state: GateState, outcome: Outcome, now: datetime) -> None:
    """An undo that the gate did not order counts, too: what it took away is not brought back."""
    before, after = outcome.template_before, outcome.template_after
    if not after or before == after:
        return
    state.restored[outcome.service] = Restored(template=after, since=outcome.started_at, until=now)
    if before:
        state.undone[undone_key(outcome.service, before)] = now
    state.undone.pop(undone_key(outcome.service, after), None)


def _remember_promotion(state: GateState, order: Order) -> None:
    """A template that was promoted is neither bad nor merely restored any more."""
    state.undone.pop(undone_key(order.service, order.template), None)
    mark = state.restored.get(order.service)
    if mark is not None and mark.template != order.template:
        del state.restored[order.service]
