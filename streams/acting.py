"""An order that a person gives: signed as the gate signs, put onto `commands`, and its outcome awaited."""

import time
from datetime import timedelta

from actions.errors import SignatureError
from actions.signing import KeyRing
from schemas.envelopes import SIGNATURE_HEADER, Message
from schemas.errors import SchemaError
from schemas.order_messages import command_message, read_outcome
from schemas.orders import Command, Outcome
from schemas.topics import Topic, topic_name
from streams import clock
from streams.kafka_log import LogWriter, TopicTail
from streams.settings import Settings

DELIVERY = timedelta(seconds=30)
"""What the way to the executor and back may take beyond what the command itself may."""

_LOOK_S = 0.2


def order(settings: Settings, keys: KeyRing, command: Command, may_take: timedelta) -> Outcome | None:
    """Publish a command and return its outcome; None when none came while one could.

    Args:
        settings: Where Kafka is.
        keys: Signs the command and verifies the outcome.
        command: What is ordered.
        may_take: How long the change may take once it is written down.

    Raises:
        LogError: Kafka cannot be reached.
    """
    tail = TopicTail(settings.bootstrap, topic_name(Topic.OUTCOMES, settings.prefix), is_news_only=True)
    try:
        message = command_message(command)
        signature = (SIGNATURE_HEADER, keys.sign(message.value))
        with LogWriter(settings.bootstrap, settings.prefix) as writer:
            writer.send(
                Message(topic=message.topic, key=message.key, value=message.value, headers=(signature,))
            )
            writer.flush()
        latest = command.expires_at + may_take + DELIVERY
        while clock.now() < latest:
            for record in tail.new_records():
                try:
                    keys.verify(record.value or b"", dict(record.headers).get(SIGNATURE_HEADER))
                    outcome = read_outcome(record.value)
                except (SignatureError, SchemaError):
                    # The gate dead-letters it; here it is only no answer.
                    continue
                if outcome.command == command.id:
                    return outcome
            time.sleep(_LOOK_S)
        return None
    finally:
        tail.close()
