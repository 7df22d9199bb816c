"""People's answers that PagerDuty and Slack deliver, through the gateway's real application."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.asgi_calls import post
from bench.forgery_senders import NOW, SECRETS, SENDERS, Delivery, Sender
from schemas.observations import Answer
from schemas.replies import Reply, read_reply
from streams.gateway import create_app
from streams.gateway_callbacks import MAX_CALLBACK_BYTES, CallbackSettings
from streams.gateway_publishing import PublishError

PAGERDUTY, SLACK = (next(one for one in SENDERS if one.name == name) for name in ("pagerduty", "slack"))
CONFIGURED = CallbackSettings(pagerduty=(b"an old one", SECRETS["pagerduty"]), slack=(SECRETS["slack"],))
each_vendor = pytest.mark.parametrize("vendor", [PAGERDUTY, SLACK], ids=["pagerduty", "slack"])


class Site:
    """A gateway, and the replies that it put onto their topic."""

    def __init__(self, configured: CallbackSettings = CONFIGURED) -> None:
        self.now = NOW
        self.replies: list[Reply] = []
        self.fails = 0
        self.hangs = False
        self._app: FastAPI = create_app(self, callbacks=configured, now=lambda: self.now)

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, _headers: list[tuple[str, bytes]]
    ) -> None:
        if self.fails:
            self.fails -= 1
            raise PublishError("no broker")
        if self.hangs:
            await asyncio.Event().wait()
        reply = read_reply(value)
        assert (topic, key) == ("callbacks", f"{reply.channel}/{reply.thread}".encode())
        self.replies.append(reply)

    def send(self, *deliveries: Delivery) -> list[tuple[int, bytes]]:
        """Send requests at once."""

        async def work() -> list[tuple[int, bytes]]:
            calls = (post(self._app, one.path, one.body, one.headers) for one in deliveries)
            return await asyncio.gather(*calls)

        return asyncio.run(work())

    def status(self, delivery: Delivery) -> int:
        return self.send(delivery)[0][0]


def pagerduty_event(**changed: object) -> bytes:
    event = json.loads(PAGERDUTY.write(1))["event"]
    return json.dumps({"event": event | changed}).encode()


def test_an_answer_in_pagerduty_becomes_a_reply() -> None:
    site = Site()
    assert site.send(PAGERDUTY.original(7)) == [(202, b'{"accepted":1}')]
    (reply,) = site.replies
    assert (reply.channel, reply.thread, reply.by, reply.answer) == (
        "pagerduty",
        "Q7",
        "PXPGF42",
        Answer.APPROVE,
    )


def test_an_answer_in_slack_becomes_a_reply_and_is_answered_with_nothing() -> None:
    site = Site()
    assert site.send(SLACK.original(7)) == [(200, b"")]
    (reply,) = site.replies
    assert (reply.channel, reply.thread, reply.by) == ("slack", "C0123/1795183200.000100", "U061F7AUR")
    assert (reply.hold, reply.environment, reply.answer) == ("hold7", "prod", Answer.APPROVE)


@each_vendor
def test_an_answer_that_comes_again_or_at_the_same_time_is_put_onto_the_log_once(vendor: Sender) -> None:
    site, delivery = Site(), vendor.original(1)
    assert all(status < 300 for status, _ in site.send(*[delivery] * 5))
    assert site.status(delivery) < 300
    assert len(site.replies) == 1


def test_pagerduty_repeats_by_the_id_that_it_signed_and_no_other() -> None:
    site, delivery = Site(), PAGERDUTY.original(1)
    site.send(delivery)
    again = delivery.with_header(b"x-webhook-id", b"another")
    assert b"repeated" in site.send(again)[0][1]
    # The next event is not taken for the one before by a header that anybody could have written.
    other = PAGERDUTY.original(2).with_header(b"x-webhook-id", delivery.header(b"x-webhook-id"))
    assert site.status(other) == 202
    assert len(site.replies) == 2


@each_vendor
def test_an_answer_that_kafka_does_not_take_may_be_delivered_again(vendor: Sender) -> None:
    site = Site()
    site.fails = 1
    assert sorted(status for status, _ in site.send(vendor.original(1), vendor.original(1)))[1] == 503
    assert len(site.replies) == 1


@each_vendor
def test_a_kafka_that_hangs_is_not_waited_for_longer_than_the_vendor_waits(
    vendor: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site()
    site.hangs = True
    waited: list[float | None] = []
    timeout = asyncio.timeout

    def at_once(delay: float | None) -> asyncio.Timeout:
        waited.append(delay)
        return timeout(0)

    monkeypatch.setattr("streams.gateway_callbacks.asyncio.timeout", at_once)
    delivery = vendor.original(1)
    assert site.status(delivery) in (408, 503)
    assert min(delay for delay in waited if delay) < (3 if vendor is SLACK else 5)


@pytest.mark.parametrize(
    "changed",
    [
        {"event_type": "incident.acknowledged"},
        {"event_type": "pagey.ping"},
        {"agent": None},
        {"agent": {"id": "PSVC", "type": "service_reference"}},
        {"data": None},
        {"data": [], "id": 3},
        {"occurred_at": "yesterday"},
    ],
)
def test_pagerduty_is_answered_with_success_whatever_a_proven_event_says(changed: dict[str, object]) -> None:
    site = Site()
    answer = site.send(PAGERDUTY.signed(pagerduty_event(**changed), 1))
    assert answer[0][0] == 202
    assert b'"ignored"' in answer[0][1]
    assert site.replies == []


@pytest.mark.parametrize(
    ("at", "count"),
    [
        (NOW - timedelta(hours=71), 1),
        (NOW - timedelta(hours=73), 0),
        (NOW + timedelta(minutes=4), 1),
        (NOW + timedelta(minutes=6), 0),
    ],
)
def test_an_answer_is_heard_for_as_long_as_pagerduty_delivers_it(at: datetime, count: int) -> None:
    site = Site()
    body = pagerduty_event(occurred_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert site.status(PAGERDUTY.signed(body, 1)) == 202
    assert len(site.replies) == count


@pytest.mark.parametrize(("off_s", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
def test_a_stale_click_is_refused(off_s: int, status: int) -> None:
    assert Site().status(SLACK.original(1, NOW + timedelta(seconds=off_s))) == status


def test_people_of_other_workspaces_are_refused() -> None:
    site = Site(replace(CONFIGURED, slack_teams=("T999",)))
    assert site.status(SLACK.original(1)) == 400
    assert site.replies == []


def test_the_decision_stands_in_the_field_that_is_configured() -> None:
    site = Site(replace(CONFIGURED, decision_field="verdict"))
    assert b"ignored" in site.send(PAGERDUTY.original(1))[0][1]
    assert site.replies == []


@each_vendor
def test_without_a_secret_a_vendor_is_not_there(vendor: Sender) -> None:
    assert Site(CallbackSettings()).status(vendor.original(1)) == 404


@each_vendor
def test_a_body_that_is_too_large_or_packed_is_refused(vendor: Sender) -> None:
    site = Site()
    assert site.status(vendor.signed(b"x" * (MAX_CALLBACK_BYTES + 1), 1)) == 413
    assert site.status(vendor.signed(b"x" * MAX_CALLBACK_BYTES, 1)) in (202, 400)
    assert site.status(vendor.original(1).with_header(b"content-encoding", b"gzip")) == 415


@each_vendor
def test_a_sender_that_is_not_proven_is_refused_and_nothing_of_it_is_shown(
    vendor: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        ((status, said),) = Site().send(vendor.signed(vendor.write(1), 1, secret=b"a secret of a stranger's"))
    assert status == 401
    shown = said.decode() + "".join(str(vars(record)) for record in caplog.records)
    assert not any(word in shown for word in ("PXPGF42", "U061F7AUR", "v0=", "v1=", "stranger"))


@each_vendor
@settings(deadline=None, max_examples=60)
@given(body=st.binary(max_size=80), proof=st.binary(max_size=80))
def test_any_bytes_for_body_and_proof_are_refused_and_break_nothing(
    vendor: Sender, body: bytes, proof: bytes
) -> None:
    site = Site()
    assert site.status(replace(vendor.signed(body, 1), body=body).with_header(vendor.proof, proof)) == 401
    assert site.replies == []


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(
    path=st.lists(st.sampled_from(["agent", "data", "incident", "custom_fields", "id", "0"]), max_size=4),
    value=_values,
)
def test_a_proven_event_of_any_shape_is_answered(path: Sequence[str], value: object) -> None:
    message = json.loads(PAGERDUTY.write(1))
    node = message["event"]
    for step in path[:-1]:
        node = node[step] if isinstance(node, dict) and isinstance(node.get(step), dict) else node
    node[path[-1] if path else "id"] = value
    assert Site().status(PAGERDUTY.signed(json.dumps(message).encode(), 1)) == 202
