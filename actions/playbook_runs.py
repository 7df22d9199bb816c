"""Playbooks under way: from step to step, until the failure is gone or a human is asked. Pure.

Every function changes the state it is given and returns what there is to say.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from actions.gate_holds import HoldEffect
from actions.gate_orders import issue
from actions.gate_state import GateState
from actions.gate_steps import admit_step, is_busy
from actions.gate_words import guarded, once, rehearsed
from actions.guardrails import stop
from actions.playbook_choice import failing_share, unmet
from actions.playbook_orders import order_for, release_order
from actions.playbook_state import Phase, PlaybookRun, RemedyState
from schemas.failures import Failure
from schemas.judgements import Recovery, RecoveryKind
from schemas.keys import (
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    command_id,
    derived_id,
)
from schemas.orders import Command, CommandKind, Decision, Denied, Outcome, OutcomeKind, Page, Playbook
from schemas.playbooks import Otherwise, PlaybookSpec
from schemas.policy import Autonomy, GateSettings, Rule
from schemas.verbs import RemedyStep

_SILENCE = timedelta(minutes=1)

RunEffect = Decision | HoldEffect | Recovery


def advance(
    remedies: RemedyState,
    gate: GateState,
    run: PlaybookRun,
    rule: Rule,
    rule_name: str,
    settings: str,
    now: datetime,
    alternatives: tuple[str, ...] = (),
) -> Iterator[RunEffect]:
    """Go on with a run that waits: order its step, ask a human, or say which stop it waits for."""
    if run.phase is not Phase.WAITING or run.failure is None or run.order is not None:
        return
    if (obstacle := stop(gate, now)) is not None:
        yield from once(gate, _page(gate, run, f"waits: {obstacle.reason}", now, obstacle.reason))
        return
    if is_busy(gate, run.service):
        return
    known = remedies.failures.get(run.about)
    failure = run.failure = known.failure if known else run.failure
    while against := unmet(
        run.step.when,
        failure.target,
        is_release=False,
        failing_share=failing_share(failure),
    ):
        if run.index + 1 == len(run.spec.steps):
            yield from _ended(remedies, gate, run, f"its last step does not fit: {against}", now)
            return
        run.index += 1
    run.pods = list(failure.pods) if run.step.does is CommandKind.DELETE_POD else []
    decision = _decision(run, rule, rule_name, settings, now, alternatives)
    try:
        command = _next_order(run, decision.id, rule.gate, now)
    except ValueError as error:
        yield from _ended(remedies, gate, run, f"step {run.step.name!r} cannot be ordered: {error}", now)
        return
    run.decision, run.command = decision.id, command.id
    said = admit_step(gate, decision, command, rule.gate, now, is_first=run.ordinal == 1, asks=run.step.asks)
    yield guarded(decision, said)
    run.phase = Phase.ASKED
    yield from said
    take_in(remedies, gate, said, (), now)


def take_in(
    remedies: RemedyState,
    gate: GateState,
    said: tuple[object, ...],
    playbooks: tuple[PlaybookSpec, ...],
    now: datetime,
) -> None:
    """Learn from what the gate said which steps went out, and which will not.

    A rollback's command begins a run of its own: until then there was a decision only.
    """
    for item in said:
        match item:
            case Command(remedy=RemedyStep() as step) if _is_first(remedies, item):
                spec = next((one for one in playbooks if one.label == step.playbook), None)
                if spec is not None and not item.is_rehearsal:
                    remedies.runs[item.release] = PlaybookRun(
                        spec=spec,
                        about=item.release,
                        service=item.service,
                        failure=_failure(remedies, step.failure),
                        order=item,
                        phase=Phase.ORDERED,
                        index=step.index,
                        ordinal=1,
                        decision=item.decision,
                        command=item.id,
                    )
            case Command(remedy=RemedyStep()):
                for run in remedies.runs.values():
                    if run.command == item.id:
                        run.phase = Phase.ORDERED
            case Denied():
                for run in list(remedies.runs.values()):
                    if run.decision == item.decision and run.phase is Phase.ASKED:
                        _close(remedies, gate, run, now)
            case _:
                pass


def outcome_of(
    remedies: RemedyState, gate: GateState, outcome: Outcome, rule: Rule, now: datetime
) -> tuple[bool, tuple[RunEffect, ...]]:
    """Go on after a step's outcome; return whether a next step follows a failed one, and what is said."""
    run = next((one for one in remedies.runs.values() if one.command == outcome.command), None)
    if run is None or run.phase is not Phase.ORDERED:
        return False, ()
    if outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE):
        if run.pods:
            # One pod after the other: each deletion is an order of its own.
            command = _next_order(run, DecisionId(run.decision), rule.gate, now)
            run.command = command.id
            return True, (issue(gate, command, rule.gate.recovery),)
        run.phase, run.acted_at, run.is_recovered = Phase.CHECKING, outcome.at, None
        run.check_until = now + run.step.check.within
        if run.order is not None:
            # Its service says how it fares when the policy's time is over; this is only for silence.
            run.check_until = now + max(run.step.check.within, rule.gate.recovery) + _SILENCE
        return True, ()
    if outcome.kind in (OutcomeKind.REHEARSED, OutcomeKind.HANDED_OVER):
        _close(remedies, gate, run, now)
        return False, ()
    if run.step.otherwise is Otherwise.NEXT:
        _step_on(run)
        return True, ()
    _close(remedies, gate, run, now)
    return False, ()


