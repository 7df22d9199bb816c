"""What the pure engine decides, through `Engine.apply` alone: one test a rule of the design."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.effects import Effect
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import (
    Answer,
    Origin,
    OutcomeReported,
    ReleaseClosed,
    ReleaseOpened,
    ReleaseStarted,
    VerdictReached,
)
from schemas.orders import Command, CommandKind, Decision, Denied, Guard, Held, Page, Playbook
from schemas.policy import Policy, Rule
from schemas.samples import Temporality
from schemas.signals import Field
from tests.builders import (
    NEW,
    OLD,
    START,
    a_batch,
    a_freeze,
    a_release,
    a_tick,
    an_answer,
    minute,
    requests,
    said,
)
from tests.streams.world import ENVIRONMENTS, SERVICES, World, wire

FIVE_SECONDS = timedelta(seconds=5)


def play(
    world: World, minutes: int, canary_errors: float | None, environment: str = "dev", twins: bool = True
) -> list[Effect]:
    """Play a quiet hour, a release and the minutes behind it; None lets the canary be silent."""
    world.quiet_hour(environment=environment)
    heard = world.put(f"{environment}/cart", a_release(environment=environment))
    for number in range(minutes):
        end = minute(number + 1)
        samples = (
            [entry for pod in ("a", "b", "c") for entry in requests(pod, end, errors=1)] if twins else []
        )
        if canary_errors is not None:
            samples += requests("d", end, errors=canary_errors, template=NEW)
        heard += world.serve(samples, environment=environment) if samples else []
        heard += world.tick(end + FIVE_SECONDS)
    return heard


def test_a_release_belongs_to_the_team_that_its_event_names_and_else_to_the_policys() -> None:
    rule = Rule(team="platform")
    world = World(policy=Policy(rules={"*/*": rule}))
    named = replace(a_release("stock").release, team="checkout")
    told = world.put("dev/cart", a_release()) + world.put("dev/stock", ReleaseStarted(release=named))
    assert [item.release.team for item in said(told, ReleaseOpened)] == ["platform", "checkout"]


def kinds(effects: list[Effect]) -> list[VerdictKind]:
    return [item.verdict.kind for item in said(effects, VerdictReached)]


def test_a_harmful_release_in_development_is_rolled_back_alone() -> None:
    heard = play(World(), 4, canary_errors=60)
    assert kinds(heard)[-1] is VerdictKind.HARMFUL
    (command,) = said(heard, Command)
    assert (command.kind, command.template, command.expected_template) == (CommandKind.UNDO, OLD, NEW)
    assert not command.approved_by
    assert not said(heard, Held)


def test_a_harmful_release_in_production_is_held_until_a_human_approves() -> None:
    world = World()
    heard = play(world, 4, canary_errors=60, environment="prod")
    (held,) = said(heard, Held)
    assert held.guard is Guard.APPROVAL
    assert not said(heard, Command)
    assert [page.about for page in said(heard, Page)] == [held.id]
    answered = world.put("prod", an_answer(held.id, Answer.APPROVE, minute(5)), ENVIRONMENTS)
    (command,) = said(answered, Command)
    assert command == held.command or command.approved_by
    assert command.approved_by == "ann via cli"
    assert command.expires_at > minute(5)


def test_a_rejected_rollback_is_denied_and_stays_so() -> None:
    world = World()
    (held,) = said(play(world, 4, canary_errors=60, environment="prod"), Held)
    answered = world.put("prod", an_answer(held.id, Answer.REJECT, minute(5)), ENVIRONMENTS)
    assert [denied.guard for denied in said(answered, Denied)] == [Guard.REJECTED]
    later = world.put("prod", an_answer(held.id, Answer.APPROVE, minute(6), by="bob"), ENVIRONMENTS)
    assert not said(later, Command)


def test_a_second_approval_releases_no_second_command() -> None:
    world = World()
    (held,) = said(play(world, 4, canary_errors=60, environment="prod"), Held)
    first = world.put("prod", an_answer(held.id, Answer.APPROVE, minute(5)), ENVIRONMENTS)
    second = world.put("prod", an_answer(held.id, Answer.APPROVE, minute(6), by="bob"), ENVIRONMENTS)
    assert len(said(first, Command)) == 1
    assert not said(second, Command)


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    world = World()
    (held,) = said(play(world, 4, canary_errors=60, environment="prod"), Held)
    assert held.expires_at is not None
    expired = world.put("", a_tick(held.expires_at + FIVE_SECONDS), ENVIRONMENTS)
    assert [denied.guard for denied in said(expired, Denied)] == [Guard.EXPIRED]
    late = world.put(
        "prod", an_answer(held.id, Answer.APPROVE, held.expires_at + 2 * FIVE_SECONDS), ENVIRONMENTS
    )
    assert not said(late, Command)


def test_an_answer_to_a_hold_that_nobody_knows_changes_nothing() -> None:
    world = World()
    play(world, 2, canary_errors=1, environment="prod")
    answered = world.put("prod", an_answer("no-such-hold", Answer.APPROVE, minute(3)), ENVIRONMENTS)
    assert not said(answered, Command)


def test_not_enough_evidence_keeps_collecting_and_is_no_pass() -> None:
    heard = play(World(), 3, canary_errors=1)
    assert kinds(heard) == [VerdictKind.INCONCLUSIVE]
    assert not said(heard, Decision)
    assert not said(heard, Command)


def test_no_data_pages_when_the_watch_ends_and_is_neither_pass_nor_rollback() -> None:
    heard = play(World(), 31, canary_errors=None, twins=False)
    assert VerdictKind.NODATA in kinds(heard)
    (decision,) = said(heard, Decision)
    assert decision.playbook is Playbook.PAGE
    assert said(heard, Page)
    assert not said(heard, Command)


def test_a_broken_instrument_pages_and_is_neither_pass_nor_rollback() -> None:
    world = World()
    world.quiet_hour()
    heard = world.put("dev/cart", a_release())
    for number in range(31):
        end = minute(number + 1)
        # The canary's clock is a day ahead: whatever it says cannot be placed.
        said_by_canary = requests("d", end + timedelta(days=1), template=NEW)
        heard += world.serve([*requests("a", end), *requests("b", end), *said_by_canary])
        heard += world.tick(end + FIVE_SECONDS)
    assert VerdictKind.BROKEN in kinds(heard)
    assert VerdictKind.HEALTHY not in kinds(heard)
    assert not said(heard, Command)
    assert said(heard, Page)


def test_a_canary_that_falls_silent_beside_its_speaking_twins_is_harmful() -> None:
    world = World()
    heard = play(world, 2, canary_errors=1)
    for number in range(2, 8):
        heard += world.minute_of(number, dict.fromkeys("abc", 1.0))
    assert kinds(heard)[-1] is VerdictKind.HARMFUL


def test_a_canary_that_has_not_spoken_yet_is_no_data_and_no_rollback() -> None:
    heard = play(World(), 6, canary_errors=None)
    assert kinds(heard)[-1] is VerdictKind.NODATA
    assert not said(heard, Command)


def test_a_release_that_follows_supersedes_the_one_before() -> None:
    world = World()
    heard = play(world, 4, canary_errors=60, environment="prod")
    (held,) = said(heard, Held)
    newer = a_release(environment="prod", version="3", template="2c2c2c2c2c", at=minute(5))
    heard = world.put("prod/cart", newer)
    assert [closed.why for closed in said(heard, ReleaseClosed)] == ["superseded by 3"]
    assert [denied.guard for denied in said(heard, Denied)] == [Guard.SUPERSEDED]
    late = world.put("prod", an_answer(held.id, Answer.APPROVE, minute(6)), ENVIRONMENTS)
    assert not said(late, Command)


def test_a_freeze_holds_what_development_would_do_alone() -> None:
    world = World()
    world.put("dev", a_freeze(minute(60), minute(-30)), ENVIRONMENTS)
    heard = play(world, 4, canary_errors=60)
    assert [held.guard for held in said(heard, Held)] == [Guard.FREEZE]
    assert not said(heard, Command)


def test_a_second_sender_of_the_same_deployment_does_not_begin_the_watch_anew() -> None:
    world = World()
    play(world, 3, canary_errors=1)
    again = replace(a_release().release, id=ReleaseId("dev-cart-2-of-another-sender"), started_at=minute(3))
    assert not world.put("dev/cart", ReleaseStarted(release=again))


def test_the_same_deploy_event_again_is_no_news() -> None:
    world = World()
    world.quiet_hour()
    first, again = world.put("dev/cart", a_release()), world.put("dev/cart", a_release())
    assert said(first, ReleaseOpened)
    assert not again


def test_an_observation_made_twice_from_one_message_changes_nothing() -> None:
    once, twice = World(), World()
    for world in (once, twice):
        world.quiet_hour()
        world.put("dev/cart", a_release())
    for number in range(4):
        end = minute(number + 1)
        batch = a_batch(
            [*requests("a", end, errors=1), *requests("b", end), *requests("d", end, errors=40, template=NEW)]
        )
        origin = Origin(topic="otlp_metrics", partition=4, offset=number)
        once.put("dev/cart", batch, origin=origin)
        twice.put("dev/cart", batch, origin=origin)
        assert not twice.put("dev/cart", batch, origin=origin)
        once.tick(end + FIVE_SECONDS)
        twice.tick(end + FIVE_SECONDS)
    assert [effect.said for effect in twice.effects] == [effect.said for effect in once.effects]


def test_a_position_that_was_applied_changes_nothing() -> None:
    world = World()
    play(world, 4, canary_errors=60)
    for topic, engine in world.engines.items():
        before = engine.snapshot()
        for entry in world.logs[topic].entries:
            assert engine.apply(entry) == ()
        assert engine.snapshot() == before


def test_an_outcome_that_is_reported_again_is_told_once() -> None:
    world = World()
    (command,) = said(play(world, 4, canary_errors=60), Command)
    first = world.report(command, minute(5))
    assert len(said(first, OutcomeReported)) == 1
    for number in range(4, 12):
        world.minute_of(number, {"a": 1, "b": 1, "c": 1})
    assert world.report(command, minute(13)) == []
    for number in range(13, 22):
        world.minute_of(number, {"a": 1, "b": 1, "c": 1})
    names = [type(effect.said).__name__ for effect in world.effects]
    assert names.count("Recovery") == 1
    assert names.count("OutcomeReported") == 1


@pytest.mark.parametrize("days", [-10_000, -1, 1, 10_000])
def test_a_deploy_event_with_a_wrong_clock_blinds_nobody(days: int) -> None:
    world = World()
    world.quiet_hour()
    world.put("dev/cart", a_release(version="1", template="77", at=START + timedelta(days=days)))
    world.tick(minute(0) + FIVE_SECONDS)
    heard = world.put("dev/cart", a_release(at=minute(1)))
    for number in range(1, 6):
        end = minute(number + 1)
        heard += world.serve(
            [
                *requests("a", end, errors=1),
                *requests("b", end),
                *requests("d", end, errors=60, template=NEW),
            ]
        )
        heard += world.tick(end + FIVE_SECONDS)
    assert kinds(heard)[-1] is VerdictKind.HARMFUL


def test_one_story_gives_the_same_bytes_every_time() -> None:
    first, second = World(), World()
    play(first, 8, canary_errors=12)
    play(second, 8, canary_errors=12)
    assert wire(first.effects) == wire(second.effects)


def test_the_builders_make_deltas_of_counts_and_sums() -> None:
    series = [entry[0] for entry in requests("a", START, errors=1)]
    assert {one.temporality for one in series} == {Temporality.DELTA}
    assert [one.field for one in series] == [Field.COUNT, Field.SUM, Field.COUNT]


def test_a_bug_at_one_service_pages_once_and_silences_no_other() -> None:
    world = World()
    world.quiet_hour()
    world.quiet_hour(service="basket")
    world.put("dev/basket", a_release("basket", version="7"))
    spoilt = world.engines[SERVICES].state.services["dev/basket"].open[0].watch
    spoilt.looked_until = None  # type: ignore[assignment]  # spoilt on purpose: every look at it fails
    heard = play(world, 4, canary_errors=60)
    pages = [page for page in said(heard, Page) if page.service == "basket"]
    assert len(pages) == 1
    assert "judging dev/basket failed with TypeError" in pages[0].summary
    assert kinds(heard)[-1] is VerdictKind.HARMFUL
    assert said(heard, Command)
