"""All of Suture but its actions in this process and in memory, for replays, benchmarks and tests.

What live workers do side by side happens here one after the other: public messages are ingested, the engine
applies what they became, and what a service says is fed back to its environment.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.observation_messages import observation_message, read_observation
from schemas.observations import Body, LogPosition, SettingsChanged, Tick
from schemas.topics import Topic
from streams.engine import Engine
from streams.ingest import ingest
from streams.kafka_log import Record
from streams.pod_minutes import Row, minutes, settings_of
from streams.recording import ORDERED
from streams.routing import observations_from


class Pipeline:
    """An engine with an ingest before it and its own feedback behind it.

    Attributes:
        refused: Reasons of messages, or parts of them, that were refused.
    """

    def __init__(self) -> None:
        self._engine = Engine()
        self._ends: Counter[Topic] = Counter()
        self.refused: list[str] = []

    def send(self, message: Message) -> Iterator[Effect]:
        """Take a message of a public or of an ordered topic, and yield what is said because of it."""
        record = self._placed(message)
        if message.topic in ORDERED:
            yield from self._apply(record)
            return
        ingested = ingest(message.topic, record, _unsigned)
        if ingested.reason:
            self.refused.append(ingested.reason)
        for observed in ingested.messages:
            yield from self._apply(self._placed(observed))

    def observe(self, body: Body, key: str = "", topic: Topic = Topic.OBSERVATIONS) -> Iterator[Effect]:
        """Take one observation, and yield what is said because of it."""
        yield from self._apply(self._placed(observation_message(topic, key, body)))

    def tick(self, at: datetime) -> Iterator[Effect]:
        """Let time pass, for services and environments."""
        yield from self.observe(Tick(at=at))

    def _placed(self, message: Message) -> Record:
        offset = self._ends[message.topic]
        self._ends[message.topic] += 1
        return Record(
            topic=message.topic.value,
            partition=0,
            offset=offset,
            key=message.key,
            value=message.value,
            headers=message.headers,
        )

    def _apply(self, first: Record) -> Iterator[Effect]:
        waiting = deque([first])
        while waiting:
            record = waiting.popleft()
            position = LogPosition(topic=record.topic, partition=0, offset=record.offset)
            observation = read_observation(position, record.key, record.value, record.headers)
            for effect in self._engine.apply(observation):
                yield effect
                for fed in observations_from(effect):
                    waiting.append(
                        self._placed(observation_message(fed.topic, fed.key, fed.body, fed.origin))
                    )


def effects_of_pod_minutes(rows: list[Row], settings: SettingsChanged | None = None) -> Iterator[Effect]:
    """Yield what Suture says to a recording of pod-minutes.

    Args:
        rows: In the order of time.
        settings: What holds; the shipped rule for pod-minutes, acting alone, where nothing is given.
    """
    if not rows:
        return
    pipeline = Pipeline()
    yield from pipeline.observe(settings or settings_of(rows))
    for minute in minutes(rows):
        for message in minute.messages:
            yield from pipeline.send(message)
        for at in minute.ticks:
            yield from pipeline.tick(at)


def summary(effects: Iterable[Effect]) -> str:
    """Return how often each kind of thing was said, one a line."""
    counts = Counter(type(effect.said).__name__ for effect in effects)
    return "\n".join(f"{count:8d}  {name}" for name, count in sorted(counts.items())) or "nothing was said"


def _unsigned(_: Record) -> None:
    raise SchemaError("outcomes have no place in a replay of public messages")
