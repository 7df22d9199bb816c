"""What a service sends while tests watch it: OTLP requests as SDK and Collector write them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

_DELTA = 1
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One instance of a service, and how it fares.

    Attributes:
        error_ratio: Share of its requests that end in 500.
        requests: How many it answers in a second.
    """

    pod: str
    version: str
    template: str
    service: str = "cart"
    environment: str = "dev"
    error_ratio: float = 0.0
    requests: int = 100


def metrics_of(speaker: Speaker, end_ns: int) -> ExportMetricsServiceRequest:
    """Return the requests of the second that ends at an instant, as deltas of a histogram."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for name, value in _resource(speaker).items():
        attribute = resource.resource.attributes.add()
        attribute.key, attribute.value.string_value = name, value
    metric = resource.scope_metrics.add().metrics.add()
    metric.name, metric.unit = "http.server.request.duration", "s"
    metric.histogram.aggregation_temporality = _DELTA  # type: ignore[assignment]  # an enum's number
    errors = round(speaker.requests * speaker.error_ratio)
    for code, count in (("200", speaker.requests - errors), ("500", errors)):
        if not count:
            continue
        point = metric.histogram.data_points.add()
        point.start_time_unix_nano, point.time_unix_nano = end_ns - _SECOND_NS, end_ns
        point.count, point.sum = count, 0.02 * count
        attribute = point.attributes.add()
        attribute.key, attribute.value.string_value = "http.response.status_code", code
    return request


def logs_of(speaker: Speaker, at_ns: int, text: str) -> ExportLogsServiceRequest:
    """Return one error line of an instance."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    for name, value in _resource(speaker).items():
        attribute = resource.resource.attributes.add()
        attribute.key, attribute.value.string_value = name, value
    record = resource.scope_logs.add().log_records.add()
    record.time_unix_nano, record.severity_number = at_ns, 17  # type: ignore[assignment]  # an enum's number
    record.body.string_value = text
    return request


def as_json(request: ExportMetricsServiceRequest | ExportLogsServiceRequest) -> bytes:
    """Return a request in OTLP's JSON, where enums are numbers."""
    return MessageToJson(request, use_integers_for_enums=True, indent=None).encode()


def _resource(speaker: Speaker) -> Mapping[str, str]:
    return {
        "service.name": speaker.service,
        "service.version": speaker.version,
        "deployment.environment.name": speaker.environment,
        "service.instance.id": speaker.pod,
        "suture.template": speaker.template,
    }


class Traffic:
    """Speaks for a service, second after second, until it is stopped; its past is told at once.

    Args:
        speakers: Returns who is alive now.
        send: Takes the request's bytes and a number that rises, which forms may alternate by.
        past_s: How much of the time before the start is told.
    """

    def __init__(
        self, speakers: Callable[[], list[Speaker]], send: Callable[[bytes], None], past_s: int = 60
    ) -> None:
        self._speakers, self._send = speakers, send
        self._stop = threading.Event()
        self._next_ns = (time.time_ns() // _SECOND_NS - past_s) * _SECOND_NS
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stop.is_set():
            while self._next_ns <= time.time_ns():
                for speaker in self._speakers():
                    if self._stop.is_set():
                        return
                    request = metrics_of(speaker, self._next_ns)
                    # Both forms of OTLP come in, as from senders of both kinds.
                    is_json = self.sent % 2 == 1
                    self._send(as_json(request) if is_json else request.SerializeToString())
                    self.sent += 1
                self._next_ns += _SECOND_NS
            self._stop.wait(max(0.0, (self._next_ns - time.time_ns()) / _SECOND_NS))
