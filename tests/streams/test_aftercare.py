"""A release that was judged healthy and promoted turns bad afterwards: watched on, undone once, recovered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.effects import Effect
from schemas.judgements import Evidence, Recovery, RecoveryKind, VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import ReleaseClosed, ReleaseOpened, VerdictReached
from schemas.orders import Command, CommandKind, Guard, Held, Page
from schemas.policy import Autonomy, GateSettings, JudgeSettings, Policy, Rule
from streams.engine import Engine
from tests.builders import NEW, OLD, a_release, minute, requests, said
from tests.streams.test_bystanders_in_an_environment import called_by
from tests.streams.world import SERVICES, World

FIVE_SECONDS = timedelta(seconds=5)
WATCH, AFTER = 30, 60


def a_world(after: int = AFTER, promote: Autonomy = Autonomy.ALONE) -> World:
    rule = Rule(
        judge=JudgeSettings(after=timedelta(minutes=after)),
        gate=GateSettings(rollback=Autonomy.ALONE, promote=promote),
    )
    return World(Policy(rules={"*/*": rule}))


def serve(
    world: World, first: int, end: int, old: str = "", new: str = "", errors: float = 1, mean_s: float = 0.1
) -> list[Effect]:
    """Let old and new pods serve some minutes; the errors and the latency are those of the new ones."""
    heard: list[Effect] = []
    for number in range(first, end):
        at = minute(number + 1)
        samples = [entry for pod in old for entry in requests(pod, at, errors=1)]
        samples += [
            entry for pod in new for entry in requests(pod, at, errors=errors, template=NEW, mean_s=mean_s)
        ]
        if samples:
            heard += world.serve(samples)
        heard += world.tick(at + FIVE_SECONDS)
    return heard


def promoted(world: World) -> list[Effect]:
    """Play a quiet hour and a release that is judged healthy, promoted, and runs everywhere from then on."""
    world.quiet_hour()
    world.put("dev/cart", a_release())
    heard = serve(world, 0, WATCH, old="abc", new="d")
    orders = said(heard, Command)
    for command in orders:
        heard += world.report(command, minute(WATCH))
    return heard


def kinds(effects: list[Effect]) -> list[VerdictKind]:
    return [item.verdict.kind for item in said(effects, VerdictReached)]


def test_errors_that_begin_twenty_minutes_after_the_promotion_are_undone_once_and_recovery_is_told() -> None:
    world = a_world()
    heard = promoted(world)
    assert [command.kind for command in said(heard, Command)] == [CommandKind.PROMOTE]
    healthy = said(heard, VerdictReached)[-1].verdict
    assert (healthy.kind, healthy.is_final) == (VerdictKind.HEALTHY, True)
    assert not said(serve(world, WATCH, 50, new="defg"), VerdictReached)

    bad = serve(world, 50, 56, new="defg", errors=60)
    harmful = said(bad, VerdictReached)[0].verdict
    assert harmful.kind is VerdictKind.HARMFUL
    assert harmful.is_final
    assert harmful.ordinal == healthy.ordinal + 1
    assert harmful.first_bad_at == minute(50)
    assert harmful.confidence >= 0.99
    assert harmful.at <= minute(53)
    assert "in the hour before" in harmful.reasons[0]
    (undo,) = said(bad, Command)
    assert (undo.kind, undo.template, undo.expected_template) == (CommandKind.UNDO, OLD, NEW)

    done = world.report(undo, minute(56))
    assert [closed.why for closed in said(done, ReleaseClosed)] == ["rolled back"]
    after = serve(world, 56, 75, old="abc")
    (recovery,) = said(after, Recovery)
    assert recovery.kind is RecoveryKind.RECOVERED
    assert (recovery.first_bad_at, recovery.recovered_at) == (minute(50), minute(57))
    undos = [command for command in said(world.effects, Command) if command.kind is CommandKind.UNDO]
    assert undos == [undo]


def test_a_rising_latency_after_the_promotion_is_undone_as_well() -> None:
    world = a_world()
    promoted(world)
    serve(world, WATCH, 50, new="defg")
    heard = serve(world, 50, 62, new="defg", mean_s=1.0)
    assert kinds(heard)[:1] == [VerdictKind.HARMFUL]
    assert [command.kind for command in said(heard, Command)] == [CommandKind.UNDO]


def test_a_canary_that_nobody_promoted_is_held_against_its_stable_twins() -> None:
    world = a_world(promote=Autonomy.SHADOW)
    world.quiet_hour()
    world.put("dev/cart", a_release())
    serve(world, 0, 50, old="abc", new="d")
    heard = serve(world, 50, 56, old="abc", new="d", errors=60)
    verdict = said(heard, VerdictReached)[0].verdict
    assert verdict.kind is VerdictKind.HARMFUL
    assert next(item for item in verdict.evidence if item.signal == "errors").control.pods == 3


def test_damage_that_old_and_new_pods_share_is_not_the_releases() -> None:
    world = a_world(promote=Autonomy.SHADOW)
    world.quiet_hour()
    world.put("dev/cart", a_release())
    serve(world, 0, 50, old="abc", new="d")
    heard: list[Effect] = []
    for number in range(50, 60):
        at = minute(number + 1)
        heard += world.serve(
            [
                *(entry for pod in "abc" for entry in requests(pod, at, errors=60)),
                *requests("d", at, errors=60, template=NEW),
            ]
        )
        heard += world.tick(at + FIVE_SECONDS)
    assert not said(heard, VerdictReached)


def test_a_service_that_goes_to_sleep_in_its_aftercare_wakes_nobody() -> None:
    world = a_world()
    promoted(world)
    serve(world, WATCH, 40, new="defg")
    heard = serve(world, 40, WATCH + AFTER + 2)
    assert not said(heard, VerdictReached)
    assert not said(heard, Page)
    assert [closed.why for closed in said(heard, ReleaseClosed)] == ["judged healthy in its aftercare"]


def test_a_good_release_is_closed_when_its_aftercare_ends_and_nothing_else_is_said() -> None:
    world = a_world()
    heard = promoted(world)
    assert not said(heard, ReleaseClosed)
    heard = serve(world, WATCH, WATCH + AFTER + 30, new="defg")
    assert not said(heard, VerdictReached)
    assert not said(heard, Evidence)
    (closed,) = said(heard, ReleaseClosed)
    assert closed.at == minute(WATCH + AFTER) + FIVE_SECONDS


def test_without_aftercare_a_release_is_closed_with_its_verdict() -> None:
    world = a_world(after=0)
    assert [closed.why for closed in said(promoted(world), ReleaseClosed)] == ["judged healthy"]
    assert not said(serve(world, WATCH, 60, new="defg", errors=60), VerdictReached)


def test_only_what_was_judged_healthy_has_an_aftercare() -> None:
    world = a_world()
    world.quiet_hour()
    world.put("dev/cart", a_release())
    heard = serve(world, 0, WATCH, old="abc")
    assert kinds(heard)[-1] is VerdictKind.NODATA
    assert [closed.why for closed in said(heard, ReleaseClosed)] == ["judged nodata"]


@pytest.mark.parametrize("version", ["3", "2"])
def test_a_new_deploy_supersedes_a_release_in_its_aftercare(version: str) -> None:
    world = a_world()
    promoted(world)
    serve(world, WATCH, 40, new="defg")
    event = a_release(version=version, at=minute(40))
    again = replace(event, release=replace(event.release, id=ReleaseId(f"{event.release.id}-again")))
    heard = world.put("dev/cart", again)
    assert [closed.why for closed in said(heard, ReleaseClosed)] == [f"superseded by {version}"]
    assert said(heard, ReleaseOpened)


def test_what_a_release_taught_is_taken_back_when_its_aftercare_convicts() -> None:
    world = a_world()
    promoted(world)
    past = world.engines[SERVICES].state.services["dev/cart"].past
    assert [known.release for known in past.history.releases] == ["dev-cart-2"]
    serve(world, WATCH, 50, new="defg")
    first = int(minute(0).timestamp()) // 600
    learnt = past.seasons.tracks["errors|"].between(first, first + 5)[1]
    assert learnt.all()
    serve(world, 50, 56, new="defg", errors=60)
    past = world.engines[SERVICES].state.services["dev/cart"].past
    assert past.history.releases == []
    assert not past.seasons.tracks["errors|"].between(first, first + 6)[1].any()


def test_stopping_and_restoring_in_the_aftercare_changes_nothing() -> None:
    world = a_world()
    promoted(world)
    serve(world, WATCH, 50, new="defg")
    serve(world, 50, 56, new="defg", errors=60)
    for topic, engine in world.engines.items():
        entries = world.logs[topic].entries
        cut = int(len(entries) * 0.9)
        first = Engine()
        for entry in entries[:cut]:
            first.apply(entry)
        second = Engine.restore(first.snapshot())
        for entry in entries[cut:]:
            second.apply(entry)
        assert second.snapshot() == engine.snapshot()


def test_damage_is_dated_back_into_the_round_in_which_it_began() -> None:
    world = a_world()
    promoted(world)
    serve(world, WATCH, 46, new="defg")
    heard = serve(world, 46, 60, new="defg", mean_s=1.0)
    assert said(heard, VerdictReached)[0].verdict.first_bad_at == minute(46)


def test_rounds_fit_into_what_a_short_watch_keeps() -> None:
    """A demonstration's settings: half a minute of watching, five seconds an interval."""
    judge = JudgeSettings(
        interval=timedelta(seconds=5),
        watch=timedelta(seconds=40),
        min_watch=timedelta(seconds=20),
        quiet=timedelta(minutes=1),
        lateness=timedelta(seconds=1),
        after=timedelta(hours=1),
    )
    gate = GateSettings(rollback=Autonomy.ALONE, recovery=timedelta(minutes=1))
    world = World(Policy(rules={"*/*": Rule(judge=judge, gate=gate)}))

    def seconds(first: int, end: int, old: str = "", new: str = "", errors: float = 1) -> list[Effect]:
        heard: list[Effect] = []
        for number in range(first, end, 5):
            at = minute(0) + timedelta(seconds=number + 5)
            samples = [entry for pod in old for entry in requests(pod, at, errors=1)]
            samples += [entry for pod in new for entry in requests(pod, at, errors=errors, template=NEW)]
            heard += world.serve(samples)
            heard += world.tick(at + timedelta(seconds=1))
        return heard

    seconds(-120, 0, old="abc")
    world.put("dev/cart", a_release())
    assert kinds(seconds(0, 45, old="abc", new="d"))[-1] is VerdictKind.HEALTHY
    assert not kinds(seconds(45, 600, new="defg"))
    heard = seconds(600, 660, new="defg", errors=60)
    assert kinds(heard)[:1] == [VerdictKind.HARMFUL]
    assert said(heard, VerdictReached)[0].verdict.first_bad_at == minute(10)


