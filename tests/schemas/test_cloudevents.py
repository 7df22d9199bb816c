"""CloudEvents from Kafka and HTTP, held against the CNCF package's writers."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Written
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import CloudEvent, read_record, read_request, write_record
from schemas.errors import SchemaError

SECRET = "s3cret-in-the-payload"


def written() -> Written:
    return Written(
        {
            "id": "7",
            "source": "/ci/größe",
            "type": "dev.cdevents.service.deployed.0.3.0",
            "time": datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC),
            "subject": "cart",
            "datacontenttype": "application/json",
        },
        {"a": [1, "é"]},
    )


EXPECTED = CloudEvent(
    id="7",
    source="/ci/größe",
    type="dev.cdevents.service.deployed.0.3.0",
    time=datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC),
    subject="cart",
    data={"a": [1, "é"]},
)


@pytest.mark.parametrize("write", [kafka.to_structured, kafka.to_binary])
def test_what_the_official_package_writes_to_kafka_is_read_in_both_modes(write: Any) -> None:
    message = write(written(), JSONFormat())
    assert read_record(message.value, list(message.headers.items())) == EXPECTED


@pytest.mark.parametrize("write", [http.to_structured, http.to_binary])
def test_what_the_official_package_sends_over_http_is_read_in_both_modes(write: Any) -> None:
    message = write(written(), JSONFormat())
    assert read_request(list(message.headers.items()), message.body) == (EXPECTED,)


def test_what_is_written_is_read_by_the_official_package() -> None:
    value, headers = write_record(EXPECTED)
    event = kafka.from_kafka(kafka.KafkaMessage(dict(headers), None, value), JSONFormat())
    assert (event.get_id(), event.get_source(), event.get_subject()) == ("7", "/ci/größe", "cart")
    assert event.get_time() == EXPECTED.time
    assert event.get_data() == EXPECTED.data


def test_header_names_count_in_any_case() -> None:
    headers = [
        ("CE_SpecVersion", b"1.0"),
        ("Ce_Id", b"1"),
        ("CE_SOURCE", b"/ci"),
        ("ce_type", b"x"),
        ("Content-Type", b"Application/JSON; charset=utf-8"),
    ]
    assert read_record(b"{}", headers) == CloudEvent(id="1", source="/ci", type="x", data={})


def test_a_bare_cdevent_is_read_as_the_cloudevent_around_it() -> None:
    whole = {
        "context": {"id": "1", "source": "/ci", "type": "x", "timestamp": "2026-11-20T14:00:05Z"},
        "subject": {"id": "cart", "content": {}},
    }
    event = read_record(json.dumps(whole).encode())
    assert event == CloudEvent(
        id="1",
        source="/ci",
        type="x",
        time=datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC),
        subject="cart",
        data=whole,
    )


def test_a_batch_over_http_keeps_its_order() -> None:
    batch = [{"specversion": "1.0", "id": str(n), "source": "/ci", "type": "x"} for n in range(3)]
    headers = [("content-type", "application/cloudevents-batch+json")]
    assert [event.id for event in read_request(headers, json.dumps(batch).encode())] == ["0", "1", "2"]


def test_base64_data_is_read_as_the_json_inside() -> None:
    envelope = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "x", "data_base64": "eyJhIjoxfQ=="}
    assert read_record(json.dumps(envelope).encode()).data == {"a": 1}


STRUCTURED = [("content-type", b"application/cloudevents+json")]
BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/ci"), ("ce_type", b"x")]


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, BINARY, "no value"),
        (b"", BINARY, "no value"),
        (b"{}", STRUCTURED, "no specversion"),
        (b"[]", STRUCTURED, "an array"),
        (SECRET.encode(), STRUCTURED, "not JSON"),
        (b'{"a":"\\ud800"}', BINARY, "not JSON"),
        (b'{"a":NaN}', BINARY, "not JSON"),
        (b"{}", BINARY[1:], "no specversion"),
        (b"{}", [*BINARY, ("CE_id", b"2")], "twice"),
        (b"{}", [*BINARY, ("content-type", b"text/plain")], "content type"),
        (b"{}", [*BINARY, ("ce_time", SECRET.encode())], "time"),
        (b"{}", [*BINARY, ("ce_time", b"2026-02-30T00:00:00Z")], "time"),
        (b"{}", [*BINARY, ("ce_time", b"2026-02-03T00:00:00")], "time"),
        (b"{}", [("content-type", b"application/cloudevents+avro")], "another format"),
        (b"[]", [("content-type", b"application/cloudevents-batch+json")], "batch"),
        (b"{}", [], "no specversion"),
        (b'{"context":1}', [], "context is a number"),
        (b"\x0a\x02", [("content-type", b"application/x-protobuf")], "neither"),
        (b'{"specversion":"0.3","id":"1","source":"/ci","type":"x"}', STRUCTURED, "specversion"),
        (b'{"specversion":"1.0","id":5,"source":"/ci","type":"x"}', STRUCTURED, "id is not a string"),
        (b'{"specversion":"1.0","id":"a\\u0000","source":"/ci","type":"x"}', STRUCTURED, "control"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason_that_repeats_nothing(
    value: bytes | None, headers: list[tuple[str, bytes]], reason: str
) -> None:
    with pytest.raises(SchemaError, match=reason) as refusal:
        read_record(value, headers)
    assert SECRET not in str(refusal.value)


@given(
    st.binary(max_size=300), st.lists(st.tuples(st.sampled_from(["content-type", "ce_id", "x"]), st.binary()))
)
def test_any_bytes_are_an_event_or_a_refusal(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    with contextlib.suppress(SchemaError):
        assert read_record(value, headers).id


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
NAME = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=50)


@given(NAME, NAME, NAME, st.datetimes(timezones=st.just(UTC)) | st.none(), JSON)
def test_an_event_survives_writing_and_reading(
    id_: str, source: str, type_: str, time: datetime | None, data: Any
) -> None:
    event = CloudEvent(id=id_, source=source, type=type_, time=time, subject="s", data=data)
    assert read_record(*write_record(event)) == event
