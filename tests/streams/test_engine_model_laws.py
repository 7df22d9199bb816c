"""Laws of models in the log: order and repeats change nothing, and what is replayed says the same bytes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.judgements import Evidence
from schemas.keys import SignalName
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.profiles import Adjustment, LearntSignal, Profile
from streams.engine import Engine
from tests.builders import NEW, Log, a_release, minute, requests, said
from tests.streams.world import SERVICES, World, over_the_wire, wire

PARENT = Profile(adjustments={"*/*": Adjustment(alpha=1e-3)})
CHILD = Profile(
    adjustments={
        "dev/cart": Adjustment(
            alpha=1e-4,
            signals={SignalName("errors"): LearntSignal(share=4.0, warm_up=1, expected_ratio=3.0)},
        )
    }
)


def a_card(name: str, parent: str) -> ModelCard:
    return ModelCard(
        id=name,
        family=ModelFamily.JUDGE,
        parent=parent,
        data_from=minute(-600),
        data_until=minute(-60),
        releases=40,
        labels=12,
        code="c0de",
    )


def a_change(
    stage: ModelStage, at: float, profile: Profile | None = CHILD, name: str = "child", parent: str = "parent"
) -> ModelChanged:
    return ModelChanged(
        card=a_card(name, parent), stage=stage, at=minute(at), why="by its numbers", profile=profile
    )


FIRST = a_change(ModelStage.CHAMPION, -30, PARENT, "parent", "")
TRIED = a_change(ModelStage.CHALLENGER, -20)
PROMOTED = a_change(ModelStage.CHAMPION, 2)
RETIRED = a_change(ModelStage.RETIRED, 5, PARENT)


@cache
def a_year() -> World:
    """Return a release that is judged by three models in turn: promoted and retired while it is watched."""
    world = World()
    for number in range(-15, 10):
        for at, change in ((-15, FIRST), (-14, TRIED), (2, PROMOTED), (5, RETIRED)):
            if number == at:
                world.put("", change, SERVICES)
        if number == 0:
            world.put("dev/cart", a_release())
        end = minute(number + 1)
        samples = [entry for pod in "ab" for entry in requests(pod, end, 100, errors=1)]
        if number >= 0:
            samples += requests("n", end, 100, errors=3.0, template=NEW)
        world.serve(samples, "cart", "dev")
        world.tick(minute(number + 1 + 5 / 60))
    return world


def applied(*changes: ModelChanged) -> Engine:
    engine, log = Engine(), Log(SERVICES)
    for change in changes:
        engine.apply(over_the_wire(log.put("", change)))
    return engine


def test_a_release_is_judged_by_whoever_was_the_champion_at_that_minute() -> None:
    looks: dict[str, set[float]] = {}
    for item in said(a_year().effects, Evidence):
        if item.signal == "errors" and item.release:
            when = "first" if item.at < minute(2.5) else "child" if item.at < minute(5.5) else "parent"
            looks.setdefault(when, set()).add(round(item.threshold_log_e, 6))
    assert len(looks["first"]) == len(looks["child"]) == len(looks["parent"]) == 1
    assert looks["first"] == looks["parent"] != looks["child"]


def test_the_stages_of_a_model_are_told_in_their_order() -> None:
    told = [(item.card.id, item.stage) for item in said(a_year().effects, ModelChanged)]
    assert told == [
        ("parent", "champion"),
        ("child", "challenger"),
        ("child", "champion"),
        ("child", "retired"),
    ]


def test_a_log_with_a_promotion_and_a_retirement_replays_to_the_same_bytes() -> None:
    world = a_year()
    entries = world.logs[SERVICES].entries
    live = [effect for effect in world.effects if effect.cause.topic == SERVICES]
    engine = Engine()
    replayed = [effect for entry in entries for effect in engine.apply(over_the_wire(entry))]
    assert wire(replayed) == wire(live)
    assert len(said(live, Evidence)) > 10


def test_an_engine_that_was_stopped_anywhere_says_the_same_of_all_that_follows() -> None:
    entries = a_year().logs[SERVICES].entries
    straight = Engine()
    whole = [wire(straight.apply(over_the_wire(entry))) for entry in entries]

    @settings(max_examples=20, deadline=None)
    @given(cut=st.integers(0, len(entries)))
    def law(cut: int) -> None:
        engine = Engine()
        before = [wire(engine.apply(over_the_wire(entry))) for entry in entries[:cut]]
        restored = Engine.restore(engine.snapshot())
        assert restored.snapshot() == engine.snapshot()
        assert before + [wire(restored.apply(over_the_wire(entry))) for entry in entries[cut:]] == whole

    law()


def test_a_snapshot_holds_every_part_of_a_profile() -> None:
    state = Engine.restore(applied(FIRST, PROMOTED).snapshot()).state
    assert (state.profile, state.model, state.model_at) == (CHILD, "child", minute(2))


def test_a_model_that_was_decided_earlier_and_comes_later_changes_nothing() -> None:
    assert applied(FIRST, PROMOTED, FIRST).state.model == "child"
    assert applied(FIRST, PROMOTED, RETIRED, PROMOTED).state.model == "parent"


@given(st.permutations([FIRST, TRIED, PROMOTED, RETIRED]), st.data())
def test_in_whatever_order_and_however_often_the_newest_decision_holds(
    told: list[ModelChanged], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=4))
    state = applied(*told, *again).state
    assert (state.profile, state.model, state.model_at) == (PARENT, "parent", minute(5))


def test_a_retirement_without_a_parent_gives_the_rules_back() -> None:
    last = replace(a_change(ModelStage.RETIRED, 3, None), card=a_card("parent", ""))
    state = applied(FIRST, last).state
    assert (state.profile, state.model, state.settings) == (None, "", state.digest)
