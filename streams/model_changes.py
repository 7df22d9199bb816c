"""Changes of models, put onto the log: every partition of the judge's topic hears of them."""

import sys
from collections.abc import Iterable, Sequence
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


def tell_log(changes: Sequence[ModelChanged]) -> None:
    """Put changes onto the log that the environment names, and say on standard error that they are.

    Raises:
        SettingsError: no Kafka is named.
        LogError: something did not arrive.
    """
    # Imported here: commands that only read need no Kafka.
    from streams.cli_parts import connected
    from streams.kafka_log import LogWriter
    from streams.settings import read_settings

    settings = connected(read_settings())
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        tell(writer, changes)
    for change in changes:
        sys.stderr.write(f"model {change.card.id} is told to be {change.stage}\n")
