from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from actions import gate
from actions.gate import GateEffect, GateState
from actions.gate_words import guarded
from schemas.approvals import HoldChanged
from schemas.codec import from_json, to_json
from schemas.judgements import VerdictKind
from schemas.keys import NO_TEMPLATE, ReleaseId, ServiceName, TemplateHash
from schemas.labels import Labelled
from schemas.observations import Answer, Approval, FreezeSet, KillSwitchSet
from schemas.orders import (
    Command,
    CommandKind,
    Decision,
    Denied,
    Guard,
    Held,
    Outcome,
    OutcomeKind,
    Page,
)
from schemas.policy import Autonomy, GateSettings, Rule, TargetPattern
from schemas.releases import Release
from tests.actions.orders import (
    ALONE,
    MINUTE,
    NEW,
    NOW,
    OLD,
    PROD,
    a_decision,
    a_release,
    suspect,
)

ASK = Rule(gate=GateSettings(rollback=Autonomy.ASK, promote=Autonomy.ASK))


def ruled(**settings: object) -> Rule:
    return Rule(gate=replace(ALONE.gate, **settings))  # type: ignore[arg-type]  # each test names real fields


def admitted(
    state: GateState,
    release: Release,
    rule: Rule = ALONE,
    now: datetime = NOW,
    back_to: TemplateHash = OLD,
    decision: Decision | None = None,
) -> tuple[GateEffect, ...]:
    decision = decision or a_decision(release, rule=rule)
    return orders(gate.admit(state, decision, release, rule, rollback_template=back_to, now=now))


def orders(effects: tuple[GateEffect, ...]) -> tuple[GateEffect, ...]:
    """Return what is ordered, asked and denied; what became of a question is tested in test_gate_answers."""
    return tuple(effect for effect in effects if not isinstance(effect, (HoldChanged, Labelled)))


def answered(state: GateState, approval: Approval, now: datetime) -> tuple[GateEffect, ...]:
    return orders(gate.answer(state, {}, approval, now))


def ticked(state: GateState, now: datetime) -> tuple[GateEffect, ...]:
    return orders(gate.tick(state, now))


def withdrawn(state: GateState, release: ReleaseId, why: str, now: datetime) -> tuple[GateEffect, ...]:
    return orders(gate.withdraw(state, release, why, now))


