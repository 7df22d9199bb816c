"""The ledger of an executor on Kafka: what the topic of outcomes says at the very moment of the question."""

from threading import Lock

from actions.errors import SignatureError
from actions.ledger import MemoryLedger
from actions.signing import KeyRing
from schemas.envelopes import SIGNATURE_HEADER
from schemas.errors import SchemaError
from schemas.keys import CommandId
from schemas.order_messages import read_outcome
from schemas.orders import Outcome
from streams.kafka_log import TopicTail


class OutcomeLedger:
    """Remembers what executors reported, this one and others; reads on to the topic's end at each question.

    Actions ask from threads of their own: a command that another executor has reported must not be
    carried out here any more.

    Args:
        tail: Reads the topic of outcomes.
        keys: Verify them.
    """

    def __init__(self, tail: TopicTail, keys: KeyRing) -> None:
        self._tail, self._keys = tail, keys
        self._memory = MemoryLedger()
        self._lock = Lock()

    def outcome(self, command: CommandId) -> Outcome | None:
        """Return the outcome of a command that ended, or None.

        Raises:
            LogError: the broker cannot be reached, so that nobody knows.
        """
        with self._lock:
            self._learn()
            return self._memory.outcome(command)

    def record(self, outcome: Outcome) -> None:
        """Leave it to the topic: of two outcomes that cross on their way there, the first one counts."""

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._tail.close()

    def _learn(self) -> None:
        for record in self._tail.new_records():
            try:
                self._keys.verify(record.value or b"", dict(record.headers).get(SIGNATURE_HEADER))
                self._memory.record(read_outcome(record.value))
            except (SignatureError, SchemaError):
                # The gate dead-letters it; here it is only no outcome.
                continue
