from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.policy_file import PolicyFileError, explain_policy, load_policy, parse_policy
from schemas.keys import EnvironmentName, ServiceName
from schemas.policy import Autonomy, Rule, default_policy

PROD, DEV = EnvironmentName("prod"), EnvironmentName("dev")
CART, PAY = ServiceName("cart"), ServiceName("pay")
EXAMPLE = Path(__file__).parents[2] / "infra/policy.yaml"


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyFileError) as caught:
        parse_policy(text, "policy.yaml")
    return list(caught.value.problems)


def test_without_a_file_development_acts_alone_and_all_else_asks() -> None:
    policy = load_policy(None)
    assert policy == default_policy()
    assert policy.rule(DEV, CART)[1].gate.rollback is Autonomy.ALONE
    assert policy.rule(PROD, CART)[1].gate.rollback is Autonomy.ASK


def test_a_file_that_says_nothing_leaves_every_built_in_value() -> None:
    assert parse_policy("version: 1").rules == {"*/*": Rule()}


def test_later_layers_win_and_mappings_merge() -> None:
    policy = parse_policy(
        """
        version: 1
        defaults: {gate: {budget: 1, cooldown: 1m}}
        environments: {prod: {gate: {budget: 2, recovery: 1h30m}}}
        services:
          cart:
            gate: {budget: 3}
            environments: {prod: {gate: {budget: 4}}}
        """
    )
    budgets = {
        (place, service): policy.rule(place, service)[1].gate.budget
        for place in (PROD, DEV)
        for service in (CART, PAY)
    }
    assert budgets == {(PROD, CART): 4, (PROD, PAY): 2, (DEV, CART): 3, (DEV, PAY): 1}
    name, rule = policy.rule(PROD, CART)
    assert name == "prod/cart"
    assert rule.gate.cooldown == timedelta(minutes=1)
    assert rule.gate.recovery == timedelta(hours=1.5)


def test_a_service_keeps_what_its_environment_says() -> None:
    policy = parse_policy(
        "{version: 1, environments: {prod: {gate: {rollback: alone}}}, "
        "services: {cart: {judge: {watch: 1h}}}}"
    )
    name, rule = policy.rule(PROD, CART)
    assert (name, rule.gate.rollback, rule.judge.watch) == ("prod/cart", Autonomy.ALONE, timedelta(hours=1))


def test_signals_by_name_change_remove_and_add_one_by_one() -> None:
    policy = parse_policy(
        """
        version: 1
        defaults:
          signals:
            errors: {margin_ratio: 0.5}
            latency: null
            queue: {kind: levels, events: {metric: queue.depth, where: {queue: "a|b"}}}
        """
    )
    signals = {signal.name: signal for signal in policy.rules["*/*"].signals}
    assert list(signals) == ["errors", "slow", "log_errors", "log_templates", "memory", "queue"]
    assert signals["errors"].margin_ratio == 0.5  # type: ignore[index]  # a test may index by text
    assert signals["queue"].events.where == (("queue", "a|b"),)  # type: ignore[index]  # likewise


def test_signals_as_a_list_replace_all() -> None:
    policy = parse_policy(
        "{version: 1, defaults: {signals: [{name: depth, kind: levels, events: {metric: d}}]}}"
    )
    assert [signal.name for signal in policy.rules["*/*"].signals] == ["depth"]


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    text = """version: 1
defaults:
  judge:
    alpha: 2
    watch: 30
  signals:
    queue:
      kind: levels
      events: {metric: d, where: {queue: 5}}
      margn_ratio: 1
environments:
  prod:
    gate:
      budget: "many"
      colldown: 3m
      rollback: maybe
    gate: {}
  no: {}
sevices: {}
services:
  "a/b": {judge: 3}
"""
    assert problems(text) == [
        "policy.yaml:4: defaults.judge.alpha: is 2, expected less than 1",
        "policy.yaml:5: defaults.judge.watch: a duration needs a unit, such as 90s, 30m or 1h30m",
        "policy.yaml:9: defaults.signals.queue.events.where.queue: is 5, expected text (put it in quotes)",
        "policy.yaml:10: defaults.signals.queue.margn_ratio: is no known key, did you mean margin_ratio?",
        'policy.yaml:14: environments.prod.gate.budget: is "many", expected an integer',
        "policy.yaml:15: environments.prod.gate.colldown: is no known key, did you mean cooldown?",
        'policy.yaml:16: environments.prod.gate.rollback: is "maybe", expected '
        "'alone', 'ask', 'shadow' or 'dry_run'",
        "policy.yaml:17: environments.prod.gate: stands twice, first in line 13",
        "policy.yaml:18: environments: key no reads as no text, put it in quotes",
        "policy.yaml:19: sevices: is no known key, did you mean services?",
        "policy.yaml:21: services.a/b: a name must not be empty, * or contain a /",
        "policy.yaml:21: services.a/b.judge: is 3, expected a mapping",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "policy.yaml: is empty, expected at least `version: 1`"),
        ("a: [", "policy.yaml:1: is not YAML"),
        ("[1]", "policy.yaml:1: is a list, expected a mapping"),
        ("version: 2", "policy.yaml:1: version: is 2, expected 1"),
        ("{version: 1, defaults: &a {gate: *a}}", "defaults.gate: contains itself"),
        ("{version: 1, defaults: {gate: !!python/name:os.system x}}", "cannot be read"),
        (
            "{version: 1, defaults: {signals: {errors: null, latency: null, slow: null, "
            "log_errors: null, log_templates: null}}}",
            "share above 0",
        ),
        ("{version: 1, defaults: {signals: {slow: {bound: 0.5}}}}", "has a bound and a bound_share"),
        ("{version: 1, defaults: {signals: {slow: {bound_share: 1.5}}}}", "expected between 0 and 1"),
        (
            "{version: 1, defaults: {signals: {latency: {bound: 0.5}}}}",
            "expected counts of which more is bad",
        ),
        (
            "{version: 1, defaults: {signals: {slow: {exposure: {metric: other, field: count}}}}}",
            "the same metric's count as exposure",
        ),
        ("{version: 1, defaults: {signals: {q: {kind: levels}}}}", "defaults.signals.q.events: is missing"),
    ],
)
def test_what_is_no_policy_is_explained(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text))


