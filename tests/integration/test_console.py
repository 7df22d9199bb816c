"""The console as people use it: a real browser at a gateway's process, and what a click puts onto Kafka."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from infra.dev import browser
from infra.dev.kafka import Broker
from infra.dev.ports import free_ports
from schemas.approvals import HoldChange
from schemas.effects import Effect, Said
from schemas.errors import SchemaError
from schemas.observation_messages import read_observation
from schemas.observations import Answer, Approval, LogPosition
from schemas.topics import Topic
from streams import clock
from streams.kafka_log import TopicTail
from streams.routing import messages_from
from tests.integration.browsing import Browser, browsing
from tests.integration.installation import TOKENS, Installation
from tests.integration.parts import need
from tests.streams.held_questions import HELD, changed

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

HOSTILE = (
    "</h2><script>document.title = 'broken into'</script><img src=x onerror=\"document.title = 'broken'\">"
)


def test_a_click_in_a_browser_puts_an_answer_onto_the_log(kafka_broker: Broker, tmp_path: Path) -> None:
    need(browser)
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    parts = {"gateway": ["gateway"]}
    installation = Installation(kafka_broker.bootstrap, tmp_path, "console.", parts, listen=listen)
    now = clock.now()
    asked = replace(HELD, at=now, expires_at=now + timedelta(hours=1))
    assert HELD.brief is not None
    hostile = replace(asked, id="hostile", brief=replace(HELD.brief, what=HOSTILE))
    with installation:
        for number, said in enumerate((asked, hostile)):
            _say(installation, said, number)
        installation.until(lambda: _is_ready(listen), "gateway is ready")
        tail = TopicTail(kafka_broker.bootstrap, installation.topic(Topic.ENVIRONMENT_OBSERVATIONS))
        try:
            with browsing(tmp_path) as window:
                _log_in(window, listen)
                installation.until(lambda: _shows(window, 2), "both questions are shown")
                _try_to_break_in(window)
                _fits(window)
                window.write(".hold:first-of-type input[name=why]", "seen it")
                window.follow(".hold:first-of-type button[value=approve]")
                assert "on its way" in window.text
                window.follow(".hold:first-of-type button[value=approve]")
                assert "not sent twice" in window.text
                (answer,) = installation.until(lambda: _answers(tail), "an answer is on the log")
                assert (answer.hold, answer.answer, answer.by) == (asked.id, Answer.APPROVE, "ann")
                assert (answer.channel, answer.why, answer.environment) == ("console", "seen it", "prod")

                _say(installation, changed(HoldChange.GRANTED, held=asked), 2)
                installation.until(lambda: _shows(window, 1), "the question is over")
                assert window.count(".hold") == 1
                window.follow(".who button")
                assert window.address.endswith("/console/login")
                assert window.cookies() == []
            assert installation.tree.restarts == 0
        finally:
            tail.close()


def _say(installation: Installation, said: Said, number: int) -> None:
    """Publish what the gate would say."""
    cause = LogPosition(topic=installation.topic(Topic.ENVIRONMENT_OBSERVATIONS), partition=0, offset=number)
    installation.send(*messages_from(Effect(key="prod", cause=cause, index=0, said=said)))


def _is_ready(listen: str) -> bool:
    try:
        return httpx.get(f"http://{listen}/readyz", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def _log_in(window: Browser, listen: str) -> None:
    window.open(f"http://{listen}/console")
    assert window.address.endswith("/console/login")
    window.write("#token", "a-token-of-somebody-else")
    window.follow("button.main")
    assert "token is not known" in window.text
    window.write("#token", TOKENS.partition(":")[2])
    window.follow("button.main")
    assert window.address.endswith("/console")
    (cookie,) = window.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")
    assert window.run("return document.cookie") == ""


def _shows(window: Browser, count: int) -> bool:
    window.follow(".head a")
    return window.count(".hold") == count


def _try_to_break_in(window: Browser) -> None:
    assert HOSTILE in window.text
    assert window.run("return document.title") == "2 waiting · Suture"
    assert window.count("script, img") == 0
    # Even what would get into the page is not run there.
    script = "const it = document.createElement('script'); it.textContent = 'window.ran = 1'; "
    script += "document.body.append(it)"
    assert window.run(f"{script}; return window.ran === undefined") is True


def _fits(window: Browser) -> None:
    """Nothing stands out of a narrow window, and what is clicked on is large enough for a thumb."""
    window.resize(400, 800)
    narrow = json.dumps(window.run("return [window.innerWidth, document.documentElement.scrollWidth]"))
    inner, whole = json.loads(narrow)
    assert (inner, whole) == (400, 400)
    assert window.run("return document.querySelector('button.main').getBoundingClientRect().height") >= 44
    assert len(window.picture()) > 10_000
    window.resize(1100, 900)


def _answers(tail: TopicTail) -> list[Approval]:
    found = []
    for record in tail.new_records():
        position = LogPosition(topic=record.topic, partition=record.partition, offset=record.offset)
        try:
            body = read_observation(position, record.key, record.value, record.headers).body
        except SchemaError:
            continue
        if isinstance(body, Approval):
            found.append(body)
    return found
