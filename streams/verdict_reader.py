"""The gateway's reading of deploys and verdicts: both public topics, from their beginning, as they grow."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.effect_messages import read_verdict
from schemas.errors import SchemaError
from schemas.judgements import Verdict
from schemas.observations import ReleaseStarted
from schemas.topics import Topic, topic_name
from streams.kafka_log import LogError, TopicTail
from streams.release_verdicts import ReleaseVerdicts
from streams.settings import Settings

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=1)
"""Between two looks: an answer is at most so much older than the log."""

Facts = Sequence[ReleaseStarted | Verdict]


class VerdictReader:
    """Reads what is new of deploys and verdicts; blocks.

    Args:
        settings: Where Kafka is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tails: tuple[TopicTail, TopicTail] | None = None

    def read(self) -> Facts:
        """Return what was not returned before, deploys first; after an error everything again.

        What nobody can read is left out: the worker puts it onto `dead-letters`.

        Raises:
            LogError: Kafka cannot be reached, or a topic is not there.
        """
        try:
            if self._tails is None:
                self._tails = (self._tail(Topic.VERDICTS), self._tail(Topic.CDEVENTS))
            verdicts, deploys = self._tails
            # In this order: whatever a verdict is about stands in the other topic by then.
            judged = [record.value for record in verdicts.new_records()]
            deployed = [(record.value, record.headers) for record in deploys.new_records()]
        except LogError:
            self.close()
            raise
        found: list[ReleaseStarted | Verdict] = []
        for value, headers in deployed:
            try:
                started = read_deploy(read_record(value, headers))
            except SchemaError:
                continue
            if started is not None:
                found.append(started)
        for value in judged:
            try:
                found.append(read_verdict(value))
            except SchemaError:
                continue
        return found

    def close(self) -> None:
        """Let go of the connections."""
        tails, self._tails = self._tails, None
        for tail in tails or ():
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
