"""The HTTP gateway, through its real application and a publisher that remembers."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from schemas.cdevents import deploy_event, read_deploy
from schemas.cloudevents import read_record, write_record
from schemas.errors import SettingsError
from schemas.keys import EnvironmentName, ServiceName
from schemas.observation_messages import read_observation
from schemas.observations import Answer, Approval, LogPosition
from streams.gateway import create_app
from streams.gateway_publishing import PublishError

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
NOW_NS = 1_795_000_000_123_456_789
TOKEN = "a-token-that-nobody-guesses"
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
T = TypeVar("T")

Published = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]


class Remembering:
    """A publisher that remembers, fails or hangs."""

    def __init__(self, failure: Exception | None = None, *, hangs: bool = False) -> None:
        self.published: list[Published] = []
        self._failure = failure
        self._hangs = hangs

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        if self._failure is not None:
            raise self._failure
        if self._hangs:
            await asyncio.Event().wait()
        self.published.append((topic, key, value, headers))


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def send(
    publisher: Remembering,
    path: str,
    content: Any = b"",
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    **settings: Any,
) -> httpx.Response:
    async def work() -> httpx.Response:
        app = create_app(publisher, f"ann:{TOKEN},bob:{TOKEN}-2", now=lambda: NOW, **settings)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, content=content, headers=headers)

    return run(work())


def metrics(*values: float, service: str = "cart") -> bytes:
    message = ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    metric = resource.scope_metrics.add().metrics.add(name="g")
    for value in values:
        metric.gauge.data_points.add(time_unix_nano=NOW_NS, as_double=value)
    return message.SerializeToString()


def logs(*times: int) -> bytes:
    message = ExportLogsServiceRequest()
    resource = message.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "cart"
    scope = resource.scope_logs.add()
    for time in times:
        scope.log_records.add(time_unix_nano=time, severity_number=17)
    return message.SerializeToString()


def status(body: bytes) -> tuple[int, str]:
    """Read a google.rpc.Status with protobuf's own reader, through a class of the same shape."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="status.proto", package="t", syntax="proto3")
    kind = file.message_type.add(name="Status")
    kind.field.add(name="code", number=1, type=5, label=1)
    kind.field.add(name="message", number=2, type=9, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Status")).FromString(body)
    return found.code, found.message


def test_accepted_metrics_go_to_their_topic_as_they_came() -> None:
    publisher, body = Remembering(), metrics(1.0)
    answer = send(publisher, "/v1/metrics", body, PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert publisher.published == [
        ("otlp_metrics", None, body, [("content-type", b"application/x-protobuf")])
    ]


def test_packed_logs_are_published_unpacked() -> None:
    publisher, body = Remembering(), logs(NOW_NS)
    packed = gzip.compress(body[:5]) + gzip.compress(body[5:])
    answer = send(publisher, "/v1/logs", packed, PROTOBUF | {"content-encoding": "gzip"})
    assert answer.status_code == 200
    assert [(topic, value) for topic, _, value, _ in publisher.published] == [("otlp_logs", body)]


def test_json_is_answered_in_json() -> None:
    answer = send(Remembering(), "/v1/metrics", b'{"resourceMetrics":[]}', JSON | {"accept": "*/*"})
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"


def test_points_that_cannot_be_used_are_named_in_a_partial_success() -> None:
    nan = float("nan")
    publisher = Remembering()
    answer = ExportMetricsServiceResponse.FromString(
        send(publisher, "/v1/metrics", metrics(1.0, nan, nan), PROTOBUF).content
    )
    assert answer.partial_success.rejected_data_points == 2
    assert answer.partial_success.error_message == "value is missing or not finite (2)"
    assert len(publisher.published) == 1


def test_a_message_of_which_nothing_can_be_used_is_not_published() -> None:
    publisher = Remembering()
    answer = ExportLogsServiceResponse.FromString(send(publisher, "/v1/logs", logs(0), PROTOBUF).content)
    assert answer.partial_success.rejected_log_records == 1
    assert publisher.published == []


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
def test_what_is_not_otlp_is_refused_with_a_status_in_the_encoding_of_the_request(path: str) -> None:
    publisher = Remembering()
    by_protobuf = send(publisher, path, b"nonsense", PROTOBUF)
    code, message = status(by_protobuf.content)
    assert (by_protobuf.status_code, code) == (400, 3)
    assert "nonsense" not in message
    by_json = send(publisher, path, b"{nonsense", JSON)
    assert (by_json.status_code, by_json.json()["code"]) == (400, 3)
    assert "nonsense" not in by_json.text
    assert publisher.published == []


GZIPPED = PROTOBUF | {"content-encoding": "gzip"}


@pytest.mark.parametrize(
    ("headers", "content", "expected"),
    [
        pytest.param({"content-type": "text/plain"}, b"x", 415, id="plain-text"),
        pytest.param({}, b"x", 415, id="no-type"),
        pytest.param(PROTOBUF | {"content-encoding": "br"}, b"x", 415, id="foreign-packing"),
        pytest.param(GZIPPED, b"x", 400, id="not-packed"),
        pytest.param(GZIPPED, b"", 400, id="packed-nothing"),
        pytest.param(GZIPPED, gzip.compress(b"x" * 100)[:-9], 400, id="cut-off"),
        pytest.param(JSON, b"", 400, id="empty-json"),
        pytest.param(PROTOBUF, b"x" * 1001, 413, id="large"),
        pytest.param(GZIPPED, gzip.compress(b"x" * 1001), 413, id="large-when-unpacked"),
        pytest.param(GZIPPED, gzip.compress(b"x" * 600) * 2, 413, id="large-in-two-members"),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(
    headers: dict[str, str], content: bytes, expected: int
) -> None:
    assert send(Remembering(), "/v1/metrics", content, headers, max_body_bytes=1000).status_code == expected


def test_a_body_without_a_declared_length_is_bounded_as_well() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 10_000_000:
            taken += 600
            yield b"x" * 600

    answer = send(Remembering(), "/v1/metrics", endless(), PROTOBUF, max_body_bytes=1000)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "publisher", [Remembering(PublishError("no broker")), Remembering(OSError()), Remembering(hangs=True)]
)
def test_while_kafka_is_away_the_sender_is_asked_to_come_again(publisher: Remembering) -> None:
    soon = timedelta(milliseconds=20)
    answer = send(publisher, "/v1/metrics", metrics(1.0), PROTOBUF, publish_timeout=soon)
    assert (answer.status_code, status(answer.content)[0]) == (503, 14)
    assert int(answer.headers["retry-after"]) > 0
    event = send(publisher, "/v1/events", *request_of(deploy()), publish_timeout=soon)
    assert event.status_code == 503
    assert int(event.headers["retry-after"]) > 0


def deploy() -> Any:
    return deploy_event(
        service=ServiceName("cart"), version="1.4.2", environment=EnvironmentName("prod"), at=NOW
    )


def request_of(event: Any) -> tuple[bytes, dict[str, str]]:
    value, headers = write_record(event)
    return value, {name: text.decode() for name, text in headers}


def binary(event: Any) -> tuple[bytes, dict[str, str]]:
    headers = {"ce-specversion": "1.0", "ce-id": event.id, "ce-source": event.source, "ce-type": event.type}
    time = {"ce-time": NOW.isoformat(), "ce-subject": event.subject}
    return json.dumps(event.data).encode(), headers | time | JSON


def bare(event: Any) -> tuple[bytes, dict[str, str]]:
    return json.dumps(event.data).encode(), JSON


def batch(event: Any) -> tuple[bytes, dict[str, str]]:
    return b"[" + write_record(event)[0] + b"]", {"content-type": "application/cloudevents-batch+json"}


@pytest.mark.parametrize("form", [request_of, binary, bare, batch])
def test_a_deploy_event_starts_the_same_release_in_every_form(
    form: Callable[[Any], tuple[bytes, dict[str, str]]],
) -> None:
    publisher = Remembering()
    answer = send(publisher, "/v1/events", *form(deploy()))
    started = read_deploy(deploy())
    assert started is not None
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "releases": [started.release.id]})
    ((topic, key, value, headers),) = publisher.published
    assert (topic, key) == ("cdevents", b"prod/cart")
    assert read_deploy(read_record(value, headers)) == started


def test_an_event_about_something_else_is_kept_under_its_source() -> None:
    publisher = Remembering()
    event = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "dev.cdevents.build.started.0.3.0"}
    headers = {"content-type": "application/cloudevents+json"}
    answer = send(publisher, "/v1/events", json.dumps(event).encode(), headers)
    assert answer.json() == {"accepted": 1, "releases": []}
    assert publisher.published[0][1] == b"/ci"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", JSON),
        (b"{}", JSON),
        (b"s3cret", {"content-type": "application/cloudevents+json"}),
        (b'{"specversion":"1.0","id":"1","source":"/c","type":"x","data":1e999}', JSON),
        (b'[{"id":"1"}]', {"content-type": "application/cloudevents-batch+json"}),
        (b'{"context":{"id":"1","source":"/c","type":"dev.cdevents.service.deployed.0.3.0"}}', JSON),
    ],
)
def test_what_is_no_event_or_half_a_deploy_is_refused(content: bytes, headers: dict[str, str]) -> None:
    publisher = Remembering()
    answer = send(publisher, "/v1/events", content, headers)
    assert answer.status_code == 400
    assert "s3cret" not in answer.text
    assert publisher.published == []


