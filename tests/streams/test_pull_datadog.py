"""Datadog is asked as its own client asks, and its answers are read with all their oddities."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from datadog_api_client.exceptions import ApiTypeError
from datadog_api_client.v2.model.timeseries_formula_query_request import TimeseriesFormulaQueryRequest

from actions.errors import PermanentActionError, TransientActionError
from schemas.datadog_query import timeseries_body
from schemas.otlp_metrics import read_metrics
from schemas.pulled_series import PulledKind, otlp_requests
from schemas.samples import Temporality
from streams.pull_asking import Asker
from streams.pull_progress import Window
from streams.pull_sources import Credential, PullQuery, PullSource, SourceKind
from tests.streams.datadog_site import API_KEY, APPLICATION_KEY, DatadogSite, checked, datadog

MINUTE_MS = 60_000
START_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
WINDOW = Window(START_MS, START_MS + 3 * MINUTE_MS, MINUTE_MS)
QUERY = "sum:http.errors{env:prod} by {service,env,version}.as_count()"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[DatadogSite]:
    monkeypatch.setenv("DD_API_KEY", API_KEY)
    monkeypatch.setenv("DD_APP_KEY", APPLICATION_KEY)
    with datadog() as running:
        yield running
        assert running.problems == []


def a_query(kind: PulledKind = PulledKind.DELTA) -> PullQuery:
    return PullQuery(metric="errors", query=QUERY, kind=kind)


def source_of(site: DatadogSite, api_key: Credential | None = None) -> PullSource:
    return PullSource(
        name="eu",
        kind=SourceKind.DATADOG,
        url=site.address,
        interval=timedelta(minutes=1),
        step=timedelta(minutes=1),
        queries=(a_query(),),
        api_key=api_key,
    )


def points(site: DatadogSite, kind: PulledKind = PulledKind.DELTA) -> list[tuple[int, float]]:
    with Asker(source_of(site)) as asker:
        (series,) = asker.ask(a_query(kind), WINDOW).series
    return list(series.points)


def test_a_window_is_asked_for_from_the_beginning_of_its_first_step_to_the_end_of_its_last(
    site: DatadogSite,
) -> None:
    points(site)
    (asked,) = site.asked
    assert (asked["from"], asked["to"]) == (START_MS - MINUTE_MS, WINDOW.end_ms)
    assert asked["interval"] == MINUTE_MS
    assert [query["query"] for query in asked["queries"]] == [QUERY]


def test_what_was_added_bears_the_end_of_its_interval_and_the_one_that_is_not_over_is_left_out(
    site: DatadogSite,
) -> None:
    # The second interval says nothing, and the fifth begins where the window ends.
    assert points(site) == [
        (START_MS, 0.0),
        (START_MS + 2 * MINUTE_MS, 2.0),
        (START_MS + 3 * MINUTE_MS, 3.0),
    ]


def test_a_level_bears_the_beginning_of_its_interval(site: DatadogSite) -> None:
    assert [at for at, _ in points(site, PulledKind.GAUGE)] == [
        START_MS - MINUTE_MS,
        START_MS + MINUTE_MS,
        START_MS + 2 * MINUTE_MS,
    ]


def test_tags_become_service_environment_and_version_and_the_rest_attributes(site: DatadogSite) -> None:
    site.tags = [
        ["service:cart", "env:prod", "version:2", "pod_name:cart-x", "http.status_code:500", "team:N/A"]
    ]
    with Asker(source_of(site)) as asker:
        (request,) = otlp_requests([asker.ask(a_query(), WINDOW)])
    (batch,) = read_metrics(request.SerializeToString()).batches
    (series,) = batch.series
    assert (batch.environment, batch.service, series.version, series.pod) == ("prod", "cart", "2", "cart-x")
    assert series.temporality is Temporality.DELTA
    assert series.attributes == (("http.status_code", "500"),)


def test_a_query_without_any_series_is_no_error(site: DatadogSite) -> None:
    site.tags = []
    with Asker(source_of(site)) as asker:
        assert asker.ask(a_query(), WINDOW).series == ()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"errors": "Query timed out"}, "Query timed out"),
        ({"status": "error", "error": "Rate limit of queries reached"}, "Rate limit of queries reached"),
        ({"status": "error"}, "status is error"),
    ],
)
def test_an_error_that_comes_with_status_200_is_an_error_and_asked_again(
    site: DatadogSite, body: dict[str, object], said: str
) -> None:
    site.body = body
    with pytest.raises(TransientActionError, match=said):
        points(site)


def test_a_limit_that_is_reached_is_waited_for_as_long_as_the_header_says(site: DatadogSite) -> None:
    site.status, site.body = 429, {"errors": ["Too many requests"]}
    site.headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Reset": "41", "X-RateLimit-Period": "60"}
    with pytest.raises(TransientActionError, match="HTTP 429: Too many requests") as told:
        points(site)
    assert told.value.retry_after_s == 41.0


def test_a_query_that_is_refused_is_refused_for_good(site: DatadogSite) -> None:
    site.status, site.body = 400, {"errors": ["Error parsing query: unexpected token"]}
    with pytest.raises(PermanentActionError, match="Error parsing query"):
        points(site)


def test_larger_intervals_than_were_asked_for_are_no_answer(site: DatadogSite) -> None:
    site.width_ms = 5 * MINUTE_MS
    wide = Window(START_MS, START_MS + 30 * MINUTE_MS, MINUTE_MS)
    with (
        Asker(source_of(site)) as asker,
        pytest.raises(TransientActionError, match="intervals of 300 s, expected 60 s"),
    ):
        asker.ask(a_query(), wide)


def test_keys_that_are_wrong_or_missing_are_told_without_being_shown(
    site: DatadogSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("another-key\n")
    with Asker(source_of(site, Credential(file=str(file)))) as asker:
        with pytest.raises(TransientActionError, match="HTTP 403: Forbidden") as told:
            asker.ask(a_query(), WINDOW)
        assert "another-key" not in str(told.value)
        file.write_text(f"{API_KEY}\n")
        assert asker.ask(a_query(), WINDOW).series
        file.unlink()
        with pytest.raises(TransientActionError, match="credential cannot be read"):
            asker.ask(a_query(), WINDOW)
    monkeypatch.delenv("DD_APP_KEY")
    with pytest.raises(TransientActionError, match="no variable DD_APP_KEY"):
        points(site)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["data"].update(type="nonsense"),
        lambda body: body["data"]["attributes"].update({"from": "yesterday"}),
        lambda body: body["data"]["attributes"].update(until=5),
        lambda body: body["data"]["attributes"].pop("to"),
        lambda body: body["data"]["attributes"]["queries"][0].update(data_source="nonsense"),
        lambda body: body["data"]["attributes"]["queries"][0].update(qury="nonsense"),
    ],
)
def test_the_stand_in_refuses_what_the_vendors_client_would_not_write(spoil: Callable[[Any], Any]) -> None:
    body = json.loads(timeseries_body(QUERY, START_MS, WINDOW.end_ms, MINUTE_MS))
    checked(TimeseriesFormulaQueryRequest, body)
    spoil(body)
    with pytest.raises((ApiTypeError, AssertionError, TypeError)):
        checked(TimeseriesFormulaQueryRequest, body)
