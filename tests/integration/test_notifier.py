"""The notifier as a process on a real Kafka: effects become CDEvents, whoever is down or killed meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.dev.kafka import Broker
from schemas.effect_messages import effect_message
from schemas.effects import Effect
from schemas.topics import Topic
from streams import clock
from streams.kafka_log import LogWriter, TopicTail, partition_of
from tests.integration.installation import Installation
from tests.told_effects import RELEASE, a_story, another

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

NOTIFIER = {"notifier": ["notifier"]}


class Published:
    """What stands on `cdevents-out` so far."""

    def __init__(self, installation: Installation) -> None:
        self._tail = TopicTail(installation.settings.bootstrap, installation.topic(Topic.CDEVENTS_OUT))
        self.events: list[dict[str, Any]] = []

    def new(self) -> list[dict[str, Any]]:
        self.events += [json.loads(record.value or b"") for record in self._tail.new_records()]
        return self.events

    def ids(self) -> Counter[str]:
        return Counter(event["id"] for event in self.new())

    def close(self) -> None:
        self._tail.close()


def stories(count: int, first: int = 0) -> Iterator[Effect]:
    """Yield releases' lives that happened just now."""
    began = clock.now() - timedelta(minutes=12)
    for number in range(first, first + count):
        yield from a_story(another(RELEASE, number, began), 10 * number)


def say(installation: Installation, effects: list[Effect]) -> None:
    """Put effects where a worker puts them: in the partition of their cause."""
    with LogWriter(installation.settings.bootstrap, installation.settings.prefix) as writer:
        for effect in effects:
            writer.send(effect_message(effect), partition=partition_of(effect.key.encode()))
        writer.flush()


def test_a_killed_notifier_goes_on_and_publishes_every_event_under_the_same_id(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTURE_NOTIFY_CDEVENTS", "on")
    with Installation(kafka_broker.bootstrap, tmp_path, "notifier.", NOTIFIER) as installation:
        published = Published(installation)
        try:
            say(installation, list(stories(40)))
            installation.until(lambda: len(published.ids()) >= 20, "some events are out")
            installation.kill("notifier")
            say(installation, list(stories(5, first=40)))
            installation.until(lambda: len(published.ids()) == 45 * 3, "all events are out")
        finally:
            published.close()
        forms: dict[str, set[str]] = {}
        for event in published.events:
            forms.setdefault(event["id"], set()).add(json.dumps(event, sort_keys=True))
        assert all(len(found) == 1 for found in forms.values())
        events = [json.loads(found.pop()) for found in forms.values()]
        assert Counter(event["type"] for event in events) == {
            "dev.cdevents.incident.detected.0.3.0": 45,
            "dev.cdevents.service.rolledback.0.3.0": 45,
            "dev.cdevents.incident.resolved.0.3.0": 45,
        }
        chains = Counter(event["data"]["context"]["chainId"] for event in events)
        assert set(chains.values()) == {3}
