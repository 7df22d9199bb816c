"""Observations as Kafka messages: a header names the kind, so that a reader decodes a value once."""

from collections.abc import Sequence
from typing import Any

from schemas.arrow_batches import decode_batch, encode_batch
from schemas.codec import from_json, to_json
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.explanations import Explained
from schemas.instruments import InstrumentChanged
from schemas.keys import service_key
from schemas.labels import AfterwordTold, Labelled
from schemas.models import ModelChanged
from schemas.observations import (
    AnomalySeen,
    Approval,
    Body,
    FailureCleared,
    FailureSeen,
    FreezeSet,
    KillSwitchSet,
    LogBatch,
    LogPosition,
    Observation,
    OneWaySeen,
    Origin,
    OutcomeReported,
    PodChanged,
    RecoveryJudged,
    ReleaseClosed,
    ReleaseOpened,
    ReleaseStarted,
    SettingsChanged,
    SuspicionChanged,
    TemplateSeen,
    Tick,
    VerdictReached,
)
from schemas.quality import BuildAssessed
from schemas.samples import SampleBatch
from schemas.smoke_tests import SmokeTested
from schemas.topics import Topic

KIND_HEADER = "suture-kind"
ORIGIN_HEADER = "suture-origin"

OBSERVATION_KINDS: dict[str, type[Any]] = {
    "samples": SampleBatch,
    "logs": LogBatch,
    "release-started": ReleaseStarted,
    "pod-changed": PodChanged,
    "tick": Tick,
    "settings-changed": SettingsChanged,
    "approval": Approval,
    "freeze-set": FreezeSet,
    "kill-switch-set": KillSwitchSet,
    "outcome-reported": OutcomeReported,
    "release-opened": ReleaseOpened,
    "release-closed": ReleaseClosed,
    "verdict-reached": VerdictReached,
    "suspicion-changed": SuspicionChanged,
    "anomaly-seen": AnomalySeen,
    "recovery-judged": RecoveryJudged,
    "failure-seen": FailureSeen,
    "failure-cleared": FailureCleared,
    "template-seen": TemplateSeen,
    "one-way-seen": OneWaySeen,
    "instrument-changed": InstrumentChanged,
    "smoke-tested": SmokeTested,
    "build-assessed": BuildAssessed,
    "labelled": Labelled,
    "afterword-told": AfterwordTold,
    "explained": Explained,
    "model-changed": ModelChanged,
}
_KIND_OF = {kind: name for name, kind in OBSERVATION_KINDS.items()}


def observation_message(topic: Topic, key: str, body: Body, origin: Origin | None = None) -> Message:
    """Return an observation as it goes onto one of the two ordered topics; key "" is for every key."""
    value = encode_batch(body) if isinstance(body, SampleBatch) else to_json(body)
    headers = [(KIND_HEADER, _KIND_OF[type(body)].encode())]
    if origin is not None:
        place = f"{origin.topic}/{origin.partition}/{origin.offset}/{origin.index}"
        headers.append((ORIGIN_HEADER, place.encode()))
    return Message(topic=topic, key=key.encode() or None, value=value, headers=tuple(headers))


def read_observation(
    position: LogPosition, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
) -> Observation:
    """Return the observation that a message of an ordered topic holds.

    Raises:
        SchemaError: its kind is missing or unknown, its key is not its content's, or its value is malformed.
    """
    named = {name.lower(): content for name, content in headers}
    kind_name = _text("header " + KIND_HEADER, named.get(KIND_HEADER, b""))
    kind = OBSERVATION_KINDS.get(kind_name)
    if kind is None:
        raise SchemaError("observation is of no known kind")
    if value is None:
        raise SchemaError(f"observation {kind_name} has no value")
    body: Body = decode_batch(value) if kind is SampleBatch else from_json(kind, value)
    text_key = _text("key", key or b"")
    expected = expected_key(body)
    if expected is not None and text_key not in expected:
        raise SchemaError(f"observation {kind_name} has another key than its content names")
    origin = _origin(named[ORIGIN_HEADER]) if ORIGIN_HEADER in named else None
    return Observation(key=text_key, body=body, position=position, origin=origin)


def expected_key(body: Body) -> tuple[str, ...] | None:
    """Return the keys that an observation may stand under; None when its content does not say.

    An outcome goes to its service, which watches the recovery, and to its environment's gate.
    """
    match body:
        case SampleBatch() | LogBatch() | PodChanged() | InstrumentChanged():
            return (service_key(body.environment, body.service),)
        case ReleaseStarted():
            return (service_key(body.release.environment, body.release.service),)
        case Tick() | SettingsChanged() | ModelChanged():
            return ("",)
        case (
            Approval()
            | FreezeSet()
            | KillSwitchSet()
            | ReleaseClosed()
            | FailureCleared()
            | TemplateSeen()
            | OneWaySeen()
            | SmokeTested()
            | BuildAssessed()
            | AfterwordTold()
        ):
            return (body.environment,)
        case Labelled(label=label):
            return (label.environment,)
        case Explained(explanation=explanation):
            return (explanation.environment,)
        case FailureSeen(failure=failure):
            return (failure.environment,)
        case OutcomeReported(outcome=outcome):
            return (service_key(outcome.environment, outcome.service), outcome.environment)
        case ReleaseOpened() | VerdictReached():
            return (body.release.environment,)
        case SuspicionChanged():
            return (body.suspicion.environment,)
        case AnomalySeen():
            return (body.anomaly.environment,)
        case RecoveryJudged():
            return (body.recovery.environment,)


def _text(what: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SchemaError(f"{what} is not UTF-8") from error


def _origin(data: bytes) -> Origin:
    parts = _text("header " + ORIGIN_HEADER, data).rsplit("/", 3)
    try:
        topic, partition, offset, index = parts
        return Origin(topic=topic, partition=int(partition), offset=int(offset), index=int(index))
    except ValueError as error:
        raise SchemaError(f"header {ORIGIN_HEADER} is not topic/partition/offset/index") from error
