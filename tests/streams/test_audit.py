"""An audit says identical only of what is, and names what was changed, lost or cannot be run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feature_store.audited_effects import KeptEffect
from feature_store.rows import row_of
from schemas.codec import to_json
from schemas.effect_proofs import record_digest
from schemas.judgements import VerdictKind
from schemas.observation_messages import observation_message
from schemas.observations import VerdictReached
from schemas.orders import Command
from schemas.records import Record
from streams.audit import Audit, audit
from streams.audit_differences import FieldDifference
from streams.audit_text import tell_audit
from streams.engine import Engine
from streams.kept_snapshots import KeptSnapshots
from streams.recorded_log import Place, RecordingLog
from streams.recording import write_recording
from streams.runtime import Runtime
from streams.snapshots import Snapshot, snapshot_messages
from tests.builders import NEW, a_release, minute, requests
from tests.streams.world import World

CODE = "c0de"


@pytest.fixture(scope="module")
def world() -> World:
    """Play a bad release in dev until it was ordered back."""
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
    return world


def records_of(world: World) -> list[Record]:
    found = []
    for topic, log in world.logs.items():
        for entry in log.entries:
            message = observation_message(topic, entry.key, entry.body, entry.origin)
            found.append(
                Record(
                    topic=topic.value,
                    partition=0,
                    offset=entry.position.offset,
                    key=message.key,
                    value=message.value,
                    headers=message.headers,
                )
            )
    return found


def kept_of(world: World) -> list[KeptEffect]:
    """Return what a journal that kept the world's effects holds of its release."""
    causes = {(record.topic, record.offset): record_digest(record) for record in records_of(world)}
    release = a_release().release.id
    kept = []
    for effect in world.effects:
        row = row_of(0, 0, effect)
        at = row["happened_at"]
        if row.get("release") == release and isinstance(at, datetime):
            kept.append(
                KeptEffect(
                    kind=str(row["kind"]),
                    key=effect.key,
                    at=at,
                    topic=effect.cause.topic,
                    partition=effect.cause.partition,
                    offset=effect.cause.offset,
                    index=effect.index,
                    body=to_json(effect.said).decode(),
                    settings=str(row.get("settings") or ""),
                    code=CODE,
                    cause_digest=causes[effect.cause.topic, effect.cause.offset],
                )
            )
    return kept


def audited(
    tmp_path: Path,
    records: Sequence[Record],
    kept: Sequence[KeptEffect],
    snapshots: KeptSnapshots | None = None,
) -> Audit:
    file = tmp_path / "recording.jsonl.gz"
    write_recording(file, records)
    return audit(a_release().release.id, kept, RecordingLog(file), snapshots, CODE)


def test_what_was_said_and_decided_is_said_again_byte_for_byte(world: World, tmp_path: Path) -> None:
    kept = kept_of(world)
    found = audited(tmp_path, records_of(world), kept)
    assert found.is_identical
    assert found.identical == len(kept)
    assert {"evidence", "verdict", "decision", "command"} <= found.kinds.keys()
    assert [(rerun.topic, rerun.first, rerun.snapshot) for rerun in found.reruns] == [
        ("observations", 0, None),
        ("environment-observations", 0, None),
    ]
    assert found.codes == {CODE: len(kept)}
    told = tell_audit(found)
    assert told.startswith(f"{found.release}: identical, {len(kept)} of {len(kept)} effects byte for byte")
    assert "code c0de, the same that said them" in told


def test_a_changed_effect_is_named_with_the_field_that_differs_and_the_first_comes_first(
    world: World, tmp_path: Path
) -> None:
    kept = kept_of(world)
    verdict = next(number for number, effect in enumerate(kept) if '"harmful"' in effect.body)
    command = next(number for number, effect in enumerate(kept) if effect.kind == "command")
    kept[verdict] = replace(kept[verdict], body=kept[verdict].body.replace("harmful", "healthy", 1))
    kept[command] = replace(kept[command], body=kept[command].body.replace('"undo"', '"promote"', 1))
    found = audited(tmp_path, records_of(world), kept)
    assert not found.is_identical
    assert [difference.kind for difference in found.differences] == ["verdict", "command"]
    assert found.differences[0].fields == (
        FieldDifference(field="verdict.kind", kept='"healthy"', again='"harmful"'),
    )
    assert 'verdict.kind: kept "healthy", said again "harmful"' in tell_audit(found)


def test_an_effect_that_is_gone_or_was_put_in_is_found(world: World, tmp_path: Path) -> None:
    kept = kept_of(world)
    gone = next(effect for effect in kept if effect.kind == "evidence")
    stranger = replace(kept[-1], index=77)
    found = audited(tmp_path, records_of(world), [*(each for each in kept if each != gone), stranger])
    assert [(each.what, each.kind) for each in found.differences] == [
        ("not kept", "evidence"),
        ("not said again", stranger.kind),
    ]


def test_a_kind_that_is_kept_no_longer_is_no_difference_and_is_told(world: World, tmp_path: Path) -> None:
    kept = [effect for effect in kept_of(world) if effect.kind != "evidence"]
    found = audited(tmp_path, records_of(world), kept)
    assert found.is_identical
    assert found.kept_no_longer["evidence"] > 0
    assert "kept no longer, or removed" in tell_audit(found)


