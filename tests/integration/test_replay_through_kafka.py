"""A recording through real topics, workers and the journal gives what it gives in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.through_kafka import effects_through_kafka
from infra.dev.kafka import Broker
from schemas.codec import to_json
from schemas.effects import Effect
from schemas.observations import VerdictReached
from schemas.orders import Command, Decision
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import read_rows
from tests.bench.recording import write

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def decided(effects: list[Effect]) -> set[bytes]:
    """Return verdicts, decisions and commands as bytes; services are judged side by side, in any order."""
    return {
        to_json(effect.said)
        for effect in effects
        if isinstance(effect.said, VerdictReached | Decision | Command)
    }


def test_a_recording_is_judged_alike_through_kafka_and_in_one_process(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_rows(write(tmp_path))
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_broker.bootstrap)
    through = list(effects_through_kafka(rows))
    alone = list(effects_of_pod_minutes(rows))
    assert decided(through) == decided(alone)
    assert sum(isinstance(effect.said, Command) for effect in alone) == 2
