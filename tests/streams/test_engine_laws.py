"""Laws of the engine: stopping and restoring changes nothing, and neither does a hash seed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import from_json
from schemas.effect_messages import cloud_event
from schemas.errors import SchemaError
from schemas.observations import Approval, Observation
from schemas.orders import Command
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import Field
from streams.engine import Engine, EngineState
from tests.builders import DURATION, NEW, a_batch, a_freeze, a_release, minute, requests, said
from tests.streams.world import ENVIRONMENTS, SERVICES, World, over_the_wire, wire

ROOT = Path(__file__).parents[2]
FIVE = 5 / 60


@cache
def busy_world() -> World:
    """Return a story with two services, two environments, a rollback, a hold and noise, from one seed."""
    world, random_ = World(), random.Random(11)
    for number in range(-15, 12):
        if number == 0:
            world.put("dev/cart", a_release())
            world.put("prod/cart", a_release(environment="prod"))
            world.put("dev/mail", a_release("mail", version="9"))
        if number == 6:
            world.put("prod", a_freeze(minute(8), minute(6), "prod"), ENVIRONMENTS)
        for service, environment in (("cart", "dev"), ("mail", "dev"), ("cart", "prod")):
            end = minute(number + 1)
            samples = [
                entry for pod in "ab" for entry in requests(pod, end, random_.randrange(80, 120), errors=1)
            ]
            undone = (service, environment) == ("cart", "dev") and number > 4
            if number >= 0 and not undone:
                errors = 1.0 if service == "mail" else 40.0
                samples += requests("n", end, 100, errors=errors, template=NEW)
            world.serve(samples, service, environment)
        world.tick(minute(number + 1 + FIVE))
        if number == 4:
            for command in said(world.effects, Command):
                world.report(command, minute(5.2))
    return world


def replay(entries: list[Observation], engine: Engine) -> list[bytes]:
    return wire(effect for entry in entries for effect in engine.apply(over_the_wire(entry)))


def test_the_story_of_these_tests_says_a_good_deal() -> None:
    names = {type(effect.said).__name__ for effect in busy_world().effects}
    assert {"Command", "Held", "Decision", "VerdictReached", "Recovery", "OutcomeReported"} <= names


@pytest.mark.parametrize("topic", [SERVICES, ENVIRONMENTS])
def test_a_restored_engine_says_what_one_that_never_stopped_says(topic: object) -> None:
    entries = busy_world().logs[topic].entries  # type: ignore[index]  # parametrised by hand
    straight = replay(entries, Engine())

    @settings(max_examples=15, deadline=None)
    @given(cut=st.integers(0, len(entries)))
    def law(cut: int) -> None:
        engine = Engine()
        before = replay(entries[:cut], engine)
        data = engine.snapshot()
        restored = Engine.restore(data)
        assert restored.snapshot() == data
        assert before + replay(entries[cut:], restored) == straight
        assert restored.snapshot() == final

    whole = Engine()
    replay(entries, whole)
    final = whole.snapshot()
    law()


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 150), min_size=1, max_size=4).map(sorted),
    lost=st.integers(0, 60),
)
def test_a_log_split_over_restarts_is_said_again_with_equal_ids(cuts: list[int], lost: int) -> None:
    """Each run saved its state some entries before it was killed, and what lies between is said again."""
    entries = busy_world().logs[SERVICES].entries
    straight = replay(entries, Engine())
    heard: list[bytes] = []
    saved, start = Engine().snapshot(), 0
    for cut in [*(min(cut, len(entries)) for cut in cuts), len(entries)]:
        engine = Engine.restore(saved)
        stop = max(start, cut)
        save_at = max(start, stop - lost)
        heard += replay(entries[start:save_at], engine)
        saved = engine.snapshot()
        heard += replay(entries[save_at:stop], engine)
        start = save_at
    heard += replay(entries[start:], Engine.restore(saved))
    assert list(dict.fromkeys(heard)) == straight


def test_another_hash_seed_gives_the_same_bytes() -> None:
    program = (
        "import hashlib, sys\n"
        "from tests.streams.test_engine_laws import busy_world, replay\n"
        "from tests.streams.world import wire, SERVICES\n"
        "world = busy_world()\n"
        "digest = hashlib.sha256(b'\\n'.join(wire(world.effects)))\n"
        "for engine in world.engines.values(): digest.update(engine.snapshot())\n"
        "print(digest.hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(digests) == 1


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -1.0, 1.7e308, -1.7e308, 5e-324, 1e18]),
)


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(-200_000, 400_000)), min_size=1, max_size=12),
    temporality=st.sampled_from(list(Temporality)),
)
def test_no_numbers_that_a_sender_writes_stop_the_judging(
    values: list[tuple[float, float, int]], temporality: Temporality
) -> None:
    world = World()
    for number in range(-5, 6):
        end = minute(number + 1)
        if number == 0:
            world.put("dev/cart", a_release())
        samples = [entry for pod in "ab" for entry in requests(pod, end, errors=1)]
        if number >= 0:
            samples += requests("n", end, template=NEW)
        if number == 2:
            for count, total, ahead_ms in values:
                at = minute(number + 1 + ahead_ms / 60_000)
                for field, value in ((Field.COUNT, count), (Field.SUM, total)):
                    one = Series(
                        metric=DURATION,
                        field=field,
                        temporality=temporality,
                        pod="n",
                        template=NEW,
                        attributes=(("http.response.status_code", "500"),),
                    )
                    samples.append((one, at, value))
        world.serve(samples)
        world.tick(minute(number + 1 + FIVE))
    for effect in world.effects:
        cloud_event(effect)
    for engine in world.engines.values():
        assert Engine.restore(engine.snapshot()).snapshot() == engine.snapshot()


def test_what_is_no_snapshot_is_refused() -> None:
    with pytest.raises(SchemaError):
        Engine.restore(b'{"applied": "nonsense"}')
    with pytest.raises(SchemaError):
        from_json(EngineState, b"\x00")


def test_a_batch_of_no_samples_changes_nothing() -> None:
    world = World()
    world.put("dev/cart", a_release())
    empty = a_batch([])
    assert isinstance(empty, SampleBatch)
    assert empty.values.dtype == np.float64
    assert not world.put("dev/cart", empty)
    assert not said(world.effects, Approval)
