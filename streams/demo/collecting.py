"""The OpenTelemetry Collector of the demonstration: the documented configuration with short times."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import SutureError
from schemas.topics import Topic, topic_name
from streams.demo.dev_parts import ROOT
from streams.settings import Settings

CONFIGURATION = ROOT / "infra" / "collector.yaml"
SCRAPE_INTERVAL = "1s"


@contextmanager
def collecting(program: Path, settings: Settings, kubeconfig: Path) -> Iterator[Callable[[], None]]:
    """Run a collector for the length of the block; yields what raises SutureError when it has ended.

    Args:
        program: The collector.
        settings: Broker and topics that it writes to.
        kubeconfig: The cluster whose pods it reads.
    """
    log = settings.data / "collector.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(program), f"--config={CONFIGURATION}", *_overrides(settings)],
            env={
                **os.environ,
                "KAFKA_BOOTSTRAP": settings.bootstrap,
                "KUBECONFIG": str(kubeconfig),
                "K8S_AUTH_TYPE": "kubeConfig",
                "SCRAPE_INTERVAL": SCRAPE_INTERVAL,
                "SCRAPE_TIMEOUT": SCRAPE_INTERVAL,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def check() -> None:
        if process.poll() is not None:
            raise SutureError(f"the collector ended with code {process.returncode}, see {log}")

    try:
        yield check
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _overrides(settings: Settings) -> list[str]:
    """Return the options that differ from the documented configuration."""
    values = {
        "receivers::otlp::protocols::grpc::endpoint": f"127.0.0.1:{_free_port()}",
        "receivers::otlp::protocols::http::endpoint": f"127.0.0.1:{_free_port()}",
        "exporters::kafka::metrics::topic": topic_name(Topic.OTLP_METRICS, settings.prefix),
        "exporters::kafka::logs::topic": topic_name(Topic.OTLP_LOGS, settings.prefix),
        # A verdict in seconds: what is scraped is not held for company.
        "processors::batch::timeout": "200ms",
        # Its own metrics would listen on a fixed port.
        "service::telemetry::metrics::level": "none",
    }
    return [f"--config=yaml:{key}: {value}" for key, value in values.items()]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
