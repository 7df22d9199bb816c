"""A random schedule from a seed: what is ordered, how often it is delivered, and what goes wrong when."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Order(StrEnum):
    """What is ordered of one target's objects; none of it needs a pod."""

    UNDO = "undo"
    UNDO_EXPECTING = "undo of an expected template"
    RESTART = "restart"
    PAUSE = "pause"
    RESUME = "resume"
    SET_CONFIG = "set config"
    SET_AND_RESTART = "set config and restart"
    RUN_JOB = "run job"


class Blow(StrEnum):
    """What goes wrong."""

    KILL = "the executor is killed"
    UNHEARD = "the server is not reached"
    LOST = "the server's answer is lost"
    TAKEN_OVER = "another executor is given the target"
    LABELS = "a rival labels what is changed"
    DEPLOYS = "a rival deploys another version"
    PAUSES = "a rival pauses or resumes"
    SETS = "a rival sets the key"


REPORT = 0
"""The request that is none: an outcome is put onto the log."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something goes wrong.

    Attributes:
        attempt: Counts the executions of commands, by whichever executor, from 0.
        request: Counts the requests of that execution, from 1; `REPORT` for its outcome.
        is_after: When it is done, and before the executor hears of it; else before it is sent.
    """

    attempt: int
    request: int
    is_after: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule.

    Attributes:
        seed: What it was drawn from.
        orders: Commands, in the order in which they were given.
        lane: Deliveries as indices of commands; a duplicate follows its first delivery.
        blows: What goes wrong when; a moment that never comes does no harm.
    """

    seed: int
    orders: tuple[Order, ...]
    lane: tuple[int, ...]
    blows: Mapping[Moment, Blow]


_FIRST_WRITE_BY = 7
"""Requests within which most executions have written and looked again."""


def draw(seed: int) -> Plan:
    """Return the schedule of a seed."""
    chance = random.Random(seed)
    # Few kinds, so that orders meet on one field.
    kinds = chance.sample(list(Order), 3)
    orders = tuple(chance.choice(kinds) for _ in range(chance.randint(2, 4)))
    lane = list(range(len(orders)))
    for command in range(len(orders)):
        if chance.random() < 0.3:
            lane.insert(chance.randint(lane.index(command) + 1, len(lane)), command)
    blows: dict[Moment, Blow] = {}
    if chance.random() < 0.5:
        moment = Moment(chance.randrange(len(orders)), chance.randint(1, _FIRST_WRITE_BY), is_after=False)
        blows[moment] = Blow.TAKEN_OVER
    for _ in range(chance.randint(1, 6)):
        attempt = chance.randint(0, len(lane) + 2)
        if chance.random() < 0.15:
            blows[Moment(attempt, REPORT, chance.random() < 0.5)] = Blow.KILL
            continue
        blow = chance.choice([Blow.KILL, *Blow])
        moment = Moment(
            attempt, chance.randint(1, _FIRST_WRITE_BY), blow is Blow.LOST or chance.random() < 0.5
        )
        blows[moment] = Blow.UNHEARD if blow is Blow.UNHEARD and moment.is_after else blow
        if blow is Blow.UNHEARD and moment.is_after:
            blows[Moment(attempt, moment.request, False)] = blows.pop(moment)
    return Plan(seed, orders, tuple(lane), MappingProxyType(blows))
