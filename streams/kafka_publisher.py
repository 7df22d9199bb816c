"""The gateway's way to Kafka, inside its event loop: the one door to aiokafka outside of Faust."""

from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import Topic, topic_name
from streams.gateway_publishing import PublishError


class KafkaPublisher:
    """Puts messages onto an installation's topics.

    Args:
        bootstrap: Kafka's addresses.
        prefix: The installation's prefix of topic names.
    """

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=10 * 1024 * 1024,
            request_timeout_ms=10_000,
        )

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        """Return once the message is acknowledged.

        Raises:
            PublishError: Kafka did not take it in time.
        """
        try:
            await self._producer.send_and_wait(
                topic_name(Topic(topic), self._prefix), value, key=key, headers=headers
            )
        except KafkaError as error:
            raise PublishError(f"Kafka did not take a message: {type(error).__name__}") from error

    async def is_ready(self) -> bool:
        """Return whether Kafka answers."""
        try:
            await self._producer.partitions_for(topic_name(Topic.CDEVENTS, self._prefix))
        except KafkaError:
            return False
        return True

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()
