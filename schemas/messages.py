"""Observations and effects as Kafka messages: key, value and headers.

An observation's header names its kind, so that a reader decodes a value once and knows what it is. An
effect is a CloudEvent in JSON whose extension attributes name the observation that caused it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.arrow_batches import decode_batch, encode_batch
from schemas.codec import from_json, from_python, to_json
from schemas.effects import Effect, Said
from schemas.errors import SchemaError
from schemas.judgements import Evidence, Recovery, Verdict
from schemas.keys import EnvironmentName, derived_id, service_key
from schemas.observations import (
    Approval,
    Body,
    FreezeSet,
    KillSwitchSet,
    LogBatch,
    LogPosition,
    Observation,
    Origin,
    OutcomeReported,
    PodChanged,
    RecoveryJudged,
    ReleaseClosed,
    ReleaseOpened,
    ReleaseStarted,
    SettingsChanged,
    SuspicionChanged,
    Tick,
    VerdictReached,
)
from schemas.orders import Command, Decision, Denied, Held, Outcome, Page
from schemas.samples import SampleBatch
from schemas.topics import Topic

KIND_HEADER = "suture-kind"
ORIGIN_HEADER = "suture-origin"
SIGNATURE_HEADER = "suture-signature"
SOURCE = "/suture"

_MOST_PARTITIONS = 2**31 - 1
_LARGEST_OFFSET = 2**63 - 1

Headers = list[tuple[str, bytes]]

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
    "recovery-judged": RecoveryJudged,
}
_KIND_OF = {kind: name for name, kind in OBSERVATION_KINDS.items()}

EFFECT_TYPES: dict[str, type[Any]] = {
    "dev.suture.release_opened.v1": ReleaseOpened,
    "dev.suture.release_closed.v1": ReleaseClosed,
    "dev.suture.evidence.v1": Evidence,
    "dev.suture.verdict_reached.v1": VerdictReached,
    "dev.suture.suspicion.v1": SuspicionChanged,
    "dev.suture.decision.v1": Decision,
    "dev.suture.held.v1": Held,
    "dev.suture.denied.v1": Denied,
    "dev.suture.command.v1": Command,
    "dev.suture.page.v1": Page,
    "dev.suture.outcome.v1": OutcomeReported,
    "dev.suture.recovery.v1": Recovery,
    "dev.suture.approval.v1": Approval,
    "dev.suture.freeze.v1": FreezeSet,
    "dev.suture.kill_switch.v1": KillSwitchSet,
    "dev.suture.settings.v1": SettingsChanged,
}
_TYPE_OF = {kind: name for name, kind in EFFECT_TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes onto a topic."""

    topic: Topic
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


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
        raise SchemaError(f"observation kind is {kind_name[:40]!r}, expected one of the known kinds")
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
        case SampleBatch() | LogBatch() | PodChanged():
            return (service_key(body.environment, body.service),)
        case ReleaseStarted():
            return (service_key(body.release.environment, body.release.service),)
        case Tick() | SettingsChanged():
            return ("",)
        case Approval() | FreezeSet() | KillSwitchSet() | ReleaseClosed():
            return (body.environment,)
        case OutcomeReported(outcome=outcome):
            return (service_key(outcome.environment, outcome.service), outcome.environment)
        case ReleaseOpened() | VerdictReached():
            return (body.release.environment,)
        case SuspicionChanged():
            return (body.suspicion.environment,)
        case RecoveryJudged():
            return (body.recovery.environment,)


def effect_message(effect: Effect) -> Message:
    """Return an effect as it goes onto the topic `effects`."""
    return Message(topic=Topic.EFFECTS, key=effect.key.encode(), value=cloud_event(effect))


VERDICT_TYPE = "dev.suture.verdict.v1"


def verdict_event(effect: Effect, verdict: Verdict) -> bytes:
    """Return the public part of a verdict as a CloudEvent in JSON."""
    return _event(effect, VERDICT_TYPE, verdict)


def cloud_event(effect: Effect) -> bytes:
    """Return an effect as a CloudEvent in JSON."""
    return _event(effect, _TYPE_OF[type(effect.said)], effect.said)


def _event(effect: Effect, kind: str, content: object) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": said_id(effect.said),
        "source": SOURCE,
        "type": kind,
        "time": _iso(said_at(effect.said)),
        "subject": effect.key,
        "datacontenttype": "application/json",
        "causetopic": effect.cause.topic,
        "causepartition": effect.cause.partition,
        "causeoffset": effect.cause.offset,
        "causeindex": effect.index,
    }
    # The data are serialised once, by their own serialiser, and put into the envelope as they are.
    head = json.dumps(envelope, separators=(",", ":")).encode()
    return head[:-1] + b',"data":' + to_json(content) + b"}"


def read_effect(value: bytes | None) -> Effect:
    """Return the effect that a message of the topic `effects` holds.

    Raises:
        SchemaError: it is not a CloudEvent of a known type, or its data are not what the type promises.
    """
    envelope = read_envelope(value)
    kind = EFFECT_TYPES.get(str(envelope.get("type")))
    if kind is None:
        raise SchemaError(f"effect type is {str(envelope.get('type'))[:60]!r}, expected a known one")
    topic, key = _word(envelope, "causetopic"), _word(envelope, "subject")
    cause = LogPosition(
        topic=topic,
        partition=_place(envelope, "causepartition", _MOST_PARTITIONS),
        offset=_place(envelope, "causeoffset", _LARGEST_OFFSET),
    )
    index = _place(envelope, "causeindex", _LARGEST_OFFSET)
    said: Said = from_python_json(kind, envelope.get("data"))
    _require_utc(said)
    return Effect(key=key, cause=cause, index=index, said=said)


