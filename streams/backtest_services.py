"""The first half of a backtest: services judged again, by each contender, from the same observations."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import AwareDatetime

from schemas.effects import Effect
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import Observation, OutcomeReported, VerdictReached
from schemas.orders import CommandKind, OutcomeKind
from streams.backtest_contenders import Contender
from streams.engine import Engine
from streams.routing import observations_from

logger = logging.getLogger("suture.backtest")

_UNDOES = (CommandKind.UNDO, CommandKind.ABORT)
_HAPPENED = (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a service said that its environment hears.

    Attributes:
        at: The log's time when it was said: the newest tick; None before the first.
    """

    at: AwareDatetime | None
    effect: Effect


@dataclass(slots=True, kw_only=True)
class ServicesRun:
    """What the services of one part of a log said to one contender's settings.

    Attributes:
        heard: What their environments hear, in the order in which it was said.
        cut_off: Releases that were really taken back before this contender called them harmful, and when:
            what it would have said later cannot be known.
        failed: Observations that the engine could not apply.
    """

    heard: list[Heard] = field(default_factory=list)
    cut_off: dict[ReleaseId, datetime] = field(default_factory=dict)
    failed: int = 0


@dataclass(slots=True, kw_only=True)
class ServicesJudged:
    """What came of one part of a log.

    Attributes:
        runs: One a contender, in their order.
        undone: When releases were really taken back.
        observations: How many there were.
        until: Newest time in it; None when it holds none.
    """

    runs: list[ServicesRun]
    undone: dict[ReleaseId, datetime] = field(default_factory=dict)
    observations: int = 0
    until: AwareDatetime | None = None


class _Judging:
    """One contender's engine over services."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._engine = Engine(contender.beginning())
        self._harmful: set[ReleaseId] = set()
        self.run = ServicesRun()

    @property
    def now(self) -> datetime | None:
        return self._engine.state.now

    def take(self, observation: Observation, undone: ReleaseId | None) -> None:
        if self._contender.brings_its_own(observation):
            return
        if undone is not None and undone not in self._harmful:
            assert isinstance(observation.body, OutcomeReported)
            self.run.cut_off.setdefault(undone, observation.body.outcome.at)
        try:
            effects = self._engine.apply(observation)
        except Exception:  # as a live worker does: one entry must not end the judging of all others
            logger.exception("engine failed", extra={"key": observation.key})
            self.run.failed += 1
            return
        for effect in effects:
            said = effect.said
            if isinstance(said, VerdictReached) and said.verdict.kind is VerdictKind.HARMFUL:
                self._harmful.add(said.release.id)
            if observations_from(effect):
                self.run.heard.append(Heard(at=self.now, effect=effect))


def judge_services(observations: Iterable[Observation], contenders: Sequence[Contender]) -> ServicesJudged:
    """Return what services say to each contender's settings.

    An outcome tells of the world and every contender hears it: when a release was really taken back its
    canary is gone, for those, too, who would have kept it.

    Args:
        observations: Of any services, in the order of the log, with the ticks and settings between them.
        contenders: Each judges all of it.
    """
    judging = [_Judging(contender) for contender in contenders]
    judged = ServicesJudged(runs=[one.run for one in judging])
    for observation in observations:
        judged.observations += 1
        undone = _undone(observation)
        if undone is not None and isinstance(observation.body, OutcomeReported):
            judged.undone.setdefault(undone, observation.body.outcome.at)
        for one in judging:
            one.take(observation, undone)
    judged.until = next((one.now for one in judging if one.now is not None), None)
    return judged


def _undone(observation: Observation) -> ReleaseId | None:
    """Return the release that an observation says was taken back; None for any other."""
    body = observation.body
    if not isinstance(body, OutcomeReported) or body.outcome.command_kind not in _UNDOES:
        return None
    return body.outcome.release if body.outcome.kind in _HAPPENED else None
