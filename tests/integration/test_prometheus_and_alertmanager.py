"""A real Prometheus and a real Alertmanager at a running gateway: what they send is what the log holds."""

from __future__ import annotations

import http.server
import itertools
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

from bench.remote_write_proto import second
from infra.dev.kafka import Broker
from infra.dev.ports import free_ports
from schemas.observations import FailureCleared, FailureSeen
from schemas.orders import Page
from schemas.samples import SampleBatch
from schemas.snappy_block import packed_block
from schemas.topics import Topic
from streams import clock
from streams.telemetry_settings import TelemetrySettings
from tests.integration.installation import GATE, JUDGE, Installation
from tests.integration.parts import ServerFactory
from tests.listening import listening

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

TOKEN = "a-token-of-prometheus"
WEBHOOK_TOKEN = "a-token-of-alertmanager"
SECOND = {
    "authorization": f"Bearer {TOKEN}",
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "2.0.0",
}

Sample = tuple[str, str, int, float]


@pytest.fixture(scope="module")
def installation(kafka_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A gateway with what follows it, whose telemetry needs a token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUTURE_ALERTMANAGER_WEBHOOK_TOKEN", WEBHOOK_TOKEN)
        running = Installation(
            kafka_broker.bootstrap,
            tmp_path_factory.mktemp("remote"),
            "remote.",
            {"judge": JUDGE, "gate": GATE, "journal": ["journal"], "gateway": ["gateway"]},
            listen=f"127.0.0.1:{free_ports(1)[0]}",
            telemetry=TelemetrySettings(tokens=f"prometheus:{TOKEN}"),
        )
        with running:
            running.until(lambda: _is_ready(running), "gateway is ready")
            yield running


@contextmanager
def exporting() -> Iterator[str]:
    """Serve metrics that count on with every scrape; yield the address."""
    scrapes = itertools.count(1)

    class Exporter(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            turn = next(scrapes)
            text = (
                "# TYPE http_requests_total counter\n"
                f'http_requests_total{{code="200"}} {10 * turn}\nhttp_requests_total{{code="500"}} {turn}\n'
                "# TYPE queue_depth gauge\n"
                f"queue_depth {turn % 3}\nempty_quantile NaN\n"
                "# TYPE http_request_duration_seconds histogram\n"
                f'http_request_duration_seconds_bucket{{le="0.1"}} {9 * turn}\n'
                f'http_request_duration_seconds_bucket{{le="+Inf"}} {11 * turn}\n'
                f"http_request_duration_seconds_sum {0.5 * turn}\n"
                f"http_request_duration_seconds_count {11 * turn}\n"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

    with listening(Exporter) as address:
        yield address


def test_what_prometheus_writes_is_what_its_own_query_says(
    installation: Installation, prometheus_server: ServerFactory
) -> None:
    url = f"http://{installation.settings.listen}/v1/remote-write"
    with exporting() as target:
        server = prometheus_server(
            f"""
global: {{scrape_interval: 1s, external_labels: {{namespace: dev, prometheus_replica: a}}}}
remote_write:
  - url: {url}
    authorization: {{credentials: {TOKEN}}}
    queue_config: {{batch_send_deadline: 1s}}
scrape_configs:
  - job_name: shop/cart
    static_configs: [{{targets: ['{target}'], labels: {{pod: cart-1, version: '7'}}}}]
"""
        )
        installation.until(
            lambda: len({at for _, _, at, _ in _on_log(installation, "7")}) >= 4, "four scrapes"
        )
    written = _on_log(installation, "7")
    newest = max(at for _, _, at, _ in written)
    assert written == {sample for sample in _queried(server.url) if sample[2] <= newest}
    assert {(field, metric) for field, metric, _, _ in written} >= {
        ("value", "http_requests_total code=500"),
        ("value", "queue_depth"),
        ("count", "http_request_duration_seconds"),
        ("sum", "http_request_duration_seconds"),
        ("bucket 0.1", "http_request_duration_seconds"),
    }
    # The same once more as 2.0 says it, of another version, since this Prometheus may be too old to.
    asked = _matrix(server.url)
    again = second(
        *(
            {
                "labels": {**one["metric"], "version": "8", "namespace": "dev"},
                "samples": [(float(value), round(at * 1000)) for at, value in one["values"]],
            }
            for one in asked
        )
    )
    request = urllib.request.Request(url, data=packed_block(again), headers=SECOND)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204
        told = int(answer.headers["x-prometheus-remote-write-samples-written"])
    assert told == sum(len(one["values"]) for one in asked)
    installation.until(lambda: _on_log(installation, "8"), "2.0 on the log")
    assert {sample for sample in _on_log(installation, "8") if sample[2] <= newest} == written


def test_an_alert_of_alertmanager_is_told_by_why_and_wakes_nobody(
    installation: Installation, alertmanager_server: ServerFactory
) -> None:
    server = alertmanager_server(
        f"""
route: {{receiver: suture, group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: suture
    webhook_configs:
      - url: http://{installation.settings.listen}/v1/webhooks/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials: {WEBHOOK_TOKEN}}}}}
"""
    )
    labels = {"alertname": "HighErrorRate", "service": "cart", "namespace": "dev"}
    _post_alert(server.url, {"labels": labels, "annotations": {"summary": "too many errors"}})
    (seen,) = installation.until(lambda: installation.said(FailureSeen), "alert seen")
    assert (seen.failure.pattern.value, seen.failure.service, seen.failure.target.workload) == (
        "alert",
        "cart",
        "cart",
    )
    _post_alert(server.url, {"labels": labels, "endsAt": clock.now().isoformat()})
    (cleared,) = installation.until(lambda: installation.said(FailureCleared), "alert over")
    assert cleared.failure == seen.failure.id
    assert installation.said(Page) == []

    def row() -> Any:
        query = "SELECT service, pattern, text, cleared_at IS NOT NULL AS is_over FROM failures"
        found = json.loads(installation.cli("sql", query, "--format", "json").stdout or "[]")
        return [one for one in found if one["is_over"]]

    assert installation.until(row, "row of the journal") == [
        {
            "service": "cart",
            "pattern": "alert",
            "text": "HighErrorRate: too many errors",
            "is_over": True,
        }
    ]
    assert "HighErrorRate: too many errors" in installation.cli("why", seen.failure.id).stdout


def _is_ready(installation: Installation) -> bool:
    try:
        with urllib.request.urlopen(f"http://{installation.settings.listen}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _on_log(installation: Installation, version: str) -> set[Sample]:
    """Return what the ordered topic holds of the test's metrics, each sample once."""
    found: set[Sample] = set()
    for record in installation.records(Topic.OBSERVATIONS):
        if record.key != b"dev/cart":
            continue
        batch = installation.read(record).body
        if not isinstance(batch, SampleBatch):
            continue
        for number, at, value in zip(
            batch.series_ids.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True
        ):
            series = batch.series[number]
            assert series.pod == "cart-1"
            if series.version == version and not series.metric.startswith(("scrape_", "up")):
                attributes = [f"{name}={text}" for name, text in series.attributes if name == "code"]
                bound = "" if series.upper_bound is None else f" {series.upper_bound:g}"
                found.add((series.field.value + bound, " ".join([series.metric, *attributes]), at, value))
    return found


def _matrix(url: str) -> list[dict[str, Any]]:
    query = quote('{__name__=~"http_.*|queue_depth",job="shop/cart"}[10m]')
    with urllib.request.urlopen(f"{url}/api/v1/query?query={query}", timeout=30) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["data"]["result"]
    return found


def _queried(url: str) -> set[Sample]:
    """Return Prometheus' own samples, named as the log names them."""
    found: set[Sample] = set()
    for one in _matrix(url):
        labels = one["metric"]
        name, field = labels["__name__"], "value"
        if "le" in labels:
            name, field = name.removesuffix("_bucket"), f"bucket {float(labels['le']):g}"
            if field == "bucket inf":
                continue
        elif name.startswith("http_request_duration_seconds_"):
            name, _, field = name.rpartition("_")
        said = " ".join([name, *([f"code={labels['code']}"] if "code" in labels else [])])
        found |= {(field, said, round(at * 1000), float(value)) for at, value in one["values"]}
    return found


def _post_alert(url: str, alert: dict[str, Any]) -> None:
    body = json.dumps([alert]).encode()
    request = urllib.request.Request(
        f"{url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=30).close()
