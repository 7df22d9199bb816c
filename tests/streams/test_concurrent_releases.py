"""Of several releases that go bad at once, one is acted on: what the environment's state makes of them."""

from datetime import timedelta

from schemas.effects import Effect
from schemas.orders import Command, Decision, Guard, Held, Playbook
from tests.builders import NEW, a_release, minute, requests, said
from tests.streams.world import World

FIVE_SECONDS = timedelta(seconds=5)
SERVICES = ("cart", "search")


def play(world: World, minutes: int, errors: dict[str, float]) -> list[Effect]:
    """Play a quiet hour of two services, a release of each, and the minutes behind it."""
    for number in range(-60, 0):
        end = minute(number + 1)
        for service in SERVICES:
            samples = [entry for pod in "abc" for entry in requests(f"{service}-{pod}", end, errors=1)]
            world.serve(samples, service)
        world.tick(end + FIVE_SECONDS)
    heard = [
        effect for service in SERVICES for effect in world.put(f"dev/{service}", a_release(service=service))
    ]
    for number in range(minutes):
        end = minute(number + 1)
        for service in SERVICES:
            samples = [entry for pod in "abc" for entry in requests(f"{service}-{pod}", end, errors=1)]
            samples += requests(f"{service}-d", end, errors=errors[service], template=NEW)
            heard += world.serve(samples, service)
        heard += world.tick(end + FIVE_SECONDS)
    return heard


def test_a_healthy_neighbour_is_left_alone() -> None:
    heard = play(World(), 6, {"cart": 90, "search": 1})
    assert [command.service for command in said(heard, Command)] == ["cart"]
    assert {decision.service for decision in said(heard, Decision)} == {"cart"}


def test_blame_waits_for_what_the_neighbours_say() -> None:
    heard = play(World(), 6, {"cart": 90, "search": 1})
    (decision,) = said(heard, Decision)
    (command,) = said(heard, Command)
    assert decision.suspects[0].service == "cart"
    assert {suspect.service for suspect in decision.suspects} == {"cart", "search"}
    assert command.issued_at >= minute(3)


def test_two_releases_that_go_bad_at_once_are_never_both_rolled_back_alone() -> None:
    heard = play(World(), 20, {"cart": 150, "search": 60})
    assert len(said(heard, Command)) <= 1
    assert said(heard, Held)


def test_the_neighbour_of_an_undone_release_is_held_with_the_ranking_shown() -> None:
    heard = play(World(), 20, {"cart": 250, "search": 40})
    held = [item for item in said(heard, Held) if item.guard is Guard.AMBIGUOUS_BLAME]
    assert held
    pages = [decision for decision in said(heard, Decision) if decision.playbook is Playbook.PAGE]
    assert all(len(decision.suspects) >= 1 for decision in pages)
