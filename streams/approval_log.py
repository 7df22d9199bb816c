"""The topic `conversations`: read as a whole, and brought up to date with each entry that is written."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, assert_never

from actions.people.channel import Done
from schemas.codec import from_json, to_json
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.keys import derived_id
from schemas.orders import Page
from schemas.releases import Release
from schemas.topics import Topic
from streams.approval_conversations import AnswersTaken, Conversation, Kept, Notice
from streams.kafka_log import Record

Entry = Conversation | Notice | AnswersTaken


class Writer(Protocol):
    """Puts entries onto topics, as `streams.kafka_log.LogWriter` does."""

    def send(self, message: Message) -> None:
        """Hand a message over."""

    def remove(self, topic: Topic, key: bytes) -> None:
        """Hand over that a key holds nothing any more."""

    def flush(self) -> None:
        """Wait until everything has arrived."""


class Tail(Protocol):
    """Reads a whole topic, and then what has come since, as `streams.kafka_log.TopicTail` does."""

    def new_batches(self) -> Iterator[list[Record]]:
        """Yield what stands there now and was not yielded before."""

    def close(self) -> None:
        """Let go of the connection."""


class ConversationLog:
    """What is remembered of conversations on one channel, or on all.

    Whatever is written is on Kafka before the call returns, so a process that is killed has lost nothing that
    it acted upon.

    Args:
        channel: Whose entries are kept; "" for every channel's.
        writer: Puts entries onto the topic.
        tail: Reads the topic from its beginning.
    """

    def __init__(self, channel: str, writer: Writer, tail: Tail) -> None:
        self._channel, self._writer, self._tail = channel, writer, tail
        self.conversations: dict[tuple[str, str], Conversation] = {}
        self.notices: dict[str, Notice] = {}
        self.answers: dict[tuple[str, str], AnswersTaken] = {}

    def catch_up(self) -> None:
        """Take in what was written since the last call, by this process or another.

        Raises:
            LogError: Kafka cannot be reached.
        """
        for batch in self._tail.new_batches():
            for record in batch:
                self._learn(record)

    def keep(self, entry: Entry) -> None:
        """Write an entry.

        Raises:
            LogError: Kafka cannot be reached; what is remembered stays as it was.
        """
        if isinstance(entry, Conversation):
            entry = replace(entry, revision=entry.revision + 1)
        value = to_json(entry)
        self._writer.send(Message(topic=Topic.CONVERSATIONS, key=_key(entry), value=value))
        self._writer.flush()
        self._remember(entry)

    def note(self, conversation: Conversation) -> None:
        """Remember for this process alone what a new one finds out again."""
        self.conversations[conversation.channel, conversation.held.id] = conversation

    def forget(self, entry: Entry) -> None:
        """Remove an entry from the topic.

        Raises:
            LogError: Kafka cannot be reached.
        """
        self._writer.remove(Topic.CONVERSATIONS, _key(entry))
        self._writer.flush()
        self._drop(*_place(entry))

    def close(self) -> None:
        """Let go of the connection."""
        self._tail.close()

    def _learn(self, record: Record) -> None:
        parts = (record.key or b"").decode(errors="replace").split("/", 2)
        if len(parts) != 3 or (self._channel and parts[1] != self._channel):
            return
        kept, channel, identity = parts
        if not record.value:
            self._drop(kept, channel, identity)
            return
        try:
            entry = _read(kept, record.value)
        except SchemaError:
            # Of a later version, or nothing of ours: whoever wrote it reads it.
            return
        self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        match entry:
            case Conversation():
                place = (entry.channel, entry.held.id)
                known = self.conversations.get(place)
                if known is None or known.revision < entry.revision:
                    self.conversations[place] = entry
            case Notice():
                self.notices[_place(entry)[2]] = entry
            case AnswersTaken():
                self.answers[entry.channel, entry.hold] = entry
            case _:
                assert_never(entry)

    def _drop(self, kept: str, channel: str, identity: str) -> None:
        if kept == Kept.HOLD:
            self.conversations.pop((channel, identity), None)
        elif kept == Kept.NOTICE:
            self.notices.pop(identity, None)
        elif kept == Kept.ANSWERS:
            self.answers.pop((channel, identity), None)


def notice_id(said: Page | Release | Done) -> str:
    """Return the id under which something waits to be told."""
    return derived_id("notice", type(said).__name__, said.id)


def _place(entry: Entry) -> tuple[str, str, str]:
    match entry:
        case Conversation():
            return Kept.HOLD, entry.channel, entry.held.id
        case Notice():
            return Kept.NOTICE, entry.channel, notice_id(entry.said)
        case AnswersTaken():
            return Kept.ANSWERS, entry.channel, entry.hold
        case _:
            assert_never(entry)


def _key(entry: Entry) -> bytes:
    return "/".join(_place(entry)).encode()


def _read(kept: str, value: bytes) -> Entry:
    match kept:
        case Kept.HOLD:
            return from_json(Conversation, value)
        case Kept.NOTICE:
            return from_json(Notice, value)
        case Kept.ANSWERS:
            return from_json(AnswersTaken, value)
        case _:
            raise SchemaError("entry of conversations is of no known kind")
