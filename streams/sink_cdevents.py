"""The sink that tells of incidents, rollbacks and approvals in CDEvents, on the topic `cdevents-out`."""

from collections.abc import Callable

from actions.errors import TransientActionError
from schemas.cdevents_form import Addresses, Background
from schemas.cdevents_out import outgoing_event, release_of
from schemas.cloudevents import write_record
from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.keys import ReleaseId
from schemas.topics import Topic
from streams.kafka_log import LogError, LogWriter


class CDEventsSink:
    """Publishes CDEvents.

    Args:
        writer: Puts them onto their topic; the sink's own.
        background: What was said of a release before.
        addresses: Where a reader goes on.
    """

    name = "cdevents"

    def __init__(
        self, writer: LogWriter, background: Callable[[ReleaseId], Background], addresses: Addresses
    ) -> None:
        self._writer, self._background, self._addresses = writer, background, addresses

    def take(self, effect: Effect) -> None:
        """Publish what an effect becomes, and return when Kafka has it."""
        release = release_of(effect)
        if release is None:
            return
        event = outgoing_event(effect, self._background(release), self._addresses)
        if event is None:
            return
        value, headers = write_record(event)
        message = Message(
            topic=Topic.CDEVENTS_OUT, key=event.subject.encode(), value=value, headers=tuple(headers)
        )
        try:
            self._writer.send(message)
            self._writer.flush()
        except LogError as error:
            raise TransientActionError(f"CDEvent {event.id}: {error}") from error

    def turn(self) -> None:
        """Do nothing: nobody answers."""

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.close()
