"""Series find their signals in both spellings."""

import pytest

from detectors.matching import matcher
from schemas.policy import Rule
from schemas.samples import Series
from schemas.signals import Field, Selector, Signal, SignalKind

ERRORS = Selector(
    metric="http.server.request.duration", field=Field.COUNT, where=(("http.response.status_code", "5.."),)
)
REQUESTS = Selector(metric="http.server.request.duration", field=Field.COUNT)
PLAIN = Rule(
    signals=(Signal(name="errors", kind=SignalKind.COUNTS, events=ERRORS, exposure=REQUESTS),),  # type: ignore[arg-type]  # a plain string names a signal in tests
    traffic=REQUESTS,
)


@pytest.mark.parametrize(
    ("metric", "field", "status"),
    [
        ("http.server.request.duration", Field.COUNT, "http.response.status_code"),
        ("http_server_request_duration_seconds_count", Field.VALUE, "http_response_status_code"),
        ("http_server_request_duration_seconds", Field.COUNT, "http_response_status_code"),
        ("http_server_request_duration_seconds_count", Field.COUNT, "http.response.status_code"),
    ],
)
def test_both_spellings_of_a_histogram_count_match(metric: str, field: Field, status: str) -> None:
    feed = matcher(PLAIN).feed(Series(metric=metric, field=field, attributes=((status, "503"),)))
    assert len(feed.selectors) == 2


@pytest.mark.parametrize(
    ("metric", "field"),
    [
        ("http.server.request.duration", Field.SUM),
        ("http.client.request.duration", Field.COUNT),
        ("http_server_request_duration_seconds_sum", Field.VALUE),
        ("http.server.request.duration", Field.VALUE),
    ],
)
def test_another_field_or_metric_does_not_match(metric: str, field: Field) -> None:
    assert matcher(PLAIN).feed(Series(metric=metric, field=field)).selectors == ()


def test_a_series_without_the_asked_attribute_counts_as_request_and_not_as_error() -> None:
    feed = matcher(PLAIN).feed(Series(metric="http.server.request.duration", field=Field.COUNT))
    assert len(feed.selectors) == 1


def test_an_attribute_that_must_not_match_keeps_a_series_out() -> None:
    selector = Selector(metric="up", without=(("route", "/health.*"),))
    rule = Rule(traffic=selector)
    health = Series(metric="up", attributes=(("route", "/healthz"),))
    assert matcher(rule).feed(health).selectors == ()
    assert len(matcher(rule).feed(Series(metric="up")).selectors) == 1


@pytest.mark.parametrize("name", ["suture.caller", "client.service", "peer.service", "client_service"])
def test_the_caller_names_the_edge(name: str) -> None:
    series = Series(
        metric="http.server.request.duration", field=Field.COUNT, attributes=((name, "frontend"),)
    )
    assert matcher(PLAIN).feed(series).edge == "frontend"
