"""Samples per CPU second on their way from an OTLP message to evidence, step by step, in one process.

`python -m bench.stages [--seconds N]` prints one JSON object. Each step is timed alone over the same
generated batches, so that the shares tell where the time goes; `ratio_to_decode` compares within the run.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from schemas.arrow_batches import decode_batch, encode_batch
from schemas.envelopes import Message
from schemas.otlp_metrics import read_metrics
from schemas.topics import Topic
from streams.pipeline import Pipeline

START = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds that the semantic conventions advise for durations of requests."""


def request(minute: int, pods: int, series: int) -> bytes:
    """Return one minute of a service's pods: cumulative request histograms by route and status code."""
    message = ExportMetricsServiceRequest()
    at_ns = int((START + timedelta(minutes=minute, seconds=30)).timestamp()) * 1_000_000_000
    for pod in range(pods):
        resource = message.resource_metrics.add()
        named = {
            "service.name": "cart",
            "service.version": "1",
            "deployment.environment.name": "prod",
            "k8s.pod.name": f"cart-5d9c7b-{pod}",
            "k8s.pod.label.pod-template-hash": "5d9c7b",
        }
        for name, text in named.items():
            attribute = resource.resource.attributes.add()
            attribute.key, attribute.value.string_value = name, text
        metric = resource.scope_metrics.add().metrics.add()
        metric.name = "http.server.request.duration"
        metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        for route in range(series):
            point = metric.histogram.data_points.add()
            point.time_unix_nano = at_ns
            point.count, point.sum = 100 * (minute + 1), 1.5 * (minute + 1)
            point.explicit_bounds.extend(BOUNDS_S)
            point.bucket_counts.extend([(minute + 1) * count for count in (20, 40, 30, 7, 3, *[0] * 10)])
            for name, text in (("http.route", f"/r{route}"), ("http.response.status_code", "200")):
                attribute = point.attributes.add()
                attribute.key, attribute.value.string_value = name, text
    return message.SerializeToString()


def rate(step: Callable[[int], int], seconds: float) -> tuple[float, int]:
    """Return samples per CPU second of a step, and how many were measured."""
    samples = rounds = 0
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        samples += step(rounds)
        rounds += 1
    return samples / (time.process_time() - begun), samples


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU seconds a step")
    parser.add_argument("--pods", type=int, default=10)
    parser.add_argument("--series", type=int, default=25, help="points a pod and minute")
    given = parser.parse_args(arguments)
    raw = [request(minute, given.pods, given.series) for minute in range(600)]
    batches = [read_metrics(data, every_bucket=False).batches[0] for data in raw]
    packed = [encode_batch(batch) for batch in batches]
    size = len(batches[0])
    pipeline = Pipeline()

    def through(index: int) -> int:
        """Send a minute the whole way; time goes on by a tick a minute."""
        minute = index % len(raw)
        effects = list(pipeline.send(Message(topic=Topic.OTLP_METRICS, key=None, value=raw[minute])))
        effects += pipeline.tick(START + timedelta(minutes=index + 1, seconds=6))
        return size

    steps: dict[str, Callable[[int], int]] = {
        "read_otlp": lambda index: sum(map(len, read_metrics(raw[index % 600], every_bucket=False).batches)),
        "encode_arrow": lambda index: len(encode_batch(batches[index % 600])) and size,
        "decode_arrow": lambda index: len(decode_batch(packed[index % 600])),
        "otlp_to_engine": through,
    }
    figures: dict[str, Any] = {}
    for name, step in steps.items():
        print(f"{name} ...", file=sys.stderr)
        figures[f"{name}_samples_per_cpu_s"], counted = rate(step, given.seconds)
        figures[f"{name}_samples"] = counted
    decode = figures["decode_arrow_samples_per_cpu_s"]
    print(
        json.dumps(
            {
                **{name: round(value) for name, value in figures.items()},
                "samples_a_message": size,
                "ratio_to_decode": {
                    name: round(figures[f"{name}_samples_per_cpu_s"] / decode, 4) for name in steps
                },
                "versions": {"python": platform.python_version(), "numpy": np.__version__},
            }
        )
    )


if __name__ == "__main__":
    main()
