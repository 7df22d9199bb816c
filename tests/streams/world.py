"""Both machines of Suture with their feedback, in memory: as workers run them, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from schemas.effect_messages import cloud_event
from schemas.effects import Effect
from schemas.observation_messages import observation_message, read_observation
from schemas.observations import Body, Observation, Origin, OutcomeReported, Tick
from schemas.orders import Command, OutcomeKind
from schemas.policy import Policy
from schemas.samples import Series
from schemas.topics import Topic
from streams.engine import Engine
from streams.routing import observations_from
from tests.builders import START, Log, a_batch, a_tick, an_outcome, minute, requests, settings

SERVICES, ENVIRONMENTS = Topic.OBSERVATIONS, Topic.ENVIRONMENT_OBSERVATIONS


class World:
    """One partition of each ordered topic, with its engine.

    Attributes:
        logs: Everything that was put on the topics, in order.
        effects: Everything that was said, in order.
    """

    def __init__(self, policy: Policy | None = None, begins: datetime = START - timedelta(hours=1)) -> None:
        self.engines = {SERVICES: Engine(), ENVIRONMENTS: Engine()}
        self.logs = {topic: Log(topic) for topic in self.engines}
        self.effects: list[Effect] = []
        if policy is not None:
            for topic in self.engines:
                self.put("", settings(policy, begins), topic)

    def put(
        self, key: str, body: Body, topic: Topic = SERVICES, origin: Origin | None = None
    ) -> list[Effect]:
        """Put one observation on a topic, let all follow that does, and return what was said."""
        said: list[Effect] = []
        waiting = deque([(topic, key, body, origin)])
        while waiting:
            place, name, content, source = waiting.popleft()
            for effect in self.engines[place].apply(
                over_the_wire(self.logs[place].put(name, content, source))
            ):
                said.append(effect)
                waiting += [(fed.topic, fed.key, fed.body, fed.origin) for fed in observations_from(effect)]
        self.effects += said
        return said

    def tick(self, at: datetime) -> list[Effect]:
        """Let time pass for services and environments."""
        return self.put("", a_tick(at)) + self.put("", a_tick(at), ENVIRONMENTS)

    def serve(
        self,
        samples: Iterable[tuple[Series, datetime, float]],
        service: str = "cart",
        environment: str = "dev",
    ) -> list[Effect]:
        """Let a service send samples."""
        return self.put(f"{environment}/{service}", a_batch(samples, service, environment))

    def report(self, command: Command, at: datetime, kind: OutcomeKind = OutcomeKind.DONE) -> list[Effect]:
        """Let an executor report what became of a command, to its service and its environment."""
        reported: OutcomeReported = an_outcome(command, at, kind)
        key = f"{command.environment}/{command.service}"
        return self.put(key, reported) + self.put(command.environment, reported, ENVIRONMENTS)

    def quiet_hour(
        self, pods: Iterable[str] = ("a", "b", "c"), service: str = "cart", environment: str = "dev"
    ) -> None:
        """Play the hour before the release: every pod answers, one in three hundred requests fails."""
        for number in range(-60, 0):
            self.minute_of(number, dict.fromkeys(pods, 1.0), service, environment)

    def minute_of(
        self, number: int, errors: dict[str, float], service: str = "cart", environment: str = "dev"
    ) -> list[Effect]:
        """Play one minute of old pods with so many errors each, and let it pass."""
        end = minute(number + 1)
        samples = [entry for pod, failed in errors.items() for entry in requests(pod, end, errors=failed)]
        said = self.serve(samples, service, environment) if samples else []
        return said + self.tick(end + timedelta(seconds=5))


def over_the_wire(entry: Observation) -> Observation:
    """Return an observation as a worker reads it from Kafka."""
    message = observation_message(Topic(entry.position.topic), entry.key, entry.body, entry.origin)
    return read_observation(entry.position, message.key, message.value, message.headers)


def wire(effects: Iterable[Effect]) -> list[bytes]:
    """Return effects as they stand on their topic."""
    return [cloud_event(effect) for effect in effects]


def is_tick(entry: Observation) -> bool:
    """Return whether an entry says nothing but that time passed."""
    return isinstance(entry.body, Tick)
