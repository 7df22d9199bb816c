"""The gateway behind a real server, spoken to by the OpenTelemetry SDK's own exporters."""

import asyncio
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uvicorn
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from schemas.otlp_metrics import read_metrics
from schemas.signals import Field
from streams.gateway import create_app
from streams.webhook_settings import read_webhook_settings


class Remembering:
    """A publisher that remembers."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]] = []

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        self.published.append((topic, key, value, headers))


@contextmanager
def serving(publisher: Remembering, **settings: Any) -> Iterator[str]:
    """Serve the gateway on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(create_app(publisher, **settings), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
        thread.start()
        # The socket listens already: a request waits for the server instead of failing.
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_what_the_sdk_exports_arrives_as_the_samples_it_counted(compression: Compression) -> None:
    publisher = Remembering()
    with serving(publisher) as url:
        exporter = OTLPMetricExporter(endpoint=f"{url}/v1/metrics", compression=compression)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        resource = Resource(
            {"service.name": "cart", "service.version": "1.4.2", "service.instance.id": "i-1"}
        )
        provider = MeterProvider([reader], resource)
        meter = provider.get_meter("shop")
        duration = meter.create_histogram("http.server.request.duration", unit="s")
        for seconds in (0.1, 0.2, 0.7):
            duration.record(seconds, {"http.response.status_code": 200})
        meter.create_counter("orders").add(5)
        assert provider.force_flush()
        provider.shutdown()
    (topic, _, value, _) = publisher.published[0]
    assert topic == "otlp_metrics"
    (batch,) = read_metrics(value).batches
    found = {
        (series.metric, series.field): level
        for series, level in zip(
            (batch.series[series] for series in batch.series_ids.tolist()), batch.values.tolist(), strict=True
        )
        if series.field is not Field.BUCKET
    }
    assert found[("http.server.request.duration", Field.COUNT)] == 3.0
    assert found[("http.server.request.duration", Field.SUM)] == pytest.approx(1.0)
    assert found[("orders", Field.VALUE)] == 5.0
    assert {(series.pod, series.version) for series in batch.series} == {("i-1", "1.4.2")}


def test_a_chunked_body_beyond_the_bound_is_refused_over_the_wire() -> None:
    with serving(Remembering()) as url:
        chunks = (b"x" * 1024 * 1024 for _ in range(12))
        headers = {"content-type": "application/x-protobuf"}
        try:
            answer = httpx.post(f"{url}/v1/metrics", content=chunks, headers=headers, timeout=30)
        except (httpx.WriteError, httpx.ReadError):
            return  # The server hung up on a sender that went on after the refusal.
        assert answer.status_code == 413


def test_a_webhook_is_proven_over_its_bytes_and_headers_as_they_came_over_the_wire() -> None:
    publisher, secret = Remembering(), "a secret that nobody guesses"
    message = {
        "action": "created",
        "deployment_status": {
            "state": "success",
            "environment": "prod",
            "created_at": "2026-11-20T14:00:00Z",
        },
        "deployment": {"id": 1, "task": "deploy", "sha": "f95f852b", "ref": "1.4.2"},
        "repository": {"full_name": "shop/cart", "html_url": "https://github.com/shop/cart"},
        "sender": "Zoë",
    }
    # Neither the order of keys nor the blanks are those that our own writer would choose.
    body = json.dumps(message, indent=3, ensure_ascii=False).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    with serving(
        publisher,
        webhooks=read_webhook_settings({"SUTURE_GITHUB_WEBHOOK_SECRET": secret}),
        now=lambda: datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC),
    ) as url:
        statuses = [
            httpx.post(
                f"{url}/v1/webhooks/github",
                content=body,
                headers=[
                    (b"x-github-event", b"deployment_status"),
                    (b"x-github-delivery", "dé".encode("latin-1")),
                    (b"x-hub-signature-256", proof),
                ],
                timeout=30,
            ).status_code
            for proof in ("sha256=é".encode("latin-1"), b"\xff\xfe", signature.encode(), signature.encode())
        ]
    assert statuses == [401, 401, 202, 200]
    assert [topic for topic, _, _, _ in publisher.published] == ["cdevents"]
