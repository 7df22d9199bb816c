"""Every part killed at bad moments: nothing is lost, nothing done twice, and what is said stays the same."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from infra.dev.kafka import Broker
from schemas.envelopes import SIGNATURE_HEADER, Message
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.observations import OutcomeReported, ReleaseOpened, VerdictReached
from schemas.order_messages import read_command, read_outcome
from schemas.orders import Command
from schemas.samples import SampleBatch
from schemas.topics import Topic
from tests.integration.installation import Installation, say
from tests.integration.ledger import journal_rows, live_effects, recorded, replayed
from tests.integration.shop import Shop, open_shop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(280)]


def play_with_kills(installation: Installation, shop: Shop) -> None:
    """Play a bad release; each part dies several times, each time at another moment of the story."""
    shop.deploy()
    installation.until(lambda: installation.said(ReleaseOpened), "release opened")
    installation.kill("judge")
    began, known = time.monotonic(), len(installation.new_effects())
    installation.until(lambda: len(installation.new_effects()) > known, "a judge that came back speaks")
    say(f"measured: {time.monotonic() - began:.1f} s from the kill to what came after it")
    installation.kill("journal")
    installation.until(
        lambda: any(said.verdict.kind is VerdictKind.HARMFUL for said in installation.said(VerdictReached)),
        "judged harmful",
    )
    installation.kill("gate")
    installation.kill("judge")
    installation.until(lambda: installation.said(Command), "command")
    installation.kill("executor")
    installation.kill("journal")
    installation.until(lambda: list(installation.records(Topic.OUTCOMES)), "outcome on its topic")
    installation.kill("gate")
    installation.kill("executor")
    installation.until(lambda: installation.said(OutcomeReported), "outcome heard")
    installation.kill("judge")
    installation.until(lambda: installation.said(Recovery), "recovery")
    installation.kill("journal")


def deliver_again(installation: Installation) -> None:
    """Put every command onto its topic once more, as a producer that tries again would."""
    for record in list(installation.records(Topic.COMMANDS)):
        installation.send(
            Message(topic=Topic.COMMANDS, key=record.key, value=record.value or b"", headers=record.headers)
        )


def taken_origins(installation: Installation) -> Counter[tuple[str, int, int, int]]:
    """Return the origins of the sample batches on the ordered topic."""
    found: Counter[tuple[str, int, int, int]] = Counter()
    for record in installation.records(Topic.OBSERVATIONS):
        observation = installation.read(record)
        if isinstance(observation.body, SampleBatch) and observation.origin is not None:
            origin = observation.origin
            found[(origin.topic, origin.partition, origin.offset, origin.index)] += 1
    return found


def test_parts_killed_at_any_moment_lose_nothing_and_repeat_nothing(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    installation = Installation(kafka_broker.bootstrap, tmp_path, "kills.")
    with installation, open_shop(installation) as shop:
        play_with_kills(installation, shop)
        changes = shop.generation
        outcomes = len(list(installation.records(Topic.OUTCOMES)))
        deliver_again(installation)
        installation.until(
            lambda: len(list(installation.records(Topic.OUTCOMES))) > outcomes, "the command was heard again"
        )

        # Deployed, put on trial, undone: three changes, however often anybody died or was told.
        assert shop.generation == changes == 3
        commands = {read_command(record.value) for record in installation.records(Topic.COMMANDS)}
        assert len(commands) == 1
        reported = list(installation.records(Topic.OUTCOMES))
        assert len({read_outcome(record.value) for record in reported}) == 1
        assert all(SIGNATURE_HEADER in dict(record.headers) for record in reported)
        assert [said.kind for said in installation.said(Recovery)] == [RecoveryKind.RECOVERED]
        assert len(installation.said(Command)) == 1
        assert set(installation.kills) <= {"judge", "gate", "executor", "journal"}

        say("the story is over; now what was kept is compared")
        shop.traffic.__exit__()
        sent = {
            (record.topic, record.partition, record.offset, 0)
            for record in installation.records(Topic.OTLP_METRICS)
        }
        installation.until(
            lambda: not sent - taken_origins(installation).keys(), "every message was ingested"
        )

        said_again = replayed(recorded(installation, tmp_path / "recording.jsonl.gz"))
        installation.until(
            lambda: said_again.keys() <= live_effects(installation).keys(), "the live run said all of it"
        )
        live = live_effects(installation)
        for place, value in said_again.items():
            assert set(live[place]) == {value}, "a repeat says the same, and a replay does, too"
        installation.until(
            lambda: said_again.keys() <= set(journal_rows(installation)), "the journal has all of it"
        )
        rows = Counter(journal_rows(installation))
        assert not [place for place, count in rows.items() if count > 1], "each effect is kept once"
        assert not list(installation.records(Topic.DEAD_LETTERS))
        repeats = sum(len(values) - 1 for values in live.values())
        say(f"{len(live)} effects, {repeats} said again, {dict(installation.kills)} kills")