def recovery_of(remedies: RemedyState, recovery: Recovery) -> bool:
    """Take in what a service's signals say after a step; return whether another step follows if need be."""
    run = next((one for one in remedies.runs.values() if one.command == recovery.command), None)
    if run is None or run.phase is not Phase.CHECKING:
        return False
    run.is_recovered, run.text = recovery.kind is RecoveryKind.RECOVERED, recovery.text
    return run.step.otherwise is Otherwise.NEXT


def check(
    remedies: RemedyState, gate: GateState, environment: EnvironmentName, run: PlaybookRun, now: datetime
) -> Iterator[RunEffect]:
    """Say whether a step helped, once that is known: then go on, end, or call a human."""
    if run.phase is not Phase.CHECKING or run.acted_at is None:
        return
    _look_whether_gone(remedies, run, now)
    wanted = run.step.check
    is_gone = run.gone_since is not None and now - run.gone_since >= wanted.steady
    is_clear = run.failure is None or not wanted.clears or is_gone
    is_back = not wanted.signals or run.is_recovered is True
    if is_clear and is_back:
        yield from _told(run, environment, RecoveryKind.RECOVERED, now)
        if run.step.goes_on:
            _step_on(run)
            return
        _close(remedies, gate, run, now)
        return
    is_late = run.check_until is not None and now >= run.check_until
    if run.is_recovered is not False and not is_late:
        return
    yield from _told(run, environment, RecoveryKind.NOT_RECOVERED, now)
    if run.step.otherwise is Otherwise.NEXT:
        _step_on(run)
        return
    if run.order is None:
        what = f"step {run.step.name!r} did not help within {wanted.within}, and nothing else is tried"
        yield from _ended(remedies, gate, run, what, now)
        return
    _close(remedies, gate, run, now)


def order_next(
    gate: GateState, run: PlaybookRun, settings: GateSettings, now: datetime
) -> Iterator[RunEffect]:
    """Order the next step of a release's run: who let the first one go lets the others go, too."""
    if run.phase is not Phase.WAITING or run.order is None:
        return
    if stop(gate, now) is not None or is_busy(gate, run.service):
        return
    step = run.step
    run.ordinal += 1
    remedy = RemedyStep(playbook=run.spec.label, index=run.index, step=step.name)
    base = replace(run.order, issued_at=now, expires_at=now + settings.command_expires)
    command = release_order(base, step, remedy, command_id(run.order.release, Playbook.ROLLBACK, run.ordinal))
    run.command, run.phase = command.id, Phase.ORDERED
    yield issue(gate, command, settings.recovery)


def _failure(remedies: RemedyState, failure: str) -> Failure | None:
    known = remedies.failures.get(failure)
    return known.failure if known else None


def _is_first(remedies: RemedyState, command: Command) -> bool:
    return all(run.command != command.id for run in remedies.runs.values())


