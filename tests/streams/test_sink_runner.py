"""A sink is given every effect in order and at least once, whatever the other side does meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from schemas.effect_messages import cloud_event
from schemas.effects import Effect
from schemas.errors import SchemaError
from schemas.observations import ReleaseOpened
from streams.kafka_log import Record
from streams.sink_runner import Pace, SinkRunner
from streams.sinks import SinkHealth
from tests.builders import START
from tests.told_effects import RELEASE, an_effect, another


class Log:
    """A group's member over entries in memory, and the clock: waiting is what makes time pass.

    Attributes:
        committed: What the group was told.
        stays: How often the member said that it is still there.
    """

    def __init__(self, records: list[Record]) -> None:
        self._left = list(records)
        self.committed: dict[tuple[str, int], int] = {}
        self.stays = 0
        self.seconds = 0.0

    def poll(self, timeout_ms: int = 500) -> list[Record]:
        came, self._left = self._left[:3], self._left[3:]
        if not came:
            self.seconds += timeout_ms / 1000
        return came

    def stay(self, timeout_ms: int = 0) -> list[Record]:
        self.stays += 1
        self.seconds += timeout_ms / 1000
        return []

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        for place, offset in positions.items():
            assert offset > self.committed.get(place, 0)
            self.committed[place] = offset

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


class Teller:
    """A sink that tells a list, and fails as it is told to.

    Attributes:
        fails: Errors of the next attempts, used up one by one; None succeeds.
        tried: When it was asked to tell, in seconds.
    """

    name = "teller"

    def __init__(self, log: Log, fails: list[Exception | None] | None = None, seconds: float = 0.0) -> None:
        self._log, self._seconds = log, seconds
        self.fails = fails or []
        self.told: list[str] = []
        self.tried: list[float] = []
        self.turns: list[float] = []

    def take(self, effect: Effect) -> None:
        self.tried.append(self._log.seconds)
        self._log.seconds += self._seconds
        if self.fails and (error := self.fails.pop(0)) is not None:
            raise error
        assert isinstance(effect.said, ReleaseOpened)
        self.told.append(effect.said.release.id)

    def turn(self) -> None:
        self.turns.append(self._log.seconds)
        if self._log.seconds > 10_000:
            raise TransientActionError("asked too often")


class Story:
    """A sink, its log and its runner."""

    def __init__(
        self,
        records: list[Record],
        fails: list[Exception | None] | None = None,
        seconds: float = 0.0,
        pace: Pace | None = None,
    ) -> None:
        self.log = Log(records)
        self.sink = Teller(self.log, fails, seconds)
        self.aside: list[tuple[int, str]] = []
        self.runner = SinkRunner(
            self.sink,
            pace or Pace(),
            lambda record, reason: self.aside.append((record.offset, reason)),
            SinkHealth(),
            now=self.log.now,
            monotonic=self.log.monotonic,
        )

    def play(self, seconds: float) -> None:
        upto = self.log.seconds + seconds
        while self.log.seconds < upto:
            self.runner.step(self.log)


def a_record(offset: int, at: datetime = START, cause: int | None = None, partition: int = 0) -> Record:
    release = another(RELEASE, offset if cause is None else cause, at)
    effect = an_effect(
        ReleaseOpened(release=release), offset if cause is None else cause, partition=partition
    )
    return Record(
        topic="effects",
        partition=partition,
        offset=offset,
        key=b"prod/cart",
        value=cloud_event(effect),
        headers=(),
    )


def names(*offsets: int) -> list[str]:
    return [f"{RELEASE.id}-{offset}" for offset in offsets]


def test_effects_are_told_in_order_and_the_group_hears_how_far_it_has_come() -> None:
    story = Story([a_record(offset) for offset in range(5)])
    story.play(5)
    assert story.sink.told == names(0, 1, 2, 3, 4)
    assert story.log.committed == {("effects", 0): 5}
    assert story.runner.health.told == 5
    assert story.runner.health.last_success is not None


def test_an_effect_that_cannot_be_told_now_is_told_later_and_before_those_behind_it() -> None:
    down: list[Exception | None] = [TransientActionError("down")] * 4
    story = Story([a_record(offset) for offset in range(3)], down)
    story.play(10)
    assert story.sink.told == []
    assert story.log.committed == {}
    assert story.runner.health.failing_since is not None
    story.play(10)
    assert story.sink.told == names(0, 1, 2)
    assert story.runner.health.failed == 4
    assert story.runner.health.failing_since is None


def test_pauses_double_and_end_at_a_bound() -> None:
    story = Story([a_record(0)], [TransientActionError("down")] * 8)
    story.play(400)
    assert story.sink.told == names(0)
    tried = story.sink.tried
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.1)


@pytest.mark.parametrize(("asked", "kept"), [(30.0, 30.0), (86_400.0, 600.0), (0.0, 1.0)])
def test_a_pause_that_the_other_side_asks_for_is_kept_up_to_a_bound(asked: float, kept: float) -> None:
    story = Story([a_record(0)], [TransientActionError("later", retry_after_s=asked)])
    story.play(kept - 0.9)
    assert story.sink.told == []
    story.play(2)
    assert story.sink.told == names(0)


def test_the_member_says_that_it_is_there_while_an_effect_waits() -> None:
    story = Story([a_record(0)], [TransientActionError("down")] * 30)
    story.play(1200)
    assert story.sink.told == []
    assert story.log.stays > 1200 / 300


def test_the_member_says_that_it_is_there_while_a_slow_sink_works_through_many_effects() -> None:
    story = Story([a_record(offset) for offset in range(3)], seconds=100.0)
    story.play(300)
    assert story.sink.told == names(0, 1, 2)
    assert story.log.stays >= 2


def test_turns_come_every_few_seconds_also_while_an_effect_waits() -> None:
    story = Story([a_record(0)], [TransientActionError("down")] * 30)
    story.play(300)
    gaps = [later - earlier for earlier, later in pairwise(story.sink.turns)]
    assert max(gaps) <= 4
    assert min(gaps) >= 3


def test_a_turn_that_fails_is_counted_and_comes_again() -> None:
    story = Story([])
    story.log.seconds = 10_001
    story.play(30)
    assert len(story.sink.turns) > 5
    assert story.runner.health.failed == len(story.sink.turns)
    assert story.runner.health.last_reason == "asked too often"


@pytest.mark.parametrize(
    "error", [PermanentActionError("no such thing"), RefusedActionError("gone"), SchemaError("nonsense")]
)
def test_an_effect_that_can_never_be_told_is_set_aside_with_its_reason_and_the_next_one_follows(
    error: Exception,
) -> None:
    story = Story([a_record(offset) for offset in range(3)], [None, error])
    story.play(5)
    assert story.sink.told == names(0, 2)
    assert story.aside == [(1, f"sink teller: {error}")]
    assert story.log.committed == {("effects", 0): 3}
    assert story.runner.health.set_aside == 1


def test_a_defect_of_a_sink_ends_its_loop_before_the_group_hears_of_the_effect() -> None:
    story = Story([a_record(0)], [ZeroDivisionError("a defect")])
    with pytest.raises(ZeroDivisionError):
        story.play(5)
    assert story.log.committed == {}


def test_effects_that_are_too_old_are_skipped_counted_and_never_told() -> None:
    old = START - timedelta(hours=25)
    story = Story([a_record(0, old), a_record(1, old), a_record(2)])
    story.play(5)
    assert story.sink.told == names(2)
    assert story.runner.health.skipped == 2
    assert story.log.committed == {("effects", 0): 3}


def test_an_effect_that_grows_too_old_while_it_waits_is_skipped() -> None:
    pace = Pace(oldest=timedelta(minutes=5))
    story = Story([a_record(0)], [TransientActionError("down")] * 100, pace=pace)
    story.play(500)
    assert story.runner.health.skipped == 1
    assert story.log.committed == {("effects", 0): 1}


def test_a_sink_without_a_bound_is_told_of_everything() -> None:
    story = Story([a_record(0, START - timedelta(days=20))], pace=Pace(oldest=None))
    story.play(5)
    assert story.sink.told == names(0)


def test_what_a_restarted_worker_says_again_is_told_once() -> None:
    again = [a_record(3, cause=0), a_record(4, cause=1), a_record(5, cause=2), a_record(6, cause=6)]
    story = Story([a_record(0), a_record(1), a_record(2), *again])
    story.play(5)
    assert story.sink.told == names(0, 1, 2, 6)


def test_nonsense_on_the_topic_is_passed_over() -> None:
    nonsense = Record(topic="effects", partition=0, offset=1, key=None, value=b"\xff{", headers=())
    story = Story([a_record(0), nonsense, a_record(2)])
    story.play(5)
    assert story.sink.told == names(0, 2)
    assert story.log.committed == {("effects", 0): 3}


def test_partitions_that_another_member_takes_over_are_left_to_it() -> None:
    records = [a_record(0), a_record(0, partition=1, cause=9), a_record(1)]
    story = Story(records, [TransientActionError("down")])
    story.runner.step(story.log)
    story.runner.let_go([("effects", 0)])
    story.play(5)
    assert story.sink.told == names(9)
    assert story.log.committed == {("effects", 1): 1}


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([None, TransientActionError("down"), PermanentActionError("never")]), max_size=12
    )
)
def test_every_effect_is_told_or_set_aside_exactly_once_whatever_fails(fails: list[Exception | None]) -> None:
    story = Story([a_record(offset) for offset in range(8)], list(fails))
    story.play(600)
    told = [int(name.rpartition("-")[2]) for name in story.sink.told]
    assert sorted([*told, *(offset for offset, _ in story.aside)]) == list(range(8))
    assert told == sorted(told)
    assert story.log.committed == {("effects", 0): 8}
