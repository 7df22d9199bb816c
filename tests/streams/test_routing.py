"""What the engine says goes where it is news, and no further."""

from datetime import UTC, datetime

import pytest

from schemas.effects import Effect
from schemas.failures import Failure, FailurePattern
from schemas.keys import EnvironmentName, ServiceName
from schemas.observation_messages import read_observation
from schemas.observations import FailureCleared, FailureSeen, LogPosition
from schemas.releases import Target, TargetKind
from schemas.topics import Topic
from streams.routing import messages_from, observations_from

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
PROD, CART = EnvironmentName("prod"), ServiceName("cart")
FAILURE = Failure(
    id="prod-cart-saturation-1",
    pattern=FailurePattern.SATURATION,
    environment=PROD,
    service=CART,
    target=Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="prod", workload="cart"),
    since=AT,
    at=AT,
)
SEEN = FailureSeen(failure=FAILURE)
CLEARED = FailureCleared(failure=FAILURE.id, environment=PROD, service=CART, at=AT)


def said_by(key: str, said: FailureSeen | FailureCleared) -> Effect:
    cause = LogPosition(topic="observations", partition=3, offset=7)
    return Effect(key=key, cause=cause, index=0, said=said)


@pytest.mark.parametrize("said", [SEEN, CLEARED])
def test_a_failure_that_a_service_finds_is_told_to_its_environment(
    said: FailureSeen | FailureCleared,
) -> None:
    (fed,) = observations_from(said_by("prod/cart", said))
    assert (fed.topic, fed.key, fed.body) == (Topic.ENVIRONMENT_OBSERVATIONS, "prod", said)


@pytest.mark.parametrize("said", [SEEN, CLEARED])
def test_a_failure_that_an_environment_took_in_is_not_told_to_it_again(
    said: FailureSeen | FailureCleared,
) -> None:
    assert observations_from(said_by("prod", said)) == ()
    assert [message.topic for message in messages_from(said_by("prod", said))] == [Topic.EFFECTS]


def test_what_is_fed_back_reads_as_it_was_said() -> None:
    *_, message = messages_from(said_by("prod/cart", SEEN))
    position = LogPosition(topic="environment-observations", partition=1, offset=2)
    assert read_observation(position, message.key, message.value, message.headers).body == SEEN
