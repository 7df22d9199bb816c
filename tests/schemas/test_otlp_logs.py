"""OTLP log records in both forms."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from schemas.errors import SchemaError
from schemas.observations import LogLine
from schemas.otlp_logs import LogsRead, read_logs, severity_of

NOW = 1_795_000_000_123_456_789


def request(**record: Any) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    one = message.resource_logs.add()
    for name, text in {"service.name": "cart", "k8s.pod.name": "cart-1", "service.version": "1.4.2"}.items():
        one.resource.attributes.add(key=name).value.string_value = text
    one.scope_logs.add().log_records.add(
        **({"time_unix_nano": NOW, "severity_number": 17, "body": {"string_value": "failed"}} | record)
    )
    return message


def read(message: ExportLogsServiceRequest) -> LogsRead:
    """Return what both forms of the message give, which must be one thing."""
    by_protobuf = read_logs(message.SerializeToString())
    assert read_logs(json.dumps(MessageToDict(message)).encode()) == by_protobuf
    return by_protobuf


def line(message: ExportLogsServiceRequest) -> LogLine:
    (batch,) = read(message).batches
    assert (batch.environment, batch.service) == ("default", "cart")
    (only,) = batch.lines
    return only


def test_a_record_becomes_a_redacted_line_of_its_pod() -> None:
    found = line(request(body={"string_value": "order 77 of ann@example.org failed\n  at Cart.java:12"}))
    assert (found.time_ms, found.severity, found.pod, found.version) == (NOW // 10**6, 17, "cart-1", "1.4.2")
    assert found.text == "order <n> of <email> failed"


def test_a_structured_body_is_read_as_json_and_redacted() -> None:
    entry = {"key": "password", "value": {"string_value": "hunter"}}
    found = line(request(body={"kvlist_value": {"values": [entry]}}))
    assert found.text == '{"password":<secret>}'


def test_an_exception_without_a_body_says_its_type_and_message() -> None:
    told = {"exception.type": "TimeoutError", "exception.message": "no answer in 30s"}
    attributes = [{"key": name, "value": {"string_value": text}} for name, text in told.items()]
    assert line(request(body=None, attributes=attributes)).text == "TimeoutError: no answer in <n>s"


def test_a_record_that_nobody_timed_has_the_time_it_was_seen() -> None:
    assert line(request(time_unix_nano=0, observed_time_unix_nano=NOW + 10**9)).time_ms == NOW // 10**6 + 1000


def test_a_record_without_any_time_is_refused() -> None:
    found = read(request(time_unix_nano=0))
    assert found.batches == ()
    assert [(entry.reason, entry.count) for entry in found.refused] == [("time is missing or absurd", 1)]


@pytest.mark.parametrize(
    ("number", "text", "severity"),
    [
        (1, "", 1),
        (24, "info", 24),
        (0, "ERROR", 17),
        (0, "Warning", 13),
        (0, "fatal", 21),
        (0, "", 9),
        (0, "chatty", 9),
        (25, "err", 17),
        (-1, "", 9),
    ],
)
def test_severity_is_the_number_or_else_the_word(number: int, text: str, severity: int) -> None:
    assert severity_of(number, text) == severity


def test_severity_may_be_spelled_as_the_enum_in_json() -> None:
    data = json.dumps(MessageToDict(request())).encode()
    assert b"SEVERITY_NUMBER_ERROR" in data
    assert read_logs(data).batches[0].lines[0].severity == 17
    fourth = data.replace(b"SEVERITY_NUMBER_ERROR", b"SEVERITY_NUMBER_FATAL4")
    assert read_logs(fourth).batches[0].lines[0].severity == 24


def test_the_official_example_is_read(read_contract: Callable[[str, str], Any]) -> None:
    found = read_logs(json.dumps(read_contract("otlp", "logs.json")).encode())
    (batch,) = found.batches
    assert (batch.service, batch.lines[0].severity, batch.lines[0].text) == (
        "my.service",
        10,
        "Example log record",
    )


@pytest.mark.parametrize("data", [b"x", b'{"resourceMetrics":[]}', b'{"resourceLogs":1}'])
def test_what_is_no_log_request_is_refused(data: bytes) -> None:
    with pytest.raises(SchemaError):
        read_logs(data)
