"""A shadow says what an engine with its profile would have said, keeps it to itself, and forgets nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import dropwhile

import pytest

from schemas.keys import SignalName
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.observation_messages import observation_message
from schemas.observations import VerdictReached
from schemas.policy import default_policy
from schemas.profiles import Adjustment, LearntSignal, Profile
from schemas.records import Record
from schemas.topics import Topic
from streams import shadow as shadows
from streams.recorded_log import Place, Stretch
from streams.shadow import Said, Shadow
from tests.builders import NEW, a_release, minute, requests, said
from tests.streams.world import SERVICES, World

STRICT = Profile(adjustments={"*/*": Adjustment(alpha=1e-9)})
SURE = Profile(
    adjustments={
        "*/*": Adjustment(signals={SignalName("errors"): LearntSignal(share=100.0, expected_ratio=8.0)})
    }
)
MODELS = {"strict": STRICT, "sure": SURE, "rules": Profile()}
PLACE: Place = (SERVICES.value, 0)


class Told:
    """A partition as a recorded log has it, up to some entry."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.end = len(records)
        self.read_entries = 0

    def places(self) -> tuple[Place, ...]:
        return (PLACE, (Topic.ENVIRONMENT_OBSERVATIONS.value, 0))

    def stretches(self, place: Place) -> tuple[Stretch, ...]:
        return (Stretch(0, self.end - 1),) if place == PLACE else ()

    def read(
        self, place: Place, start: int = 0, stop: int | None = None, since: datetime | None = None
    ) -> Iterator[Record]:
        assert place == PLACE, "a shadow of the judge reads the judge's topic alone"
        entries = iter(self.records[start : self.end if stop is None else stop])
        if since is not None:
            since_ms = since.timestamp() * 1000
            entries = dropwhile(lambda record: record.timestamp_ms < since_ms, entries)
        for record in entries:
            self.read_entries += 1
            yield record


@cache
def a_story(name: str = "") -> World:
    """Return two services with a release each, of which one is bad, judged by a model from the start."""
    world = World()
    if name:
        world.put("", a_change(ModelStage.CHAMPION, MODELS[name], name), SERVICES)
    for number in range(-15, 12):
        end = minute(number + 1)
        for service in ("cart", "mail"):
            if number == 0:
                world.put(f"dev/{service}", a_release(service))
            samples = [entry for pod in "ab" for entry in requests(pod, end, 100, errors=1)]
            if number >= 0:
                errors = 9.0 if service == "cart" else 1.0
                samples += requests("n", end, 100, errors=errors, template=NEW)
            world.serve(samples, service, "dev")
        world.tick(minute(number + 1 + 5 / 60))
    return world


def a_change(stage: ModelStage, profile: Profile, name: str) -> ModelChanged:
    card = ModelCard(
        id=name,
        family=ModelFamily.JUDGE,
        parent="",
        data_from=minute(-600),
        data_until=minute(-60),
        releases=40,
        labels=12,
        code="c0de",
    )
    return ModelChanged(card=card, stage=stage, at=minute(-30), why="by its numbers", profile=profile)


def the_log(world: World | None = None) -> Told:
    records = []
    for entry in (world or a_story()).logs[SERVICES].entries:
        message = observation_message(SERVICES, entry.key, entry.body, entry.origin)
        records.append(
            Record(
                topic=SERVICES.value,
                partition=0,
                offset=entry.position.offset,
                key=message.key,
                value=message.value,
                headers=message.headers,
                timestamp_ms=int(minute(-15).timestamp() * 1000) + entry.position.offset,
            )
        )
    return Told(records)


def a_shadow(profile: Profile, name: str = "judge-2", since: datetime | None = None) -> Shadow:
    return Shadow(name=name, profile=profile, since=since or minute(-20), policy=default_policy())


def heard(world: World) -> dict[str, Said]:
    """Return what live engines said of each release."""
    found: dict[str, Said] = {}
    for item in said(world.effects, VerdictReached):
        verdict, before = item.verdict, found.get(item.verdict.release)
        first = before.harmful_at if before is not None else None
        if first is None and verdict.kind == "harmful":
            first = verdict.at
        is_final = verdict.is_final or (before is not None and before.is_final)
        found[verdict.release] = Said(harmful_at=first, is_final=is_final)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_shadow_says_what_live_engines_with_its_profile_say(name: str) -> None:
    shadow = a_shadow(MODELS[name], name)
    assert shadow.follow(the_log()) > 70
    assert dict(shadow.said) == heard(a_story(name))


def test_profiles_differ_in_this_story() -> None:
    found = {name: heard(a_story(name))["dev-cart-2"].harmful_at for name in MODELS}
    assert found["sure"] is not None
    assert found["rules"] is not None
    assert found["sure"] <= found["rules"]
    assert found["strict"] is None or found["strict"] > found["rules"]


def test_a_shadow_does_not_listen_to_the_models_of_the_log() -> None:
    shadow = a_shadow(SURE, "sure")
    shadow.follow(the_log(a_story("strict")))
    assert dict(shadow.said) == heard(a_story("sure"))


def test_a_shadow_that_follows_piece_by_piece_reads_each_entry_once() -> None:
    whole, pieces = a_shadow(SURE), a_shadow(SURE)
    log = the_log()
    whole.follow(log)
    everything = log.end
    log.read_entries = 0
    for log.end in (1, 40, 41, everything // 2, everything):
        pieces.follow(log)
    assert log.read_entries == everything
    assert pieces.said == whole.said


def test_a_shadow_that_begins_again_from_the_log_says_the_same() -> None:
    log = the_log()
    log.end //= 2
    first = a_shadow(SURE)
    first.follow(log)
    log.end = len(log.records)
    first.follow(log)
    again = a_shadow(SURE)
    again.follow(log)
    assert again.said == first.said


def test_a_shadow_that_is_stopped_goes_on_where_it_was() -> None:
    log, shadow = the_log(), a_shadow(SURE)
    assert shadow.follow(log, lambda: log.read_entries >= 30) == 30
    assert shadow.follow(log) == log.end - 30
    whole = a_shadow(SURE)
    whole.follow(log)
    assert shadow.said == whole.said


def test_releases_from_before_the_trial_are_not_part_of_it() -> None:
    shadow = a_shadow(SURE, since=minute(0) + timedelta(seconds=1))
    shadow.follow(the_log())
    assert not shadow.said


def test_what_nobody_can_read_is_passed_over_as_the_live_judge_does() -> None:
    log, whole, shadow = the_log(), a_shadow(SURE), a_shadow(SURE)
    whole.follow(log)
    log.records[20] = replace(log.records[20], value=b"nonsense")
    entry = log.records[20]
    shadow.follow(log)
    assert entry.offset in {record.offset for record in log.records}
    assert shadow.said.keys() == whole.said.keys()


def test_of_more_releases_than_it_may_keep_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "MOST_RELEASES", 1)
    shadow = a_shadow(SURE)
    shadow.follow(the_log())
    assert len(shadow.said) == 1
