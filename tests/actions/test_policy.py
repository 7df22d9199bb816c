import pytest

from schemas.judgements import VerdictKind
from schemas.orders import Playbook
from schemas.policy import Autonomy, GateSettings, Rule
from tests.actions.orders import a_decision, a_release, suspect

MINE = a_release()
OTHER = a_release("r2", "payment")


def test_a_harmful_release_that_is_clearly_to_blame_is_rolled_back() -> None:
    decision = a_decision(MINE)
    assert decision.playbook is Playbook.ROLLBACK
    assert not decision.needs_approval
    assert "errors 12 %" in decision.why


def test_a_decision_says_which_verdict_and_which_damage_led_to_it() -> None:
    decision = a_decision(MINE)
    assert decision.verdict_kind is VerdictKind.HARMFUL
    assert decision.started_at == MINE.started_at


def test_a_harmful_release_with_ambiguous_blame_pages_with_the_ranking_shown() -> None:
    decision = a_decision(MINE, suspects=(suspect(OTHER), suspect(MINE, 9.0)), is_clear=False)
    assert decision.playbook is Playbook.PAGE
    assert [one.release for one in decision.suspects] == [OTHER.id, MINE.id]


def test_damage_that_another_release_is_to_blame_for_changes_nothing_here() -> None:
    decision = a_decision(MINE, suspects=(suspect(OTHER), suspect(MINE, 1.0)))
    assert decision.playbook is Playbook.NOTHING
    assert OTHER.id in decision.why


def test_harm_that_no_release_is_to_blame_for_pages() -> None:
    decision = a_decision(MINE, suspects=())
    assert decision.playbook is Playbook.PAGE
    assert "no release is to blame" in decision.why


@pytest.mark.parametrize(
    ("kind", "playbook"),
    [
        (VerdictKind.HEALTHY, Playbook.PROMOTE),
        (VerdictKind.NODATA, Playbook.PAGE),
        (VerdictKind.BROKEN, Playbook.PAGE),
        (VerdictKind.INCONCLUSIVE, Playbook.PAGE),
    ],
)
def test_a_final_verdict_promotes_or_pages_and_not_knowing_is_never_a_pass(
    kind: VerdictKind, playbook: Playbook
) -> None:
    assert a_decision(MINE, kind).playbook is playbook
    assert a_decision(MINE, kind, is_final=False).playbook is Playbook.NOTHING


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize("is_final", [True, False])
def test_every_decision_lists_what_else_was_considered(kind: VerdictKind, is_final: bool) -> None:
    assert a_decision(MINE, kind, is_final=is_final).alternatives


def test_a_confidence_below_what_the_rule_wants_asks_a_human() -> None:
    decision = a_decision(MINE, confidence=0.5)
    assert decision.needs_approval
    assert "confidence is 0.5000, prod/* acts alone from 0.9" in decision.alternatives[0]


@pytest.mark.parametrize("autonomy", [Autonomy.ASK, Autonomy.SHADOW])
def test_a_rule_that_asks_needs_approval(autonomy: Autonomy) -> None:
    rule = Rule(gate=GateSettings(rollback=autonomy, promote=autonomy))
    assert a_decision(MINE, rule=rule).needs_approval
    assert a_decision(MINE, VerdictKind.HEALTHY, rule=rule).needs_approval


def test_deciding_twice_gives_the_same_id_and_other_playbooks_give_others() -> None:
    assert a_decision(MINE).id == a_decision(MINE, ordinal=2).id
    kinds = [a_decision(MINE, kind).id for kind in VerdictKind]
    assert len(dict.fromkeys(kinds)) == len(kinds)
