"""Damage at services that nobody releases is heard by their environment, weighed there, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from schemas.judgements import Anomaly
from schemas.keys import EnvironmentName, ServiceName, SignalName
from schemas.observations import AnomalySeen
from schemas.orders import Command, Decision, Guard, Held
from schemas.samples import Series
from streams.engine import Engine
from streams.environment_engine import EnvironmentState
from tests.builders import NEW, a_release, a_tick, minute, requests, said
from tests.streams.world import ENVIRONMENTS, World, over_the_wire, wire

FIVE_SECONDS = timedelta(seconds=5)
QUIET = 75

Samples = list[tuple[Series, datetime, float]]


def called_by(caller: str, samples: Samples) -> Samples:
    return [
        (replace(series, attributes=(*series.attributes, ("suture.caller", caller))), at, value)
        for series, at, value in samples
    ]


def play(bystander_bad_from: int, canary_bad_from: int = 0, minutes: int = 8) -> World:
    """Play cart, which calls stock and is called by checkout: a quiet time, a release of cart, its minutes.

    Args:
        bystander_bad_from: Minute from which stock (before the release) or checkout (after it) is bad.
        canary_bad_from: Minute from which the release's pod is bad.
        minutes: Played after the release.
    """
    world = World()
    sick = "stock" if bystander_bad_from < 0 else "checkout"
    for number in range(-QUIET, minutes):
        end = minute(number + 1)
        if number == 0:
            world.put("dev/cart", a_release())
        samples = [entry for pod in "abc" for entry in requests(f"cart-{pod}", end, errors=1)]
        if number >= 0:
            samples += requests(
                "cart-d", end, errors=90.0 if number >= canary_bad_from else 1.0, template=NEW
            )
        world.serve(called_by("checkout", samples))
        for service, caller in (("stock", "cart"), ("checkout", "shop")):
            is_bad = service == sick and number >= bystander_bad_from
            errors = 150.0 if is_bad else 1.0 + number % 3
            world.serve(called_by(caller, requests(f"{service}-a", end, errors=errors)), service)
        world.tick(end + FIVE_SECONDS)
    return world


@cache
def stock_was_bad_before() -> World:
    return play(-6)


@cache
def checkout_turned_bad_after() -> World:
    return play(1, canary_bad_from=3)


def state_of(world: World) -> EnvironmentState:
    return world.engines[ENVIRONMENTS].state.environments[EnvironmentName("dev")]


def an_anomaly(since: float, service: str = "stock", number: int = 0) -> AnomalySeen:
    return AnomalySeen(
        anomaly=Anomaly(
            id=f"{service}-{number}",
            environment=EnvironmentName("dev"),
            service=ServiceName(service),
            signal=SignalName("errors"),
            level=0.5,
            expected=0.01,
            p_value=1e-5,
            since=minute(since),
            at=minute(since + 2),
            callers=("cart",),
        )
    )


def test_a_release_above_older_damage_is_held_with_the_reason() -> None:
    effects = stock_was_bad_before().effects
    assert said(effects, Anomaly)[0].service == "stock"
    assert said(effects, Command) == []
    assert {held.guard for held in said(effects, Held)} == {Guard.AMBIGUOUS_BLAME}
    (decision,) = said(effects, Decision)
    assert "stock (since 11:54) that it calls and that was bad before it began" in decision.why


def test_a_release_below_newer_damage_is_rolled_back_and_the_caller_is_named() -> None:
    effects = checkout_turned_bad_after().effects
    assert [command.service for command in said(effects, Command)] == ["cart"]
    (decision,) = said(effects, Decision)
    assert "its caller checkout turned bad 1 minute after" in decision.why


def test_a_restored_environment_remembers_the_damage_and_says_the_same() -> None:
    world = stock_was_bad_before()
    entries = world.logs[ENVIRONMENTS].entries
    assert any(isinstance(entry.body, AnomalySeen) for entry in entries)
    whole = Engine()
    expected = wire(effect for entry in entries for effect in whole.apply(over_the_wire(entry)))
    for cut in range(0, len(entries), len(entries) // 8):
        engine = Engine()
        before = wire(effect for entry in entries[:cut] for effect in engine.apply(over_the_wire(entry)))
        data = engine.snapshot()
        restored = Engine.restore(data)
        assert restored.snapshot() == data
        after = wire(effect for entry in entries[cut:] for effect in restored.apply(over_the_wire(entry)))
        assert before + after == expected


def test_damage_is_forgotten_when_a_watch_has_passed() -> None:
    world = World()
    world.put("dev", an_anomaly(-5), ENVIRONMENTS)
    world.put("", a_tick(minute(26)), ENVIRONMENTS)
    assert len(state_of(world).damages) == 1
    world.put("", a_tick(minute(27)), ENVIRONMENTS)
    assert state_of(world).damages == []


def test_a_release_that_is_held_for_older_damage_is_not_rolled_back_because_time_passed() -> None:
    world = play(-6, minutes=6)
    for number in range(7, 60, 3):
        world.tick(minute(number))
    assert said(world.effects, Command) == []
    for number in range(60, 180, 10):
        world.tick(minute(number))
    assert state_of(world).damages == []


def test_damage_told_twice_is_remembered_once_and_a_large_outage_is_bounded() -> None:
    world = World()
    for _ in range(2):
        world.put("dev", an_anomaly(-5), ENVIRONMENTS)
    assert len(state_of(world).damages) == 1
    for number in range(500):
        world.put("dev", an_anomaly(-4, number=number + 1), ENVIRONMENTS)
    known = state_of(world).damages
    assert len(known) == 128
    assert known[0].anomaly.since == minute(-5)
