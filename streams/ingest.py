"""From public messages to observations: decode, refuse, join to a service and re-key. Stateless."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.keys import service_key
from schemas.observation_messages import observation_message
from schemas.observations import Body, LogBatch, Origin, OutcomeReported
from schemas.order_messages import read_outcome
from schemas.otlp_logs import read_logs
from schemas.otlp_metrics import read_metrics
from schemas.otlp_values import Refused
from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames
from schemas.remote_write_messages import read_remote_write_record
from schemas.samples import SampleBatch
from schemas.topics import Topic
from streams.kafka_log import Record

REASON_HEADER = "suture-reason"
POSITION_HEADER = "suture-position"

LARGEST_BYTES = 8 * 1024 * 1024
"""Bytes of an observation beyond which a batch is divided; with its headers it must fit into a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of one public message.

    Attributes:
        messages: Observations for the ordered topics.
        reason: Why the message, or a part of it, was refused; "" when nothing was.
    """

    messages: tuple[Message, ...] = ()
    reason: str = ""


def ingest(
    topic: Topic, record: Record, verify: Callable[[Record], None], labels: LabelNames = DEFAULT_LABELS
) -> Ingested:
    """Return the observations that a public message holds, and why it or a part of it was refused.

    Args:
        topic: Which public topic it stood on.
        record: The message.
        verify: Raises SchemaError unless an outcome's signature is right.
        labels: Which of Prometheus' labels say whose a series is.
    """
    try:
        match topic:
            case Topic.CDEVENTS:
                started = read_deploy(read_record(record.value, record.headers))
                bodies: Iterable[tuple[Topic, str, Body]] = ()
                if started is not None:
                    release = started.release
                    bodies = (
                        (Topic.OBSERVATIONS, service_key(release.environment, release.service), started),
                    )
                return Ingested(messages=_observed(topic, record, bodies))
            case Topic.OTLP_METRICS:
                metrics = read_metrics(record.value or b"", every_bucket=False)
                batches = (
                    (Topic.OBSERVATIONS, service_key(batch.environment, batch.service), batch)
                    for batch in metrics.batches
                )
                return Ingested(
                    messages=_observed(topic, record, batches), reason=_explained(metrics.refused)
                )
            case Topic.OTLP_LOGS:
                logs = read_logs(record.value or b"")
                lines = (
                    (Topic.OBSERVATIONS, service_key(batch.environment, batch.service), batch)
                    for batch in logs.batches
                )
                return Ingested(messages=_observed(topic, record, lines), reason=_explained(logs.refused))
            case Topic.REMOTE_WRITE:
                written = read_remote_write_record(record.value or b"", record.headers, labels)
                batches = (
                    (Topic.OBSERVATIONS, service_key(batch.environment, batch.service), batch)
                    for batch in written.batches
                )
                return Ingested(
                    messages=_observed(topic, record, batches),
                    reason=_explained((*written.invalid, *written.refused)),
                )
            case Topic.OUTCOMES:
                verify(record)
                outcome = read_outcome(record.value)
                reported = OutcomeReported(outcome=outcome)
                key = service_key(outcome.environment, outcome.service)
                return Ingested(
                    messages=_observed(
                        topic,
                        record,
                        (
                            (Topic.OBSERVATIONS, key, reported),
                            (Topic.ENVIRONMENT_OBSERVATIONS, outcome.environment, reported),
                        ),
                    )
                )
            case _:
                raise ValueError(f"topic {topic} is not ingested")
    except SchemaError as error:
        return Ingested(reason=str(error))


def dead_letter(topic: Topic, record: Record, reason: str) -> Message:
    """Return the dead letter of a message: its bytes as they came, why, and where it stood."""
    return Message(
        topic=Topic.DEAD_LETTERS,
        key=topic.value.encode(),
        value=record.value or b"",
        headers=(
            (REASON_HEADER, reason.encode()[:2048]),
            (POSITION_HEADER, f"{topic.value}/{record.partition}/{record.offset}".encode()),
        ),
    )


def _observed(topic: Topic, record: Record, bodies: Iterable[tuple[Topic, str, Body]]) -> tuple[Message, ...]:
    messages: list[Message] = []
    waiting = deque(bodies)
    while waiting:
        into, key, body = waiting.popleft()
        place = Origin(
            topic=topic.value, partition=record.partition, offset=record.offset, index=len(messages)
        )
        message = observation_message(into, key, body, place)
        halves = _halves(body) if len(message.value) > LARGEST_BYTES else ()
        if halves:
            waiting.extendleft((into, key, half) for half in reversed(halves))
        else:
            messages.append(message)
    return tuple(messages)


def _halves(body: Body) -> tuple[Body, ...]:
    """Return a batch as two; nothing when there is nothing to divide.

    OTLP names an attribute's key once a point, a batch once a series: what fits into a message of the one
    form need not fit into one of the other.
    """
    match body:
        case SampleBatch() if len(body) > 1:
            middle = len(body) // 2
            return (_part(body, slice(None, middle)), _part(body, slice(middle, None)))
        case LogBatch() if len(body.lines) > 1:
            middle = len(body.lines) // 2
            return (replace(body, lines=body.lines[:middle]), replace(body, lines=body.lines[middle:]))
        case _:
            return ()


def _part(batch: SampleBatch, rows: slice) -> SampleBatch:
    """Return some of a batch's samples, with the series that they need."""
    needed, ids = np.unique(batch.series_ids[rows], return_inverse=True)
    return replace(
        batch,
        series=tuple(batch.series[number] for number in needed.tolist()),
        series_ids=ids.astype(np.int32),
        times_ms=batch.times_ms[rows],
        values=batch.values[rows],
    )


def _explained(refused: Iterable[Refused]) -> str:
    return "; ".join(f"{item.reason} ({item.count})" for item in refused)
