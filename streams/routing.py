"""Where what the engine says goes: one place that the live shells, replay and benchmarks all use."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.approvals import HoldChanged
from schemas.effect_messages import cloud_event, effect_message, verdict_event
from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.judgements import Anomaly, Recovery
from schemas.observation_messages import observation_message
from schemas.observations import (
    AnomalySeen,
    Body,
    FailureCleared,
    FailureSeen,
    Origin,
    RecoveryJudged,
    ReleaseClosed,
    ReleaseOpened,
    SuspicionChanged,
    VerdictReached,
)
from schemas.orders import Command, Decision, Denied, Held, Page
from schemas.topics import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What is fed back onto an ordered topic because of an effect."""

    topic: Topic
    key: str
    body: Body
    origin: Origin


def observations_from(effect: Effect) -> tuple[Fed, ...]:
    """Return the observations that an effect becomes: what a service says is news to its environment."""
    said = effect.said
    body: Body
    match said:
        case ReleaseOpened() | VerdictReached():
            environment, body = said.release.environment, said
        case ReleaseClosed():
            environment, body = said.environment, said
        case SuspicionChanged():
            environment, body = said.suspicion.environment, said
        case Anomaly():
            environment, body = said.environment, AnomalySeen(anomaly=said)
        case FailureSeen() | FailureCleared() if "/" not in effect.key:
            # The environment itself says what it took in: told to it again, it would never end.
            return ()
        case FailureSeen(failure=failure):
            environment, body = failure.environment, said
        case FailureCleared():
            environment, body = said.environment, said
        case Recovery() if effect.key != said.environment:
            # What the environment says itself, of a playbook's step, it knows.
            environment, body = said.environment, RecoveryJudged(recovery=said)
        case _:
            return ()
    cause = effect.cause
    origin = Origin(topic=cause.topic, partition=cause.partition, offset=cause.offset, index=effect.index)
    return (Fed(topic=Topic.ENVIRONMENT_OBSERVATIONS, key=environment, body=body, origin=origin),)


def messages_from(effect: Effect) -> Iterator[Message]:
    """Return an effect's messages, but for commands: those are signed by who holds the key.

    Every effect goes to `effects`, for the journal; verdicts and decisions go to their public topics;
    news for the environment goes onto its ordered topic.
    """
    yield effect_message(effect)
    said = effect.said
    match said:
        case VerdictReached(verdict=verdict):
            yield Message(
                topic=Topic.VERDICTS, key=verdict.release.encode(), value=verdict_event(effect, verdict)
            )
        case Decision() | Held() | Denied() | Page() | HoldChanged():
            yield Message(topic=Topic.DECISIONS, key=said.environment.encode(), value=cloud_event(effect))
        case _:
            pass
    for fed in observations_from(effect):
        yield observation_message(fed.topic, fed.key, fed.body, fed.origin)


def commands_from(effect: Effect) -> tuple[Command, ...]:
    """Return the commands among what was said."""
    return (effect.said,) if isinstance(effect.said, Command) else ()
