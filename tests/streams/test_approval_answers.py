"""Replies become approvals: each once, of the right hold, however they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import TransientActionError
from actions.people.channel import Thread
from schemas.approvals import HoldChange, hold_code
from schemas.observations import Answer
from schemas.orders import Held
from schemas.replies import Reply, reply_message
from schemas.topics import Topic
from streams.approval_answers import AnswersSink, LetGo
from streams.approval_conversations import Conversation
from streams.approval_log import ConversationLog
from streams.approval_replies import Fate, match
from streams.kafka_log import LogError, Record
from tests.streams.held_questions import HELD, NOW, changed
from tests.streams.talking import Clock, MemoryTail, MemoryTopics

OTHER = replace(HELD, id="a-later-question", at=NOW + timedelta(minutes=20))
ADA = Reply(
    channel="pagerduty",
    source="delivery-1",
    thread="Q1",
    by="PADA",
    answer=Answer.APPROVE,
    at=NOW + timedelta(seconds=30),
)


def asked(held: Held = HELD, thread: str = "Q1", channel: str = "pagerduty") -> Conversation:
    """Return a conversation about a hold that was asked."""
    return Conversation(channel=channel, held=held, thread=Thread(id=thread))


class Callbacks:
    """The topic `callbacks` and a member of its group, in memory."""

    def __init__(self) -> None:
        self.entries: list[Record] = []
        self.read = self.left = 0
        self.is_down = False
        self.let_go: LetGo = lambda _: None
        self.committed: dict[tuple[str, int], int] = {}

    def say(self, *replies: Reply | bytes) -> None:
        """Put replies there."""
        for reply in replies:
            value = reply if isinstance(reply, bytes) else reply_message(reply).value
            self.entries.append(
                Record(
                    topic="callbacks",
                    partition=0,
                    offset=len(self.entries),
                    key=None,
                    value=value,
                    headers=(),
                )
            )

    def poll(self, timeout_ms: int = 500) -> list[Record]:
        """Return what came in."""
        assert timeout_ms
        found, self.read = self.entries[self.read :], len(self.entries)
        return found

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Keep how far it came."""
        if self.is_down:
            raise LogError("Kafka is away")
        self.committed.update(positions)

    def joined(self, let_go: LetGo) -> Callbacks:
        """Return a member that begins where the last one committed."""
        self.let_go = let_go
        self.read = self.committed.get(("callbacks", 0), 0)
        return self

    def close(self) -> None:
        """Leave."""
        self.left += 1


class Desk:
    """An answers' sink with its topics; a new process begins where the last one committed."""

    def __init__(self, *conversations: Conversation) -> None:
        self.topics, self.callbacks, self.clock = MemoryTopics(), Callbacks(), Clock()
        self.start()
        for one in conversations:
            self.log.keep(one)

    def start(self) -> None:
        """Begin a process."""
        self.log = ConversationLog("", self.topics, MemoryTail(self.topics, Topic.CONVERSATIONS))
        self.sink = AnswersSink(
            self.log, self.topics, self.callbacks.joined, timedelta(minutes=2), self.clock
        )

    def hear(self, *replies: Reply | bytes) -> None:
        """Let replies come in, and deal with them."""
        self.callbacks.say(*replies)
        self.sink.turn()

    @property
    def refused(self) -> list[str]:
        """Return why replies were set aside."""
        return [dict(one.headers)["suture-reason"].decode() for one in self.topics.of(Topic.DEAD_LETTERS)]


def test_a_reply_becomes_an_approval_of_its_threads_hold_at_the_vendors_instant() -> None:
    desk = Desk(asked())
    desk.clock.wait(minutes=5)
    desk.hear(ADA)
    (approval,) = desk.topics.approvals()
    assert (approval.hold, approval.environment, approval.answer) == (HELD.id, "prod", Answer.APPROVE)
    assert (approval.by, approval.channel, approval.source) == ("PADA", "pagerduty", "delivery-1")
    assert approval.at == ADA.at


def test_an_answer_from_the_future_is_taken_at_the_present_instant() -> None:
    desk = Desk(asked())
    desk.hear(replace(ADA, at=NOW + timedelta(hours=1)))
    assert desk.topics.approvals()[0].at == NOW


def test_the_same_delivery_and_the_same_answer_by_another_way_are_one_approval() -> None:
    desk = Desk(asked())
    desk.hear(ADA, ADA, replace(ADA, source="note-7", at=ADA.at + timedelta(seconds=3)))
    desk.start()
    desk.clock.wait(hours=24)
    desk.hear(ADA)
    assert len(desk.topics.approvals()) == 1
    assert desk.refused == []


def test_two_people_and_two_answers_are_different_answers() -> None:
    desk = Desk(asked())
    desk.hear(
        ADA,
        replace(ADA, source="2", by="PBOB"),
        replace(ADA, source="3", answer=Answer.REJECT),
        replace(ADA, source="4", answer=Answer.HAND_OVER, to="ben"),
        replace(ADA, source="5", answer=Answer.HAND_OVER, to="eve"),
    )
    assert len(desk.topics.approvals()) == 5


def test_who_answers_again_later_is_heard_again() -> None:
    """They may count by now: more people are asked after a while."""
    desk = Desk(asked())
    desk.hear(ADA, replace(ADA, source="2", at=ADA.at + timedelta(minutes=10)))
    assert len(desk.topics.approvals()) == 2


