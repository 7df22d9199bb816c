"""Whether a question is over that is about to be asked late: the log ahead of the reader may say so."""

from datetime import datetime, timedelta

from schemas.approvals import HoldChanged
from schemas.effect_messages import read_effect
from schemas.errors import SchemaError
from schemas.instants import to_ms
from schemas.orders import Held
from schemas.topics import Topic, topic_name
from streams.kafka_log import RangeReader, offset_at, partition_of
from streams.settings import Settings

LATE = timedelta(seconds=30)
"""From this age on a hold may have been answered long ago, by entries that the reader has not come to."""

_SLACK = timedelta(minutes=1)
_KIND = b'"dev.suture.hold_changed.v1"'
_HEAD_BYTES = 400


class HoldEnds:
    """Looks ends of holds up in the log.

    Args:
        settings: Name the log.
    """

    def __init__(self, settings: Settings) -> None:
        self._bootstrap, self._topic = settings.bootstrap, topic_name(Topic.EFFECTS, settings.prefix)
        self._reader = RangeReader(settings.bootstrap)

    def of(self, held: Held, now: datetime) -> HoldChanged | None:
        """Return what ended a hold by now; None while it is open, or so young that nothing is looked up.

        What an environment says stands in the partition of its name.

        Raises:
            LogError: Kafka cannot be reached.
        """
        if now - held.at < LATE:
            return None
        partition = partition_of(held.environment.encode())
        start = offset_at(self._bootstrap, self._topic, partition, to_ms(held.at - _SLACK))
        if start is None:
            return None
        for record in self._reader.read(self._topic, partition, start):
            value = record.value or b""
            # Most entries are evidence, which is not decoded.
            if _KIND not in value[:_HEAD_BYTES] or held.id.encode() not in value:
                continue
            try:
                said = read_effect(value).said
            except SchemaError:
                continue
            if isinstance(said, HoldChanged) and said.hold == held.id and said.change.is_end:
                return said
        return None

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()
