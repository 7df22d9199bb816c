"""Changes of models, put onto the log: every partition of the judge's topic hears of them."""

from collections.abc import Iterable
from typing import Protocol

from schemas.envelopes import Message
from schemas.models import ModelChanged
from schemas.observation_messages import observation_message
from schemas.topics import PARTITIONS, Topic


class Writer(Protocol):
    """What takes messages, such as `streams.kafka_log.LogWriter`."""

    def send(self, message: Message, partition: int | None = None) -> None:
        """Hand a message over."""

    def flush(self) -> None:
        """Wait until everything sent has arrived."""


def tell(writer: Writer, changes: Iterable[ModelChanged]) -> None:
    """Put changes onto every partition, in their order, and wait until they have arrived.

    Raises:
        LogError: something did not arrive; saying it again changes nothing.
    """
    for change in changes:
        for partition in range(PARTITIONS):
            writer.send(observation_message(Topic.OBSERVATIONS, "", change), partition)
        writer.flush()