def _next_order(run: PlaybookRun, decision: DecisionId, settings: GateSettings, now: datetime) -> Command:
    assert run.failure is not None, "a release's steps take after its first order"
    run.ordinal += 1
    step = run.step
    pod = run.pods.pop(0) if run.pods else None
    command = order_for(
        step,
        RemedyStep(playbook=run.spec.label, index=run.index, step=step.name, failure=run.failure.id),
        run.failure,
        decision,
        now,
        settings.command_expires,
        ordinal=run.ordinal,
        pod=pod,
    )
    if settings.remedy is Autonomy.DRY_RUN:
        return rehearsed(command)
    return command


def _decision(
    run: PlaybookRun,
    rule: Rule,
    rule_name: str,
    settings: str,
    now: datetime,
    alternatives: tuple[str, ...],
) -> Decision:
    assert run.failure is not None, "a release's decision is its verdict's"
    failure, step = run.failure, run.step
    return Decision(
        id=DecisionId(derived_id("decision", failure.id, run.spec.label, str(run.index))),
        release=ReleaseId(failure.id),
        environment=failure.environment,
        service=failure.service,
        version=failure.version,
        verdict=failure.id,
        playbook=Playbook.REMEDY,
        at=now,
        why=f"{failure.pattern}: {failure.detail or failure.target.key}; {run.spec.label}, step "
        f"{run.index + 1} of {len(run.spec.steps)}: {step.name}",
        rule=rule_name,
        needs_approval=rule.gate.remedy in (Autonomy.ASK, Autonomy.SHADOW),
        confidence=0.0,
        alternatives=alternatives,
        settings=settings,
        remedy=run.spec.label,
        failure=failure.id,
        first_bad_at=failure.since,
    )


def _look_whether_gone(remedies: RemedyState, run: PlaybookRun, now: datetime) -> None:
    """Note since when the failure is gone: also one that came back under another id counts as there."""
    failure = run.failure
    if failure is None:
        return
    gone_at = None
    for known in remedies.failures.values():
        other = known.failure
        if (other.service, other.pattern, other.target) != (failure.service, failure.pattern, failure.target):
            continue
        if known.gone_at is None:
            run.gone_since = None
            return
        gone_at = known.gone_at if gone_at is None else max(gone_at, known.gone_at)
    run.gone_since = gone_at or run.gone_since or now


def _told(
    run: PlaybookRun, environment: EnvironmentName, kind: RecoveryKind, now: datetime
) -> tuple[Recovery, ...]:
    """Return how a failure fares after a step; of a release its service's signals tell that."""
    failure = run.failure
    if failure is None or run.order is not None or run.step.check.signals:
        return ()
    since = f"gone since {run.gone_since}" if run.gone_since else "still there"
    return (
        Recovery(
            id=derived_id("recovery", run.command),
            command=run.command,
            release=ReleaseId(failure.id),
            environment=environment,
            service=failure.service,
            kind=kind,
            at=now,
            text=f"{failure.pattern} of {failure.target.key} {since}, begun {failure.since}",
            first_bad_at=failure.since,
            acted_at=run.acted_at,
            recovered_at=run.gone_since if kind is RecoveryKind.RECOVERED else None,
        ),
    )


def _step_on(run: PlaybookRun) -> None:
    run.index += 1
    run.phase, run.check_until, run.is_recovered, run.text = Phase.WAITING, None, None, ""


def _close(remedies: RemedyState, gate: GateState, run: PlaybookRun, now: datetime) -> None:
    remedies.runs.pop(run.about, None)
    if run.failure is not None and run.acted_at is not None:
        gate.remedied[run.service] = now


def _ended(
    remedies: RemedyState, gate: GateState, run: PlaybookRun, what: str, now: datetime
) -> Iterator[Page]:
    """End a run and call a human."""
    _close(remedies, gate, run, now)
    yield from once(gate, _page(gate, run, what, now, "ended"))


def _page(gate: GateState, run: PlaybookRun, what: str, now: datetime, about: str) -> Page:
    failing = f"{run.failure.pattern} of {run.failure.target.key}" if run.failure else run.about
    return Page(
        id=derived_id("page", run.about, run.spec.label, about),
        environment=gate.environment,
        service=ServiceName(run.service),
        release=ReleaseId(run.about),
        about=run.about,
        summary=f"{failing}: playbook {run.spec.label} {what}",
        at=now,
    )
