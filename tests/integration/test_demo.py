"""The demonstration as a user runs it: real Kafka, real processes, real pods."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from infra.dev import cluster, collector, kafka
from infra.dev.kafka import Broker
from tests.integration.parts import need, need_built

ROOT = Path(__file__).parents[2]
TOLD = {
    "errors": "1.2 (fails three of ten requests): detected and rolled back by the executor",
    "latency": "1.2 (takes 150 ms longer for every request): detected and rolled back",
    "crash": "1.2 (crashes after some seconds of traffic, again and again): detected and rolled back",
    "silent": "1.2 (serves, and reports no telemetry): detected and rolled back by the executor",
    "none": "1.2 (good): judged healthy and promoted",
}


def begin(
    arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", "--no-live", f"--keep={folder}", *arguments],
        cwd=ROOT,
        env={**os.environ, "KAFKA_BOOTSTRAP": "", "SUTURE_PREFIX": "", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(demo: subprocess.Popen[str], seconds: float = 420.0) -> str:
    try:
        text, _ = demo.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        demo.terminate()
        text, _ = demo.communicate(timeout=60)
    return text


def left_behind(folder: Path) -> list[str]:
    """Return the processes that were started for a run and still live."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        try:
            variables = " ".join(process.environ().values())
        except psutil.Error:
            variables = ""
        if process.pid != os.getpid() and str(folder) in f"{command} {variables}":
            found.append(command)
    return found


def test_a_good_release_is_promoted_and_a_failing_one_rolled_back(tmp_path: Path) -> None:
    need(kafka)
    folder = tmp_path / "kept"
    demo = begin(["--fault=errors"], folder)
    text = end(demo)
    assert demo.returncode == 0, text
    for expected in (
        "1.1 (good): judged healthy and promoted",
        TOLD["errors"],
        "first bad request to rollback done: ",
        "recovery: recovered",
        '$ suture sql "SELECT',
        "rolled_back  recovered",
        "$ suture why shop 1.2",
        "shop 1.2 in dev was rolled back",
        "all happened as it should",
    ):
        assert expected in text
    assert "\x1b" not in text
    assert left_behind(folder) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("faults", [("latency", "silent"), ("crash", "none")])
def test_two_demonstrations_share_a_broker_and_each_fault_meets_its_fate(
    faults: tuple[str, str], kafka_broker: Broker, tmp_path: Path
) -> None:
    shared = {"KAFKA_BOOTSTRAP": kafka_broker.bootstrap}
    demos = {fault: begin([f"--fault={fault}"], tmp_path / fault, shared) for fault in faults}
    texts = {fault: end(demo) for fault, demo in demos.items()}
    for fault, demo in demos.items():
        assert demo.returncode == 0, texts[fault]
        assert TOLD[fault] in texts[fault]
        assert "1.1 (good): judged healthy and promoted" in texts[fault]
        assert left_behind(tmp_path / fault) == []


def test_whoever_stops_it_finds_nothing_running(kafka_broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    demo = begin(["--fault=errors"], folder, {"KAFKA_BOOTSTRAP": kafka_broker.bootstrap})
    never, deadline = threading.Event(), time.monotonic() + 90
    # Instances that were started are the latest of what it starts.
    while not list(folder.glob("workloads/demo/shop/logs/*")) and time.monotonic() < deadline:
        assert demo.poll() is None, end(demo)
        never.wait(0.2)
    demo.send_signal(signal.SIGINT)
    text = end(demo, 60.0)
    assert demo.returncode == 130, text
    assert "stopped as asked" in text
    assert left_behind(folder) == []


@pytest.mark.timeout(900)
def test_real_pods_go_back_to_the_old_template_hash(tmp_path: Path) -> None:
    need(kafka)
    need_built(cluster, "cluster")
    need_built(collector, "collector")
    folder = tmp_path / "kept"
    demo = begin(["--kubernetes"], folder)
    text = end(demo, 700.0)
    assert demo.returncode == 0, text
    for expected in (
        "Deployment shop-demo/shop asks for version 1.1",
        "1.1 (good): judged healthy and left alone",
        TOLD["errors"],
        "samples joined to the release by template",
        "recovery: recovered",
    ):
        assert expected in text
    assert left_behind(folder) == []
