"""Whose answers count, how many are needed, who is asked when nobody answers, and what is said of it all."""

from dataclasses import replace

import pytest

from actions import gate
from actions.gate import GateEffect, GateState
from schemas.approvals import ApprovalSettings, HoldChange, HoldChanged, Person
from schemas.labels import Label, LabelKind, Labelled, LabelSource
from schemas.observations import Answer, Approval, FreezeSet
from schemas.orders import Command, Decision, Denied, Guard, Held, Page
from schemas.policy import Autonomy, Policy, Rule
from tests.actions.orders import ALONE, MINUTE, NOW, OLD, PROD, a_decision, a_release

PEOPLE = {
    "ana": Person(slack="U1", pagerduty="P1", groups=("sre",)),
    "bob": Person(slack="U2", pagerduty="P2", groups=("sre",)),
    "eve": Person(slack="U3"),
    "lead": Person(slack="U4", groups=("leads",)),
}


def asking(**approval: object) -> Rule:
    settings = ApprovalSettings(**approval)  # type: ignore[arg-type]  # each test names real fields
    return Rule(gate=replace(ALONE.gate, rollback=Autonomy.ASK, promote=Autonomy.ASK, approval=settings))


def ask(state: GateState, rule: Rule) -> Held:
    release = a_release()
    decision = a_decision(release, rule=rule)
    effects = gate.admit(state, decision, release, rule, rollback_template=OLD, now=NOW)
    (held,) = (effect for effect in effects if isinstance(effect, Held))
    return held


def says(
    hold: Held,
    by: str,
    answer: Answer = Answer.APPROVE,
    channel: str = "slack",
    to: str = "",
) -> Approval:
    return Approval(
        environment=PROD, hold=hold.id, answer=answer, by=by, channel=channel, at=NOW + MINUTE, to=to
    )


def changes(effects: tuple[GateEffect, ...]) -> list[HoldChange]:
    return [effect.change for effect in effects if isinstance(effect, HoldChanged)]


def commands(effects: tuple[GateEffect, ...]) -> list[Command]:
    return [effect for effect in effects if isinstance(effect, Command)]


def labels(effects: tuple[GateEffect, ...]) -> list[Label]:
    return [effect.label for effect in effects if isinstance(effect, Labelled)]


@pytest.fixture
def state() -> GateState:
    return GateState(environment=PROD)


def test_a_question_says_who_is_asked_what_for_and_what_happens_without_an_answer(state: GateState) -> None:
    hold = ask(state, asking(approvers=("group:sre",), quorum=2))
    assert hold.asked is not None
    assert hold.brief is not None
    assert (hold.asked.approvers, hold.asked.quorum) == (("group:sre",), 2)
    assert OLD in hold.brief.what
    assert "nothing is changed" in hold.brief.if_nothing


def test_an_approver_is_known_by_what_the_channel_calls_them(state: GateState) -> None:
    hold = ask(state, asking(approvers=("ana",)))
    effects = gate.answer(state, PEOPLE, says(hold, "P1", channel="pagerduty"), NOW + MINUTE)
    (command,) = commands(effects)
    assert command.approved_by == "ana via pagerduty"
    assert changes(effects) == [HoldChange.GRANTED]


@pytest.mark.parametrize("by", ["U3", "U-nobody"])
def test_who_is_not_asked_does_not_count_and_the_question_stays_open(state: GateState, by: str) -> None:
    hold = ask(state, asking(approvers=("group:sre",)))
    for answer in (Answer.APPROVE, Answer.REJECT):
        effects = gate.answer(state, PEOPLE, says(hold, by, answer), NOW + MINUTE)
        assert changes(effects) == [HoldChange.NOT_COUNTED]
        assert len(effects) == 1
    assert commands(gate.answer(state, PEOPLE, says(hold, "U2"), NOW + MINUTE))


def test_without_a_list_a_chat_user_must_be_known_and_a_token_holder_need_not(state: GateState) -> None:
    hold = ask(state, asking())
    stranger = gate.answer(state, PEOPLE, says(hold, "U-nobody"), NOW + MINUTE)
    assert changes(stranger) == [HoldChange.NOT_COUNTED]
    assert commands(gate.answer(state, PEOPLE, says(hold, "anybody", channel="http"), NOW + MINUTE))


def test_two_must_agree_where_the_policy_wants_two_and_twice_the_same_is_one(state: GateState) -> None:
    hold = ask(state, asking(approvers=("group:sre",), quorum=2))
    first = gate.answer(state, PEOPLE, says(hold, "U1"), NOW + MINUTE)
    assert changes(first) == [HoldChange.AGREED]
    assert not commands(first)
    assert gate.answer(state, PEOPLE, says(hold, "P1", channel="pagerduty"), NOW + MINUTE) == ()
    second = gate.answer(state, PEOPLE, says(hold, "U2"), NOW + 2 * MINUTE)
    (command,) = commands(second)
    assert command.approved_by == "ana via slack, bob via slack"
    assert changes(second) == [HoldChange.GRANTED]


def test_one_rejection_ends_a_question_that_two_must_approve(state: GateState) -> None:
    hold = ask(state, asking(approvers=("group:sre",), quorum=2))
    gate.answer(state, PEOPLE, says(hold, "U1"), NOW + MINUTE)
    effects = gate.answer(state, PEOPLE, says(hold, "U2", Answer.REJECT), NOW + MINUTE)
    assert changes(effects) == [HoldChange.REJECTED]
    assert [one.guard for one in effects if isinstance(one, Denied)] == [Guard.REJECTED]


