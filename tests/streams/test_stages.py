"""Smoke tests beside the judge, and harm that is so clear that nobody is waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from schemas.approvals import ApprovalSettings, HoldChange, HoldChanged
from schemas.effects import Effect
from schemas.keys import EnvironmentName, ServiceName
from schemas.orders import Command, CommandKind, Decision, Guard, Held
from schemas.policy import Autonomy, GateSettings, Policy, Rule
from schemas.smoke_tests import SmokeTested, Stages
from tests.builders import NEW, OLD, a_release, a_tick, minute, requests, said
from tests.streams.world import ENVIRONMENTS, World

PROD = EnvironmentName("prod")


def a_world(rollback: Autonomy, **gate: object) -> World:
    settings = replace(GateSettings(rollback=rollback), **gate)  # type: ignore[arg-type]  # real fields
    return World(Policy(rules={"*/*": Rule(gate=settings)}))


def a_smoke_test(at: datetime, *, has_passed: bool, version: str = "2") -> SmokeTested:
    return SmokeTested(
        environment=PROD,
        service=ServiceName("cart"),
        version=version,
        has_passed=has_passed,
        by="pipeline 7",
        at=at,
        detail="" if has_passed else "2 of 9 tests failed",
    )


def serve(world: World, first: int, last: int, canary_errors: float) -> list[Effect]:
    """Play minutes in which three old pods and a canary answer."""
    heard: list[Effect] = []
    for number in range(first, last):
        end = minute(number + 1)
        samples = [entry for pod in ("a", "b", "c") for entry in requests(pod, end, errors=1)]
        samples += requests("d", end, errors=canary_errors, template=NEW)
        heard += world.serve(samples, environment="prod")
        heard += world.tick(minute(number + 1.1))
    return heard


def begin(world: World) -> None:
    world.quiet_hour(environment="prod")
    world.put("prod/cart", a_release(environment="prod"))


def test_a_harmful_verdict_asks_while_no_smoke_test_has_spoken_and_acts_when_one_fails() -> None:
    world = a_world(Autonomy.ALONE, stages=Stages.BOTH)
    begin(world)
    (held,) = said(serve(world, 0, 4, canary_errors=60), Held)
    assert held.guard is Guard.APPROVAL
    assert (
        "no smoke test" in held.reason or "no smoke test" in said(world.effects, Decision)[-1].alternatives[0]
    )
    world.put("prod", a_smoke_test(minute(4.5), has_passed=False), ENVIRONMENTS)
    heard = world.tick(minute(4.6))
    (command,) = said(heard, Command)
    assert (command.kind, command.template) == (CommandKind.UNDO, OLD)
    assert command.approved_by.startswith("policy: ")
    assert [one.change for one in said(heard, HoldChanged)] == [HoldChange.GRANTED]


def test_a_smoke_test_that_passed_leaves_it_to_a_human() -> None:
    world = a_world(Autonomy.ALONE, stages=Stages.BOTH)
    begin(world)
    world.put("prod", a_smoke_test(minute(0.5), has_passed=True), ENVIRONMENTS)
    heard = serve(world, 0, 4, canary_errors=60)
    assert said(heard, Held)
    assert not said(heard, Command)


def test_a_failed_smoke_test_is_enough_where_either_is() -> None:
    world = a_world(Autonomy.ALONE, stages=Stages.EITHER)
    begin(world)
    serve(world, 0, 1, canary_errors=1)
    world.put("prod", a_smoke_test(minute(1.5), has_passed=False), ENVIRONMENTS)
    heard = world.tick(minute(1.6))
    (decision,) = said(heard, Decision)
    assert "smoke test of pipeline 7 failed" in decision.why
    (command,) = said(heard, Command)
    assert command.kind is CommandKind.UNDO
    assert not said(world.tick(minute(1.7)), Command)


def test_a_failed_smoke_test_alone_changes_nothing_where_the_verdict_counts() -> None:
    world = a_world(Autonomy.ALONE)
    begin(world)
    world.put("prod", a_smoke_test(minute(0.5), has_passed=False), ENVIRONMENTS)
    heard = serve(world, 0, 3, canary_errors=1)
    assert not said(heard, Command)
    assert not said(heard, Held)


def test_a_smoke_test_of_an_earlier_deploy_or_another_version_does_not_count() -> None:
    world = a_world(Autonomy.ALONE, stages=Stages.EITHER)
    world.quiet_hour(environment="prod")
    world.put("prod", a_smoke_test(minute(-5), has_passed=False), ENVIRONMENTS)
    world.put("prod/cart", a_release(environment="prod"))
    world.put("prod", a_smoke_test(minute(0.5), has_passed=False, version="1"), ENVIRONMENTS)
    assert not said(serve(world, 0, 2, canary_errors=1), Command)


def test_a_question_is_not_waited_for_once_harm_is_clear() -> None:
    approval = ApprovalSettings(clear_harm=0.999999)
    world = a_world(Autonomy.ASK, approval=approval)
    begin(world)
    heard = serve(world, 0, 4, canary_errors=20)
    (held,) = said(heard, Held)
    assert held.guard is Guard.APPROVAL
    heard += serve(world, 4, 10, canary_errors=60)
    (command,) = said(heard, Command)
    assert command.approved_by.startswith("policy: ")


def test_a_question_is_taken_back_when_the_next_release_takes_its_place() -> None:
    world = a_world(Autonomy.ASK)
    begin(world)
    serve(world, 0, 4, canary_errors=60)
    heard = world.put("prod/cart", a_release(environment="prod", version="3", at=minute(5)))
    heard += world.put("", a_tick(minute(5.1)), ENVIRONMENTS)
    assert [one.change for one in said(heard, HoldChanged)] == [HoldChange.WITHDRAWN]
