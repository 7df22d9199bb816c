"""The spine on a real Kafka: a bad release, from its telemetry to the undone change and the told story."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from infra.dev.kafka import Broker
from schemas.envelopes import Message
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.observations import OutcomeReported, ReleaseClosed, ReleaseOpened, VerdictReached
from schemas.orders import Command, OutcomeKind
from schemas.topics import Topic
from tests.integration.installation import Installation, say
from tests.integration.ledger import live_effects, replayed
from tests.integration.shop import Shop, open_shop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def binary_deploy_of_generation_4(service: str, version: str) -> Message:
    """Return a CDEvents 0.4.1 deploy in CloudEvents' binary mode, as older producers write it."""
    kind = "dev.cdevents.service.deployed.0.2.0"
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    context = {
        "version": "0.4.1",
        "id": f"old-{service}",
        "source": "/old/ci",
        "type": kind,
        "timestamp": timestamp,
    }
    content = {"environment": {"id": "dev"}, "artifactId": f"pkg:oci/{service}@{version}"}
    subject = {"id": service, "source": "/old/ci", "type": "service", "content": content}
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"old-{service}",
        "ce_source": "/old/ci",
        "ce_type": kind,
        "content-type": "application/json",
    }
    return Message(
        topic=Topic.CDEVENTS,
        key=None,
        value=json.dumps({"context": context, "subject": subject}).encode(),
        headers=tuple((name, text.encode()) for name, text in attributes.items()),
    )


def play(installation: Installation, shop: Shop) -> str:
    """Play a bad release until the service recovered; return the release's id."""
    release = shop.deploy()
    installation.send(binary_deploy_of_generation_4("mail", "7.1"))
    installation.until(
        lambda: any(
            said.verdict.kind is VerdictKind.HARMFUL and said.verdict.release == release
            for said in installation.said(VerdictReached)
        ),
        "judged harmful",
    )
    installation.until(lambda: installation.said(Command), "command")
    say_delays(installation, shop)
    installation.until(lambda: installation.said(OutcomeReported), "outcome")
    installation.until(lambda: installation.said(Recovery), "recovery")
    return release


def say_delays(installation: Installation, shop: Shop) -> None:
    """Show how long it took, by the instants at which Kafka took the messages."""
    commanded = min(record.timestamp_ms for record in installation.records(Topic.COMMANDS))
    announced = min(record.timestamp_ms for record in installation.records(Topic.CDEVENTS))
    spoken = [
        record.timestamp_ms
        for record in installation.records(Topic.OTLP_METRICS)
        if shop.new.encode() in (record.value or b"") and record.timestamp_ms < commanded
    ]
    seen = sorted(stamp for stamp in spoken if stamp >= announced)
    say(
        f"measured: command {(commanded - announced) / 1000:.2f} s after the deploy event, and "
        f"{(commanded - seen[0]) / 1000:.2f} s after the first bad sample behind it, "
        f"{(commanded - seen[-1]) / 1000:.2f} s after the newest"
    )


def test_a_bad_release_is_rolled_back_and_its_story_can_be_told(kafka_broker: Broker, tmp_path: Path) -> None:
    installation = Installation(kafka_broker.bootstrap, tmp_path, "spine.")
    with installation, open_shop(installation) as shop:
        release = play(installation, shop)

        opened = {str(said.release.service): said.release for said in installation.said(ReleaseOpened)}
        assert opened["cart"].id == release
        assert opened["mail"].version == "7.1"
        (command,) = installation.said(Command)
        (outcome,) = installation.said(OutcomeReported)
        (recovery,) = installation.said(Recovery)
        assert (command.template, command.expected_template) == (shop.old, shop.new)
        assert outcome.outcome.kind is OutcomeKind.DONE
        assert outcome.outcome.template_after == shop.old
        assert recovery.kind is RecoveryKind.RECOVERED
        closed = [said for said in installation.said(ReleaseClosed) if said.release == release]
        assert [said.why for said in closed] == ["rolled back"]

        story = installation.until(
            lambda: (
                found
                if "recovered" in (found := installation.cli("why", release, check=False).stdout)
                else ""
            ),
            "the story can be told",
        )
        assert "cart 2 in dev was rolled back" in story
        listed = json.loads(installation.cli("releases", "--json").stdout)
        (told,) = [row for row in listed if row["release"] == release]
        assert (told["verdict"], told["action"], told["outcome"]) == ("harmful", "undo", "done")
        counted = installation.cli(
            "sql", "select count(*) as n from effects where kind = 'command'", "--format=json"
        )
        assert '"n":1' in counted.stdout.replace(" ", "")

        recording = tmp_path / "recording.jsonl.gz"
        installation.cli("record", str(recording))
        first = installation.cli("replay", str(recording), "--effects").stdout
        assert first == installation.cli("replay", str(recording), "--effects").stdout
        assert replayed(recording)
        assert [line.encode() for line in first.splitlines()] == list(replayed(recording).values())
        live = live_effects(installation)
        missing = replayed(recording).keys() - live.keys()
        assert not missing, f"replay says what the live run did not: {sorted(missing)[:5]}"
        for place, value in replayed(recording).items():
            assert live[place] == [value] * len(live[place])
        assert installation.tree.restarts == 0
