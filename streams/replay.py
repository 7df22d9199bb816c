"""Replay: a recorded log through the same engines that ran live, without Kafka.

Live, each partition of an ordered topic has an engine of its own and shares nothing with the others; so
has a replay, and the same log gives the same effects, byte for byte.
"""

from collections.abc import Iterable, Iterator

from schemas.effects import Effect
from streams.kafka_log import Record
from streams.recording import ORDERED
from streams.runtime import Refused, Runtime


class _NoLog:
    """A log with nothing to catch up on: the recording is all there is."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterable[Record]:
        """Yield nothing."""
        del topic, partition, start, stop
        return ()

    def snapshots(self, partition: int) -> Iterable[Record]:
        """Yield nothing."""
        del partition
        return ()


def replay(records: Iterable[Record]) -> Iterator[Effect | Refused]:
    """Yield what the engines say to a recording, in its order.

    Args:
        records: Entries whose topics bear no prefix; those of other than the ordered topics are passed
            over. In order along each partition.
    """
    runtimes = {topic.value: Runtime(topic.value, _NoLog()) for topic in ORDERED}
    for record in records:
        runtime = runtimes.get(record.topic)
        if runtime is None:
            continue
        if not runtime.is_current(record):
            # A recording may begin in the middle of a log.
            for _ in runtime.catch_up(record.partition, record.offset):
                pass
        step = runtime.take(record)
        if step.refused is not None:
            yield step.refused
        yield from step.effects
