"""The notifier as a process on a real Kafka: effects become CDEvents, whoever is down or killed meanwhile."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actions.errors import PermanentActionError
from infra.dev.kafka import Broker
from schemas.effect_messages import effect_message, read_effect, said_id
from schemas.effects import Effect
from schemas.topics import Topic
from streams import clock
from streams.kafka_log import LogWriter, TopicTail, partition_of
from streams.notifier_service import Notifier
from streams.notifier_sinks import SinkEntry, SinkParts
from tests.actions.small_server import SmallServer, served
from tests.integration.installation import Installation
from tests.streams.grafana_server import TOKEN, Grafana
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


def forms_of(events: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return what was published under each id, each form once."""
    forms: dict[str, set[str]] = {}
    for event in events:
        forms.setdefault(event["id"], set()).add(json.dumps(event, sort_keys=True))
    return forms


def test_a_killed_notifier_and_a_grafana_that_is_down_lose_nothing_and_hold_up_nobody(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grafana = Grafana()
    grafana.refuse = 503
    with served(SmallServer(grafana)) as address:
        monkeypatch.setenv("SUTURE_NOTIFY_CDEVENTS", "on")
        monkeypatch.setenv("SUTURE_NOTIFY_GRAFANA_URL", address)
        monkeypatch.setenv("SUTURE_NOTIFY_GRAFANA_TOKEN", TOKEN)
        with Installation(kafka_broker.bootstrap, tmp_path, "notifier.", NOTIFIER) as installation:
            published = Published(installation)
            try:
                say(installation, list(stories(30)))
                installation.until(lambda: len(published.ids()) >= 20, "some events are out")
                installation.kill("notifier")
                say(installation, list(stories(5, first=30)))
                installation.until(lambda: len(published.ids()) == 35 * 3, "all events are out")
                assert grafana.annotations == []
                grafana.refuse = 0
                installation.until(lambda: len(grafana.annotations) >= 35 * 3, "all annotations are there")
            finally:
                published.close()

    forms = forms_of(published.events)
    assert all(len(found) == 1 for found in forms.values())
    events = [json.loads(found.pop()) for found in forms.values()]
    assert Counter(event["type"] for event in events) == {
        "dev.cdevents.incident.detected.0.3.0": 35,
        "dev.cdevents.service.rolledback.0.3.0": 35,
        "dev.cdevents.incident.resolved.0.3.0": 35,
    }
    assert set(Counter(event["data"]["context"]["chainId"] for event in events).values()) == {3}
    marks = Counter(annotation["tags"][-1] for annotation in grafana.annotations)
    assert len(marks) == 35 * 3
    assert set(marks.values()) == {1}


def test_a_notifier_that_runs_once_tells_what_is_on_the_log_and_says_whether_it_could(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTURE_NOTIFY_CDEVENTS", "on")
    with Installation(kafka_broker.bootstrap, tmp_path, "once.", {}) as installation:
        published = Published(installation)
        try:
            say(installation, list(stories(4)))
            installation.cli("notifier", "--once")
            assert len(published.ids()) == 4 * 3
            (sink,) = (one for one in findings(installation) if one["check"] == "sink cdevents")
            assert (sink["health"], sink["seen"]) == ("ok", "0 effects behind")

            say(installation, list(stories(1, first=4)))
            monkeypatch.setenv("SUTURE_NOTIFY_GRAFANA_URL", "http://127.0.0.1:1")
            monkeypatch.setenv("SUTURE_NOTIFY_GRAFANA_TOKEN", TOKEN)
            assert installation.cli("notifier", "--once", check=False).returncode == 1
            assert set(published.ids().values()) == {1}
            assert len(published.events) == 5 * 3
        finally:
            published.close()


def findings(installation: Installation) -> list[dict[str, str]]:
    """Return what the doctor finds."""
    found: list[dict[str, str]] = json.loads(installation.cli("doctor", "--json", check=False).stdout)
    return found


class Teller:
    """A sink that keeps what it is told, after the errors that it is given."""

    name = "teller"

    def __init__(self, told: list[str], fails: list[Exception]) -> None:
        self._told, self._fails = told, fails
        self.closed = 0

    def take(self, effect: Effect) -> None:
        if self._fails:
            raise self._fails.pop(0)
        self._told.append(said_id(effect.said))

    def turn(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        self.closed += 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sink_with_a_defect_begins_again_where_it_was_and_holds_up_no_other(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    told: dict[str, list[str]] = {"sound": [], "faulty": []}
    fails: list[Exception] = [ZeroDivisionError("a defect"), PermanentActionError("no such thing")]
    made: list[Teller] = []

    def faulty(_: SinkParts) -> Teller:
        made.append(Teller(told["faulty"], fails))
        return made[-1]

    sinks = {
        "sound": SinkEntry(make=lambda _: Teller(told["sound"], []), oldest=None),
        "faulty": SinkEntry(make=faulty, oldest=None),
    }
    with Installation(kafka_broker.bootstrap, tmp_path, "defect.", {}) as installation:
        effects = list(stories(2))
        say(installation, effects)
        notifier, stop = Notifier(installation.settings, sinks), threading.Event()
        thread = threading.Thread(target=notifier.run, args=(stop,))
        thread.start()
        try:
            installation.until(lambda: len(told["sound"]) == len(effects), "one sink is told of all")
            installation.until(lambda: len(told["faulty"]) == len(effects) - 1, "the other of all but one")
        finally:
            stop.set()
            thread.join()
        (letter,) = installation.records(Topic.DEAD_LETTERS)
    said = {said_id(effect.said) for effect in effects}
    assert set(told["sound"]) == said
    assert said - set(told["faulty"]) == {said_id(read_effect(letter.value).said)}
    assert dict(letter.headers)["suture-reason"] == b"sink teller: no such thing"
    assert notifier.health["faulty"].restarts == 1
    assert notifier.health["sound"].restarts == 0
    assert [one.closed for one in made] == [1, 1]
