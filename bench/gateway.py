"""A gateway process on a real broker: samples per CPU second by form, and latency at a fixed rate.

`python -m bench.gateway [--seconds N] [--rate N] [--data FOLDER]` prints one JSON object. The first part
sends large requests as fast as they are answered and divides what was accepted by the CPU time of the
gateway's process; the second sends small ones at a fixed rate, whether answers come or not.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from bench.gateway_load import Load, closed_loop, open_loop
from bench.gateway_load import request as as_request
from bench.remote_write_proto import first, second
from bench.stages import request as otlp_request
from infra.dev import kafka
from infra.dev.ports import free_ports
from schemas.otlp_metrics import read_metrics
from schemas.remote_write import RemoteWriteVersion, read_remote_write
from schemas.snappy_block import packed_block
from streams.kafka_log import create_topics

_PREFIX = "bench."
_LONGEST_START_S = 60.0
_CONNECTIONS = 64
_VERSIONS = ("uvicorn", "fastapi", "aiokafka", "cramjam", "numba", "protobuf", "uvloop", "httptools")


def series(pods: int, routes: int, draw: random.Random) -> list[dict[str, Any]]:
    """Return one scrape of a service's pods: request counters and a classic histogram by route."""
    now_ms = int(time.time() * 1000)  # noqa: TID251  # a sender's clock
    found = []
    for pod in range(pods):
        who = {
            "service": "cart",
            "namespace": "prod",
            "pod": f"cart-5d9c7b-{pod}",
            "version": "1",
            "job": "cart",
        }
        for route in range(routes):
            where = {"route": f"/r{route}", "code": "200", **who}
            name = "http_request_duration_seconds"
            named: list[tuple[str, dict[str, str]]] = [
                ("http_requests_total", {}),
                (f"{name}_count", {}),
                (f"{name}_sum", {}),
            ]
            named += [(f"{name}_bucket", {"le": le}) for le in ("0.05", "0.1", "0.5", "1.0", "2.5", "+Inf")]
            for metric, more in named:
                labels = {"__name__": metric, **where, **more}
                found.append({"labels": labels, "samples": [(float(draw.randrange(10_000)), now_ms)]})
    return found


def requests_of(form: str, size: str, seed: int) -> tuple[list[bytes], int]:
    """Return requests of one form, and how many samples one of them holds."""
    pods, routes = {"large": (10, 25), "small": (1, 10)}[size]
    draw = random.Random(seed)
    made = []
    samples = 0
    for turn in range(20):
        if form.startswith("remote_write"):
            scrape = series(pods, routes, draw)
            samples = len(scrape)
            is_second = form == "remote_write_2"
            body = packed_block(second(*scrape) if is_second else first(*scrape))
            proto = RemoteWriteVersion.SECOND if is_second else RemoteWriteVersion.FIRST
            kind = f"application/x-protobuf;proto={proto}"
            made.append(
                as_request("/v1/remote-write", body, {"content-type": kind, "content-encoding": "snappy"})
            )
        else:
            body = otlp_request(turn, pods, routes)
            samples = sum(map(len, read_metrics(body, every_bucket=False).batches))
            kind = "application/x-protobuf"
            if form == "otlp_json":
                body, kind = (
                    MessageToJson(ExportMetricsServiceRequest.FromString(body)).encode(),
                    "application/json",
                )
            made.append(as_request("/v1/metrics", body, {"content-type": kind}))
    return made, samples


def stage(seconds: float) -> float:
    """Return samples per CPU second of the reader of 2.0 alone, in this process."""
    data = second(*series(10, 25, random.Random(1)))
    read_remote_write(data, RemoteWriteVersion.SECOND, every_bucket=False)
    began, count = time.process_time(), 0
    while time.process_time() - began < seconds:
        count += read_remote_write(data, RemoteWriteVersion.SECOND, every_bucket=False).samples
    return count / (time.process_time() - began)


