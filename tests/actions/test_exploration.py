"""Which rollbacks are put off: never clear harm, never where a human is asked, and a known share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.exploration import FADED, exploration_of, explored, has_faded, is_chosen
from actions.policy_file import PolicyFileError, parse_policy
from schemas.approvals import ApprovalSettings
from schemas.codec import digest, from_json, to_json
from schemas.judgements import Suspicion, VerdictKind
from schemas.keys import ReleaseId
from schemas.orders import Decision, Exploration
from schemas.policy import Autonomy, GateSettings, Policy, Rule
from tests.actions.orders import a_decision, a_release

MINE = a_release()
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHARE = 0.05
EXPLORING = Rule(
    gate=GateSettings(
        rollback=Autonomy.ALONE,
        explore=SHARE,
        explore_for=timedelta(minutes=10),
        approval=ApprovalSettings(clear_harm=0.9999),
    )
)


def gated(**changes: object) -> Rule:
    return replace(EXPLORING, gate=replace(EXPLORING.gate, **changes))  # type: ignore[arg-type]  # its fields


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_of_many_releases_no_more_and_no_fewer_are_chosen_than_the_share_by_chance(share: float) -> None:
    many = 40_000
    chosen = sum(is_chosen(ReleaseId(f"prod-cart-1.{number}-{number:08x}"), share) for number in range(many))
    assert abs(chosen - share * many) < 5 * sqrt(many * share * (1 - share))


@given(st.text(max_size=60), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_release_is_chosen_each_time_alike_and_stays_so_under_a_larger_share(
    name: str, one: float, other: float
) -> None:
    release = ReleaseId(name)
    small, large = sorted((one, other))
    assert is_chosen(release, small) == is_chosen(release, small)
    assert is_chosen(release, large) or not is_chosen(release, small)
    assert not is_chosen(release, 0.0)


@given(confidence=st.floats(0.0, 1.0), autonomy=st.sampled_from(list(Autonomy)), name=st.text(max_size=20))
def test_nothing_is_explored_that_is_clear_harm_or_that_a_human_is_asked_about(
    confidence: float, autonomy: Autonomy, name: str
) -> None:
    rule = gated(rollback=autonomy)
    decision = replace(a_decision(MINE, confidence=confidence, rule=rule), release=ReleaseId(name))
    found = exploration_of(decision, rule, AT)
    is_eligible = autonomy is Autonomy.ALONE and rule.gate.min_confidence <= confidence < 0.9999
    assert (found is not None) == is_eligible
    if found is not None:
        assert (found.until is not None) == is_chosen(ReleaseId(name), SHARE)


@pytest.mark.parametrize("kind", [kind for kind in VerdictKind if kind is not VerdictKind.HARMFUL])
def test_only_a_harmful_verdict_leads_to_exploration(kind: VerdictKind) -> None:
    assert exploration_of(a_decision(MINE, kind, rule=EXPLORING), EXPLORING, AT) is None


def test_a_policy_that_does_not_name_exploration_explores_nothing_and_is_known_by_the_same_digest() -> None:
    quiet = gated(explore=0.0, explore_for=timedelta(0))
    assert GateSettings().explore == 0.0
    assert exploration_of(a_decision(MINE, confidence=0.95, rule=quiet), quiet, AT) is None
    assert b"explore" not in to_json(Policy(rules={"*/*": Rule()}))
    assert b"exploration" not in to_json(a_decision(MINE))
    assert digest(quiet) != digest(EXPLORING)
    assert from_json(Rule, to_json(EXPLORING)) == EXPLORING


def test_a_decision_says_that_it_is_put_off_and_by_which_chance() -> None:
    decision = a_decision(MINE, confidence=0.95)
    until = AT + timedelta(minutes=10)
    put_off = explored(decision, Exploration(share=SHARE, until=until))
    assert "put off until 2026-03-02 12:10" in put_off.alternatives[-1]
    assert "5.0% of such rollbacks are" in put_off.alternatives[-1]
    assert (put_off.id, put_off.playbook) == (decision.id, decision.playbook)
    assert from_json(Decision, to_json(put_off)) == put_off
    spared = explored(decision, Exploration(share=SHARE))
    assert "not chosen by the release's id" in spared.alternatives[-1]


@pytest.mark.parametrize(
    ("own", "caller", "silence", "expected"),
    [(-3.0, 0.0, 0.0, True), (FADED + 0.1, 0.0, 0.0, False), (0.0, 4.0, 0.0, False), (0.0, 0.0, 3.0, False)],
)
def test_the_evidence_has_faded_only_where_neither_pods_nor_callers_nor_silence_speak_against_it(
    own: float, caller: float, silence: float, expected: bool
) -> None:
    suspicion = Suspicion(
        release=MINE.id,
        service=MINE.service,
        environment=MINE.environment,
        at=AT,
        started_at=AT,
        own_log_e=own,
        edge_log_e=(("front", caller),) if caller else (),
        silence_log_e=silence,
    )
    assert has_faded(suspicion) is expected


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("explore: 0.06, explore_for: 5m, approval: {clear_harm: 0.999}", "0.05"),
        ("explore: 0.05, explore_for: 16m, approval: {clear_harm: 0.999}", "explore_for"),
        ("explore: 0.05, approval: {clear_harm: 0.999}", "explore_for is 0"),
        ("explore: 0.05, explore_for: 5m", "clear_harm is not set"),
    ],
)
def test_a_policy_file_that_explores_too_much_too_long_or_without_a_bound_is_refused(
    gate: str, said: str
) -> None:
    with pytest.raises(PolicyFileError, match=said):
        parse_policy(f"{{version: 1, defaults: {{gate: {{{gate}}}}}}}")


def test_a_policy_file_names_exploration() -> None:
    text = "explore: 0.02, explore_for: 5m, rollback: alone, approval: {clear_harm: 0.999}"
    policy = parse_policy(f"{{version: 1, environments: {{dev: {{gate: {{{text}}}}}}}}}")
    assert policy.rules["dev/*"].gate.explore == 0.02
    assert policy.rules["dev/*"].gate.explore_for == timedelta(minutes=5)
    assert policy.rules["*/*"].gate.explore == 0.0
