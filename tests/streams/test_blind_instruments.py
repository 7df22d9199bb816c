"""Broken instruments as both engines hear of them: told, kept over a restart, and taken back."""

from __future__ import annotations

import pytest

from schemas.errors import SchemaError
from schemas.judgements import VerdictKind
from schemas.observation_messages import observation_message, read_observation
from schemas.observations import LogPosition, VerdictReached
from schemas.orders import Command, Page
from schemas.topics import Topic
from streams.engine import Engine
from tests.builders import NEW, a_release, an_instrument, minute, requests, said
from tests.streams.world import SERVICES, World, wire

FIVE = 6 / 60


def watched(until: int, restored_at: int | None = None, up: int = 99) -> World:
    """Play a release whose canary is not seen from minute 2 on, with an engine that stopped meanwhile."""
    world = World()
    world.quiet_hour("abc")
    for number in range(until):
        if number == 0:
            world.put("dev/cart", a_release())
        if number == 3:
            world.put("dev/cart", an_instrument("no answer", minute(2)))
        if number == up:
            world.put("dev/cart", an_instrument("", minute(up)))
        if number == restored_at:
            world.engines[SERVICES] = Engine.restore(world.engines[SERVICES].snapshot())
        samples = [entry for pod in "ab" for entry in requests(pod, minute(number + 1))]
        if number < 2 or number >= up:
            samples += requests("n", minute(number + 1), template=NEW)
        world.serve(samples)
        world.tick(minute(number + 1 + FIVE))
    return world


def kinds(world: World) -> list[VerdictKind]:
    return [one.verdict.kind for one in said(world.effects, VerdictReached)]


def test_a_release_whose_instrument_breaks_ends_broken_and_a_human_is_told() -> None:
    world = watched(10)
    assert kinds(world)[-1] is VerdictKind.BROKEN
    assert not said(world.effects, Command)
    for number in range(10, 32):
        world.put("dev/cart", an_instrument("no answer", minute(2)))
        world.tick(minute(number + FIVE))
    assert kinds(world)[-1] is VerdictKind.BROKEN
    (page,) = said(world.effects, Page)
    assert "prometheus main sees nothing since 12:02:00 UTC: no answer" in page.summary


def test_judging_goes_on_when_the_instrument_is_back() -> None:
    world = watched(31, up=8)
    assert VerdictKind.BROKEN in kinds(world)
    assert kinds(world)[-1] is VerdictKind.HEALTHY


@pytest.mark.parametrize("restored_at", [3, 5, 8, 9])
def test_an_engine_restored_while_the_instrument_is_broken_says_the_same(restored_at: int) -> None:
    assert wire(watched(14, restored_at, up=8).effects) == wire(watched(14, up=8).effects)


def test_the_word_goes_over_the_wire_and_back() -> None:
    change = an_instrument("no answer", minute(3))
    message = observation_message(Topic.OBSERVATIONS, "dev/cart", change)
    place = LogPosition(topic="observations", partition=0, offset=0)
    assert read_observation(place, message.key, message.value, message.headers).body == change


def test_the_word_about_another_service_than_its_key_is_refused() -> None:
    message = observation_message(Topic.OBSERVATIONS, "dev/mail", an_instrument("no answer", minute(3)))
    place = LogPosition(topic="observations", partition=0, offset=0)
    with pytest.raises(SchemaError, match="another key"):
        read_observation(place, message.key, message.value, message.headers)