def test_of_two_at_once_the_first_counts_and_the_second_is_told(state: GateState) -> None:
    hold = ask(state, asking(approvers=("group:sre",)))
    first = gate.answer(state, PEOPLE, says(hold, "U1"), NOW + MINUTE)
    second = gate.answer(state, PEOPLE, says(hold, "U2"), NOW + MINUTE)
    assert len(commands(first)) == 1
    assert [type(effect) for effect in second] == [Page]


def test_nobody_answers_and_more_people_are_asked_once(state: GateState) -> None:
    rule = asking(approvers=("ana",), escalate_after=5 * MINUTE, escalate_to=("group:leads",))
    hold = ask(state, rule)
    early = gate.answer(state, PEOPLE, says(hold, "U4"), NOW + MINUTE)
    assert changes(early) == [HoldChange.NOT_COUNTED]
    assert changes(gate.tick(state, NOW + 4 * MINUTE)) == []
    escalated = gate.tick(state, NOW + 5 * MINUTE)
    assert changes(escalated) == [HoldChange.ESCALATED]
    assert [one.to for one in escalated if isinstance(one, HoldChanged)] == [("group:leads",)]
    assert any(isinstance(effect, Page) for effect in escalated)
    assert gate.tick(state, NOW + 6 * MINUTE) == ()
    assert commands(gate.answer(state, PEOPLE, says(hold, "U4"), NOW + 7 * MINUTE))


def test_a_question_is_handed_to_somebody_who_may_answer_then(state: GateState) -> None:
    hold = ask(state, asking(approvers=("ana",)))
    handed = gate.answer(state, PEOPLE, says(hold, "U1", Answer.HAND_OVER, to="eve"), NOW + MINUTE)
    assert changes(handed) == [HoldChange.HANDED_OVER]
    assert gate.answer(state, PEOPLE, says(hold, "U1", Answer.HAND_OVER, to="eve"), NOW + MINUTE) == ()
    assert commands(gate.answer(state, PEOPLE, says(hold, "U3"), NOW + 2 * MINUTE))


def test_a_question_is_handed_to_nobody_whom_the_policy_does_not_know(state: GateState) -> None:
    hold = ask(state, asking(approvers=("ana",)))
    handed = gate.answer(state, PEOPLE, says(hold, "U1", Answer.HAND_OVER, to="mallory"), NOW + MINUTE)
    assert changes(handed) == [HoldChange.NOT_COUNTED]


def test_no_answer_is_a_no_that_says_so(state: GateState) -> None:
    ask(state, asking(approvers=("ana",)))
    effects = gate.tick(state, NOW + 31 * MINUTE)
    assert changes(effects) == [HoldChange.EXPIRED]
    assert not commands(effects)
    assert any(isinstance(effect, Page) for effect in effects)


def test_an_approval_under_a_freeze_ends_the_question_without_an_order(state: GateState) -> None:
    hold = ask(state, asking())
    gate.set_freeze(state, FreezeSet(environment=PROD, until=NOW + 60 * MINUTE, by="eve", at=NOW))
    effects = gate.answer(state, PEOPLE, says(hold, "U1"), NOW + MINUTE)
    assert changes(effects) == [HoldChange.WITHDRAWN]
    assert not commands(effects)


def test_an_answer_is_a_label(state: GateState) -> None:
    hold = ask(state, asking())
    (bad,) = labels(gate.answer(state, PEOPLE, says(hold, "U1"), NOW + MINUTE))
    assert (bad.kind, bad.source, bad.by, bad.about) == (
        LabelKind.BAD,
        LabelSource.APPROVAL,
        "ana via slack",
        hold.id,
    )
    other = GateState(environment=PROD)
    hold = ask(other, asking())
    (harmless,) = labels(gate.answer(other, PEOPLE, says(hold, "U1", Answer.REJECT), NOW + MINUTE))
    assert (harmless.kind, harmless.source) == (LabelKind.HARMLESS, LabelSource.REJECTION)


def the_decision(rule: Rule) -> Decision:
    return a_decision(a_release(), rule=rule)


def test_what_waits_for_approval_alone_goes_out_when_the_policy_needs_nobody_any_more(
    state: GateState,
) -> None:
    rule = asking()
    ask(state, rule)
    effects = gate.act_alone(state, the_decision(rule), "it is clear by now", NOW + MINUTE)
    (command,) = commands(effects)
    assert command.approved_by == "policy: it is clear by now"
    assert changes(effects) == [HoldChange.GRANTED]
    assert labels(effects) == []
    assert gate.act_alone(state, the_decision(rule), "it is clear by now", NOW + MINUTE) == ()


def test_what_waits_for_a_spent_budget_still_waits_when_harm_is_clear(state: GateState) -> None:
    rule = Rule(gate=replace(ALONE.gate, budget=0))
    hold = ask(state, rule)
    assert hold.guard is Guard.BUDGET
    assert gate.act_alone(state, the_decision(rule), "it is clear by now", NOW + MINUTE) == ()


def test_clear_harm_waits_while_the_environment_is_frozen(state: GateState) -> None:
    rule = asking()
    ask(state, rule)
    gate.set_freeze(state, FreezeSet(environment=PROD, until=NOW + 60 * MINUTE, by="eve", at=NOW))
    assert gate.act_alone(state, the_decision(rule), "it is clear by now", NOW + MINUTE) == ()


@pytest.mark.parametrize(
    ("approval", "message"),
    [
        ({"approvers": ("mallory",)}, "mallory"),
        ({"approvers": ("group:nobody",)}, "group:nobody"),
        ({"approvers": ("ana",), "quorum": 2}, "needs 2 approvals and asks 1 people"),
    ],
)
def test_a_policy_that_asks_nobody_is_refused(approval: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy(rules={"*/*": asking(**approval)}, people=PEOPLE)
