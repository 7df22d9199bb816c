"""From public messages to observations: decode, refuse, join to a service and re-key. Stateless."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from schemas.cdevents import read_deploy
from schemas.cloudevents import read_record
from schemas.errors import SchemaError
from schemas.keys import service_key
from schemas.messages import Message, observation_message, read_outcome
from schemas.observations import Body, Origin, OutcomeReported
from schemas.otlp_logs import read_logs
from schemas.otlp_metrics import read_metrics
from schemas.otlp_values import Refused
from schemas.topics import Topic
from streams.kafka_log import Record

REASON_HEADER = "suture-reason"
POSITION_HEADER = "suture-position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of one public message.

    Attributes:
        messages: Observations for the ordered topics.
        reason: Why the message, or a part of it, was refused; "" when nothing was.
    """

    messages: tuple[Message, ...] = ()
    reason: str = ""


def ingest(topic: Topic, record: Record, verify: Callable[[Record], None]) -> Ingested:
    """Return the observations that a public message holds, and why it or a part of it was refused.

    Args:
        topic: Which public topic it stood on.
        record: The message.
        verify: Raises SchemaError unless an outcome's signature is right.
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
                metrics = read_metrics(record.value or b"", with_buckets=False)
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
    return tuple(
        observation_message(
            into,
            key,
            body,
            Origin(topic=topic.value, partition=record.partition, offset=record.offset, index=index),
        )
        for index, (into, key, body) in enumerate(bodies)
    )


def _explained(refused: Iterable[Refused]) -> str:
    return "; ".join(f"{item.reason} ({item.count})" for item in refused)