def test_a_cause_whose_bytes_were_altered_is_named(world: World, tmp_path: Path) -> None:
    kept = kept_of(world)
    cause = next(effect for effect in kept if effect.kind == "release_opened")
    records = [
        replace(record, headers=(*record.headers, ("note", b"put in later")))
        if (record.topic, record.offset) == (cause.topic, cause.offset)
        else record
        for record in records_of(world)
    ]
    found = audited(tmp_path, records, kept)
    assert [(each.topic, each.offset) for each in found.altered] == [(cause.topic, cause.offset)]
    assert not found.is_identical
    assert found.identical == len(kept), "a header that nobody reads changes nothing that is said"
    assert f"altered: {cause.topic}/0/{cause.offset} had digest" in tell_audit(found)


def test_an_altered_sample_is_found_by_what_is_said_because_of_it(world: World, tmp_path: Path) -> None:
    records = records_of(world)
    samples = [
        number for number, record in enumerate(records) if ("suture-kind", b"samples") in record.headers
    ]
    first, last = samples[0], samples[-1]
    records[last] = replace(records[first], offset=records[last].offset)
    found = audited(tmp_path, records, kept_of(world))
    assert found.differences


def test_a_log_that_expired_is_said_with_its_offsets(world: World, tmp_path: Path) -> None:
    records = [record for record in records_of(world) if record.topic != "observations" or record.offset > 4]
    found = audited(tmp_path, records, kept_of(world))
    assert not found.is_identical
    assert [(each.topic, each.reason) for each in found.not_rerun] == [
        ("observations", "the log expired: offsets 0 to 4 are not kept")
    ]
    assert not found.differences, "the environment's partition is run again by itself"


def test_effects_behind_a_hole_are_not_run_again_and_those_before_it_are(
    world: World, tmp_path: Path
) -> None:
    kept = kept_of(world)
    last = max(effect.offset for effect in kept if effect.topic == "observations")
    records = [
        record for record in records_of(world) if (record.topic, record.offset) != ("observations", last)
    ]
    found = audited(tmp_path, records, kept)
    behind = sum((effect.topic, effect.offset) == ("observations", last) for effect in kept)
    assert [(each.effects, each.reason) for each in found.not_rerun] == [
        (behind, f"the log expired: offsets {last} to {last} are not kept")
    ]
    assert found.identical == len(kept) - behind


def snapshot_of(records: Sequence[Record], place: Place, upto: int) -> list[Record]:
    """Return the entries of the snapshots topic that a worker would have written at an offset."""

    class Whole:
        def read(self, topic: str, partition: int, start: int, stop: int) -> list[Record]:
            del partition
            return [record for record in records if record.topic == topic and start <= record.offset < stop]

        def snapshots(self, partition: int) -> list[Record]:
            del partition
            return []

    runtime = Runtime(place[0], Whole())
    for _ in runtime.catch_up(place[1], upto + 1):
        pass
    engine = runtime.engine(place[1])
    assert isinstance(engine, Engine)
    messages = snapshot_messages(*place, Snapshot(position=upto, slot=0, state=engine.snapshot()))
    return [
        Record(
            topic="snapshots",
            partition=place[1],
            offset=number,
            key=message.key,
            value=message.value,
            headers=message.headers,
        )
        for number, message in enumerate(messages)
    ]


def test_a_kept_snapshot_stands_in_for_a_beginning_that_expired(world: World, tmp_path: Path) -> None:
    place = ("observations", 0)
    kept, records = kept_of(world), records_of(world)
    first = min(effect.offset for effect in kept if effect.topic == place[0])
    now = datetime(2026, 11, 24, tzinfo=UTC)
    snapshots = KeptSnapshots(tmp_path / "snapshots")
    for upto in (first - 3, first + 2):
        assert snapshots.is_due(place, now) == (upto == first - 3)
        assert snapshots.keep(place, snapshot_of(records, place, upto), now)
        assert not snapshots.keep(place, snapshot_of(records, place, upto), now)
    rest = [record for record in records if record.topic != place[0] or record.offset >= first - 2]
    found = audited(tmp_path, rest, kept, snapshots)
    assert found.is_identical
    assert [(rerun.first, rerun.snapshot) for rerun in found.reruns] == [(first - 2, first - 3), (0, None)]
    assert f"from a snapshot at {first - 3}" in tell_audit(found)
    snapshots.remove_older(timedelta(days=90), now + timedelta(days=91))
    assert snapshots.newest(place, 10**9) == (None, ())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda effect: replace(effect, code="0lder"), "code 0lder said"),
        (lambda effect: replace(effect, code="", cause_digest=""), "do not say which code said them"),
    ],
)
def test_other_code_is_named_and_whether_it_makes_a_difference(
    world: World, tmp_path: Path, change: Callable[[KeptEffect], KeptEffect], told: str
) -> None:
    found = audited(tmp_path, records_of(world), [change(effect) for effect in kept_of(world)])
    assert found.is_identical
    assert told in tell_audit(found)


def test_the_story_that_is_audited_ends_in_a_command(world: World) -> None:
    said = [effect.said for effect in world.effects]
    assert any(isinstance(each, Command) for each in said)
    assert any(isinstance(each, VerdictReached) and each.verdict.kind is VerdictKind.HARMFUL for each in said)
