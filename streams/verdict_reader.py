"""The gateway's reading of what is known of releases: public topics, from their beginning, as they grow."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from actions.errors import SignatureError
from actions.signing import HEADER, KeyRing
from schemas.approvals import HoldChanged
from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.effect_messages import read_effect, read_verdict
from schemas.errors import SchemaError
from schemas.order_messages import read_command, read_outcome
from schemas.orders import Decision, Denied, Held
from schemas.topics import Topic, topic_name
from streams.kafka_log import LogError, Record, TopicTail
from streams.release_board import Fact
from streams.release_verdicts import ReleaseVerdicts
from streams.settings import Settings

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=1)
"""Between two looks: an answer is at most so much older than the log."""

Facts = Sequence[Fact]

_READ = (Topic.OUTCOMES, Topic.COMMANDS, Topic.DECISIONS, Topic.VERDICTS, Topic.CDEVENTS)
"""In this order, which is against that of causes: whatever something is about stands in its topic by then."""


class VerdictReader:
    """Reads what is new of deploys, verdicts, decisions, orders and outcomes; blocks.

    Orders and outcomes that are not signed by a known key are left out, where keys are configured.

    Args:
        settings: Where Kafka is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = KeyRing.from_text(settings.keys) if settings.keys else None
        self._tails: dict[Topic, TopicTail] = {}

    def read(self) -> Facts:
        """Return what was not returned before, causes first; after an error everything again.

        What nobody can read is left out: the worker puts it onto `dead-letters`.

        Raises:
            LogError: Kafka cannot be reached, or a topic is not there.
        """
        try:
            for topic in _READ:
                if topic not in self._tails:
                    self._tails[topic] = self._tail(topic)
            records = {topic: self._tails[topic].new_records() for topic in _READ}
        except LogError:
            self.close()
            raise
        found: list[Fact] = []
        for topic in reversed(_READ):
            for record in records[topic]:
                try:
                    fact = self._fact(topic, record)
                except (SchemaError, SignatureError):
                    continue
                if fact is not None:
                    found.append(fact)
        return found

    def _fact(self, topic: Topic, record: Record) -> Fact | None:
        match topic:
            case Topic.CDEVENTS:
                return read_deploy(read_record(record.value, record.headers))
            case Topic.VERDICTS:
                return read_verdict(record.value)
            case Topic.DECISIONS:
                said = read_effect(record.value).said
                return said if isinstance(said, Decision | Held | HoldChanged | Denied) else None
            case Topic.COMMANDS:
                self._verify(record)
                return read_command(record.value)
            case _:
                self._verify(record)
                return read_outcome(record.value)

    def _verify(self, record: Record) -> None:
        if self._keys is not None:
            self._keys.verify(record.value or b"", dict(record.headers).get(HEADER))

    def close(self) -> None:
        """Let go of the connections."""
        tails, self._tails = self._tails, {}
        for tail in tails.values():
            tail.close()

    def _tail(self, topic: Topic) -> TopicTail:
        return TopicTail(self._settings.bootstrap, topic_name(topic, self._settings.prefix))


async def follow(verdicts: ReleaseVerdicts, read: Callable[[], Facts], every: timedelta = EVERY) -> None:
    """Teach what is read, for ever; while nothing can be read, nothing is known."""
    while True:
        try:
            facts = await asyncio.to_thread(read)
        except LogError as error:
            if verdicts.is_current:
                logger.warning("verdicts cannot be read", extra={"error": str(error)})
            verdicts.is_current = False
        else:
            for fact in facts:
                verdicts.learn(fact)
            verdicts.is_current = True
        await asyncio.sleep(every.total_seconds())
