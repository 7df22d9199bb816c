"""Alertmanager's webhook: which failures its alerts are."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alertmanager_alerts import AlertsRead, read_alerts
from schemas.errors import SchemaError
from schemas.failures import UNPLACED, FailurePattern
from schemas.observations import FailureCleared, FailureSeen
from schemas.prometheus_labels import DEFAULT_LABELS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LABELS = {"alertname": "HighErrorRate", "service": "cart", "namespace": "prod", "severity": "page"}
NEVER = "0001-01-01T00:00:00Z"


def alert(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "status": "firing",
        "labels": LABELS,
        "annotations": {"summary": "cart fails for ann@example.org", "runbook": "https://wiki/secret"},
        "startsAt": "2026-11-23T11:58:00.123456789Z",
        "endsAt": NEVER,
        "generatorURL": "https://prometheus/graph",
        "fingerprint": "5ef77f1f8a3ecf8d",
    }
    return usual | changes


def delivery(*alerts: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({"version": "4", "truncatedAlerts": 0, "alerts": list(alerts)} | changes).encode()


def read(*alerts: dict[str, Any], **changes: Any) -> AlertsRead:
    return read_alerts(delivery(*alerts, **changes), NOW)


def test_a_firing_alert_of_a_service_is_a_failure() -> None:
    (seen,) = read(alert(labels=LABELS | {"pod_template_hash": "5d9c7", "version": "7"})).said
    assert isinstance(seen, FailureSeen)
    failure = seen.failure
    assert (failure.environment, failure.service, failure.pattern) == ("prod", "cart", FailurePattern.ALERT)
    assert (failure.template, failure.version, failure.target) == ("5d9c7", "7", UNPLACED)
    assert failure.since == datetime(2026, 11, 23, 11, 58, 0, 123456, tzinfo=UTC)
    assert failure.at == NOW


def test_what_is_said_of_it_is_its_name_and_a_summary_that_names_nobody() -> None:
    (seen,) = read(alert()).said
    assert isinstance(seen, FailureSeen)
    assert seen.failure.detail == "HighErrorRate: cart fails for <email>"
    (long,) = read(
        alert(annotations={"summary": "fails " * 1000}, labels=LABELS | {"alertname": "x" * 999})
    ).said
    assert isinstance(long, FailureSeen)
    assert len(long.failure.detail) <= 330


def test_a_resolved_alert_is_that_failure_and_over() -> None:
    (seen,) = read(alert()).said
    (cleared,) = read(alert(status="resolved", endsAt="2026-11-23T11:59:30Z")).said
    assert isinstance(seen, FailureSeen)
    assert isinstance(cleared, FailureCleared)
    assert cleared == FailureCleared(
        failure=seen.failure.id,
        environment=seen.failure.environment,
        service=seen.failure.service,
        at=cleared.at,
    )
    assert cleared.at == NOW - timedelta(seconds=30)


@pytest.mark.parametrize("ends", [NEVER, "2026-11-23T13:00:00Z"], ids=["not-told", "in-the-future"])
def test_an_end_that_cannot_be_is_now(ends: str) -> None:
    (cleared,) = read(alert(status="resolved", endsAt=ends)).said
    assert isinstance(cleared, FailureCleared)
    assert cleared.at == NOW


def test_fingerprint_and_beginning_tell_alerts_apart() -> None:
    told = [
        read(alert(**changes)).said[0]
        for changes in ({}, {}, {"fingerprint": "0000000000000001"}, {"startsAt": "2026-11-23T11:59:00Z"})
    ]
    ids = [seen.failure.id for seen in told if isinstance(seen, FailureSeen)]
    assert len(ids) == 4
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_alert_that_begins_in_the_future_begins_now() -> None:
    (seen,) = read(alert(startsAt="2026-11-23T12:30:00+00:00")).said
    assert isinstance(seen, FailureSeen)
    assert seen.failure.since == NOW


def test_alerts_of_no_service_are_ignored_and_counted() -> None:
    told = read(alert(labels={"alertname": "DeadMansSwitch"}), alert(), truncatedAlerts=3)
    assert len(told.said) == 1
    assert [(entry.reason, entry.count) for entry in told.ignored] == [("no label names a service", 1)]
    assert told.truncated == 3


def test_an_installations_own_labels_are_gone_by() -> None:
    labels = replace(DEFAULT_LABELS, service=("severity",))
    (seen,) = read_alerts(delivery(alert()), NOW, labels).said
    assert isinstance(seen, FailureSeen)
    assert seen.failure.service == "page"


def test_the_example_of_the_contract_is_read(read_contract: Callable[[str, str], Any]) -> None:
    example = read_contract("authored", "alertmanager-webhook-v4.json")
    (seen,) = read_alerts(json.dumps(example).encode(), NOW).said
    assert isinstance(seen, FailureSeen)
    assert (seen.failure.service, seen.failure.detail) == ("cart", "HighErrorRate: cart errors")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        delivery(version="3"),
        delivery(alerts={}),
        delivery(*[alert()] * 1001),
        delivery(alert(status="pending")),
        delivery(alert(fingerprint="")),
        delivery(alert(fingerprint="f" * 65)),
        delivery(alert(labels=None)),
        delivery(alert(labels={"alertname": 1})),
        delivery(alert(startsAt="yesterday")),
        delivery(alert(startsAt="2026-11-23T11:58:00")),
        delivery(alert(startsAt=NEVER)),
    ],
)
def test_what_is_no_delivery_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(SchemaError) as refused:
        read_alerts(body, NOW)
    assert "HighErrorRate" not in str(refused.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(list(alert())), anything)
@settings(deadline=None)
def test_whatever_stands_in_a_field_is_read_or_refused(field: str, value: Any) -> None:
    try:
        told = read(alert(**{field: value}))
    except SchemaError:
        return
    assert len(told.said) + sum(entry.count for entry in told.ignored) == 1
