"""The second half of a backtest: each environment decides again, from what its services said anew.

Live, what a service says reaches its environment through the log, a moment after the tick at which it was
said. Here it is put right behind the environment's first tick that is no earlier: the same in every run, and
however the services were spread over processes.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.effects import Effect
from schemas.instants import EPOCH
from schemas.keys import EnvironmentName
from schemas.observations import Body, LogPosition, Observation, Origin, Tick
from schemas.topics import Topic
from streams.backtest_contenders import Contender, LeftOut, Listening
from streams.backtest_services import Heard
from streams.engine import Engine
from streams.routing import observations_from

logger = logging.getLogger("suture.backtest")


@dataclass(slots=True, kw_only=True)
class EnvironmentRun:
    """What one environment said to one contender's settings.

    Attributes:
        effects: Decisions, holds, commands and whatever else, in order.
        left_out: What the contender was not told, since it answers what it did not do.
        failed: Observations that the engine could not apply.
    """

    effects: list[Effect] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    failed: int = 0


class _Deciding:
    """One contender's engine over one environment, with a log of its own that it writes as it goes."""

    def __init__(self, environment: EnvironmentName, contender: Contender) -> None:
        self._environment = environment
        self._engine = Engine(contender.beginning())
        self._listening = Listening(contender=contender)
        self._end = 0
        self.run = EnvironmentRun(left_out=self._listening.left_out)

    @property
    def now(self) -> datetime | None:
        return self._engine.state.now

    def take(self, observation: Observation) -> None:
        state = self._engine.state.environments.get(self._environment)
        if self._listening.may_hear(observation, state):
            self._apply(observation.key, observation.body, observation.origin)

    def hear(self, heard: Heard) -> None:
        for fed in observations_from(heard.effect):
            self._apply(fed.key, fed.body, None)

    def _apply(self, key: str, body: Body, origin: Origin | None) -> None:
        # What is left out and what is put in make it another log, with places of its own.
        position = LogPosition(topic=Topic.ENVIRONMENT_OBSERVATIONS.value, partition=0, offset=self._end)
        self._end += 1
        try:
            said = self._engine.apply(Observation(key=key, body=body, position=position, origin=origin))
        except Exception:  # as a live worker does: one entry must not end the deciding about all others
            logger.exception("engine failed", extra={"key": key})
            self.run.failed += 1
            return
        self.run.effects.extend(said)


def decide_again(
    environment: EnvironmentName,
    observations: Iterable[Observation],
    heard: Sequence[Sequence[Heard]],
    contenders: Sequence[Contender],
) -> list[EnvironmentRun]:
    """Return what an environment says to each contender's settings, in their order.

    Args:
        environment: Whose.
        observations: Its log, in order, with the ticks and settings between them.
        heard: By contender, what the environment's services said, in any order.
        contenders: As many as there are sequences of what was heard.
    """
    deciding = [_Deciding(environment, contender) for contender in contenders]
    waiting = [sorted(said, key=_order, reverse=True) for said in heard]

    def catch_up(until: datetime | None) -> None:
        for one, said in zip(deciding, waiting, strict=True):
            while said and (until is None or said[-1].at is None or said[-1].at <= until):
                one.hear(said.pop())

    has_begun = False
    for observation in observations:
        if isinstance(observation.body, Tick) and not has_begun:
            has_begun = True
            catch_up(EPOCH)
        for one in deciding:
            one.take(observation)
        if isinstance(observation.body, Tick):
            catch_up(observation.body.at)
    catch_up(None)
    return [one.run for one in deciding]


def _order(heard: Heard) -> tuple[datetime, str, int, int]:
    """Return where something said belongs: by time, then by service, as one engine for all would speak."""
    effect = heard.effect
    return heard.at or EPOCH, effect.key, effect.cause.offset, effect.index
