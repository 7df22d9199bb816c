"""Whether actions helped, as the service's engine tells it: which action, by which signals, and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from schemas.effects import Effect
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    EnvironmentName,
    ReleaseId,
    ServiceName,
    SignalName,
)
from schemas.observations import VerdictReached
from schemas.orders import Command, CommandKind, OutcomeKind
from schemas.policy import Rule
from schemas.verbs import Awaited, RemedyStep
from tests.builders import NEW, minute, requests, said
from tests.streams.test_engine_stories import play
from tests.streams.world import World

FIVE_SECONDS = timedelta(seconds=5)
CART, DEV = ServiceName("cart"), EnvironmentName("dev")
FAILURE = "failure-dev-cart-crash_loop"


def a_restart(awaited: Awaited | None, name: str = "restart") -> Command:
    """Return the order of a playbook's step about a failure, of which no release is known."""
    return Command(
        id=CommandId(f"{FAILURE}-{name}"),
        kind=CommandKind.RESTART,
        decision=DecisionId("decision"),
        release=ReleaseId(FAILURE),
        environment=DEV,
        service=CART,
        target=Rule().target.target(DEV, CART),
        template=NO_TEMPLATE,
        expected_template=NO_TEMPLATE,
        issued_at=minute(0),
        expires_at=minute(5),
        remedy=RemedyStep(playbook="restart-crashed-pod@1", index=0, step=name, failure=FAILURE),
        awaited=awaited,
    )


def serve(world: World, numbers: Iterable[int], errors: float) -> list[Effect]:
    """Let a service serve some minutes with so many errors a pod."""
    heard: list[Effect] = []
    for number in numbers:
        heard += world.minute_of(number, dict.fromkeys("abc", errors))
    return heard


def test_a_step_that_names_what_it_awaits_is_watched_for_it_without_any_release() -> None:
    world = World()
    serve(world, range(-60, -3), 1)
    serve(world, range(-3, 0), 60)
    command = a_restart(Awaited(signals=(SignalName("errors"),), within_s=300, since=minute(-3)))
    assert not said(world.report(command, minute(0)), Recovery)
    (recovery,) = said(serve(world, range(8), 1), Recovery)
    assert (recovery.command, recovery.release) == (command.id, FAILURE)
    assert recovery.kind is RecoveryKind.RECOVERED
    assert (recovery.first_bad_at, recovery.acted_at, recovery.recovered_at) == (
        minute(-3),
        minute(0),
        minute(1),
    )
    # Told when the second whole interval was in, and not at any deadline.
    assert recovery.at == minute(2) + FIVE_SECONDS


def test_a_step_that_did_not_help_says_so_when_its_time_is_over() -> None:
    world = World()
    serve(world, range(-60, -3), 1)
    serve(world, range(-3, 0), 60)
    world.report(a_restart(Awaited(within_s=180, since=minute(-3))), minute(0))
    (recovery,) = said(serve(world, range(9), 60), Recovery)
    assert recovery.kind is RecoveryKind.NOT_RECOVERED
    assert recovery.recovered_at is None
    assert recovery.at == minute(3) + FIVE_SECONDS


def test_a_step_of_which_nothing_is_awaited_is_not_watched() -> None:
    world = World()
    serve(world, range(-60, 0), 1)
    world.report(a_restart(None), minute(0))
    assert not said(serve(world, range(15), 1), Recovery)


def test_a_rehearsed_step_is_not_watched() -> None:
    world = World()
    serve(world, range(-60, 0), 1)
    world.report(a_restart(Awaited()), minute(0), OutcomeKind.REHEARSED)
    assert not said(serve(world, range(15), 1), Recovery)


def test_steps_that_overlap_are_told_apart_by_their_commands() -> None:
    world = World()
    serve(world, range(-60, -3), 1)
    serve(world, range(-3, 2), 60)
    first, second = (a_restart(Awaited(within_s=300, since=minute(-3)), name) for name in ("one", "two"))
    world.report(first, minute(0))
    world.report(second, minute(2))
    heard = said(serve(world, range(2, 8), 1), Recovery)
    assert {recovery.command for recovery in heard} == {first.id, second.id}
    assert {recovery.recovered_at for recovery in heard} == {minute(3)}


def test_more_actions_than_are_watched_end_the_oldest_wait_as_unknown() -> None:
    world = World()
    serve(world, range(-60, 0), 1)
    commands = [a_restart(Awaited(within_s=300), f"step-{number}") for number in range(9)]
    heard = [effect for command in commands for effect in world.report(command, minute(0))]
    (recovery,) = said(heard, Recovery)
    assert (recovery.command, recovery.kind) == (commands[0].id, RecoveryKind.UNKNOWN)
    assert len(said(serve(world, range(4), 1), Recovery)) == 8


def test_an_undo_is_timed_from_the_first_bad_interval_to_the_first_good_one() -> None:
    world = World()
    heard = play(world, 4, canary_errors=60)
    (command,) = said(heard, Command)
    verdict = next(
        reached.verdict
        for reached in said(heard, VerdictReached)
        if reached.verdict.kind is VerdictKind.HARMFUL
    )
    world.report(command, minute(4))
    (recovery,) = said(serve(world, range(4, 9), 1), Recovery)
    assert recovery.first_bad_at == verdict.first_bad_at == minute(0)
    assert (recovery.acted_at, recovery.recovered_at) == (minute(4), minute(5))


def test_the_damage_of_an_earlier_release_is_not_held_against_a_later_failure() -> None:
    world = World()
    (command,) = said(play(world, 4, canary_errors=60), Command)
    world.report(command, minute(4))
    serve(world, range(4, 60), 1)
    for number in range(60, 63):
        end = minute(number + 1)
        world.serve([entry for pod in "abc" for entry in requests(pod, end, mean_s=2.0)])
        world.tick(end + FIVE_SECONDS)
    world.report(a_restart(Awaited(within_s=300)), minute(63))
    (recovery,) = said(serve(world, range(63, 66), 1), Recovery)
    assert recovery.first_bad_at is None
    assert "latency" in recovery.text
    assert NEW not in recovery.text