ANSWER = {"hold": "h-1", "environment": "prod", "answer": "approve", "why": "seen it"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_an_answer_goes_to_its_environment_under_the_name_of_its_token() -> None:
    publisher = Remembering()
    answer = send(publisher, "/v1/approvals", json.dumps(ANSWER).encode(), bearer(f"{TOKEN}-2"))
    assert (answer.status_code, answer.json()["by"]) == (202, "bob")
    ((topic, key, value, headers),) = publisher.published
    assert (topic, key) == ("environment-observations", b"prod")
    position = LogPosition(topic=topic, partition=0, offset=0)
    assert read_observation(position, key, value, headers).body == Approval(
        environment=EnvironmentName("prod"),
        hold="h-1",
        answer=Answer.APPROVE,
        by="bob",
        channel="http",
        at=NOW,
        why="seen it",
    )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"authorization": "Basic YTpi"}, 401),
        ({"authorization": "Bearer "}, 401),
        (bearer("wrong"), 403),
        (bearer(TOKEN[:-1]), 403),
        (bearer("ann:" + TOKEN), 403),
    ],
)
def test_an_answer_without_a_known_token_is_refused(headers: dict[str, str], expected: int) -> None:
    publisher = Remembering()
    answer = send(publisher, "/v1/approvals", json.dumps(ANSWER).encode(), headers)
    assert answer.status_code == expected
    assert answer.headers["www-authenticate"].startswith('Bearer realm="suture"')
    assert publisher.published == []


