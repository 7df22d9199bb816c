"""The journal keeps every effect once, whatever dies and whatever is said twice."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.chain_audit import audit_chain
from feature_store.disk import Disk
from feature_store.inventory import take_inventory
from feature_store.journal import FlushLimits, Journal, LogReplacedError
from feature_store.parquet import read_rows
from feature_store.stores import JournalPlace, LocalStore, open_store
from schemas.effects import Effect
from schemas.keys import EnvironmentName, ReleaseId
from schemas.observations import LogPosition, ReleaseClosed
from tests.feature_store.journal_writer import Log, consume, make_log
from tests.feature_store.places import CrashError, CrashingDisk, Places
from tests.feature_store.script import START

Numbered = list[tuple[int, Effect]]
EARLY = timedelta(0)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def effect(offset: int, index: int = 0, topic: str = "observations", partition: int = 3) -> Effect:
    said = ReleaseClosed(
        release=ReleaseId(f"{topic}-{partition}-{offset}-{index}"),
        environment=EnvironmentName("prod"),
        at=START + timedelta(seconds=offset),
        why="test",
    )
    return Effect(
        key="prod", cause=LogPosition(topic=topic, partition=partition, offset=offset), index=index, said=said
    )


def kept(root: JournalPlace, partition: int = 3) -> list[tuple[str, int, int]]:
    """Return (cause topic, cause offset, index) of every row of a partition, by offset."""
    paths = [file.path for segment in take_inventory(root).of(partition) for file in segment.files]
    if not paths:
        return []
    table = read_rows(open_store(root), paths)
    columns = [table.column(name).to_pylist() for name in ("cause_topic", "cause_offset", "effect_index")]
    return list(zip(*columns, strict=True))


def expected(log: Sequence[tuple[int, Effect]]) -> list[tuple[str, int, int]]:
    """Return what a log says, each effect at its first place."""
    said = [(each.cause.topic, each.cause.offset, each.index) for _, each in log]
    return list(dict.fromkeys(said))


def numbered(effects: Sequence[Effect], first: int = 0) -> Numbered:
    return list(enumerate(effects, first))


def open_journal(root: JournalPlace, **limits: int) -> Journal:
    return Journal(root, clock=lambda: START, limits=FlushLimits(**limits, age=timedelta(hours=1)))


def test_a_new_journal_is_empty_and_knows_no_offsets(place: Path) -> None:
    journal = open_journal(place)
    assert journal.resume_offsets() == {}
    assert journal.flush() == ()
    assert journal.findings == ()


def test_a_restart_goes_on_behind_the_last_file(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append(3, numbered([effect(1), effect(2)], first=40))
    (path,) = journal.flush()
    assert path.relative_to(tmp_path).as_posix() == "day=2026-11-23/p0003-000000000040-000000000041.parquet"
    journal.append(3, numbered([effect(3)], first=42))
    assert journal.resume_offsets() == {3: 42}
    assert open_journal(tmp_path).resume_offsets() == {3: 42}


def test_offsets_that_were_appended_are_dropped(place: Path) -> None:
    journal = open_journal(place)
    rows = numbered([effect(1), effect(2)])
    assert journal.append(3, rows).kept == 2
    again = journal.append(3, rows)
    assert (again.kept, again.repeats) == (0, 2)
    journal.flush()
    assert kept(place) == expected(rows)


def test_a_range_that_the_engine_says_again_is_dropped_also_after_a_restart(place: Path) -> None:
    first = [effect(1), effect(2), effect(2, 1), effect(3)]
    journal = open_journal(place)
    journal.append(3, numbered(first))
    journal.flush()
    again = open_journal(place).append(3, numbered([*first[1:], effect(3, 1)], first=4))
    assert (again.kept, again.repeats) == (1, 3)


def test_partitions_and_topics_of_causes_are_told_apart(place: Path) -> None:
    journal = open_journal(place)
    rows = [effect(9), effect(5, topic="environment-observations"), effect(5, partition=4), effect(9)]
    assert journal.append(3, numbered(rows)).kept == 3
    assert journal.append(4, numbered([effect(5)])).kept == 1


def test_a_log_may_start_above_zero_and_an_expired_range_is_reported(place: Path) -> None:
    journal = open_journal(place)
    assert journal.append(3, numbered([effect(1)], first=500)).missing == 0
    journal.flush()
    assert journal.append(3, numbered([effect(2)], first=510)).missing == 9
    journal.flush()
    (finding,) = open_journal(place).findings
    assert finding.startswith("no file holds offsets 501 to 509 of partition 3")


def test_a_file_appears_when_a_count_is_reached(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, rows=3)
    journal.append(3, numbered([effect(1), effect(2)]))
    assert kept(tmp_path) == []
    journal.append(3, numbered([effect(3)], first=2))
    assert len(kept(tmp_path)) == 3
    assert journal.pending == 0


def test_a_file_appears_when_enough_bytes_wait(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, body_bytes=10)
    journal.append(3, numbered([effect(1)]))
    assert len(kept(tmp_path)) == 1


def test_a_file_appears_when_its_first_row_is_old_enough(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, clock=clock, limits=FlushLimits(age=timedelta(seconds=2)))
    journal.append(3, numbered([effect(1)]))
    clock.now += timedelta(seconds=1)
    assert journal.flush_due() == ()
    clock.now += timedelta(seconds=1)
    assert len(journal.flush_due()) == 1


def test_leftovers_of_a_dead_writer_are_removed_and_a_living_writers_file_stays(tmp_path: Path) -> None:
    dead = CrashingDisk(3)
    journal = Journal(LocalStore(tmp_path, dead), clock=lambda: START)
    journal.append(3, numbered([effect(1)]))
    with pytest.raises(CrashError):
        journal.flush()
    (leftover,) = tmp_path.glob("**/.*.tmp")

    class Watching(Disk):
        def rename(self, source: Path, target: Path) -> None:
            assert Disk().sweep(tmp_path) == (leftover,)
            super().rename(source, target)

    Watching().publish(leftover.with_name("x.parquet"), b"whole")
    assert leftover.with_name("x.parquet").read_bytes() == b"whole"


def test_a_torn_or_foreign_file_is_named_and_its_offsets_are_read_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append(3, numbered([effect(1)]))
    journal.flush()
    journal.append(3, numbered([effect(2)], first=1))
    second = Path(journal.flush()[0])
    second.write_bytes(second.read_bytes()[:-20])
    second.with_name("notes.parquet").write_bytes(b"hello")
    again = open_journal(tmp_path)
    torn, foreign = sorted(again.findings, key=lambda finding: "notes" in finding)
    assert f"{second} is no whole Parquet file" in torn
    assert "notes.parquet is not the journal's" in foreign
    assert again.resume_offsets() == {3: 1}
    again.append(3, numbered([effect(2)], first=1))
    again.flush()
    assert open_journal(tmp_path).resume_offsets() == {3: 2}


def test_a_partition_that_another_journal_went_on_with_is_refreshed(place: Path) -> None:
    one, two = open_journal(place), open_journal(place)
    one.append(3, numbered([effect(1), effect(2)]))
    two.append(3, numbered([effect(1), effect(2), effect(3)]))
    two.flush()
    one.refresh([3])
    assert one.pending == 0
    assert one.resume_offsets() == {3: 3}
    assert one.append(3, numbered([effect(3)], first=3)).kept == 0


def test_two_journals_that_wrote_at_once_are_reported(place: Path) -> None:
    one, two = open_journal(place), open_journal(place)
    one.append(3, numbered([effect(1), effect(2)]))
    one.flush()
    two.append(3, numbered([effect(2), effect(3)], first=1))
    two.flush()
    inventory = take_inventory(place)
    assert inventory.overlaps
    assert "both hold offsets 1 to 1" in inventory.findings[0]


def test_many_small_files_become_one_and_the_parts_go_later(place: Path) -> None:
    clock = Clock()
    journal = Journal(place, clock=clock, limits=FlushLimits(age=EARLY))
    effects = [effect(number) for number in range(70)]
    for offset, each in enumerate(effects):
        journal.append(3, [(offset, each)])
    assert kept(place) == expected(numbered(effects))
    inventory = take_inventory(place)
    assert len(inventory.files) < 12
    assert inventory.superseded
    assert inventory.findings == ()
    clock.now += timedelta(minutes=11)
    journal.append(3, [(70, effect(70))])
    assert take_inventory(place).superseded == ()
    again = Journal(place, clock=clock)
    assert again.resume_offsets() == {3: 71}
    assert again.append(3, numbered(effects, first=71)).kept == 0


def test_a_journal_of_another_kafka_is_refused_at_the_start(place: Path) -> None:
    journal = Journal(place, clock=lambda: START, log="cluster-a")
    journal.append(3, numbered([effect(1)]))
    journal.flush()
    assert Journal(place, clock=lambda: START).resume_offsets() == {3: 1}
    with pytest.raises(LogReplacedError, match="is of log cluster-a, expected cluster-b"):
        Journal(place, clock=lambda: START, log="cluster-b")


@pytest.mark.parametrize("first_offset", [0, 3])
def test_news_of_a_topic_created_anew_is_not_dropped_as_a_repeat(tmp_path: Path, first_offset: int) -> None:
    journal = open_journal(tmp_path)
    journal.append(3, numbered([effect(1), effect(2), effect(3)]))
    journal.flush()
    late = effect(1)
    assert isinstance(late.said, ReleaseClosed)
    news = replace(late, said=replace(late.said, at=START + timedelta(hours=1)))
    with pytest.raises(LogReplacedError, match="observations/3 tells at offset 1 of 2026-11-23 04:00"):
        open_journal(tmp_path).append(3, [(first_offset, news)])


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    class Full(Disk):
        is_full = True

        def sync(self, descriptor: int) -> None:
            if self.is_full:
                raise OSError(28, "No space left on device")
            super().sync(descriptor)

    tmp_path.joinpath("day=2026-11-23").mkdir()
    disk = Full()
    journal = Journal(LocalStore(tmp_path, disk), clock=lambda: START)
    journal.append(3, numbered([effect(1), effect(2)]))
    with pytest.raises(OSError, match="No space left"):
        journal.flush()
    disk.is_full = False
    journal.flush()
    assert len(kept(tmp_path)) == 2


@st.composite
def logs(draw: st.DrawFn) -> Numbered:
    """Draw a log of effects in which ranges are said again, from two topics, at rising offsets with gaps."""
    said: list[Effect] = []
    for topic in ("observations", "environment-observations"):
        counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=12))
        fresh = [
            effect(offset, index, topic) for offset, count in enumerate(counts) for index in range(count)
        ]
        done = 0
        while done < len(fresh):
            size = draw(st.integers(1, len(fresh)))
            said.extend(fresh[done : done + size])
            done += size
            if draw(st.booleans()) and done < len(fresh):
                done -= draw(st.integers(0, done))
    offset = draw(st.integers(0, 1000))
    log: Numbered = []
    for each in said[:60]:
        log.append((offset, each))
        offset += 1
    return log


@given(log=logs(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_split_and_any_crash_keeps_every_effect_once(
    places: Places, log: Numbered, data: st.DataObject
) -> None:
    clock = Clock()
    root = places.new()
    for _ in range(12):
        store = places.crashing(root, data.draw(st.integers(1, 40), label="steps until the crash"))
        try:
            limits = FlushLimits(rows=4)
            journal = Journal(store, clock=clock, limits=limits, merge_after=3)
            begin = journal.resume_offsets().get(3, 0)
            rest = [row for row in log if row[0] >= begin]
            while rest:
                size = data.draw(st.integers(1, len(rest)), label="rows at once")
                journal.append(3, rest[:size])
                rest = rest[size:]
                clock.now += timedelta(minutes=4)
                if data.draw(st.booleans(), label="flush"):
                    journal.flush()
        except CrashError:
            continue
    journal = Journal(root, clock=lambda: START)
    journal.append(3, [row for row in log if row[0] >= journal.resume_offsets().get(3, 0)])
    journal.flush()
    assert kept(root) == expected(log)
    assert take_inventory(root).findings == ()
    assert audit_chain(root).all_findings == ()
    assert list(places.folder_of(root).glob("**/.*.tmp")) == []


@given(log=logs(), first=st.integers(0, 60), second=st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_two_restarts_from_the_same_files_are_equal(
    places: Places, log: Numbered, first: int, second: int
) -> None:
    root = places.new()
    journal = Journal(root, clock=lambda: START)
    for start, stop in pairwise(sorted({0, first, second})):
        journal.append(3, log[start:stop])
        journal.flush()
    one, two = Journal(root, clock=lambda: START), Journal(root, clock=lambda: START)
    assert one.resume_offsets() == two.resume_offsets()
    assert one.append(3, log) == two.append(3, log)
    one.flush()
    left = kept(root)
    two.flush()
    assert kept(root) == left == expected(log)


def _progress(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    yield from process.stdout


def test_a_writer_that_is_killed_again_and_again_keeps_every_effect_once(tmp_path: Path) -> None:
    draw = random.Random(7)
    log: Log = make_log(seed=7, count=400)
    command = [sys.executable, "-m", "tests.feature_store.journal_writer", str(tmp_path), "7", "400"]
    for _ in range(6):
        steps = draw.randint(1, 150)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for count, _line in enumerate(_progress(process)):
                if count >= steps:
                    process.send_signal(signal.SIGKILL)
                    break
    consume(tmp_path, log, Disk())
    assert kept(tmp_path) == expected(log)
    assert take_inventory(tmp_path).findings == ()
