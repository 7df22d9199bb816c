"""Backtests on recorded topics: as on what they were made of, and cut off where the world was changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from detectors.defaults import pod_minute_rule
from schemas.keys import EnvironmentName, TemplateHash
from schemas.observation_messages import observation_message
from schemas.observations import Body, OutcomeReported
from schemas.orders import CommandKind, Outcome, OutcomeKind
from schemas.policy import Autonomy, Policy
from schemas.records import Record
from schemas.releases import Release, Target, TargetKind
from schemas.topics import Topic
from streams.backtest import CHAMPION, Contender, compare
from streams.backtest_pod_minutes import PodMinutes
from streams.backtest_recording import RecordedTopics
from streams.kafka_log import partition_of
from streams.recorded_log import Place, Stretch
from tests.bench.recording import write


class InMemory:
    """Partitions held in memory."""

    def __init__(self) -> None:
        self.entries: dict[Place, list[Record]] = {}

    def put(self, place: Place, key: str, body: Body) -> None:
        told = self.entries.setdefault(place, [])
        message = observation_message(Topic(place[0]), key, body)
        told.append(
            Record(
                topic=place[0],
                partition=place[1],
                offset=len(told),
                key=message.key,
                value=message.value,
                headers=message.headers,
            )
        )

    def places(self) -> tuple[Place, ...]:
        return tuple(sorted(self.entries))

    def stretches(self, place: Place) -> tuple[Stretch, ...]:
        return (Stretch(0, len(self.entries[place]) - 1),)

    def read(
        self, place: Place, start: int = 0, stop: int | None = None, since: datetime | None = None
    ) -> Iterator[Record]:
        del since
        yield from self.entries.get(place, [])[start:stop]


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> PodMinutes:
    return PodMinutes.read(write(tmp_path_factory.mktemp("recording")))


def recorded(minutes: PodMinutes, undone: Release | None = None, at: datetime | None = None) -> InMemory:
    """Return the same log as topics; a release is taken back at an instant, if one is given."""
    log = InMemory()
    services: Place = (Topic.OBSERVATIONS.value, 7)
    environments: Place = (Topic.ENVIRONMENT_OBSERVATIONS.value, partition_of(b"one"))
    for observation in minutes.services(0):
        log.put(services, observation.key, observation.body)
        if undone is not None and getattr(observation.body, "at", None) == at:
            log.put(services, f"one/{undone.service}", OutcomeReported(outcome=_undo(undone, at)))
            undone = None
    for observation in minutes.environment(EnvironmentName("one")):
        log.put(environments, observation.key, observation.body)
    return log


def _undo(release: Release, at: datetime | None) -> Outcome:
    assert at is not None
    target = Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="one", workload=release.service)
    return Outcome(
        id="outcome",
        command="command",  # type: ignore[arg-type]  # an id of nothing else
        kind=OutcomeKind.DONE,
        command_kind=CommandKind.UNDO,
        release=release.id,
        environment=release.environment,
        service=release.service,
        target=target,
        started_at=at,
        at=at,
        detail="by hand",
        template_after=TemplateHash("before"),
    )


def strict() -> Contender:
    """Settings under which nothing is ever enough."""
    rule = pod_minute_rule(Autonomy.ALONE)
    judge = replace(rule.judge, alpha=1e-300)
    return Contender(name="strict", policy=Policy(rules={"*/*": replace(rule, judge=judge)}))


def test_recorded_topics_are_judged_as_what_they_were_made_of(minutes: PodMinutes) -> None:
    from_topics = compare(RecordedTopics(recorded(minutes)), CHAMPION, strict(), jobs=1)
    from_minutes = compare(minutes, CHAMPION, strict(), jobs=1)
    assert from_topics.changes == from_minutes.changes
    assert len(from_topics.changes) == 1


def test_services_of_one_partition_may_be_judged_in_several_processes(minutes: PodMinutes) -> None:
    log = recorded(minutes)
    alone = compare(RecordedTopics(log), CHAMPION, strict(), jobs=1)
    assert compare(RecordedTopics(log), CHAMPION, strict(), jobs=2) == alone


def test_what_follows_a_real_undo_is_not_known_for_who_would_have_kept_the_release(
    minutes: PodMinutes,
) -> None:
    fate = next(
        pair.champion
        for pair in compare(minutes, CHAMPION, strict(), jobs=1).pairs
        if pair.champion.release.service == "cart"
    )
    assert fate.ordered_at is not None
    log = recorded(minutes, fate.release, fate.ordered_at)
    found = compare(RecordedTopics(log), CHAMPION, strict(), jobs=1)
    pair = next(one for one in found.pairs if one.champion.release.service == "cart")
    assert (found.cut_off, pair.champion.cut_off_at) == (1, None)
    assert pair.candidate.cut_off_at == pair.ends_at == fate.ordered_at
    assert "cannot be known after" in found.changes[0].candidate
