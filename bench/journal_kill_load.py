"""A load of effects on a real topic, without an end, some of them said twice as after a worker's restart."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from schemas.effect_messages import cloud_event
from schemas.effects import Effect, Said
from schemas.envelopes import Message
from schemas.keys import DecisionId, EnvironmentName, ReleaseId, ServiceName
from schemas.observations import LogPosition, ReleaseClosed
from schemas.orders import Denied, Guard, Page
from schemas.topics import PARTITIONS, Topic
from streams.kafka_log import LogWriter

_START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
_AGAIN = 0.002
"""Chance, at a cause, that its partition's worker says the last of them again."""
_LONGEST_AGAIN = 40


Place = tuple[int, int, int]
"""What tells an effect from all others: its cause's partition and offset, and its index."""


class Load:
    """Says effects in a thread of its own until it is stopped.

    Args:
        bootstrap: Kafka's addresses.
        prefix: Of the installation's topics.
        rate: Causes a second, each of which says three effects.
        seed: Of which partition speaks, and of what is said again.

    Attributes:
        said: What was said.
        repeats: How many effects were said once more.
        failure: What ended it early, if anything.
    """

    def __init__(self, bootstrap: str, prefix: str, rate: float, seed: int) -> None:
        self.said: set[Place] = set()
        self.repeats = 0
        self.failure: Exception | None = None
        self._rate, self._random = rate, random.Random(seed)
        self._writer = LogWriter(bootstrap, prefix, linger_ms=5)
        self._next = [0] * PARTITIONS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Load:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait until everything said has arrived."""
        self.stop()

    def stop(self) -> None:
        """Stop, and wait until everything said has arrived."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.05
        try:
            while not self._stop.wait(pause):
                for _ in range(max(1, round(self._rate * pause))):
                    self._say()
                self._writer.flush()
        except Exception as error:  # noqa: BLE001  # told to whoever measures
            self.failure = error
        finally:
            self._writer.close()

    def _say(self) -> None:
        partition = self._random.randrange(PARTITIONS)
        if self._random.random() < _AGAIN:
            self._next[partition] = max(0, self._next[partition] - self._random.randint(1, _LONGEST_AGAIN))
        offset = self._next[partition]
        self._next[partition] += 1
        for effect in effects_of(partition, offset):
            place = (partition, offset, effect.index)
            self.repeats += place in self.said
            self.said.add(place)
            message = Message(topic=Topic.EFFECTS, key=effect.key.encode(), value=cloud_event(effect))
            self._writer.send(message, partition)


def effects_of(partition: int, offset: int) -> Iterator[Effect]:
    """Yield what the engine is taken to say at a cause, one of each of three kinds: the same each time."""
    cause = LogPosition(topic=Topic.OBSERVATIONS, partition=partition, offset=offset)
    # A day lasts 4,320 causes, so that files of several days come to be.
    at = _START + timedelta(seconds=20 * offset)
    environment, service = EnvironmentName("prod"), ServiceName("cart")
    names = [ReleaseId(f"{partition}-{offset}-{index}") for index in range(3)]
    said: tuple[Said, ...] = (
        ReleaseClosed(release=names[0], environment=environment, at=at, why="said by a benchmark"),
        Denied(
            id=names[1],
            decision=DecisionId(names[1]),
            release=names[1],
            environment=environment,
            service=service,
            guard=Guard.BUDGET,
            reason="said by a benchmark",
            at=at,
        ),
        Page(
            id=names[2],
            environment=environment,
            service=service,
            release=names[2],
            about=names[2],
            summary="said by a benchmark",
            at=at,
        ),
    )
    for index, each in enumerate(said):
        yield Effect(key="prod/cart", cause=cause, index=index, said=each)