def measure(given: argparse.Namespace, bootstrap: str, folder: Path) -> dict[str, Any]:
    """Run both parts against a gateway of their own."""
    port = free_ports(1)[0]
    create_topics(bootstrap, _PREFIX)
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP": bootstrap,
        "SUTURE_PREFIX": _PREFIX,
        "SUTURE_DATA": str(folder),
        "SUTURE_LISTEN": f"127.0.0.1:{port}",
    }
    gateway = subprocess.Popen([sys.executable, "-m", "streams.cli", "gateway"], env=environment)
    try:
        _wait_until_ready(port, gateway)
        process = psutil.Process(gateway.pid)
        figures: dict[str, Any] = {"samples_per_cpu_s": {}, "at_a_rate": {}}
        for form in given.forms:
            print(f"{form} ...", file=sys.stderr)
            messages, samples = requests_of(form, "large", given.seed)
            asyncio.run(closed_loop("127.0.0.1", port, messages, 2.0, 4))
            before = _cpu_s(process)
            load = asyncio.run(closed_loop("127.0.0.1", port, messages, given.seconds, 4))
            used = _cpu_s(process) - before
            accepted = sum(count for status, count in load.statuses.items() if status in (200, 204))
            figures["samples_per_cpu_s"][form] = {
                "samples_per_cpu_s": round(accepted * samples / used),
                "samples_a_request": samples,
                "bytes_a_request": len(messages[0]),
                "requests": accepted,
                "cpu_s": round(used, 2),
                **_told(load),
            }
        for form in given.forms:
            print(f"{form} at {given.rate:g}/s ...", file=sys.stderr)
            messages, samples = requests_of(form, "small", given.seed)
            before = _cpu_s(process)
            load = asyncio.run(
                open_loop(
                    "127.0.0.1",
                    port,
                    lambda turn, sent=messages: sent[turn % len(sent)],  # type: ignore[misc]  # mypy infers no defaults
                    given.rate,
                    given.at_rate_seconds,
                    _CONNECTIONS,
                )
            )
            figures["at_a_rate"][form] = {
                "asked_per_s": given.rate,
                "answered_per_s": round(len(load.latencies_s) / load.seconds, 1),
                "samples_a_request": samples,
                "cpu_share": round((used := _cpu_s(process) - before) / load.seconds, 3),
                "cpu_ms_a_request": round(1000 * used / max(1, len(load.latencies_s)), 3),
                **_told(load),
            }
        return figures
    finally:
        gateway.terminate()
        gateway.wait(timeout=30)


def _told(load: Load) -> dict[str, Any]:
    answered = sum(count for status, count in load.statuses.items() if 200 <= status < 300)
    at = np.percentile(load.latencies_s, [50, 99]) * 1000 if load.latencies_s else (np.nan, np.nan)
    return {
        "asked": load.asked,
        "share_answered_well": round(answered / load.asked, 5),
        "p50_ms": round(float(at[0]), 2),
        "p99_ms": round(float(at[1]), 2),
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _wait_until_ready(port: int, gateway: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    while time.monotonic() - began < _LONGEST_START_S:
        if gateway.poll() is not None:
            raise SystemExit(f"gateway ended with {gateway.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("gateway is not ready")


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    forms = ("remote_write_1", "remote_write_2", "otlp_protobuf", "otlp_json")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="a form as fast as it goes")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    parser.add_argument("--at-rate-seconds", type=float, default=30.0, help="a form at the rate")
    parser.add_argument("--forms", nargs="+", choices=forms, default=list(forms))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--data", type=Path, help="Folder to work in; one that goes away where none is given."
    )
    given = parser.parse_args(arguments)
    with kafka.running() as broker, tempfile.TemporaryDirectory() as folder:
        figures = measure(given, broker.bootstrap, given.data or Path(folder))
    versions = {name: version(name) for name in _VERSIONS if _is_there(name)}
    print(
        json.dumps(
            {
                **figures,
                "reader_alone_samples_per_cpu_s": round(stage(2.0)),
                "connections": _CONNECTIONS,
                "seed": given.seed,
                "cpus": os.cpu_count(),
                "versions": {"python": platform.python_version(), **versions},
            }
        )
    )


def _is_there(name: str) -> bool:
    try:
        version(name)
    except ModuleNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
