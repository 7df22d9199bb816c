"""A thousand malformed messages of each kind on every topic: kept with their reasons, and nobody minds."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from infra.dev.kafka import Broker
from schemas.envelopes import Message
from schemas.observations import OutcomeReported
from schemas.orders import OutcomeKind
from schemas.topics import PARTITIONS, Topic
from streams.ingest import POSITION_HEADER, REASON_HEADER
from tests.integration.installation import Installation, say
from tests.integration.nonsense import NONSENSE
from tests.integration.shop import open_shop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(290)]

OF_EACH_KIND = 1_000


def pour(installation: Installation, stop: threading.Event) -> dict[str, tuple[bytes, str]]:
    """Put nonsense onto all topics, kinds and partitions mixed; return value and kind by position."""
    producer: Any = KafkaProducer(
        bootstrap_servers=installation.settings.bootstrap, acks="all", linger_ms=20, batch_size=256 * 1024
    )
    random_ = random.Random(7)  # a seed, so that a failure can be seen again
    waiting = []
    for number in range(OF_EACH_KIND):
        if stop.is_set():
            break
        for topic, makers in NONSENSE.items():
            for kind, make in makers.items():
                key, value, headers = make(random_)
                place = (number + random_.randrange(PARTITIONS)) % PARTITIONS
                future = producer.send(
                    installation.topic(topic), key=key, value=value, headers=headers, partition=place
                )
                waiting.append((topic, kind, value or b"", future))
    producer.flush(timeout=120)
    poured = {}
    for topic, kind, value, future in waiting:
        stood = future.get(timeout=60)
        poured[f"{topic.value}/{stood.partition}/{stood.offset}"] = (value, f"{topic}: {kind}")
    producer.close()
    return poured


def letters(installation: Installation) -> dict[str, tuple[bytes, str]]:
    """Return value and reason of every dead letter by its position."""
    found = {}
    for record in installation.records(Topic.DEAD_LETTERS):
        headers = dict(record.headers)
        found[headers[POSITION_HEADER].decode()] = (record.value or b"", headers[REASON_HEADER].decode())
    return found


def test_a_thousand_malformed_messages_of_each_kind_disturb_nobody(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    installation = Installation(kafka_broker.bootstrap, tmp_path, "malformed.")
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool, installation, open_shop(installation) as shop:
        largest = b"\x0f" + bytes(10 * 1024 * 1024 - 4096)
        installation.send(Message(topic=Topic.OTLP_METRICS, key=None, value=largest))
        pouring = pool.submit(pour, installation, stop)
        try:
            release = shop.deploy()
            installation.until(lambda: installation.said(OutcomeReported), "the bad release was undone", 150)
            installation.until(pouring.done, "all nonsense is on its topics", 150)
        finally:
            stop.set()
        poured = pouring.result(timeout=60)
        assert len(poured) == OF_EACH_KIND * sum(len(makers) for makers in NONSENSE.values())
        shop.traffic.__exit__()
        say(f"{len(poured)} malformed messages are there")

        (reported,) = installation.said(OutcomeReported)
        assert reported.outcome.release == release
        assert reported.outcome.kind is OutcomeKind.DONE
        found = installation.until(
            lambda: kept if (kept := letters(installation)).keys() >= poured.keys() else None,
            "every one is a dead letter",
            150,
        )
        assert found is not None
        for position, (value, kind) in poured.items():
            assert found[position][0] == value, kind
            assert found[position][1], kind
        others = [found[position] for position in found.keys() - poured.keys()]
        assert [value == largest for value, _ in others] == [True], "and nothing that was good is one"
        assert installation.tree.restarts == 0
