"""A rollback that is put off to learn of it: what carries it out, what ends the wait, what makes it idle."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from actions.exploration import is_chosen
from schemas.approvals import ApprovalSettings
from schemas.codec import to_json
from schemas.effects import Effect
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.labels import LabelKind, Labelled, human_label
from schemas.observations import FreezeSet, KillSwitchSet, VerdictReached
from schemas.orders import Command, CommandKind, Decision, Denied, Guard, Held, Page, Playbook
from schemas.policy import Autonomy, GateSettings, Policy, Rule
from tests.builders import NEW, a_release, minute, requests, said
from tests.streams.world import ENVIRONMENTS, World

PROD = EnvironmentName("prod")
SHARE = 0.05
VERSIONS = [str(number) for number in range(2, 400)]
CHOSEN = next(one for one in VERSIONS if is_chosen(ReleaseId(f"prod-cart-{one}"), SHARE))
SPARED = next(one for one in VERSIONS if not is_chosen(ReleaseId(f"prod-cart-{one}"), SHARE))


def a_world(
    *,
    explore: float = SHARE,
    life: timedelta = timedelta(minutes=6),
    clear_harm: float = 1 - 1e-12,
    rollback: Autonomy = Autonomy.ALONE,
    version: str = CHOSEN,
) -> World:
    """Return a world in which a release of cart began at minute 0."""
    gate = GateSettings(
        rollback=rollback,
        explore=explore,
        explore_for=life,
        approval=ApprovalSettings(clear_harm=clear_harm),
    )
    world = World(Policy(rules={"*/*": Rule(gate=gate)}))
    world.quiet_hour(environment="prod")
    world.put("prod/cart", a_release(environment="prod", version=version))
    return world


def serve(world: World, first: int, last: int, errors: float) -> list[Effect]:
    """Play minutes in which three old pods and a canary answer."""
    heard: list[Effect] = []
    for number in range(first, last):
        end = minute(number + 1)
        samples = [entry for pod in ("a", "b", "c") for entry in requests(pod, end, errors=1)]
        samples += requests("d", end, errors=errors, template=NEW)
        heard += world.serve(samples, environment="prod")
        heard += world.tick(minute(number + 1.1))
    return heard


def rollbacks(heard: list[Effect]) -> list[Decision]:
    return [decision for decision in said(heard, Decision) if decision.playbook is Playbook.ROLLBACK]


def a_word(kind: LabelKind, at: datetime) -> Labelled:
    return Labelled(
        label=human_label(
            release=ReleaseId(f"prod-cart-{CHOSEN}"),
            environment=PROD,
            service=ServiceName("cart"),
            kind=kind,
            by="ann via command line",
            at=at,
        )
    )


def test_a_rollback_that_is_put_off_is_said_at_once_and_carried_out_when_the_wait_is_over() -> None:
    world = a_world()
    heard = serve(world, 0, 12, errors=12)
    (decision,) = rollbacks(heard)
    (command,) = said(heard, Command)
    assert decision.exploration is not None
    assert decision.exploration.share == SHARE
    until = decision.exploration.until
    assert until == decision.at + timedelta(minutes=6)
    assert until <= command.issued_at < until + timedelta(minutes=2)
    assert (command.kind, command.decision) == (CommandKind.UNDO, decision.id)
    assert any("put off until" in one for one in decision.alternatives)


def test_a_release_that_is_not_chosen_is_taken_back_at_once_and_it_is_said_that_it_could_have_been() -> None:
    heard = serve(a_world(version=SPARED), 0, 4, errors=12)
    (decision,) = rollbacks(heard)
    (command,) = said(heard, Command)
    assert command.issued_at == decision.at
    assert decision.exploration is not None
    assert decision.exploration.until is None


def test_nothing_is_put_off_where_the_policy_explores_nothing_or_asks() -> None:
    heard = serve(a_world(explore=0.0), 0, 4, errors=12)
    assert said(heard, Command)[0].issued_at == rollbacks(heard)[0].at
    assert rollbacks(heard)[0].exploration is None
    heard = serve(a_world(rollback=Autonomy.ASK), 0, 4, errors=12)
    assert rollbacks(heard)[0].exploration is None
    assert said(heard, Held)[0].guard is Guard.APPROVAL


def test_clear_harm_is_taken_back_at_once() -> None:
    heard = serve(a_world(clear_harm=0.95), 0, 4, errors=60)
    (decision,) = rollbacks(heard)
    assert said(heard, Command)[0].issued_at == decision.at
    assert decision.exploration is None


def test_harm_that_becomes_clear_ends_the_wait() -> None:
    bound = 0.99995
    world = a_world(clear_harm=bound, life=timedelta(minutes=15))
    heard = serve(world, 0, 8, errors=12)
    (decision,) = rollbacks(heard)
    (command,) = said(heard, Command)
    clear = next(one.verdict for one in said(heard, VerdictReached) if one.verdict.confidence >= bound)
    assert decision.at < clear.at == command.issued_at


def test_a_release_against_which_nothing_speaks_any_more_is_let_be_and_a_human_is_told() -> None:
    world = a_world(life=timedelta(minutes=15))
    assert rollbacks(serve(world, 0, 3, errors=25))
    heard = serve(world, 3, 29, errors=1)
    assert not said(heard, Command)
    (page,) = said(heard, Page)
    assert "hardly anything speaks against it any more" in page.summary


def test_damage_that_returns_to_a_release_that_was_let_be_takes_it_back() -> None:
    world = a_world(life=timedelta(minutes=15))
    serve(world, 0, 3, errors=25)
    assert said(serve(world, 3, 20, errors=1), Page)
    (command,) = said(serve(world, 20, 29, errors=90), Command)
    assert command.kind is CommandKind.UNDO


def test_a_person_who_calls_it_bad_ends_the_wait_and_one_who_calls_it_good_does_not() -> None:
    world = a_world(life=timedelta(minutes=15))
    serve(world, 0, 4, errors=12)
    world.put("prod", a_word(LabelKind.GOOD, minute(4.2)), ENVIRONMENTS)
    assert not said(serve(world, 4, 5, errors=12), Command)
    world.put("prod", a_word(LabelKind.BAD, minute(5.2)), ENVIRONMENTS)
    (command,) = said(world.tick(minute(5.3)), Command)
    assert command.issued_at == minute(5.3)


@pytest.mark.parametrize("way", ["freeze", "kill switch"])
def test_a_freeze_or_a_kill_switch_ends_the_wait_and_rules_as_ever(way: str) -> None:
    world = a_world(life=timedelta(minutes=15))
    serve(world, 0, 4, errors=12)
    at = minute(4.2)
    if way == "freeze":
        world.put("prod", FreezeSet(environment=PROD, until=minute(60), by="ann", at=at), ENVIRONMENTS)
    else:
        world.put("prod", KillSwitchSet(environment=PROD, is_on=True, by="ann", at=at), ENVIRONMENTS)
    heard = world.tick(minute(4.3))
    assert not said(heard, Command)
    stopped = said(heard, Held) if way == "freeze" else said(heard, Denied)
    assert [one.guard for one in stopped] == [Guard.FREEZE if way == "freeze" else Guard.KILL_SWITCH]


def test_the_next_release_of_the_service_ends_the_wait_without_a_rollback() -> None:
    world = a_world()
    serve(world, 0, 4, errors=12)
    world.put("prod/cart", a_release(environment="prod", version="next", at=minute(4.5), template="t-3"))
    assert not any(
        command.release == f"prod-cart-{CHOSEN}" for command in said(serve(world, 5, 14, errors=1), Command)
    )


def test_a_replay_puts_off_the_same_rollback_to_the_byte() -> None:
    def played() -> list[bytes]:
        return [to_json(effect.said) for effect in serve(a_world(), 0, 12, errors=12)]

    assert played() == played()
