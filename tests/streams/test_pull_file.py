"""The file of sources: what it may say, and how a mistake is told by its line."""

from datetime import timedelta
from pathlib import Path

import pytest

from schemas.pulled_series import Names, PulledKind
from streams.pull_file import PullFileError, load_pull_file, parse_pull_file
from streams.pull_sources import Credential, SourceKind

ROOT = Path(__file__).parents[2]

GOOD = """
version: 1
sources:
  - name: main
    kind: prometheus
    url: http://prometheus:9090/
    tenant: shop
    token: {variable: PROMETHEUS_TOKEN}
    labels: {service: app}
    fixed: {environment: prod}
    queries:
      - {metric: requests, query: requests_total, kind: counter, labels: {service: job}}
      - {metric: memory, query: memory_bytes, kind: gauge}
  - name: datadog-eu
    kind: datadog
    site: datadoghq.eu
    interval: 1m
    step: 1m
    delay: 2m
    queries:
      - metric: errors
        query: "sum:http.errors{env:prod} by {service,version}.as_count()"
        kind: delta
"""

SOURCE = (
    "version: 1\nsources:\n  - name: main\n    kind: {kind}\n    {extra}\n    queries:\n      - {query}\n"
)
QUERY = "{metric: m, query: up, kind: gauge}"


def mistake(kind: str = "prometheus", extra: str = "url: http://p:9090", query: str = QUERY) -> str:
    text = SOURCE.replace("{kind}", kind).replace("{extra}", extra).replace("{query}", query)
    with pytest.raises(PullFileError) as told:
        parse_pull_file(text)
    return str(told.value)


def test_a_file_names_sources_and_what_they_are_asked() -> None:
    prometheus, datadog = parse_pull_file(GOOD).sources
    assert prometheus.title == "prometheus main"
    assert prometheus.address == "http://prometheus:9090"
    assert prometheus.token == Credential(variable="PROMETHEUS_TOKEN")
    assert (prometheus.step_ms, prometheus.delay_ms) == (15_000, 15_000)
    assert [query.kind for query in prometheus.queries] == [PulledKind.COUNTER, PulledKind.GAUGE]
    assert datadog.kind is SourceKind.DATADOG
    assert datadog.address == "https://api.datadoghq.eu"
    assert datadog.delay == timedelta(minutes=2)


def test_a_querys_names_go_before_its_sources_and_these_before_the_usual_ones() -> None:
    source, datadog = parse_pull_file(GOOD).sources
    first, second = source.queries
    assert source.labels_of(first).service == "job"
    assert source.labels_of(second) == Names(
        service="app", environment="environment", pod="pod", version="version", template="pod_template_hash"
    )
    assert source.fixed_of(second).environment == "prod"
    assert datadog.labels_of(datadog.queries[0]).environment == "env"


def test_a_mistake_is_told_with_its_line_and_the_word_that_was_meant() -> None:
    told = mistake(extra="url: http://p:9090\n    intervall: 5s")
    assert told == "pull.yaml:6: sources[0].intervall: is no known key, did you mean interval?"


def test_all_mistakes_are_told_at_once() -> None:
    told = mistake(extra="step: fast\n    silent_after: 0", query="{metric: m, query: up, kind: sum}")
    assert [line.partition(": ")[0] for line in told.splitlines()] == [
        "pull.yaml:5",
        "pull.yaml:6",
        "pull.yaml:8",
    ]


@pytest.mark.parametrize(
    ("kind", "extra", "said"),
    [
        ("prometheus", "url: prometheus:9090", "url is no address"),
        ("prometheus", "url: http://ann:secret@p:9090", "url holds a secret"),
        ("prometheus", "url: http://p:9090\n    step: 1500ms", "step"),
        ("prometheus", "url: http://p:9090\n    step: 1.5s", "step must be whole seconds"),
        ("prometheus", "url: http://p:9090\n    interval: 10m", "interval must be"),
        (
            "prometheus",
            "url: http://p:9090\n    step: 1s\n    history: 4h",
            "history must be one to 11000 steps",
        ),
        ("prometheus", "url: http://p:9090\n    user: ann", "one of user and password"),
        ("prometheus", "url: http://p:9090\n    site: datadoghq.eu", "are Datadog's"),
        ("prometheus", "url: http://p:9090\n    token: {variable: A, file: b}", "one of variable and file"),
        ("prometheus", "url: http://p:9090\n    token: a-secret-itself", "holds a secret"),
        ("prometheus", "url: http://p:9090\n    token: {value: a-secret-itself}", "no known key"),
        ("datadog", "site: https://datadoghq.eu", "site is no host name"),
        ("datadog", "interval: 1m", "one of site and url"),
        ("datadog", "site: datadoghq.eu\n    tenant: shop", "are Prometheus'"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_no_secret_is_repeated(kind: str, extra: str, said: str) -> None:
    told = mistake(kind, extra)
    assert said in told
    assert "secret-itself" not in told


def test_a_source_that_is_asked_nothing_is_refused() -> None:
    with pytest.raises(PullFileError, match="at least one query"):
        parse_pull_file("version: 1\nsources: [{name: a, kind: prometheus, url: 'http://p:1', queries: []}]")


def test_datadog_is_not_asked_for_counters_that_it_does_not_keep() -> None:
    told = mistake("datadog", "site: datadoghq.eu", "{metric: m, query: 'avg:m{*}', kind: counter}")
    assert "kind counter, which Datadog keeps none of" in told


def test_the_same_query_twice_would_count_twice_and_is_refused() -> None:
    assert "the same query twice" in mistake(query=f"{QUERY}\n      - {QUERY}")


def test_two_sources_of_one_name_would_share_their_place_on_the_log_and_are_refused() -> None:
    one = "{name: main, kind: prometheus, url: 'http://p:1', queries: [" + QUERY + "]}"
    with pytest.raises(PullFileError, match="source main stands twice"):
        parse_pull_file(f"version: 1\nsources:\n  - {one}\n  - {one}\n")


@pytest.mark.parametrize("text", ["", "[]", "version: 2\nsources: []", "version: 1\nsources: []"])
def test_what_is_no_file_of_sources_is_refused(text: str) -> None:
    with pytest.raises(PullFileError, match=r"pull\.yaml"):
        parse_pull_file(text)


def test_the_file_that_ships_as_an_example_is_right() -> None:
    kinds = [source.kind for source in load_pull_file(ROOT / "infra" / "pull.yaml").sources]
    assert kinds == [SourceKind.PROMETHEUS, SourceKind.DATADOG]
