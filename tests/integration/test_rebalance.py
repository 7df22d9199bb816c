"""Workers come and go while a release is judged: the outcome is the same, and so is every word of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.dev.kafka import Broker
from schemas.judgements import Recovery, RecoveryKind
from schemas.observations import OutcomeReported, ReleaseOpened, SettingsChanged
from schemas.orders import Command, OutcomeKind
from schemas.topics import PARTITIONS, Topic
from streams.process_tree import ProcessTree
from tests.integration.installation import GATE, JUDGE, Installation, say
from tests.integration.ledger import live_effects, recorded, replayed
from tests.integration.shop import open_shop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def test_workers_that_join_and_leave_change_nothing_that_is_said(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    installation = Installation(kafka_broker.bootstrap, tmp_path, "rebalance.")
    more = ProcessTree(
        replace(installation.settings, data=tmp_path / "more"),
        {"judge": JUDGE, "gate": GATE},
        log=tmp_path / "more.log",
    )
    (tmp_path / "more").mkdir()
    with installation, open_shop(installation) as shop:
        release = shop.deploy()
        installation.until(lambda: installation.said(ReleaseOpened), "release opened")
        more.start()
        try:
            installation.until(lambda: installation.said(OutcomeReported), "outcome")
            installation.until(
                lambda: told_again(installation) >= 1, "the joined workers hold partitions", 120
            )
        finally:
            more.stop()
        say("the joined workers left again")
        installation.until(lambda: installation.said(Recovery), "recovery")
        shop.traffic.__exit__()

        (command,) = installation.said(Command)
        (outcome,) = installation.said(OutcomeReported)
        (recovery,) = installation.said(Recovery)
        assert command.release == release
        assert outcome.outcome.kind is OutcomeKind.DONE
        assert recovery.kind is RecoveryKind.RECOVERED
        assert shop.generation == 3
        said_again = replayed(recorded(installation, tmp_path / "recording.jsonl.gz"))
        installation.until(
            lambda: said_again.keys() <= live_effects(installation).keys(), "the live run said all of it"
        )
        live = live_effects(installation)
        for place, value in said_again.items():
            assert set(live[place]) == {value}
        assert not list(installation.records(Topic.DEAD_LETTERS))
        assert installation.tree.restarts == 0


def told_again(installation: Installation) -> int:
    """Return how often a worker told a partition its policy, beyond the first time for each of them."""
    told = [
        record
        for topic in (Topic.OBSERVATIONS, Topic.ENVIRONMENT_OBSERVATIONS)
        for record in installation.records(topic)
        if isinstance(installation.read(record).body, SettingsChanged)
    ]
    return len(told) - 2 * PARTITIONS
