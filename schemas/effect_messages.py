"""Effects as CloudEvents, whose extension attributes name the observation that caused them."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.approvals import HoldChanged
from schemas.effects import Effect, Said
from schemas.envelopes import Message, envelope, from_python_json, iso, read_envelope
from schemas.errors import SchemaError
from schemas.explanations import Explained
from schemas.judgements import Anomaly, Evidence, Recovery, Verdict
from schemas.keys import derived_id
from schemas.labels import Labelled
from schemas.models import ModelChanged
from schemas.observations import (
    Approval,
    FailureCleared,
    FailureSeen,
    FreezeSet,
    KillSwitchSet,
    LogPosition,
    OutcomeReported,
    ReleaseClosed,
    ReleaseOpened,
    SettingsChanged,
    SuspicionChanged,
    VerdictReached,
)
from schemas.orders import Command, Decision, Denied, Held, Page
from schemas.quality import BuildAssessed
from schemas.smoke_tests import SmokeTested
from schemas.topics import Topic

_MOST_PARTITIONS = 2**31 - 1
_LARGEST_OFFSET = 2**63 - 1

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
    "dev.suture.anomaly.v1": Anomaly,
    "dev.suture.failure_seen.v1": FailureSeen,
    "dev.suture.failure_cleared.v1": FailureCleared,
    "dev.suture.approval.v1": Approval,
    "dev.suture.freeze.v1": FreezeSet,
    "dev.suture.kill_switch.v1": KillSwitchSet,
    "dev.suture.settings.v1": SettingsChanged,
    "dev.suture.hold_changed.v1": HoldChanged,
    "dev.suture.smoke_tested.v1": SmokeTested,
    "dev.suture.build_assessed.v1": BuildAssessed,
    "dev.suture.labelled.v1": Labelled,
    "dev.suture.explained.v1": Explained,
    "dev.suture.model.v1": ModelChanged,
}
_TYPE_OF = {kind: name for name, kind in EFFECT_TYPES.items()}


def effect_message(effect: Effect) -> Message:
    """Return an effect as it goes onto the topic `effects`."""
    return Message(topic=Topic.EFFECTS, key=effect.key.encode(), value=cloud_event(effect))


VERDICT_TYPE = "dev.suture.verdict.v1"


def verdict_event(effect: Effect, verdict: Verdict) -> bytes:
    """Return the public part of a verdict as a CloudEvent in JSON."""
    return _event(effect, VERDICT_TYPE, verdict)


def read_verdict(value: bytes | None) -> Verdict:
    """Return the verdict that a message of the topic `verdicts` holds.

    Raises:
        SchemaError: it is not a CloudEvent of a verdict, or its data are not what the type promises.
    """
    found = read_envelope(value)
    if found.get("type") != VERDICT_TYPE:
        raise SchemaError(f"type is not {VERDICT_TYPE}")
    verdict: Verdict = from_python_json(Verdict, found.get("data"))
    return verdict


def cloud_event(effect: Effect) -> bytes:
    """Return an effect as a CloudEvent in JSON."""
    return _event(effect, _TYPE_OF[type(effect.said)], effect.said)


def _event(effect: Effect, kind: str, content: object) -> bytes:
    return envelope(
        kind=kind,
        id_=said_id(effect.said),
        at=said_at(effect.said),
        subject=effect.key,
        data=content,
        causetopic=effect.cause.topic,
        causepartition=effect.cause.partition,
        causeoffset=effect.cause.offset,
        causeindex=effect.index,
    )


def read_effect(value: bytes | None) -> Effect:
    """Return the effect that a message of the topic `effects` holds.

    Raises:
        SchemaError: it is not a CloudEvent of a known type, or its data are not what the type promises.
    """
    found = read_envelope(value)
    kind = EFFECT_TYPES.get(str(found.get("type")))
    if kind is None:
        raise SchemaError("effect is of no known type")
    topic, key = _word(found, "causetopic"), _word(found, "subject")
    cause = LogPosition(
        topic=topic,
        partition=_place(found, "causepartition", _MOST_PARTITIONS),
        offset=_place(found, "causeoffset", _LARGEST_OFFSET),
    )
    index = _place(found, "causeindex", _LARGEST_OFFSET)
    said: Said = from_python_json(kind, found.get("data"))
    _require_utc(said)
    return Effect(key=key, cause=cause, index=index, said=said)


def _place(found: dict[str, Any], name: str, largest: int) -> int:
    """Return a whole number of an effect's cause, small enough for every column that will hold it."""
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise SchemaError(f"{name} of an effect is no number from 0 to {largest}")
    return value


def _word(found: dict[str, Any], name: str) -> str:
    """Return a string of an effect's envelope that UTF-8 can write: JSON may hold halves of characters."""
    value = found.get(name)
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
            return derived_id("suspicion", suspicion.release, iso(suspicion.at))
        case OutcomeReported(outcome=outcome):
            return outcome.id
        case FailureSeen(failure=failure):
            return derived_id("failure_seen", failure.id, iso(failure.at), str(failure.failing))
        case FailureCleared():
            return derived_id("failure_cleared", said.failure, iso(said.at))
        case Approval():
            return derived_id("approval", said.hold, said.by, said.channel, iso(said.at))
        case FreezeSet():
            return derived_id("freeze", said.environment, iso(said.at), iso(said.until))
        case KillSwitchSet():
            return derived_id("kill_switch", said.environment, iso(said.at), str(said.is_on))
        case SettingsChanged():
            return derived_id("settings", said.digest, iso(said.at))
        case SmokeTested():
            return derived_id("smoke_tested", said.environment, said.service, said.version, iso(said.at))
        case BuildAssessed():
            return derived_id("build_assessed", said.environment, said.service, said.version, iso(said.at))
        case Labelled(label=label):
            return label.id
        case Explained(explanation=explanation):
            return explanation.id
        case ModelChanged():
            return derived_id("model", said.card.id, said.stage, iso(said.at))
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
        case FailureSeen(failure=failure):
            return failure.at
        case Labelled(label=label):
            return label.at
        case Explained(explanation=explanation):
            return explanation.at
        case Command():
            return said.issued_at
        case _:
            return said.at
