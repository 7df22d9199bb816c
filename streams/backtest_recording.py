"""The recorded log of an installation, or a recording of it, as a backtest's log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zlib import crc32

from schemas.errors import SchemaError
from schemas.keys import EnvironmentName
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition, Observation
from schemas.records import Record
from schemas.topics import Topic
from streams.kafka_log import partition_of
from streams.recorded_log import Place, RecordedLog


class RecordedTopics:
    """The ordered topics, from an instant on.

    Args:
        log: Where they are kept.
        since: Begins at each partition's first entry of this instant; None for all there is.
        title: What it is, for people.
    """

    def __init__(self, log: RecordedLog, since: datetime | None = None, title: str = "recorded log") -> None:
        self._log, self._since, self._title = log, since, title
        self._places = [place for place in log.places() if place[0] == Topic.OBSERVATIONS]
        self._shards = 1

    @property
    def title(self) -> str:
        """Return what it is."""
        return self._title

    def parts(self, about: int) -> Sequence[int]:
        """Return the number of entries of each part: a partition, or a share of a partition's services.

        A partition that is shared is read once for each share, so there are no more than are asked for.
        """
        self._shards = max(about // max(len(self._places), 1), 1)
        sizes = [
            sum(stretch.last - stretch.first + 1 for stretch in self._log.stretches(place))
            for place in self._places
        ]
        return [size // self._shards + 1 for size in sizes for _ in range(self._shards)]

    def services(self, part: int) -> Iterator[Observation]:
        """Yield the observations of a part, with the ticks and settings of its partition."""
        place, shard = self._places[part // self._shards], part % self._shards
        for record in self._log.read(place, since=self._since):
            if not record.key or crc32(record.key) % self._shards == shard:
                yield from _observation(record)

    def environment(self, name: EnvironmentName) -> Iterator[Observation]:
        """Yield an environment's observations, with the ticks and settings of its partition."""
        key = name.encode()
        place: Place = (Topic.ENVIRONMENT_OBSERVATIONS.value, partition_of(key))
        for record in self._log.read(place, since=self._since):
            if not record.key or record.key == key:
                yield from _observation(record)


def _observation(record: Record) -> Iterator[Observation]:
    position = LogPosition(topic=record.topic, partition=record.partition, offset=record.offset)
    try:
        yield read_observation(position, record.key, record.value, record.headers)
    except SchemaError:
        # The live worker put it among the dead letters, and judged without it.
        return
