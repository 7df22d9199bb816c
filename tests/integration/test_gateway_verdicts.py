"""The verdict API as a process on a real Kafka: a deploy that is told over HTTP, and what becomes of it.

Verdict, decision, hold and outcome are said by the test, as the worker and the executor publish them.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from actions.signing import HEADER, KeyRing
from infra.dev.kafka import Broker
from infra.dev.ports import free_ports
from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.judgements import Suspicion, Verdict, VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import LogPosition, VerdictReached
from schemas.order_messages import command_message, outcome_message
from schemas.orders import Command, Decision, Guard, Held, Outcome, OutcomeKind
from schemas.releases import Release
from schemas.topics import Topic
from streams import clock
from streams.access_settings import AccessSettings
from streams.routing import messages_from
from tests.actions.orders import a_command, a_decision, a_release, a_verdict
from tests.integration.installation import KEYS, Installation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

CI, STRANGER = "a-token-of-the-pipeline", "a-token-of-nobody-here"
ASKED = ["--service", "cart", "--version", "2", "--environment", "prod"]


class Site:
    """A gateway with closed doors, and who says what the other parts would."""

    def __init__(self, installation: Installation, listen: str) -> None:
        self.installation = installation
        self.url = f"http://{listen}"
        self.http = httpx.Client(base_url=self.url, timeout=60, headers={"authorization": f"Bearer {CI}"})
        self._said = 0

    def is_ready(self) -> bool:
        """Return whether the gateway runs, and has read its topics."""
        try:
            return self.http.get("/v1/holds").status_code == 200
        except httpx.TransportError:
            return False

    def say(self, *said: Verdict | Decision | Held) -> None:
        """Put onto the public topics what a worker would."""
        for one in said:
            self._said += 1
            cause = LogPosition(topic="observations", partition=0, offset=self._said)
            content: Any = one
            if isinstance(one, Verdict):
                release = self.release(one.release)
                suspicion = Suspicion(
                    release=one.release,
                    service=one.service,
                    environment=one.environment,
                    at=one.at,
                    started_at=one.at,
                )
                content = VerdictReached(verdict=one, suspicion=suspicion, release=release)
            effect = Effect(key="prod/cart", cause=cause, index=0, said=content)
            public = (Topic.VERDICTS, Topic.DECISIONS)
            self.installation.send(*(one for one in messages_from(effect) if one.topic in public))

    def sign(self, message: Message, keys: str = KEYS) -> None:
        """Put an order or an outcome onto its topic, signed."""
        signature = KeyRing.from_text(keys).sign(message.value)
        self.installation.send(replace(message, headers=((HEADER, signature),)))

    def release(self, name: str) -> Release:
        """Return a release as the verdict about it carries it."""
        return replace(a_release(name, started_at=clock.now()), version="2")

    def told(self) -> dict[str, Any]:
        """Return all that the gateway knows of the release."""
        answer = self.http.get("/v1/releases/prod/cart/2")
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    def suture(self, *arguments: str, token: str = CI) -> subprocess.CompletedProcess[str]:
        """Run the command line, which reaches the gateway and no Kafka."""
        environ = {"PATH": "/usr/bin:/bin", "SUTURE_TOKEN": token, "SUTURE_GATEWAY": self.url}
        program = [sys.executable, "-m", "streams.cli", *arguments]
        return subprocess.run(program, env=environ, capture_output=True, text=True, check=False)


def order_and_outcome(release: str, decision: Decision) -> tuple[Command, Outcome]:
    now = clock.now()
    command = replace(a_command(issued_at=now), release=ReleaseId(release), decision=decision.id)
    outcome = Outcome(
        id="o1",
        command=command.id,
        kind=OutcomeKind.DONE,
        command_kind=command.kind,
        release=command.release,
        environment=command.environment,
        service=command.service,
        target=command.target,
        started_at=now,
        at=now,
        detail="it runs template 0a0a0a0a0a",
    )
    return command, outcome


def test_a_deploy_that_is_told_over_http_is_followed_to_its_outcome_in_every_form(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    installation = Installation(
        kafka_broker.bootstrap,
        tmp_path,
        "verdict-api.",
        {"gateway": ["gateway"]},
        listen=listen,
        tokens=f"ci+read+deploy:{CI}",
        access=AccessSettings(read_open=False, deploy_open=False),
    )
    with installation:
        site = Site(installation, listen)
        installation.until(site.is_ready, "gateway has read its topics")

        # A pipeline tells of a deploy, twice.
        first = site.suture("ci", "deploy", *ASKED, "--gateway", site.url, "--key", "7")
        again = site.suture("ci", "deploy", *ASKED, "--gateway", site.url, "--key", "7")
        assert (first.returncode, first.stdout) == (0, again.stdout), first.stderr
        release = first.stdout.strip()
        installation.until(lambda: site.told().get("release") == release, "release is known")
        refused = site.suture("ci", "deploy", *ASKED, "--gateway", site.url, token=STRANGER)
        assert "answered 403: token is not known" in refused.stderr
        watch = site.http.post("/v1/watches", json={"service": "cart", "version": "2", "environment": "prod"})
        where = watch.headers["location"]
        assert site.http.get(where).json()["status"] == "watching"

        # The judge convicts, and the gate asks.
        known = site.release(release)
        harm = a_verdict(known, VerdictKind.HARMFUL, is_final=False)
        decided = replace(a_decision(known), needs_approval=True)
        command, outcome = order_and_outcome(release, decided)
        held = Held(
            id="h1",
            decision=decided.id,
            release=known.id,
            environment=known.environment,
            service=known.service,
            guard=Guard.APPROVAL,
            reason="rollback needs a human",
            at=clock.now(),
            expires_at=clock.now() + timedelta(hours=1),
            command=command,
        )
        site.say(harm, decided, held)
        installation.until(lambda: site.told().get("holds"), "hold is known")
        assert site.http.get("/v1/holds").json()["holds"][0]["reason"] == "rollback needs a human"
        assert site.http.get(where).json()["status"] == "sick"
        waited = site.suture("ci", "wait", *ASKED, "--release", release)
        asked = site.suture("ci", "wait", *ASKED, "--release", release, "--held", "exit")
        assert (waited.returncode, asked.returncode) == (1, 2), (waited.stderr, asked.stderr)
        assert site.suture("ci", "wait", *ASKED, token=STRANGER).returncode == 64

        # A human agrees, and the executor acts; what nobody signed does not count.
        forged = "other:" + base64.b64encode(b"another sixteen bytes or more").decode()
        site.sign(outcome_message(replace(outcome, id="o2", detail="forged")), forged)
        site.sign(command_message(replace(command, issued_at=clock.now(), approved_by="ann via http")))
        site.sign(outcome_message(outcome))
        told = installation.until(
            lambda: site.told() if site.told().get("outcomes") else {}, "outcome is known"
        )
        assert [one["detail"] for one in told["outcomes"]] == ["it runs template 0a0a0a0a0a"]
        assert (told["holds"], told["decision"]["playbook"]) == ([], "rollback")
        (listed,) = site.http.get("/v1/releases", params={"environment": "prod"}).json()["releases"]
        assert (listed["release"], listed["outcome"]) == (release, "done")

        # Prometheus's own client reads it, with the token as the password.
        assert promtool(site.url, CI) == ["0"]
        assert promtool(site.url, STRANGER) == []

        # A gateway that starts again knows as much as the one before, watches included.
        before = site.told()
        installation.tree.stop()
        installation.tree.start()
        installation.until(site.is_ready, "gateway has read its topics again")
        assert site.told() == before
        assert site.http.get(where).json()["status"] == "sick"


def promtool(url: str, token: str) -> list[str]:
    """Return the values that `promtool query instant` prints; it is built of the client that Keptn uses."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed, expected Debian's package prometheus")
    address = httpx.URL(url).copy_with(userinfo=f"keptn:{token}".encode())
    query = 'suture_verdict{service="cart",environment="prod"}'
    done = subprocess.run(
        [program, "query", "instant", "-o", "json", str(address), query],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        assert "403" in done.stderr, done.stderr
        return []
    return [one["value"][1] for one in json.loads(done.stdout)]