@pytest.mark.parametrize("is_stock_sick", [False, True])
def test_an_outage_of_what_the_service_calls_is_held_for_a_human(is_stock_sick: bool) -> None:
    world = a_world()

    def serve_both(first: int, end: int, old: str = "", new: str = "", errors: float = 1) -> list[Effect]:
        heard: list[Effect] = []
        for number in range(first, end):
            at = minute(number + 1)
            samples = [entry for pod in old for entry in requests(pod, at, errors=1)]
            samples += [entry for pod in new for entry in requests(pod, at, errors=errors, template=NEW)]
            heard += world.serve(samples)
            is_sick = errors > 1 and is_stock_sick
            stock = requests("stock-a", at, errors=150 if is_sick else 1.0 + number % 3)
            heard += world.serve(called_by("cart", stock), "stock")
            heard += world.tick(at + FIVE_SECONDS)
        return heard

    serve_both(-75, 0, old="abc")
    world.put("dev/cart", a_release())
    (promotion,) = said(serve_both(0, WATCH, old="abc", new="d"), Command)
    world.report(promotion, minute(WATCH))
    serve_both(WATCH, 50, new="defg")
    heard = serve_both(50, 57, new="defg", errors=60)
    assert kinds(heard)[0] is VerdictKind.HARMFUL
    if is_stock_sick:
        assert [hold.guard for hold in said(heard, Held)] == [Guard.AMBIGUOUS_BLAME]
        assert not said(heard, Command)
    else:
        assert [command.kind for command in said(heard, Command)] == [CommandKind.UNDO]
