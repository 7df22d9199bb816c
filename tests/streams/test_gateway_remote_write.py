"""Remote write at the gateway: what its senders are answered, and what reaches the topic."""

import asyncio
from typing import Any

import httpx
import pytest

from bench.remote_write_proto import first, second
from schemas.envelopes import Message
from schemas.prometheus_labels import LabelNames
from schemas.snappy_block import packed_block
from schemas.topics import Topic
from streams.gateway import create_app
from streams.gateway_publishing import PublishError
from streams.ingest import ingest
from streams.kafka_log import Record
from streams.pipeline import Pipeline
from streams.telemetry_settings import TelemetrySettings

NOW_MS = 1_795_000_000_123
TOKEN = "a-token-of-prometheus"
FIRST = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}
SECOND = FIRST | {
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "x-prometheus-remote-write-version": "2.0.0",
}


class Remembering:
    """A publisher that remembers, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.published: list[tuple[str, bytes, dict[str, bytes]]] = []
        self._failure = failure

    async def publish(
        self, topic: str, _key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        if self._failure is not None:
            raise self._failure
        self.published.append((topic, value, dict(headers)))


def send(
    publisher: Remembering,
    body: bytes,
    headers: dict[str, str],
    path: str = "/v1/remote-write",
    **settings: Any,
) -> httpx.Response:
    async def work() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(publisher, **settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.post(path, content=body, headers=headers)

    return asyncio.run(work())


def one(name: str = "requests_total", value: float = 1.0, **labels: str) -> dict[str, Any]:
    said = {"__name__": name, "service": "cart", "namespace": "prod", "pod": "cart-1", **labels}
    return {"labels": said, "samples": [(value, NOW_MS)]}


@pytest.mark.parametrize("path", ["/v1/remote-write", "/api/v1/write"])
def test_what_prometheus_writes_goes_onto_its_topic_as_it_came(path: str) -> None:
    publisher, body = Remembering(), packed_block(first(one()))
    answer = send(publisher, body, FIRST, path)
    assert (answer.status_code, answer.content) == (204, b"")
    ((topic, value, headers),) = publisher.published
    assert (topic, value) == ("remote_write", body)
    assert headers == {
        "content-type": b"application/x-protobuf;proto=prometheus.WriteRequest",
        "content-encoding": b"snappy",
    }


def test_a_sender_of_2_0_is_told_how_much_was_written() -> None:
    histogram = {"count_int": 1, "sum": 1.0, "timestamp": NOW_MS}
    body = second(
        one() | {"exemplars": [(1.0, NOW_MS)]},
        {"labels": {"__name__": "nobodys"}, "samples": [(1.0, NOW_MS)]},
        one("d_seconds") | {"samples": [], "histograms": [histogram]},
    )
    answer = send(Remembering(), packed_block(body), SECOND)
    assert answer.status_code == 204
    written = {
        name: answer.headers[f"x-prometheus-remote-write-{name}-written"]
        for name in ("samples", "histograms", "exemplars")
    }
    assert written == {"samples": "1", "histograms": "1", "exemplars": "0"}


def test_what_is_valid_is_kept_though_the_rest_is_not() -> None:
    publisher = Remembering()
    answer = send(publisher, packed_block(second(one(), one(le="x", name="d_bucket"))), SECOND)
    assert (answer.status_code, answer.text) == (
        400,
        "samples are invalid: bucket's bound is no number (1)\n",
    )
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "1"
    assert len(publisher.published) == 1


def test_a_message_of_which_nothing_can_be_used_is_not_published() -> None:
    publisher = Remembering()
    assert send(publisher, packed_block(first()), FIRST).status_code == 204
    assert publisher.published == []


@pytest.mark.parametrize(
    ("changes", "body", "expected"),
    [
        pytest.param({"content-type": "application/json"}, b"{}", 415, id="json"),
        pytest.param({"content-type": "application/x-protobuf;proto=io.other"}, b"", 415, id="other-proto"),
        pytest.param({"content-encoding": "gzip"}, b"", 415, id="gzip"),
        pytest.param({}, b"nonsense", 400, id="no-block"),
        pytest.param({}, packed_block(b"nonsense"), 400, id="no-protobuf"),
        pytest.param({}, packed_block(second(one())), 400, id="the-other-version"),
        pytest.param({}, b"\xff\xff\xff\xff\x0f", 413, id="large-when-unpacked"),
        pytest.param({}, packed_block(b"x") * 1000, 413, id="large"),
    ],
)
def test_what_no_repetition_mends_is_refused_for_good(
    changes: dict[str, str], body: bytes, expected: int
) -> None:
    publisher = Remembering()
    assert send(publisher, body, FIRST | changes, max_body_bytes=1000).status_code == expected
    assert publisher.published == []


def test_a_content_type_that_names_1_0_is_1_0() -> None:
    headers = FIRST | {"content-type": 'application/x-protobuf; proto="prometheus.WriteRequest"'}
    assert send(Remembering(), packed_block(first(one())), headers).status_code == 204


def test_a_sender_comes_again_while_kafka_is_away() -> None:
    answer = send(Remembering(PublishError("away")), packed_block(first(one())), FIRST)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/remote-write", FIRST),
        ("/v1/metrics", {"content-type": "application/x-protobuf"}),
        ("/v1/logs", {"content-type": "application/json"}),
    ],
)
def test_telemetry_needs_a_token_where_there_is_one(path: str, headers: dict[str, str]) -> None:
    settings = TelemetrySettings(tokens=f"prometheus:{TOKEN}")
    body = b"" if path == "/v1/metrics" else b"{}" if path == "/v1/logs" else packed_block(first(one()))

    def status(**given: str) -> int:
        return send(Remembering(), body, headers | given, path, telemetry=settings).status_code

    assert status() == 401
    assert status(authorization="Bearer a-token-of-somebody-else") == 403
    assert status(authorization=f"Bearer {TOKEN}") in (200, 204)


def test_what_stands_on_the_topic_becomes_batches_of_its_services() -> None:
    publisher = Remembering()
    send(publisher, packed_block(second(one(), one(service="mail"), one(namespace="dev"))), SECOND)
    ((_, value, headers),) = publisher.published
    record = Record(
        topic="remote_write", partition=3, offset=7, key=None, value=value, headers=tuple(headers.items())
    )
    ingested = ingest(Topic.REMOTE_WRITE, record, lambda _: None)
    assert [message.key for message in ingested.messages] == [b"prod/cart", b"prod/mail", b"dev/cart"]
    assert {message.topic for message in ingested.messages} == {Topic.OBSERVATIONS}
    assert ingested.reason == ""


def test_an_installations_own_labels_are_gone_by() -> None:
    record = Record(
        topic="remote_write", partition=0, offset=0, key=None, value=first(one(team="shop")), headers=()
    )
    ingested = ingest(Topic.REMOTE_WRITE, record, lambda _: None, LabelNames(service=("team",)))
    assert [message.key for message in ingested.messages] == [b"prod/shop"]


def test_what_cannot_be_read_is_refused_with_its_reason() -> None:
    pipeline = Pipeline()
    nobodys = {"labels": {"__name__": "up"}, "samples": [(1.0, NOW_MS)]}
    for value in (b"nonsense", first(nobodys, one())):
        list(pipeline.send(Message(topic=Topic.REMOTE_WRITE, key=None, value=value)))
    assert pipeline.refused == [
        "message is no remote write request: its protobuf is malformed",
        "no label names a service (1)",
    ]
