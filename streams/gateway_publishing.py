"""Where the gateway puts what it accepted."""

from typing import Protocol

from schemas.errors import SutureError


class PublishError(SutureError):
    """Kafka did not take a message: the sender should try again."""


class Publisher(Protocol):
    """Something that puts messages onto topics."""

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        """Return once the message is acknowledged by all replicas that must have it.

        Args:
            topic: The topic's name without an installation's prefix.
            key: Decides the partition; None for any.
            value: The message.
            headers: Names with their bytes.

        Raises:
            SutureError: it was not; nothing is known about whether it is there.
        """
