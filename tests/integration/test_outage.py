"""The judge was away, and telemetry waits in partitions of very different length: nobody is called silent."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from infra.dev.kafka import Broker
from schemas.judgements import VerdictKind
from schemas.observations import VerdictReached
from schemas.orders import Command
from schemas.topics import Topic
from tests.integration.installation import Installation, say
from tests.integration.shop import Shop
from tests.integration.telemetry import Speaker, metrics_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

_SECOND_NS = 1_000_000_000
_AWAY_S = 15
_NOISY = 500


class Unevenly:
    """Sends the stable pods' seconds to one partition, and the canary's to another behind a crowd's."""

    def __init__(self, installation: Installation, shop: Shop, past_s: int = 60) -> None:
        self._topic = installation.topic(Topic.OTLP_METRICS)
        self._shop = shop
        self._producer: Any = KafkaProducer(
            bootstrap_servers=installation.settings.bootstrap, linger_ms=20, acks="all"
        )
        self._next_ns = (time.time_ns() // _SECOND_NS - past_s) * _SECOND_NS
        self.is_crowded = False

    def speak(self) -> None:
        """Tell every second that is over."""
        while self._next_ns <= time.time_ns():
            for speaker in self._shop.speakers():
                is_canary = speaker.template == self._shop.new
                for number in range(_NOISY if is_canary and self.is_crowded else 0):
                    other = Speaker(pod=f"p{number}", version="1", template="x", service=f"s{number % 50}")
                    self._send(other, 11)
                self._send(speaker, 11 if is_canary else 0)
            self._next_ns += _SECOND_NS
        self._producer.flush()

    def _send(self, speaker: Speaker, partition: int) -> None:
        value = metrics_of(speaker, self._next_ns).SerializeToString()
        self._producer.send(self._topic, value, partition=partition)

    def close(self) -> None:
        """Let go of the connection."""
        self._producer.close()


def test_a_good_canary_survives_an_outage_of_the_judge(kafka_broker: Broker, tmp_path: Path) -> None:
    installation = Installation(kafka_broker.bootstrap, tmp_path, "outage.")
    with installation:
        (tmp_path / "workloads").mkdir()
        shop = Shop(installation, "dev", bad_ratio=0.0)
        installation.ready()
        sender = Unevenly(installation, shop)
        sender.speak()
        shop.deploy()

        def verdicts() -> list[VerdictReached]:
            sender.speak()
            return installation.said(VerdictReached)

        installation.until(verdicts, "first verdict")
        pid = installation.tree.pid("judge")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        sender.is_crowded = True
        never, began = threading.Event(), time.monotonic()
        while time.monotonic() - began < _AWAY_S:
            # Nobody tends the tree: the judge stays away while telemetry goes on.
            sender.speak()
            never.wait(0.1)
        sender.is_crowded = False
        say(f"the judge was away for {_AWAY_S} s")

        installation.until(
            lambda: [said for said in verdicts() if said.verdict.kind is not VerdictKind.INCONCLUSIVE],
            "judged",
        )
        kinds = [said.verdict.kind for said in verdicts()]
        say(f"verdicts: {', '.join(kinds)}")
        assert VerdictKind.HARMFUL not in kinds
        assert kinds[-1] is VerdictKind.HEALTHY
        assert not installation.said(Command)
        sender.close()
