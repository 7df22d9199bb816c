"""The stand-in for PagerDuty: webhooks as the vendor signs and words them, late, twice or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from actions.people.channel import Thread as Place
from infra.dev.pagerduty_server import PagerDuty, running
from schemas.approvals import hold_code
from schemas.observations import Answer
from schemas.pagerduty_callbacks import read_pagerduty_callback
from schemas.replies import Reply
from schemas.webhook_signatures import check_pagerduty_signature
from tests.actions.pagerduty_site import ADA, BOB, a_channel
from tests.actions.slack_stories import a_hold
from tests.listening import QuietHandler, listening

SECRET = "a secret that nobody guesses"


class Listener:
    """Takes webhooks, proves and reads them as the gateway does."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 202
        self.replies: list[Reply | None] = []
        self.ids: list[str] = []


@pytest.fixture
def listener() -> Iterator[Listener]:
    told = Listener()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            check_pagerduty_signature(
                body, self.headers["X-PagerDuty-Signature"].encode(), (SECRET.encode(),)
            )
            told.ids.append(self.headers["X-Webhook-Id"])
            told.replies.append(read_pagerduty_callback(body))
            self.send_response(told.status)
            self.end_headers()

    with listening(Handler) as address:
        told.url = f"http://{address}/v1/webhooks/pagerduty"
        yield told


@pytest.fixture
def server(listener: Listener) -> Iterator[PagerDuty]:
    # Without the documents, as a demonstration runs it.
    with running() as pagerduty:
        pagerduty.subscribe(listener.url, SECRET)
        pagerduty.holds_deliveries = True
        yield pagerduty


def asked(server: PagerDuty) -> tuple[Place, str]:
    """Ask a question, and let what that told go by."""
    held = a_hold()
    thread = a_channel(server).ask(held)
    server.deliveries.clear()
    return thread, hold_code(held.id)


def test_what_a_person_does_is_told_at_once_signed_and_as_an_answer(
    server: PagerDuty, listener: Listener
) -> None:
    thread, code = asked(server)
    server.holds_deliveries = False
    server.sets_field(thread.id, ADA, "approve")
    server.writes_note(thread.id, BOB, f"reject {code}")
    assert server.answered == [202, 202]
    told = [(one.by, one.answer, one.thread, one.code) for one in listener.replies if one]
    assert told == [(ADA, Answer.APPROVE, thread.id, ""), (BOB, Answer.REJECT, thread.id, code)]


def test_a_delivery_may_come_late_and_twice_as_the_same(server: PagerDuty, listener: Listener) -> None:
    thread, _ = asked(server)
    server.sets_field(thread.id, ADA, "approve")
    server.sets_field(thread.id, ADA, "reject")
    first, second = server.deliveries
    assert listener.replies == []
    for delivery in (second, first, first):
        assert server.deliver(delivery) == 202
    answers = [one.answer for one in listener.replies if one]
    assert answers == [Answer.REJECT, Answer.APPROVE, Answer.APPROVE]
    assert listener.ids[1] == listener.ids[2] != listener.ids[0]
    assert listener.replies[1] == listener.replies[2]


def test_what_an_automation_does_is_told_and_is_no_answer(server: PagerDuty, listener: Listener) -> None:
    thread, _ = asked(server)
    server.sets_field(thread.id, None, "approve")
    (delivery,) = server.deliveries
    assert json.loads(delivery.body)["event"]["agent"] is None
    assert server.deliver(delivery) == 202
    assert listener.replies == [None]


def test_a_gateway_that_refuses_or_is_not_there_is_seen(server: PagerDuty, listener: Listener) -> None:
    thread, _ = asked(server)
    server.sets_field(thread.id, ADA, "approve")
    (delivery,) = server.deliveries
    listener.status = 503
    assert server.deliver(delivery) == 503
    server.account.subscriptions.clear()
    server.subscribe("http://127.0.0.1:9/nobody", SECRET)
    server.sets_field(thread.id, ADA, "reject")
    assert server.deliver(server.deliveries[-1]) == 0
    assert server.answered == [503, 0]
