"""The sink that passes humans' answers on to the gate; it calls no vendor, so none that is down delays it.

Answers come over the topic `callbacks`, whichever way a channel brought them. What is passed on is written
down before the group's position moves, so a repeat is known after a crash as well.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from actions.errors import TransientActionError
from schemas.effects import Effect
from schemas.errors import SchemaError
from schemas.observation_messages import observation_message
from schemas.replies import Reply, read_reply
from schemas.topics import Topic
from streams.approval_conversations import AnswersTaken, Conversation
from streams.approval_log import ConversationLog, Writer
from streams.approval_replies import Fate, approval_of, match, taken_of
from streams.ingest import dead_letter
from streams.kafka_log import LogError, Record

logger = logging.getLogger("suture.approvals")

_POLL_MS = 100
_MOST_WAITING = 1000


LetGo = Callable[[Iterable[tuple[str, int]]], None]


class Callbacks(Protocol):
    """A member of the group that reads `callbacks`, as `streams.kafka_log.GroupReader` is one."""

    def poll(self, timeout_ms: int = 500) -> list[Record]:
        """Return what came in."""

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Say that everything before these offsets is dealt with."""

    def close(self) -> None:
        """Leave the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    record: Record
    reply: Reply
    since: datetime


class AnswersSink:
    """Matches replies with holds and publishes them as approvals.

    Args:
        log: Conversations of every channel.
        writer: Puts approvals and dead letters onto their topics.
        follow: Joins the group that reads `callbacks`; what it is given hears of partitions that are taken
            away.
        unknown: How long a reply may wait for its question.
        now: The present instant.
        tend: Called at each turn; keeps listening what brings replies by itself.
    """

    name = "answers"

    def __init__(
        self,
        log: ConversationLog,
        writer: Writer,
        follow: Callable[[LetGo], Callbacks],
        unknown: timedelta,
        now: Callable[[], datetime],
        tend: Callable[[], None] = lambda: None,
    ) -> None:
        self._log, self._writer, self._unknown, self._now = log, writer, unknown, now
        self._follow, self._tend = follow, tend
        self._waiting: dict[tuple[str, int, int], _Waiting] = {}
        self._read: dict[tuple[str, int], int] = {}
        self._group: Callbacks | None = None

    def take(self, effect: Effect) -> None:
        """Leave it alone: whom a reply belongs to is read from the conversations."""

    def turn(self) -> None:
        """Pass on what came in, and try again what waits for its question.

        Raises:
            TransientActionError: Kafka cannot be reached; everything that was not committed comes again.
        """
        self._tend()
        try:
            self._pass_everything_on()
        except LogError as error:
            group, self._group = self._group, None
            self._waiting, self._read = {}, {}
            if group is not None:
                group.close()
            raise TransientActionError(str(error)) from error

    def _pass_everything_on(self) -> None:
        if self._group is None:
            self._group = self._follow(self._let_go)
        records = self._group.poll(_POLL_MS)
        if not records and not self._waiting:
            return
        self._log.catch_up()
        for waiting in list(self._waiting.values()):
            self._deal(waiting)
        for record in records:
            self._take_record(record)
        self._commit(self._group)

    def _let_go(self, places: Iterable[tuple[str, int]]) -> None:
        """Forget what is left of partitions that somebody else goes on with."""
        gone = set(places)
        self._waiting = {key: one for key, one in self._waiting.items() if key[:2] not in gone}
        self._read = {place: offset for place, offset in self._read.items() if place not in gone}

    def _take_record(self, record: Record) -> None:
        self._read[record.topic, record.partition] = record.offset + 1
        try:
            reply = read_reply(record.value)
        except SchemaError as error:
            self._refuse(record, str(error))
            return
        if len(self._waiting) >= _MOST_WAITING:
            oldest = next(iter(self._waiting.values()))
            del self._waiting[_key(oldest.record)]
            self._refuse(oldest.record, "too many answers wait for their questions")
        self._deal(_Waiting(record=record, reply=reply, since=self._now()))

    def _deal(self, waiting: _Waiting) -> None:
        reply, key = waiting.reply, _key(waiting.record)
        found = match(reply, self._log.conversations.values(), self._log.answers.values())
        if found.fate is Fate.UNKNOWN and self._now() - waiting.since < self._unknown:
            self._waiting[key] = waiting
            return
        self._waiting.pop(key, None)
        if found.conversation is None:
            self._refuse(waiting.record, found.reason)
        elif found.fate is Fate.REPEAT:
            logger.info("answer came again", extra=_about(reply, found.conversation))
        else:
            self._pass_on(reply, found.conversation)

    def _pass_on(self, reply: Reply, conversation: Conversation) -> None:
        approval = approval_of(reply, conversation, self._now())
        self._writer.send(observation_message(Topic.ENVIRONMENT_OBSERVATIONS, approval.environment, approval))
        self._writer.flush()
        place = (reply.channel, conversation.held.id)
        known = self._log.answers.get(place) or AnswersTaken(channel=place[0], hold=place[1])
        self._log.keep(known.with_one(taken_of(reply)))
        logger.info("answer passed on", extra=_about(reply, conversation))

    def _refuse(self, record: Record, reason: str) -> None:
        self._writer.send(dead_letter(Topic.CALLBACKS, record, reason))
        self._writer.flush()
        logger.warning("answer refused", extra={"position": str(_key(record)), "reason": reason})

    def _commit(self, group: Callbacks) -> None:
        """Commit up to the first reply of each partition that still waits."""
        waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
        for topic, partition, offset in self._waiting:
            waiting[topic, partition].append(offset)
        done = {place: min([offset, *waiting[place]]) for place, offset in self._read.items()}
        if done:
            group.commit(done)


def _key(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _about(reply: Reply, conversation: Conversation) -> dict[str, str]:
    return {"channel": reply.channel, "hold": conversation.held.id, "answer": reply.answer.value}
