"""A service's instances as Prometheus sees them: counters that rise with time, on one port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.listening import QuietHandler, listening

COUNT = "http_server_request_duration_seconds_count"
SUM = "http_server_request_duration_seconds_sum"
SERVICE = "cart"


@dataclass
class Instance:
    """One instance of the service.

    Attributes:
        error_ratio: Share of its requests that end in 500.
        rate: Requests a second.
        good: Requests that went well so far.
        bad: Requests that did not.
    """

    pod: str
    version: str
    template: str
    error_ratio: float = 0.0
    rate: float = 100.0
    good: float = 0.0
    bad: float = 0.0

    def serve(self, seconds: float) -> None:
        """Let time pass."""
        self.good += seconds * self.rate * (1.0 - self.error_ratio)
        self.bad += seconds * self.rate * self.error_ratio

    def lines(self) -> Iterator[str]:
        """Yield what it tells in Prometheus' text format."""
        labels = (
            f'service="{SERVICE}",environment="dev",pod="{self.pod}",version="{self.version}",'
            f'pod_template_hash="{self.template}"'
        )
        for code, count in (("200", self.good), ("500", self.bad)):
            if count:
                told = f'{labels},http_response_status_code="{code}"'
                yield f"{COUNT}{{{told}}} {int(count)}"
                yield f"{SUM}{{{told}}} {0.02 * int(count)}"


@dataclass
class Exporter:
    """The instances that run, and where they are scraped."""

    address: str
    instances: list[Instance] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    served_at: float = field(default_factory=time.monotonic)

    def add(self, instance: Instance) -> None:
        """Start an instance."""
        with self.lock:
            self.instances.append(instance)

    def fail(self, pod: str, error_ratio: float) -> None:
        """Let an instance's requests fail from now on."""
        self.text()
        with self.lock:
            for instance in self.instances:
                if instance.pod == pod:
                    instance.error_ratio = error_ratio

    def text(self) -> str:
        """Return what is scraped now."""
        with self.lock:
            now = time.monotonic()
            lines = []
            for instance in self.instances:
                instance.serve(now - self.served_at)
                lines += list(instance.lines())
            self.served_at = now
            return "\n".join([*lines, ""])

    def prometheus_config(self) -> str:
        """Return a configuration that scrapes it every second."""
        return (
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            f"- {{job_name: shop, honor_labels: true, static_configs: [{{targets: ['{self.address}']}}]}}\n"
        )


@contextmanager
def exporting() -> Iterator[Exporter]:
    """Serve an exporter without instances for the length of a `with` block."""
    found: list[Exporter] = []

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            body = found[0].text().encode()
            self.tell(200, body, {"Content-Type": "text/plain; version=0.0.4"})

    with listening(Handler) as address:
        found.append(Exporter(address))
        yield found[0]