def _place(envelope: dict[str, Any], name: str, largest: int) -> int:
    """Return a whole number of an effect's cause, small enough for every column that will hold it."""
    value = envelope.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise SchemaError(f"{name} of an effect is no number from 0 to {largest}")
    return value


def _word(envelope: dict[str, Any], name: str) -> str:
    """Return a string of an effect's envelope that UTF-8 can write: JSON may hold halves of characters."""
    value = envelope.get(name)
    if not isinstance(value, str):
        raise SchemaError(f"{name} of an effect is no string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SchemaError(f"{name} of an effect is not UTF-8") from error
    return value


def _require_utc(value: object) -> None:
    """Refuse instants that exist in their own time zone only, such as the last hours of the year 9999."""
    if isinstance(value, datetime):
        try:
            value.astimezone(UTC)
        except OverflowError as error:
            raise SchemaError("an instant of an effect lies outside the calendar in UTC") from error
    elif isinstance(value, tuple):
        for item in value:
            _require_utc(item)
    elif is_dataclass(value):
        for field in fields(value):
            _require_utc(getattr(value, field.name))


def read_envelope(value: bytes | None) -> dict[str, Any]:
    """Return a CloudEvent's JSON object.

    Raises:
        SchemaError: it is not a JSON object.
    """
    if not value:
        raise SchemaError("message has no value")
    try:
        envelope = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise SchemaError("value is not JSON") from error
    if not isinstance(envelope, dict):
        raise SchemaError("value is no JSON object, expected a CloudEvent")
    return envelope


def from_python_json(kind: type[Any], data: object) -> Any:
    """Return a value from decoded JSON, as strictly as from JSON text."""
    return from_json(kind, json.dumps(data)) if not isinstance(data, str) else from_python(kind, data)


def order_message(
    topic: Topic, key: str, kind: str, id_: str, at: datetime, subject: str, data: Command | Outcome
) -> Message:
    """Return a command or an outcome as a CloudEvent, not yet signed."""
    envelope = {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": kind,
        "time": _iso(at),
        "subject": subject,
        "datacontenttype": "application/json",
    }
    head = json.dumps(envelope, separators=(",", ":")).encode()
    return Message(topic=topic, key=key.encode(), value=head[:-1] + b',"data":' + to_json(data) + b"}")


def command_message(command: Command) -> Message:
    """Return a command as it goes onto the topic `commands`, not yet signed."""
    return order_message(
        Topic.COMMANDS,
        command.target.key,
        "dev.suture.command.v1",
        command.id,
        command.issued_at,
        command.release,
        command,
    )


def outcome_message(outcome: Outcome) -> Message:
    """Return an outcome as it goes onto the topic `outcomes`, not yet signed."""
    return order_message(
        Topic.OUTCOMES,
        outcome.target.key,
        "dev.suture.outcome.v1",
        outcome.id,
        outcome.at,
        outcome.release,
        outcome,
    )


def read_command(value: bytes | None) -> Command:
    """Return the command that a message holds.

    Raises:
        SchemaError: it holds none.
    """
    command: Command = from_python_json(Command, read_envelope(value).get("data"))
    return command


def read_outcome(value: bytes | None) -> Outcome:
    """Return the outcome that a message holds.

    Raises:
        SchemaError: it holds none.
    """
    outcome: Outcome = from_python_json(Outcome, read_envelope(value).get("data"))
    return outcome


def said_id(said: Said) -> str:
    """Return the id of what was said; the same for a repeat."""
    match said:
        case ReleaseOpened(release=release):
            return derived_id("release_opened", release.id)
        case ReleaseClosed():
            return derived_id("release_closed", said.release)
        case VerdictReached(verdict=verdict):
            return verdict.id
        case SuspicionChanged(suspicion=suspicion):
            return derived_id("suspicion", suspicion.release, _iso(suspicion.at))
        case OutcomeReported(outcome=outcome):
            return outcome.id
        case Approval():
            return derived_id("approval", said.hold, said.by, said.channel, _iso(said.at))
        case FreezeSet():
            return derived_id("freeze", said.environment, _iso(said.at), _iso(said.until))
        case KillSwitchSet():
            return derived_id("kill_switch", said.environment, _iso(said.at), str(said.is_on))
        case SettingsChanged():
            return derived_id("settings", said.digest, _iso(said.at))
        case _:
            return str(said.id)


def said_at(said: Said) -> datetime:
    """Return the instant at which it was said, in the log's time."""
    match said:
        case ReleaseOpened(release=release):
            return release.started_at
        case VerdictReached(verdict=verdict):
            return verdict.at
        case SuspicionChanged(suspicion=suspicion):
            return suspicion.at
        case OutcomeReported(outcome=outcome):
            return outcome.at
        case Command():
            return said.issued_at
        case _:
            return said.at


def environment_of(said: Said) -> EnvironmentName | None:
    """Return the environment that it is about; None for a settings change."""
    match said:
        case ReleaseOpened(release=release) | VerdictReached(release=release):
            return release.environment
        case SuspicionChanged(suspicion=suspicion):
            return suspicion.environment
        case OutcomeReported(outcome=outcome):
            return outcome.environment
        case Evidence() | SettingsChanged():
            return None
        case _:
            return said.environment


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


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
