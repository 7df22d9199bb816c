"""OTLP log records as redacted log batches: one batch for each service in each environment."""

from dataclasses import dataclass

from schemas.keys import TemplateHash
from schemas.observations import LogBatch, LogLine
from schemas.otlp_form import is_json
from schemas.otlp_json import json_logs
from schemas.otlp_points import LogRecord
from schemas.otlp_protobuf import protobuf_logs
from schemas.otlp_resources import Identity, identify
from schemas.otlp_values import Refusals, Refused, milliseconds, text_of
from schemas.redaction import redact

UNSPECIFIED_SEVERITY = 9
"""Severity of a record that names none: information, since silence about a fault is no fault."""

_GROUPS = {
    1: ("trace", "verbose", "finest", "finer", "all"),
    5: ("debug", "fine", "config"),
    9: ("info", "information", "informational", "notice", "log"),
    13: ("warn", "warning"),
    17: ("error", "err", "severe", "failure"),
    21: ("fatal", "critical", "crit", "alert", "emergency", "emerg", "panic", "dpanic"),
}
_SEVERITIES = {word: number for number, words in _GROUPS.items() for word in words}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsRead:
    """What a message held.

    Attributes:
        batches: One for each service in each environment, in the order of their first line.
        refused: Records that cannot be used, by reason.
    """

    batches: tuple[LogBatch, ...]
    refused: tuple[Refused, ...]


def read_logs(data: bytes) -> LogsRead:
    """Return the log lines of an ExportLogsServiceRequest, in protobuf or JSON, redacted.

    Raises:
        SchemaError: the message is not OTLP logs at all; a record or resource that cannot be used is
            counted in `refused` instead, and the rest goes on.
    """
    resources = json_logs(data) if is_json(data) else protobuf_logs(data)
    refusals = Refusals()
    lines: dict[tuple[str, str], tuple[Identity, list[LogLine]]] = {}
    for resource in resources:
        who = identify({name: text_of(value) for name, value in resource.resource.items()})
        if isinstance(who, str):
            refusals.add(who, resource.size)
            continue
        _, into = lines.setdefault((who.environment, who.service), (who, []))
        for record in resource.records:
            time_ms = milliseconds(record.time_ns or record.observed_ns)
            if time_ms is None:
                refusals.add("time is missing or absurd")
                continue
            into.append(
                LogLine(
                    time_ms=time_ms,
                    severity=severity_of(record.severity, record.severity_text),
                    pod=who.pod,
                    version=who.version,
                    template=TemplateHash(who.template),
                    text=redact(_body(record)),
                )
            )
    return LogsRead(
        batches=tuple(
            LogBatch(environment=who.environment, service=who.service, lines=tuple(found))
            for who, found in lines.values()
            if found
        ),
        refused=refusals.sorted(),
    )


def severity_of(number: int, text: str) -> int:
    """Return OpenTelemetry's severity number, 1 to 24, from the number or else from the sender's word.

    Source: OpenTelemetry logs data model, appendix B, "SeverityNumber example mappings".

    >>> severity_of(17, ""), severity_of(0, "WARNING"), severity_of(0, ""), severity_of(0, "Error3")
    (17, 13, 9, 17)
    """
    if 1 <= number <= 24:
        return number
    return _SEVERITIES.get(text.strip().rstrip("0123456789").lower(), UNSPECIFIED_SEVERITY)


def _body(record: LogRecord) -> str:
    """Return what a record says, with its exception behind it; without a body, the exception's own words."""
    said = text_of(record.body)
    kind, message, trace = (
        text_of(value) if (value := record.attributes.get(f"exception.{part}")) is not None else ""
        for part in ("type", "message", "stacktrace")
    )
    if said.strip():
        return "\n".join(part for part in (said, kind if kind not in trace else "", trace) if part)
    return "\n".join(part for part in (": ".join(part for part in (kind, message) if part), trace) if part)
