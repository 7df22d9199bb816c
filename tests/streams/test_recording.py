"""Recordings: what was read is written, and read again as it was; a replay says the same every time."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.effect_messages import cloud_event
from schemas.effects import Effect
from schemas.errors import SchemaError
from schemas.observation_messages import observation_message
from streams.kafka_log import Record
from streams.recording import read_recording, write_recording
from streams.replay import replay
from tests.builders import NEW, a_release, minute, requests
from tests.streams.world import ENVIRONMENTS, SERVICES, World, wire

MAYBE_BYTES = st.none() | st.binary(max_size=40)
RECORDS = st.builds(
    Record,
    topic=st.sampled_from(["observations", "environment-observations", "cdevents"]),
    partition=st.integers(0, 11),
    offset=st.integers(0, 2**62),
    key=MAYBE_BYTES,
    value=MAYBE_BYTES,
    headers=st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple),
    timestamp_ms=st.integers(0, 2**45),
)


def a_recording(file: Path) -> World:
    """Record a bad release, one partition of each ordered topic, and return what said it."""
    world = World()
    for number in range(-10, 5):
        end = minute(number + 1)
        if number == 0:
            world.put("dev/cart", a_release())
        samples = [entry for pod in "ab" for entry in requests(pod, end, errors=1)]
        if number >= 0:
            samples += requests("n", end, errors=60, template=NEW)
        world.serve(samples)
        world.tick(minute(number + 1.1))
    records = []
    for topic in (SERVICES, ENVIRONMENTS):
        for entry in world.logs[topic].entries:
            message = observation_message(topic, entry.key, entry.body, entry.origin)
            records.append(
                Record(
                    topic=topic.value,
                    partition=0,
                    offset=entry.position.offset,
                    key=message.key,
                    value=message.value,
                    headers=message.headers,
                )
            )
    write_recording(file, records)
    return world


@settings(deadline=None)
@given(records=st.lists(RECORDS, max_size=6))
def test_what_is_written_reads_back_and_the_same_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    folder = tmp_path_factory.mktemp("recording")
    assert write_recording(folder / "a", records) == len(records)
    write_recording(folder / "b", read_recording(folder / "a"))
    assert list(read_recording(folder / "b")) == records
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    file = tmp_path / "torn.jsonl.gz"
    with gzip.open(file, "wb") as writer:
        writer.write(b'{"topic": "observations"}\n')
    with pytest.raises(SchemaError, match=r"torn\.jsonl\.gz:1: not a recorded entry"):
        list(read_recording(file))


def test_a_replay_says_what_the_live_run_said_byte_for_byte_and_twice(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl.gz"
    world = a_recording(file)
    first, second = (
        [cloud_event(said) for said in replay(read_recording(file)) if isinstance(said, Effect)]
        for _ in range(2)
    )
    assert first == second
    assert sorted(first) == sorted(wire(world.effects))
    assert any(b"dev.suture.command.v1" in event for event in first)


def test_a_recording_that_begins_in_the_middle_is_replayed_from_there(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    a_recording(whole)
    write_recording(part, (record for record in read_recording(whole) if record.offset >= 4))
    said = [item for item in replay(read_recording(part)) if isinstance(item, Effect)]
    assert said
    assert all(effect.cause.offset >= 4 for effect in said)
