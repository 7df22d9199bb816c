"""The gateway behind a real server, spoken to by the OpenTelemetry SDK's own exporters."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

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


class Remembering:
    """A publisher that remembers."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]] = []

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        self.published.append((topic, key, value, headers))


@contextmanager
def serving(publisher: Remembering) -> Iterator[str]:
    """Serve the gateway on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(create_app(publisher), log_level="warning", lifespan="off")
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
