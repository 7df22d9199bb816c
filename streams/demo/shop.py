"""The shop: a small web service with the real OpenTelemetry SDK, which can fall ill on request.

    PORT=8080 SHOP_VERSION=1.1 SHOP_FAULT=errors python -m streams.demo.shop

Telemetry is set up by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES, OTEL_METRIC_EXPORT_INTERVAL). SUTURE_POD and SUTURE_TEMPLATE, which the
supervisor gives every instance, say which instance of which template speaks.
"""

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from streams.demo.fault import Fault

SERVICE = "shop"
ROUTE = "/checkout"
DRAIN_SECONDS = 0.8
"""Between saying "not ready" and closing the door, so that a caller who looked a moment ago is served."""

_DURATION = "http.server.request.duration"
# OpenTelemetry's advice for that metric, in seconds.
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_ERROR_RATIO = 0.3
_SLOWER_SECONDS = 0.15
_REQUESTS_BEFORE_CRASH = 60

Measure = Callable[[float, HTTPStatus], None]

logger = logging.getLogger("shop")


class Shop:
    """What all requests of one instance share.

    Args:
        version: Told to callers in `X-Version`.
        fault: How it misbehaves.
        measure: Takes the seconds and the status of each answered checkout.
        poison: File that marks a request which kills whoever takes it; None where nothing kills.
    """

    def __init__(self, version: str, fault: Fault, measure: Measure, poison: Path | None = None) -> None:
        self.version, self.fault = version, fault
        self.is_draining = False
        self._measure = measure
        self._poison = poison
        self._taken = 0
        self._lock = threading.Lock()
        # Where the errors fall is of no consequence; that two instances differ is.
        self._random = random.Random(os.getpid())  # noqa: S311

    def checkout(self) -> HTTPStatus:
        """Return the status of one checkout, after some milliseconds of work."""
        began = time.perf_counter()
        with self._lock:
            self._taken += 1
            taken, work = self._taken, self._random.uniform(0.003, 0.007)
            is_unlucky = self._random.random() < _ERROR_RATIO
        if self.fault is Fault.CRASH and self._poison is not None:
            self._maybe_die(taken, self._poison)
        time.sleep(work + (_SLOWER_SECONDS if self.fault is Fault.LATENCY else 0.0))
        status = HTTPStatus.OK
        if self.fault is Fault.ERRORS and is_unlucky:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            logger.error("payment refused: unknown currency code %d", taken)
        self._measure(time.perf_counter() - began, status)
        return status

    def _maybe_die(self, taken: int, poison: Path) -> None:
        """End the process as a crash does, at the request that kills it and at every start after it.

        A poisoned order stays in the queue: the instance that comes back takes it again, and dies again.
        """
        if taken >= _REQUESTS_BEFORE_CRASH or poison.exists():
            poison.touch()
            os._exit(1)


def handler_of(shop: Shop) -> type[BaseHTTPRequestHandler]:
    """Return the request handler of one instance."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            if self.path == "/healthz":
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE if shop.is_draining else HTTPStatus.OK)
            elif self.path == ROUTE:
                self._answer(shop.checkout())
            else:
                self._answer(HTTPStatus.NOT_FOUND)

        def _answer(self, status: HTTPStatus) -> None:
            body = f"{shop.version} {status.phrase}\n".encode()
            self.send_response(status)
            self.send_header("X-Version", shop.version)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet: every request is measured."""

    return Handler


def telemetry(version: str, pod: str, template: str) -> tuple[Measure, Callable[[], None]]:
    """Set OpenTelemetry up; return what measures a checkout and what sends the rest at the end."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource

    resource = Resource.create(
        {"service.version": version, "service.instance.id": pod, "suture.template": template}
    )
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
    logs = LoggerProvider(resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), schedule_delay_millis=1000))
    logger.addHandler(LoggingHandler(level=logging.INFO, logger_provider=logs))
    histogram = meters.get_meter("shop").create_histogram(
        _DURATION,
        unit="s",
        description="Duration of HTTP server requests.",
        explicit_bucket_boundaries_advisory=_BOUNDS,
    )

    def measure(seconds: float, status: HTTPStatus) -> None:
        histogram.record(
            seconds,
            {
                "http.request.method": "GET",
                "http.route": ROUTE,
                "http.response.status_code": int(status),
                "url.scheme": "http",
            },
        )

    def finish() -> None:
        meters.shutdown()
        logs.shutdown()

    return measure, finish


def main() -> None:
    """Serve until told to stop."""
    environ = os.environ
    version, fault = environ["SHOP_VERSION"], Fault(environ.get("SHOP_FAULT", Fault.NONE))
    pod, template = environ["SUTURE_POD"], environ["SUTURE_TEMPLATE"]
    is_silent = fault is Fault.SILENT
    measure, finish = (_unmeasured, _nothing) if is_silent else telemetry(version, pod, template)
    shop = Shop(version, fault, measure, Path(f"{pod}.poison"))
    server = ThreadingHTTPServer(("127.0.0.1", int(environ["PORT"])), handler_of(shop))

    def drain(*_: Any) -> None:
        shop.is_draining = True
        threading.Timer(DRAIN_SECONDS, server.shutdown).start()

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, drain)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    finish()


def _unmeasured(_seconds: float, _status: HTTPStatus) -> None:
    """Measure nothing, as a service whose exporter was configured away."""


def _nothing() -> None:
    """Have nothing left to send."""


if __name__ == "__main__":
    main()
