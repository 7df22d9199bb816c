"""Shadow: a second engine over the same log, judging by another profile; what it says never acts.

It is a function of the log, as the live engines are. So a restart loses nothing: the log is read again, from
some days before the trial began, so that the shadow knows what was usual when its first release came. What
it says is kept here, apart from all that others hear.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.errors import SchemaError
from schemas.judgements import VerdictKind
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition, VerdictReached
from schemas.policy import Policy
from schemas.profiles import Profile
from schemas.records import Record
from schemas.topics import Topic
from streams.backtest_contenders import Contender
from streams.engine import Engine
from streams.recorded_log import Place, RecordedLog

logger = logging.getLogger("suture.learner")

WARM_UP = timedelta(days=3)
"""So much of the log before the trial is read as well, for what the judge remembers of services."""

MOST_RELEASES = 20_000
"""Releases that a shadow's word is kept of; the oldest go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A shadow's last word on a release.

    Attributes:
        harmful_at: When it first called it harmful; None for never.
        is_final: Its watch is over.
    """

    harmful_at: datetime | None
    is_final: bool


@dataclass(slots=True)
class Shadow:
    """Judges a log by a profile.

    Args:
        name: Id of the model that the profile is of; "" for the rules as they stand.
        profile: What it judges by.
        since: When its trial began.
        policy: What holds until the log says.

    Attributes:
        said: By release, the newest last.
    """

    name: str
    profile: Profile
    since: datetime
    policy: Policy
    said: "OrderedDict[str, Said]" = field(default_factory=OrderedDict)
    _engines: dict[int, Engine] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)

    def follow(self, log: RecordedLog, is_stopped: Callable[[], bool] = lambda: False) -> int:
        """Read what the log has by now, and return the number of entries.

        Args:
            log: What is judged.
            is_stopped: Asked after every entry; what is left then is read when it is followed again.
        """
        count = 0
        for place in log.places():
            if place[0] == Topic.OBSERVATIONS and not is_stopped():
                count += self._follow(log, place, is_stopped)
        return count

    def _follow(self, log: RecordedLog, place: Place, is_stopped: Callable[[], bool]) -> int:
        partition, count = place[1], 0
        start = self._next.get(partition)
        records = (
            log.read(place, since=self.since - WARM_UP) if start is None else log.read(place, start=start)
        )
        for record in records:
            self._next[partition] = record.offset + 1
            self.take(record)
            count += 1
            if is_stopped():
                break
        return count

    def take(self, record: Record) -> None:
        """Judge one entry of the judge's topic."""
        contender = Contender(name=self.name, profile=self.profile, before=self.policy)
        if record.partition not in self._engines:
            self._engines[record.partition] = Engine(contender.beginning())
        position = LogPosition(topic=record.topic, partition=record.partition, offset=record.offset)
        try:
            observation = read_observation(position, record.key, record.value, record.headers)
        except SchemaError:
            # The live worker put it among the dead letters, and judged without it.
            return
        if contender.brings_its_own(observation):
            return
        try:
            effects = self._engines[record.partition].apply(observation)
        except Exception:  # as a live worker does: one entry must not end the judging of all others
            logger.exception("shadow failed", extra={"model": self.name, "offset": record.offset})
            return
        for effect in effects:
            if isinstance(effect.said, VerdictReached):
                self._hear(effect.said)

    def _hear(self, reached: VerdictReached) -> None:
        verdict = reached.verdict
        if reached.release.started_at < self.since:
            return
        before = self.said.pop(verdict.release, None)
        harmful_at = before.harmful_at if before is not None else None
        if harmful_at is None and verdict.kind is VerdictKind.HARMFUL:
            harmful_at = verdict.at
        is_final = verdict.is_final or (before is not None and before.is_final)
        self.said[verdict.release] = Said(harmful_at=harmful_at, is_final=is_final)
        if len(self.said) > MOST_RELEASES:
            self.said.popitem(last=False)