def test_one_person_may_answer_two_holds_at_once() -> None:
    desk = Desk(asked(), asked(replace(HELD, id="beside"), "Q2"))
    desk.hear(ADA, replace(ADA, source="2", thread="Q2"))
    assert {one.hold for one in desk.topics.approvals()} == {HELD.id, "beside"}


def test_a_process_that_dies_after_it_passed_on_knows_the_repeat() -> None:
    desk = Desk(asked())
    desk.hear(ADA)
    desk.callbacks.committed.clear()
    desk.start()
    desk.sink.turn()
    assert len(desk.topics.approvals()) == 1


def test_without_kafka_the_group_is_left_and_everything_comes_again() -> None:
    desk = Desk(asked())
    desk.callbacks.is_down = True
    with pytest.raises(TransientActionError, match="Kafka is away"):
        desk.hear(ADA)
    assert desk.callbacks.left == 1
    desk.callbacks.is_down = False
    desk.sink.turn()
    assert len(desk.topics.approvals()) == 1
    assert desk.callbacks.committed == {("callbacks", 0): 1}


def test_a_reply_of_a_partition_that_was_taken_away_is_somebody_elses() -> None:
    desk = Desk()
    desk.hear(ADA)
    desk.callbacks.let_go([("callbacks", 0)])
    desk.log.keep(asked())
    desk.sink.turn()
    assert desk.topics.approvals() == []


def test_a_reply_that_overtakes_its_question_waits_for_it_even_over_a_restart() -> None:
    desk = Desk()
    desk.hear(ADA)
    assert desk.callbacks.committed == {("callbacks", 0): 0}
    desk.start()
    desk.sink.turn()
    assert desk.topics.approvals() == []
    desk.log.keep(asked())
    desk.sink.turn()
    assert len(desk.topics.approvals()) == 1
    assert desk.callbacks.committed == {("callbacks", 0): 1}


def test_a_reply_that_belongs_to_nothing_is_set_aside_after_a_while() -> None:
    desk = Desk()
    desk.hear(ADA)
    desk.clock.wait(seconds=119)
    desk.sink.turn()
    assert desk.refused == []
    desk.clock.wait(seconds=1)
    desk.sink.turn()
    assert desk.refused == ["no question is known on pagerduty for thread Q1"]
    assert desk.callbacks.committed == {("callbacks", 0): 1}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (replace(ADA, code="ffffff"), "code 'ffffff' is of no question in thread Q1"),
        (replace(ADA, environment="dev"), "environment is 'dev', expected that of the question"),
        (replace(ADA, answer=Answer.HAND_OVER), "it hands the question over to nobody"),
        (replace(ADA, by=""), "it names nobody who said it"),
        (
            replace(ADA, at=NOW - timedelta(hours=1)),
            "it was said at 2026-11-20 13:00:05+00:00, before the question was asked",
        ),
    ],
)
def test_a_reply_that_is_no_answer_to_its_question_is_set_aside(reply: Reply, reason: str) -> None:
    desk = Desk(asked())
    desk.hear(reply, b"{")
    assert desk.topics.approvals() == []
    assert desk.refused[0] == reason
    assert desk.refused[1].startswith("Reply: ")


def test_of_two_questions_in_one_thread_the_code_chooses_else_the_newest_open_one_is_meant() -> None:
    both = (asked(), asked(OTHER))
    late = replace(ADA, at=OTHER.at + timedelta(minutes=1))
    found = match(late, both, ())
    assert found.conversation is not None
    assert found.conversation.held.id == OTHER.id
    found = match(replace(late, code=hold_code(HELD.id).upper()), both, ())
    assert found.conversation is not None
    assert found.conversation.held.id == HELD.id
    over = (asked(), replace(asked(OTHER), end=changed(HoldChange.WITHDRAWN, held=OTHER)))
    found = match(late, over, ())
    assert found.conversation is not None
    assert found.conversation.held.id == HELD.id


def test_what_was_set_for_an_earlier_question_does_not_answer_a_later_one_of_the_same_incident() -> None:
    assert match(ADA, (asked(OTHER),), ()).fate is Fate.REFUSED


def test_a_click_names_its_hold_wherever_its_message_stands() -> None:
    click = replace(ADA, channel="slack", thread="C1/2.0", hold=HELD.id, code=hold_code(HELD.id))
    found = match(click, (asked(thread="C1/1.0", channel="slack"),), ())
    assert found.fate is Fate.ANSWER
    assert match(click, (asked(),), ()).fate is Fate.UNKNOWN, "another channel's question is not meant"


def test_a_thousand_replies_to_nothing_do_not_grow_memory() -> None:
    desk = Desk()
    desk.hear(*(replace(ADA, source=str(number)) for number in range(1003)))
    assert desk.refused == ["too many answers wait for their questions"] * 3


@given(st.lists(st.tuples(st.sampled_from(["PADA", "PBOB"]), st.sampled_from(list(Answer)), st.booleans())))
def test_one_hold_person_and_answer_within_a_moment_is_one_approval(
    said: list[tuple[str, Answer, bool]],
) -> None:
    desk = Desk(asked())
    for number, (by, answer, dies) in enumerate(said):
        desk.hear(replace(ADA, by=by, answer=answer, to="ben", source=f"s{number}"))
        if dies:
            desk.start()
    given_ = [(one.by, one.answer) for one in desk.topics.approvals()]
    assert given_ == list(dict.fromkeys((by, answer) for by, answer, _ in said))
