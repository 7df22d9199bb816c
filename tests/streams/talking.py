"""A channel and a topic in memory, which fail and die where a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from actions.errors import ActionError
from actions.people.channel import Done, Thread
from schemas.approvals import HoldChanged
from schemas.effects import Effect, Said
from schemas.envelopes import Message
from schemas.judgements import Recovery
from schemas.observation_messages import read_observation
from schemas.observations import Approval, LogPosition, Observation
from schemas.orders import Held, Outcome, Page
from schemas.releases import Release
from schemas.replies import Reply
from schemas.topics import Topic
from streams.approval_log import ConversationLog
from streams.approval_sink import ApprovalSink
from streams.approval_steps import Patience
from streams.kafka_log import Record
from tests.streams.held_questions import NOW
from tests.told_effects import an_effect


class Killed(BaseException):
    """The process is gone: nobody catches it."""


class Fate:
    """Counts what touches the world, and kills the process at the n-th time, before or after it happened."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at, self.count = dies_at, 0

    def touch(self) -> None:
        """Count, and die when it is time."""
        self.count += 1
        if self.count == self.dies_at:
            raise Killed


class MemoryTopics:
    """Topics in memory: what was sent has arrived once it was flushed."""

    def __init__(self, fate: Fate | None = None) -> None:
        self.fate = fate or Fate()
        self.entries: list[Record] = []
        self._pending: list[tuple[Topic, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]] = []

    def send(self, message: Message) -> None:
        """Hand a message over."""
        self._pending.append((message.topic, message.key, message.value, message.headers))

    def remove(self, topic: Topic, key: bytes) -> None:
        """Hand a removal over."""
        self._pending.append((topic, key, None, ()))

    def flush(self) -> None:
        """Let everything arrive, unless the process dies before."""
        self.fate.touch()
        for topic, key, value, headers in self._pending:
            self.entries.append(
                Record(
                    topic=topic.value,
                    partition=0,
                    offset=len(self.entries),
                    key=key,
                    value=value,
                    headers=headers,
                )
            )
        self._pending = []
        self.fate.touch()

    def of(self, topic: Topic) -> list[Record]:
        """Return a topic's entries."""
        return [one for one in self.entries if one.topic == topic.value]

    def approvals(self) -> list[Approval]:
        """Return the answers that the gate was given."""
        found: list[Observation] = [
            read_observation(
                LogPosition(topic=one.topic, partition=0, offset=one.offset), one.key, one.value, one.headers
            )
            for one in self.of(Topic.ENVIRONMENT_OBSERVATIONS)
        ]
        return [one.body for one in found if isinstance(one.body, Approval)]


class MemoryTail:
    """Reads one of these topics."""

    def __init__(self, topics: MemoryTopics, topic: Topic) -> None:
        self._topics, self._topic, self._read = topics, topic, 0

    def new_batches(self) -> Iterator[list[Record]]:
        """Yield what has come."""
        found = self._topics.of(self._topic)
        yield found[self._read :]
        self._read = len(found)

    def close(self) -> None:
        """Do nothing."""


class TalkingChannel:
    """A vendor that asks once a hold, as PagerDuty does, and keeps what it was told, oldest first.

    Attributes:
        failing: Raised by every call while it is set.
        refusing: Raised by the next call of a name, once.
        answers: What polling finds.
    """

    name = "pagerduty"

    def __init__(self, fate: Fate | None = None) -> None:
        self.fate = fate or Fate()
        self.threads: dict[str, Thread] = {}
        self.told: list[tuple[str, str]] = []
        self.failing: ActionError | None = None
        self.refusing: dict[str, ActionError] = {}
        self.answers: tuple[Reply, ...] = ()
        self.polls = 0

    def ask(self, held: Held) -> Thread:
        """Open one incident a hold."""
        thread = self.threads.get(held.id) or Thread(id=f"Q{len(self.threads)}")
        self._call("ask", held.id)
        return self.threads.setdefault(held.id, thread)

    def change(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Keep it."""
        assert thread == self.threads[held.id]
        self._call("change", change.id)

    def end(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Keep it."""
        assert thread == self.threads[held.id]
        self._call("end", change.change.value)

    def outcome(self, thread: Thread, held: Held, outcome: Outcome | None, recovery: Recovery | None) -> None:
        """Keep which of the two it was told."""
        assert thread == self.threads[held.id]
        self._call("outcome", f"{'o' if outcome else ''}{'r' if recovery else ''}")

    def poll(self, thread: Thread, held: Held) -> tuple[Reply, ...]:
        """Return what stands there."""
        assert thread == self.threads[held.id]
        self.polls += 1
        if self.failing is not None:
            raise self.failing
        return self.answers

    def notify(self, page: Page) -> None:
        """Keep it."""
        self._call("notify", page.id)

    def started(self, release: Release) -> None:
        """Keep it."""
        self._call("started", release.id)

    def done(self, done: Done) -> None:
        """Keep it."""
        self._call("done", done.text)

    def _call(self, name: str, about: str) -> None:
        self.fate.touch()
        if self.failing is not None:
            raise self.failing
        if name in self.refusing:
            raise self.refusing.pop(name)
        self.told.append((name, about))
        self.fate.touch()


class Clock:
    """The present instant, which a test moves."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return it."""
        return self.at

    def wait(self, **length: float) -> None:
        """Let time pass."""
        self.at += timedelta(**length)


class Talk:
    """A sink with its channel and its topics; a process that dies is followed by another.

    Attributes:
        ended: What the log ahead says of holds' ends, for questions that are asked late.
    """

    def __init__(self, fate: Fate | None = None) -> None:
        self.fate = fate or Fate()
        self.clock = Clock()
        self.topics, self.channel = MemoryTopics(self.fate), TalkingChannel(self.fate)
        self.published: list[Reply] = []
        self.ended: dict[str, HoldChanged] = {}
        self.patience = Patience()
        self.sink = self.start()

    def start(self) -> ApprovalSink:
        """Begin a process that remembers nothing but what the topics hold."""
        self.log = ConversationLog("pagerduty", self.topics, MemoryTail(self.topics, Topic.CONVERSATIONS))
        self.sink = ApprovalSink(
            self.channel,
            self.log,
            end_of=lambda held, _: self.ended.get(held.id),
            publish=self.published.append,
            patience=self.patience,
            now=self.clock,
        )
        return self.sink

    def take(self, *said: Said) -> None:
        """Give the sink what was said."""
        for number, one in enumerate(said):
            self.sink.take(an_effect(one, number, "prod"))

    def survive(self, effects: list[Effect]) -> None:
        """Give effects as the runner does: a process that dies is given again what it had not finished."""
        place = 0
        while place < len(effects):
            try:
                self.sink.take(effects[place])
                place += 1
            except Killed:
                self.start()
        self.settle()

    def settle(self) -> None:
        """Take turns until the process survived one."""
        while True:
            try:
                self.sink.turn()
            except Killed:
                self.start()
            else:
                return
