"""Recordings of pod-minutes as a backtest's log: each case is an environment and a part of its own."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName
from schemas.observation_messages import observation_message, read_observation
from schemas.observations import LogPosition, Observation, Tick
from schemas.topics import Topic
from streams.ingest import ingest
from streams.kafka_log import Record
from streams.pod_minutes import Row, minutes, read_rows, settings_of
from streams.recording import ORDERED


class PodMinutes:
    """A file of pod-minutes, or its rows.

    Args:
        rows: In the order of time.
        title: What it is, for people.
    """

    def __init__(self, rows: list[Row], title: str = "pod-minutes") -> None:
        self._rows, self._title = rows, title
        sizes = Counter(str(row["environment"]) for row in rows)
        self._environments = sorted(sizes)
        self._sizes = [sizes[name] for name in self._environments]

    @classmethod
    def read(cls, file: Path) -> "PodMinutes":
        """Return a file's log.

        Raises:
            SchemaError: a line is not of this form; says which.
        """
        return cls(read_rows(file), file.name)

    @property
    def title(self) -> str:
        """Return the file's name."""
        return self._title

    @property
    def covered_s(self) -> int:
        """Return the seconds in which samples come, case by case and added up: the log's real time."""
        told = {(row["environment"], row["ts"] // 60) for row in self._rows if row["kind"] == "metric"}
        return 60 * len(told)

    def parts(self, about: int) -> Sequence[int]:
        """Return the number of rows of each case, whatever number of parts is asked for."""
        del about
        return self._sizes

    def services(self, part: int) -> Iterator[Observation]:
        """Yield what the messages of one case become; time passes for it as it does in the whole log."""
        environment = self._environments[part]
        ends: Counter[Topic] = Counter()
        yield _observation(_placed(_settings(self._rows), ends))
        for minute in minutes(self._rows, only=environment):
            for message in minute.messages:
                record = _placed(message, ends)
                if message.topic in ORDERED:
                    yield _observation(record)
                    continue
                for observed in ingest(message.topic, record, _unsigned).messages:
                    yield _observation(_placed(observed, ends))
            for at in minute.ticks:
                offset = ends[Topic.OBSERVATIONS]
                ends[Topic.OBSERVATIONS] += 1
                position = LogPosition(topic=Topic.OBSERVATIONS.value, partition=0, offset=offset)
                yield Observation(key="", body=Tick(at=at), position=position)

    def environment(self, name: EnvironmentName) -> Iterator[Observation]:
        """Yield the settings and the ticks: nobody intervened, as far as the recording tells."""
        del name
        position = LogPosition(topic=Topic.ENVIRONMENT_OBSERVATIONS.value, partition=0, offset=0)
        yield Observation(key="", body=settings_of(self._rows), position=position)
        for at in self._ticks:
            yield Observation(key="", body=Tick(at=at), position=position)

    @cached_property
    def _ticks(self) -> tuple[datetime, ...]:
        """The instants of the whole log, which are the same for all environments."""
        return tuple(at for minute in minutes(self._rows, only="") for at in minute.ticks)


def _settings(rows: list[Row]) -> Message:
    return observation_message(Topic.OBSERVATIONS, "", settings_of(rows))


def _placed(message: Message, ends: Counter[Topic]) -> Record:
    offset = ends[message.topic]
    ends[message.topic] += 1
    return Record(
        topic=message.topic.value,
        partition=0,
        offset=offset,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )


def _observation(record: Record) -> Observation:
    position = LogPosition(topic=record.topic, partition=record.partition, offset=record.offset)
    return read_observation(position, record.key, record.value, record.headers)


def _unsigned(_: Record) -> None:
    raise SchemaError("outcomes have no place in a recording of pod-minutes")
