"""What was said of recent releases, read from the log itself: a sink's process may begin at any time.

An effect about an order names its release only by its id. What the sinks tell of it, its version, commit and
chain, was said before, perhaps in another partition and before this process began.
"""

from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from threading import Lock

from schemas.cdevents_form import Background
from schemas.effect_messages import read_effect
from schemas.errors import SchemaError
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import ReleaseOpened, VerdictReached
from schemas.topics import Topic, topic_name
from streams import clock
from streams.kafka_log import Record, TopicTail
from streams.settings import Settings

_LOOKED_BACK = timedelta(hours=48)
"""An effect that is still told is a day old at most, and what it follows from another day at most."""

_MOST_RELEASES = 10_000
_KINDS = (b'"dev.suture.release_opened.v1"', b'"dev.suture.verdict_reached.v1"')
_HEAD_BYTES = 400


class ReleaseMemory:
    """Answers what is known of a release; several threads may ask.

    Args:
        settings: Name the log.
    """

    def __init__(self, settings: Settings) -> None:
        self._bootstrap, self._topic = settings.bootstrap, topic_name(Topic.EFFECTS, settings.prefix)
        self._lock = Lock()
        self._tail: TopicTail | None = None
        self._known: OrderedDict[ReleaseId, Background] = OrderedDict()

    def of(self, release: ReleaseId) -> Background:
        """Return what was said of a release before now; empty where it lies too far back.

        Raises:
            LogError: Kafka cannot be reached.
        """
        with self._lock:
            found = self._known.get(release, Background())
            if found.release is None or not found.harm:
                self._catch_up()
                found = self._known.get(release, Background())
            return found

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            tail, self._tail = self._tail, None
            if tail is not None:
                tail.close()

    def _catch_up(self) -> None:
        if self._tail is None:
            since = to_ms(clock.now() - _LOOKED_BACK)
            self._tail = TopicTail(self._bootstrap, self._topic, since_ms=since)
        for batch in self._tail.new_batches():
            for record in batch:
                self._learn(record)

    def _learn(self, record: Record) -> None:
        # Evidence is most of the topic: what it holds of no use is not decoded.
        head = (record.value or b"")[:_HEAD_BYTES]
        if not any(kind in head for kind in _KINDS):
            return
        try:
            said = read_effect(record.value).said
        except SchemaError:
            return
        match said:
            case ReleaseOpened(release=release):
                known = self._known.get(release.id, Background())
                self._keep(release.id, replace(known, release=release))
            case VerdictReached(verdict=verdict, release=release):
                known = self._known.get(release.id, Background())
                if verdict.kind is VerdictKind.HARMFUL and not known.harm:
                    known = Background(harm=verdict.id, harmed_at=verdict.first_bad_at or verdict.at)
                self._keep(release.id, replace(known, release=release))
            case _:
                return

    def _keep(self, release: ReleaseId, known: Background) -> None:
        self._known[release] = known
        self._known.move_to_end(release)
        if len(self._known) > _MOST_RELEASES:
            self._known.popitem(last=False)
