"""Runbooks and the kill file in an executor as it is deployed: a process of its own on a real Kafka."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from actions.signing import KeyRing
from infra.dev import kafka
from infra.dev.kafka import Broker
from schemas.envelopes import SIGNATURE_HEADER
from schemas.order_messages import command_message, read_outcome
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from schemas.releases import TargetKind
from schemas.topics import Topic
from streams import clock
from streams.ingest import REASON_HEADER
from tests.actions.runbook_orders import a_call
from tests.actions.small_server import Reply, SmallServer, served
from tests.integration.installation import KEYS, Installation
from tests.integration.parts import need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

LISTED = """
version: 1
scripts:
  heal:
    file: heal.py
    arguments: {scope: {choices: [all, some]}}
http:
  flush: {url: "ADDRESS/flush"}
"""
HEAL = "import json, pathlib, sys\npathlib.Path('TRACE').write_text(sys.stdin.read())\nprint('healed')\n"


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A broker that a test may stop."""
    need(kafka)
    with kafka.running() as broker:
        yield broker


def an_executor(
    broker: Broker, folder: Path, prefix: str, address: str = "http://127.0.0.1:1"
) -> Installation:
    (folder / "heal.py").write_text(HEAL.replace("TRACE", str(folder / "trace")))
    (folder / "runbooks.yaml").write_text(LISTED.replace("ADDRESS", address))
    parts = {"executor": ["executor"]}
    listed = folder / "runbooks.yaml"
    return Installation(broker.bootstrap, folder, prefix, parts=parts, runbooks=listed, instance="one")


def give(installation: Installation, *commands: Command, keys: KeyRing | None = None) -> None:
    """Put commands onto the log, signed as the gate signs them unless with other keys."""
    keys = keys or KeyRing.from_text(KEYS)
    messages = [command_message(command) for command in commands]
    installation.send(
        *(replace(message, headers=((SIGNATURE_HEADER, keys.sign(message.value)),)) for message in messages)
    )


def outcomes(installation: Installation) -> dict[str, Outcome]:
    found = (read_outcome(record.value) for record in installation.records(Topic.OUTCOMES))
    return {outcome.command: outcome for outcome in found}


def test_a_listed_script_is_ordered_by_hand_rehearsed_and_run_once(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    order = ["act", "run-script", "heal", "--for=deployment:default/shop/cart", "--environment=prod"]
    with an_executor(kafka_broker, tmp_path, "runbooks-") as installation:
        rehearsed = installation.cli(*order, "--arg=scope=all", "--dry-run", "--json")
        assert json.loads(rehearsed.stdout)["kind"] == "rehearsed"
        assert not (tmp_path / "trace").exists()

        done = installation.cli(*order, "--arg=scope=all", "--yes", "--json")
        outcome = json.loads(done.stdout)
        assert (outcome["kind"], outcome["log_tail"]) == ("done", ["healed"])
        assert (tmp_path / "trace").read_text() == '{"scope": "all"}'

        refused = installation.cli(*order, "--arg=scope=none", "--yes", check=False)
        assert refused.returncode == 3, refused
        assert "argument scope is not as listed, expected all, some" in refused.stdout

        assert "kill switch" in installation.cli("kill-switch", "--here", "--why=no changes tonight").stdout
        stopped = installation.cli(*order, "--arg=scope=all", "--yes", check=False)
        assert stopped.returncode == 3, stopped
        assert "no changes tonight" in stopped.stdout


def test_an_executor_refuses_what_it_holds_when_the_file_appears_while_the_broker_is_down(
    own_broker: Broker, tmp_path: Path
) -> None:
    at = clock.now()
    held, waiting = (
        replace(
            a_call(CommandKind.CALL_HTTP, "flush", command=name),
            issued_at=at,
            expires_at=at + timedelta(minutes=20),
        )
        for name in ("held", "waiting")
    )
    server = SmallServer(lambda _: Reply(503))
    with served(server) as address, an_executor(own_broker, tmp_path, "killed-", address) as installation:
        give(installation, held, waiting)
        installation.until(lambda: len(server.requests) >= 2, "the executor tries")
        own_broker.stop()
        stopped = installation.cli("kill-switch", "--here", "--by=ann", "--why=the database is moving")
        assert "is on" in stopped.stdout
        # From here on the server would take what it is sent; one request may have been under way.
        sent = len(server.requests)
        server.next = [Reply(200)] * 1000
        own_broker.start()
        found = installation.until(
            lambda: known if len(known := outcomes(installation)) == 2 else {}, "both are reported", 240
        )
    assert {name: outcome.kind for name, outcome in found.items()} == dict.fromkeys(
        ("held", "waiting"), OutcomeKind.REFUSED
    )
    for outcome in found.values():
        assert "the kill switch is on: the database is moving (ann, " in outcome.detail
    assert len(server.requests) == sent


def test_an_executor_carries_out_what_is_signed_fresh_and_its_own_and_nothing_else(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    at = clock.now()

    def a_run(name: str) -> Command:
        # A run's processes are found by it, also by those that run this test beside us.
        unique = f"{name}-{os.getpid()}"
        command = a_call(CommandKind.RUN_SCRIPT, "heal", {"scope": "all"}, command=unique)
        return replace(command, issued_at=at, expires_at=at + timedelta(minutes=20))

    good, foreign, forged, unsigned = map(a_run, ("good", "foreign", "forged", "unsigned"))
    stale = replace(a_run("stale"), expires_at=at - timedelta(seconds=1))
    elsewhere = replace(a_run("elsewhere"), target=replace(good.target, cluster="moon"))
    unknown = replace(
        a_run("kind"), kind=CommandKind.RESTART, target=replace(good.target, kind=TargetKind.CONFIG_MAP)
    )
    with an_executor(kafka_broker, tmp_path, "signed-") as installation:
        installation.send(command_message(unsigned))
        give(installation, foreign, keys=KeyRing({"other": b"sixteen bytes or more"}))
        give(installation, forged, keys=KeyRing({"test": b"sixteen bytes or more"}))
        give(installation, stale, elsewhere, unknown)
        give(installation, good)
        found = installation.until(
            lambda: known if len(known := outcomes(installation)) == 4 else {}, "all are reported"
        )
        letters = [dict(record.headers) for record in installation.records(Topic.DEAD_LETTERS)]
    found = {name.partition("-")[0]: outcome for name, outcome in found.items()}
    assert {name: outcome.kind.value for name, outcome in found.items()} == {
        "good": "done",
        "stale": "refused",
        "elsewhere": "refused",
        "kind": "refused",
    }
    assert "the command expired at" in found["stale"].detail
    assert "cluster moon, this executor serves default" in found["elsewhere"].detail
    assert sorted(letter[REASON_HEADER] for letter in letters) == [
        b"the command is not signed",
        b"the signature by key test does not fit the command",
        b"the signature names key other, known here are test",
    ]
    assert sorted(path.name for path in installation.settings.runs.iterdir()) == [good.id]
