"""The journal's process, killed under load on a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.journal_kills import kill_often
from infra.dev.kafka import Broker


@pytest.mark.timeout(240)
def test_a_journal_that_is_killed_under_load_keeps_every_effect_once(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    figures = kill_often(kafka_broker.bootstrap, tmp_path, kills=2, seed=1, rate=40)
    assert (figures["missing"], figures["doubles"], figures["strangers"]) == (0, 0, 0)
    assert figures["effects"] > 0
    assert sum(figures["phases"].values()) == 2