def kinds(effects: tuple[GateEffect, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def an_outcome(command: Command, kind: OutcomeKind = OutcomeKind.DONE) -> Outcome:
    return Outcome(
        id=f"o-{command.id}",
        command=command.id,
        kind=kind,
        command_kind=command.kind,
        release=command.release,
        environment=command.environment,
        service=command.service,
        target=command.target,
        started_at=NOW,
        at=NOW + MINUTE,
        detail="as told",
    )


def an_answer(hold: Held, answer: Answer = Answer.APPROVE, by: str = "ana") -> Approval:
    return Approval(environment=PROD, hold=hold.id, answer=answer, by=by, channel="cli", at=NOW + MINUTE)


def the_command(effects: tuple[GateEffect, ...]) -> Command:
    (command,) = (effect for effect in effects if isinstance(effect, Command))
    return command


def the_hold(effects: tuple[GateEffect, ...]) -> Held:
    (hold,) = (effect for effect in effects if isinstance(effect, Held))
    return hold


@pytest.fixture
def state() -> GateState:
    return GateState(environment=PROD)


def test_a_decision_is_marked_with_what_held_it_at_once_and_with_nothing_else() -> None:
    release = a_release()
    asked, alone = a_decision(release, rule=ASK), a_decision(release)
    said = gate.admit(GateState(environment=PROD), asked, release, ASK, rollback_template=OLD, now=NOW)
    assert guarded(asked, said).guard is Guard.APPROVAL
    assert guarded(alone, admitted(GateState(environment=PROD), release)) == alone


def test_a_rollback_that_needs_nobody_goes_out_as_an_absolute_order(state: GateState) -> None:
    effects = admitted(state, a_release())
    command = the_command(effects)
    assert kinds(effects) == ["Command"]
    assert (command.kind, command.template, command.expected_template) == (CommandKind.UNDO, OLD, NEW)
    assert command.expires_at == NOW + ALONE.gate.command_expires


def test_deciding_twice_gives_one_command(state: GateState) -> None:
    release = a_release()
    admitted(state, release)
    again = a_decision(release, ordinal=2)
    assert admitted(state, release, decision=again, now=NOW + MINUTE) == ()


def test_a_healthy_release_is_promoted_to_its_own_template(state: GateState) -> None:
    release = a_release()
    command = the_command(admitted(state, release, decision=a_decision(release, VerdictKind.HEALTHY)))
    assert (command.kind, command.template, command.expected_template) == (
        CommandKind.PROMOTE,
        NEW,
        NO_TEMPLATE,
    )


def test_a_release_that_was_ordered_back_is_never_promoted(state: GateState) -> None:
    release = a_release()
    admitted(state, release)
    effects = admitted(state, release, decision=a_decision(release, VerdictKind.HEALTHY))
    assert [effect.guard for effect in effects if isinstance(effect, Denied)] == [Guard.SUPERSEDED]


# Approval


def test_a_rollback_that_needs_approval_is_held_with_its_command_and_pages(state: GateState) -> None:
    effects = admitted(state, a_release(), ASK)
    hold = the_hold(effects)
    assert kinds(effects) == ["Held", "Page"]
    assert hold.guard is Guard.APPROVAL
    assert hold.expires_at == NOW + ASK.gate.approval_expires
    assert hold.command is not None


def test_an_approval_releases_the_command_with_a_fresh_life_and_the_name(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    late = NOW + 20 * MINUTE
    (command,) = answered(state, an_answer(hold), late)
    assert isinstance(command, Command)
    assert command.approved_by == "ana via cli"
    assert (command.issued_at, command.expires_at) == (late, late + ASK.gate.command_expires)
    assert hold.command is not None
    assert command.id == hold.command.id


def test_a_rejection_denies_and_the_decision_is_not_asked_again(state: GateState) -> None:
    release = a_release()
    hold = the_hold(admitted(state, release, ASK))
    (denial,) = answered(state, an_answer(hold, Answer.REJECT), NOW + MINUTE)
    assert isinstance(denial, Denied)
    assert denial.guard is Guard.REJECTED
    assert admitted(state, release, ASK, now=NOW + 2 * MINUTE) == ()


def test_the_first_answer_wins_and_a_later_one_is_told_so(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    answered(state, an_answer(hold, Answer.REJECT), NOW + MINUTE)
    (page,) = answered(state, an_answer(hold, Answer.APPROVE, by="bob"), NOW + 2 * MINUTE)
    assert isinstance(page, Page)
    assert "approve by bob via cli changed nothing" in page.summary
    assert "rejected by ana" in page.summary


def test_the_same_answer_delivered_twice_says_nothing(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    answered(state, an_answer(hold), NOW + MINUTE)
    assert answered(state, an_answer(hold), NOW + MINUTE) == ()


def test_an_answer_to_a_hold_that_never_was_is_told_so(state: GateState) -> None:
    hold = the_hold(admitted(GateState(environment=PROD), a_release(), ASK))
    (page,) = answered(state, an_answer(hold), NOW)
    assert isinstance(page, Page)
    assert "no hold" in page.summary


def test_no_answer_means_no_action_and_a_page(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    assert hold.expires_at is not None
    assert ticked(state, hold.expires_at - timedelta(seconds=1)) == ()
    effects = ticked(state, hold.expires_at)
    assert kinds(effects) == ["Denied", "Page"]
    assert ticked(state, hold.expires_at + MINUTE) == ()


def test_an_approval_after_the_expiry_changes_nothing_even_before_a_tick(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    effects = answered(state, an_answer(hold), NOW + 31 * MINUTE)
    assert kinds(effects) == ["Denied", "Page", "Page"]


def test_a_superseded_release_withdraws_its_hold(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    (denial,) = withdrawn(state, hold.release, "version 3 was deployed", NOW + MINUTE)
    assert isinstance(denial, Denied)
    assert denial.guard is Guard.SUPERSEDED
    assert kinds(answered(state, an_answer(hold), NOW + 2 * MINUTE)) == ["Page"]


# Ambiguous blame


def test_an_ambiguous_rollback_is_held_and_a_human_may_approve_it(state: GateState) -> None:
    release, other = a_release(), a_release("r2", "payment")
    decision = a_decision(release, suspects=(suspect(other), suspect(release)), is_clear=False)
    hold = the_hold(admitted(state, release, decision=decision))
    assert hold.guard is Guard.AMBIGUOUS_BLAME
    assert kinds(answered(state, an_answer(hold), NOW + MINUTE)) == ["Command"]
    # A later and clear verdict finds the order given.
    assert admitted(state, release, now=NOW + 2 * MINUTE) == ()


def test_blame_that_becomes_clear_replaces_the_hold_by_the_command(state: GateState) -> None:
    release, other = a_release(), a_release("r2", "payment")
    ambiguous = a_decision(release, suspects=(suspect(other), suspect(release)), is_clear=False)
    admitted(state, release, decision=ambiguous)
    assert kinds(admitted(state, release, now=NOW + MINUTE)) == ["Denied", "Command"]


def test_blame_that_moves_to_another_release_withdraws_the_hold(state: GateState) -> None:
    release, other = a_release(), a_release("r2", "payment")
    ambiguous = a_decision(release, suspects=(suspect(other), suspect(release)), is_clear=False)
    admitted(state, release, decision=ambiguous)
    elsewhere = a_decision(release, suspects=(suspect(other), suspect(release)))
    assert kinds(admitted(state, release, decision=elsewhere)) == ["Denied"]


def test_doubt_about_a_rollback_that_waits_already_asks_nobody_again(state: GateState) -> None:
    release, other = a_release(), a_release("r2", "payment")
    hold = the_hold(admitted(state, release, ASK))
    ambiguous = a_decision(release, suspects=(suspect(other), suspect(release)), is_clear=False)
    assert admitted(state, release, ASK, decision=ambiguous, now=NOW + MINUTE) == ()
    assert kinds(answered(state, an_answer(hold), NOW + 2 * MINUTE)) == ["Command"]


def test_blame_that_moves_away_and_back_is_asked_about_again(state: GateState) -> None:
    release, other = a_release(), a_release("r2", "payment")
    admitted(state, release, ASK)
    elsewhere = a_decision(release, suspects=(suspect(other), suspect(release)), rule=ASK)
    assert kinds(admitted(state, release, ASK, decision=elsewhere, now=NOW + MINUTE)) == ["Denied"]
    assert kinds(admitted(state, release, ASK, now=NOW + 2 * MINUTE)) == ["Held", "Page"]


# Guardrails


def test_the_kill_switch_denies_and_the_decision_may_come_again(state: GateState) -> None:
    release = a_release()
    gate.set_kill_switch(state, KillSwitchSet(environment=PROD, is_on=True, by="ana", at=NOW))
    assert kinds(admitted(state, release)) == ["Denied", "Page"]
    gate.set_kill_switch(state, KillSwitchSet(environment=PROD, is_on=False, by="ana", at=NOW))
    assert kinds(admitted(state, release, now=NOW + MINUTE)) == ["Command"]


def test_a_freeze_holds_and_the_time_to_answer_starts_with_its_end(state: GateState) -> None:
    until = NOW + 60 * MINUTE
    gate.set_freeze(state, FreezeSet(environment=PROD, until=until, by="ana", at=NOW, why="sale"))
    hold = the_hold(admitted(state, a_release()))
    assert hold.guard is Guard.FREEZE
    assert hold.expires_at == until + ALONE.gate.approval_expires
    assert kinds(answered(state, an_answer(hold), until)) == ["Command"]


@pytest.mark.parametrize("guard", [Guard.FREEZE, Guard.KILL_SWITCH])
def test_an_approval_under_a_stop_is_denied_and_says_what_to_do(state: GateState, guard: Guard) -> None:
    hold = the_hold(admitted(state, a_release(), ASK))
    if guard is Guard.FREEZE:
        gate.set_freeze(state, FreezeSet(environment=PROD, until=NOW + 99 * MINUTE, by="bob", at=NOW))
    else:
        gate.set_kill_switch(state, KillSwitchSet(environment=PROD, is_on=True, by="bob", at=NOW))
    denial, page = answered(state, an_answer(hold), NOW + MINUTE)
    assert isinstance(denial, Denied)
    assert denial.guard is guard
    assert isinstance(page, Page)


def test_one_rollback_over_the_budget_is_held_until_the_window_has_passed(state: GateState) -> None:
    rule = ruled(budget=2, budget_window=timedelta(hours=1))
    for number in (1, 2):
        assert kinds(admitted(state, a_release(f"r{number}", f"s{number}"), rule)) == ["Command"]
    hold = the_hold(admitted(state, a_release("r3", "s3"), rule))
    assert hold.guard is Guard.BUDGET
    assert "2 rollbacks in prod within 1:00:00, budget is 2" in hold.reason
    assert kinds(admitted(state, a_release("r4", "s4"), rule, now=NOW + 61 * MINUTE)) == ["Command"]


def test_a_human_may_overrule_the_budget(state: GateState) -> None:
    hold = the_hold(admitted(state, a_release(), ruled(budget=0)))
    assert kinds(answered(state, an_answer(hold), NOW + MINUTE)) == ["Command"]


def test_one_service_more_than_the_blast_radius_is_held(state: GateState) -> None:
    rule = ruled(blast_radius=1)
    admitted(state, a_release("r1", "s1"), rule)
    assert the_hold(admitted(state, a_release("r2", "s2"), rule)).guard is Guard.BLAST_RADIUS


def test_a_second_rollback_of_a_service_waits_out_the_cooldown(state: GateState) -> None:
    rule = ruled(cooldown=timedelta(minutes=10))
    first = the_command(admitted(state, a_release(), rule))
    gate.outcome(state, an_outcome(first), NOW + MINUTE)
    third = a_release("r3", template=TemplateHash("3c3c"))
    assert the_hold(admitted(state, third, rule, now=NOW + 10 * MINUTE)).guard is Guard.COOLDOWN
    other = a_release("r4", "payment")
    assert kinds(admitted(state, other, rule, now=NOW + 10 * MINUTE)) == ["Command"]
    fifth = a_release("r5", template=TemplateHash("5e5e"))
    assert kinds(admitted(state, fifth, rule, now=NOW + 11 * MINUTE)) == ["Command"]


def test_a_failed_rollback_pages_once_and_starts_no_cooldown(state: GateState) -> None:
    rule = ruled(cooldown=timedelta(minutes=10))
    command = the_command(admitted(state, a_release(), rule))
    failed = an_outcome(command, OutcomeKind.FAILED)
    assert kinds(gate.outcome(state, failed, NOW + MINUTE)) == ["Page"]
    assert gate.outcome(state, failed, NOW + MINUTE) == ()
    assert kinds(admitted(state, a_release("r2"), rule, now=NOW + 2 * MINUTE)) == ["Command"]


def test_what_our_rollback_restored_is_not_rolled_back(state: GateState) -> None:
    admitted(state, a_release())
    restored = a_release("r2", template=OLD, started_at=NOW + MINUTE)
    denial, page = admitted(state, restored, back_to=TemplateHash("9f9f"), now=NOW + 20 * MINUTE)
    assert isinstance(denial, Denied)
    assert denial.guard is Guard.ROLLBACK_OF_ROLLBACK
    assert isinstance(page, Page)


def test_a_deploy_without_a_template_that_our_rollback_started_is_not_rolled_back(state: GateState) -> None:
    command = the_command(admitted(state, a_release()))
    gate.outcome(state, an_outcome(command), NOW + MINUTE)
    echo = a_release("r2", template=NO_TEMPLATE, started_at=NOW + 2 * MINUTE)
    effects = admitted(state, echo, back_to=TemplateHash("9f9f"), now=NOW + 20 * MINUTE)
    assert [effect.guard for effect in effects if isinstance(effect, Denied)] == [Guard.ROLLBACK_OF_ROLLBACK]


def test_a_template_that_was_rolled_back_is_not_restored_until_it_was_promoted(state: GateState) -> None:
    command = the_command(admitted(state, a_release()))
    gate.outcome(state, an_outcome(command), NOW + MINUTE)
    third = a_release("r3", template=TemplateHash("3c3c"))
    effects = admitted(state, third, back_to=NEW, now=NOW + 20 * MINUTE)
    assert [effect.guard for effect in effects if isinstance(effect, Denied)] == [Guard.ROLLBACK_OF_ROLLBACK]

    again = a_release("r4", template=NEW)
    promotion = the_command(
        admitted(state, again, decision=a_decision(again, VerdictKind.HEALTHY), now=NOW + 30 * MINUTE)
    )
    gate.outcome(state, an_outcome(promotion), NOW + 31 * MINUTE)
    fifth = a_release("r5", template=TemplateHash("5e5e"))
    assert kinds(admitted(state, fifth, back_to=NEW, now=NOW + 40 * MINUTE)) == ["Command"]


def test_what_was_undone_by_hand_is_not_brought_back(state: GateState) -> None:
    by_hand = replace(
        an_outcome(the_command(admitted(GateState(environment=state.environment), a_release()))),
        template_before=NEW,
        template_after=OLD,
    )
    assert gate.outcome(state, by_hand, NOW + MINUTE) == ()
    third = a_release("r3", template=TemplateHash("3c3c"))
    effects = admitted(state, third, back_to=NEW, now=NOW + 20 * MINUTE)
    assert [effect.guard for effect in effects if isinstance(effect, Denied)] == [Guard.ROLLBACK_OF_ROLLBACK]


@pytest.mark.parametrize("back_to", [NO_TEMPLATE, NEW])
def test_without_a_template_to_go_back_to_a_rollback_is_held_for_good(
    state: GateState, back_to: TemplateHash
) -> None:
    effects = admitted(state, a_release(), back_to=back_to)
    hold = the_hold(effects)
    assert kinds(effects) == ["Held", "Page"]
    assert hold.guard is Guard.NO_ROLLBACK_TEMPLATE
    assert (hold.expires_at, hold.command) == (None, None)
    (page,) = answered(state, an_answer(hold), NOW + MINUTE)
    assert isinstance(page, Page)
    assert "nothing to approve" in page.summary


def test_without_a_target_a_rollback_is_held_for_good(state: GateState) -> None:
    rule = replace(ALONE, target=TargetPattern(workload=""))
    hold = the_hold(admitted(state, replace(a_release(), target=None), rule))
    assert hold.guard is Guard.NO_TARGET


def test_shadow_mode_says_everything_and_does_nothing(state: GateState) -> None:
    (denial,) = admitted(state, a_release(), ruled(rollback=Autonomy.SHADOW))
    assert isinstance(denial, Denied)
    assert denial.guard is Guard.SHADOW
    assert "would order rollback of r1" in denial.reason


def test_a_command_without_an_outcome_pages_once(state: GateState) -> None:
    command = the_command(admitted(state, a_release()))
    due = command.expires_at + ALONE.gate.recovery
    assert ticked(state, due - timedelta(seconds=1)) == ()
    assert kinds(ticked(state, due)) == ["Page"]
    assert ticked(state, due + MINUTE) == ()


def test_not_knowing_pages_once(state: GateState) -> None:
    release = a_release()
    decision = a_decision(release, VerdictKind.NODATA)
    assert kinds(admitted(state, release, decision=decision)) == ["Page"]
    assert admitted(state, release, decision=decision) == ()


def test_old_memories_are_swept_and_open_holds_are_kept(state: GateState) -> None:
    for number in range(50):
        admitted(state, a_release(f"r{number}", f"s{number}"), ruled(budget=100))
    long = ruled(rollback=Autonomy.ASK, budget=100, approval_expires=timedelta(days=30))
    hold = the_hold(admitted(state, a_release("held", "held"), long))
    ticked(state, NOW + timedelta(days=8))
    assert state.orders == {}
    assert state.settled == {}
    assert list(state.holds) == [hold.id]


def test_a_state_survives_json_in_the_middle_of_everything(state: GateState) -> None:
    gate.set_freeze(state, FreezeSet(environment=PROD, until=NOW - MINUTE, by="ana", at=NOW - 2 * MINUTE))
    command = the_command(admitted(state, a_release()))
    gate.outcome(state, an_outcome(command), NOW + MINUTE)
    hold = the_hold(admitted(state, a_release("r2", "payment"), ASK))
    restored = from_json(GateState, to_json(state))
    assert restored == state
    assert answered(restored, an_answer(hold), NOW + MINUTE) == answered(state, an_answer(hold), NOW + MINUTE)
    assert to_json(restored) == to_json(state)


def test_releases_are_told_apart_by_service_in_the_cooldown(state: GateState) -> None:
    admitted(state, a_release(), ruled(cooldown=timedelta(hours=1)))
    assert list(state.restored) == [ServiceName("cart")]
    assert ReleaseId("r1") in [order.release for order in state.orders.values()]