def test_a_token_of_odd_bytes_is_refused_and_breaks_nothing() -> None:
    async def work() -> int:
        transport = httpx.ASGITransport(app=create_app(Remembering(), f"ann:{TOKEN}"))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            odd = [(b"authorization", b"Bearer \xff\xfe\xc3")]
            return (await client.post("/v1/approvals", content=b"{}", headers=odd)).status_code

    assert run(work()) == 403


def test_without_configured_tokens_no_answer_is_taken() -> None:
    async def work() -> int:
        transport = httpx.ASGITransport(app=create_app(Remembering(), None))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return (await client.post("/v1/approvals", json=ANSWER, headers=bearer(""))).status_code

    assert run(work()) == 503


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "maybe"},
        {"hold": ""},
        {"hold": "x" * 201},
        {"environment": "a/b"},
        {"why": "x" * 2001},
        {"by": "somebody else"},
        {"hold": None},
    ],
)
def test_a_malformed_answer_is_refused(change: dict[str, Any]) -> None:
    publisher = Remembering()
    answer = send(publisher, "/v1/approvals", json.dumps(ANSWER | change).encode(), bearer(TOKEN))
    assert answer.status_code == 400
    assert publisher.published == []


@pytest.mark.parametrize("listed", ["ann", "ann:", ":abc", "ann:short", f"ann:{TOKEN},bob:{TOKEN}"])
def test_malformed_tokens_stop_the_gateway_before_it_starts(listed: str) -> None:
    with pytest.raises(SettingsError) as error:
        create_app(Remembering(), listed)
    assert TOKEN not in str(error.value)


def test_health_is_of_the_process_and_readiness_of_its_work() -> None:
    async def no() -> bool:
        return False

    publisher = Remembering()
    assert send(publisher, "/healthz", method="GET", is_ready=no).status_code == 200
    assert send(publisher, "/readyz", method="GET").status_code == 200
    assert send(publisher, "/readyz", method="GET", is_ready=no).status_code == 503


def test_nothing_of_a_body_or_a_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps(ANSWER | {"why": "s3cret-why"}).encode()
    send(Remembering(), "/v1/approvals", body, bearer(TOKEN))
    send(Remembering(PublishError("no broker")), "/v1/approvals", body, bearer(TOKEN))
    send(Remembering(), "/v1/events", b'{"s3cret":', {"content-type": "application/cloudevents+json"})
    told = " ".join(str(record.__dict__) for record in caplog.records)
    assert "hold answered" in told
    assert "s3cret" not in told
    assert TOKEN not in told
