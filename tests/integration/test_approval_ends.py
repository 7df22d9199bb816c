"""Whether a question is over is read from the log itself, on a real Kafka."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.dev.kafka import Broker
from schemas.approvals import HoldChange
from schemas.effect_messages import effect_message
from schemas.effects import Said
from schemas.topics import Topic, topic_name
from streams import clock
from streams.approval_conversations import Conversation
from streams.approval_ends import HoldEnds
from streams.approval_log import ConversationLog
from streams.kafka_log import LogWriter, TopicTail, create_topics, partition_of
from streams.settings import Settings
from tests.streams.held_questions import HELD, changed
from tests.told_effects import an_effect

pytestmark = pytest.mark.integration


def test_the_end_of_a_hold_is_found_ahead_of_the_reader_and_an_open_one_has_none(
    kafka_broker: Broker,
) -> None:
    settings = Settings(bootstrap=kafka_broker.bootstrap, prefix="ends.")
    create_topics(settings.bootstrap, settings.prefix)
    now = clock.now()
    open_, over = replace(HELD, id="open", at=now), replace(HELD, id="over", at=now)
    said: list[Said] = [
        open_,
        over,
        replace(changed(HoldChange.AGREED), hold="over"),
        replace(changed(HoldChange.GRANTED), hold="over"),
    ]
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        for number, one in enumerate(said):
            effect = an_effect(one, number, "prod")
            writer.send(effect_message(effect), partition=partition_of(b"prod"))
        writer.flush()
    ends, later = HoldEnds(settings), now + timedelta(minutes=5)
    try:
        assert ends.of(open_, later) is None
        found = ends.of(over, later)
        assert found is not None
        assert found.change is HoldChange.GRANTED
        assert ends.of(over, now) is None, "so young a hold is not looked up"
    finally:
        ends.close()


def test_what_was_forgotten_stays_forgotten_for_the_next_process(kafka_broker: Broker) -> None:
    settings = Settings(bootstrap=kafka_broker.bootstrap, prefix="forgotten.")
    create_topics(settings.bootstrap, settings.prefix)
    topic = topic_name(Topic.CONVERSATIONS, settings.prefix)
    kept, gone = (Conversation(channel="slack", held=replace(HELD, id=name)) for name in ("kept", "gone"))
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        log = ConversationLog("slack", writer, TopicTail(settings.bootstrap, topic))
        log.keep(kept)
        log.keep(gone)
        log.forget(gone)
        log.close()
        again = ConversationLog("slack", writer, TopicTail(settings.bootstrap, topic))
        again.catch_up()
        again.close()
    assert list(again.conversations) == [("slack", "kept")]
    assert again.conversations["slack", "kept"] == replace(kept, revision=1)
