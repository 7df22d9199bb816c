"""What the gate said of a build goes through the log and is said as it came, once."""

from datetime import timedelta

from schemas.keys import EnvironmentName
from schemas.observation_messages import observation_message, read_observation
from schemas.observations import LogPosition
from schemas.topics import Topic
from streams.engine import Engine
from tests.feature_store.risk_log import a_release, assessed
from tests.feature_store.script import START

PROD = EnvironmentName("prod")


def test_an_assessment_changes_nothing_and_is_kept_with_its_cause() -> None:
    body = assessed(a_release("cart", 1, START + timedelta(hours=1)), "ada", change_lines=12.0)
    message = observation_message(Topic.ENVIRONMENT_OBSERVATIONS, PROD, body)
    position = LogPosition(topic=Topic.ENVIRONMENT_OBSERVATIONS, partition=3, offset=7)
    observation = read_observation(position, message.key, message.value, message.headers)
    engine = Engine()
    (effect,) = engine.apply(observation)
    assert (effect.key, effect.cause, effect.said) == (PROD, position, body)
    assert engine.apply(observation) == ()