@given(st.text(max_size=80) | st.text(alphabet="{}[]:,&*!- \n\"'ab1", max_size=60))
def test_whatever_stands_in_the_file_gives_a_policy_or_an_explanation(text: str) -> None:
    try:
        parse_policy(f"version: 1\n{text}")
    except PolicyFileError as error:
        assert error.problems  # noqa: PT017  # either is right, nothing else is


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="cannot be read"):
        load_policy(tmp_path / "none.yaml")


def test_the_shipped_example_loads_and_its_defaults_are_the_built_in_ones() -> None:
    policy = load_policy(EXAMPLE)
    given, built_in = policy.rules["*/*"], Rule()
    assert given.judge == built_in.judge
    assert given.signals == built_in.signals
    assert given.target == built_in.target
    assert policy.rule(PROD, CART)[1].gate.rollback is Autonomy.ALONE
    assert policy.rule(PROD, PAY)[1].gate.rollback is Autonomy.ASK


def test_an_explanation_names_the_rule_and_every_setting() -> None:
    text = explain_policy(load_policy(EXAMPLE), PROD, CART)
    assert "prod/cart follows rule prod/cart" in text
    assert "gate.min_confidence = 0.99" in text
    assert "target = deployment default/prod/cart" in text
    assert "team = checkout" in text


def test_people_are_read_and_may_be_asked_by_name_or_group() -> None:
    policy = parse_policy(
        "version: 1\n"
        "people:\n"
        "  ada: {slack: U061F7AUR, pagerduty: PXPGF42, groups: [sre]}\n"
        "  bob: {}\n"
        "defaults: {gate: {approval: {approvers: [group:sre, bob], quorum: 2, escalate_after: 10m}}}\n"
    )
    assert policy.people["ada"].slack == "U061F7AUR"
    _, rule = policy.rule(EnvironmentName("prod"), ServiceName("cart"))
    assert rule.gate.approval.approvers == ("group:sre", "bob")
    assert rule.gate.approval.escalate_after == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("people: {ada: {slak: U1}}", "people.ada.slak: is no known key, did you mean slack?"),
        ("people: {ada: 3}", "people.ada: is 3, expected a mapping"),
        ("people: {'group:sre': {}}", "a name must not be empty or begin with group:"),
        ("defaults: {gate: {approval: {approvers: [x]}}}", "asks x, expected names among people"),
        ("defaults: {gate: {approval: {quorum: 0}}}", "quorum: is 0, expected greater than or equal to 1"),
        (
            "defaults: {gate: {stages: neither}}",
            "defaults.gate.stages: is \"neither\", expected 'verdict', 'both' or 'either'",
        ),
    ],
)
def test_mistakes_about_people_are_told(text: str, problem: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        parse_policy(f"version: 1\n{text}\n")
    assert any(problem in told for told in caught.value.problems)


def test_a_team_is_named_in_any_layer_and_the_nearest_counts() -> None:
    text = "{version: 1, defaults: {team: platform}, services: {cart: {team: checkout}}}"
    policy = parse_policy(text)
    assert policy.rule(EnvironmentName("prod"), ServiceName("cart"))[1].team == "checkout"
    assert policy.rule(EnvironmentName("prod"), ServiceName("stock"))[1].team == "platform"
    with pytest.raises(PolicyFileError, match="team"):
        parse_policy("{version: 1, defaults: {team: {name: platform}}}")


def test_costs_are_told_in_any_layer_and_shown_where_they_are() -> None:
    text = "{version: 1, services: {cart: {costs: {bad_minute: 2, false_rollback: 500}}}}"
    policy = parse_policy(text)
    cart, stock = (
        policy.rule(EnvironmentName("prod"), ServiceName(name))[1].costs for name in ("cart", "stock")
    )
    assert (cart.bad_minute, cart.false_rollback, cart.are_told, stock.are_told) == (2.0, 500.0, True, False)
    assert "costs.false_rollback = 500" in explain_policy(policy, PROD, CART)
    with pytest.raises(PolicyFileError, match="bad_minute"):
        parse_policy("{version: 1, defaults: {costs: {bad_minute: -1}}}")
