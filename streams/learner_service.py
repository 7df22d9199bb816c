"""The learner's process: trains from the journal, tries in shadow, promotes and retires by rule.

It holds nothing that the journal and the log do not: killed at any point, it goes on where they stand. What
it decides it puts onto the log, where the judge reads it between two observations, as it does in a replay.
"""

import logging
import os
import time
from datetime import datetime, timedelta
from importlib.metadata import version
from threading import Event

from actions.playbook_files import load_playbooks, with_playbooks
from actions.policy_file import load_policy
from feature_store.archive_files import ArchiveFileError
from feature_store.inventory import take_inventory
from feature_store.lessons_read import read_lessons
from feature_store.registry import Registry, Standing, read_registry
from feature_store.risk_training import train_risk
from feature_store.stores import open_store
from feature_store.views import Connection, QueryError, connect
from schemas.models import ModelChanged, ModelFamily, ModelStage
from schemas.policy import Policy
from schemas.profiles import Profile
from streams.backtest import compare
from streams.backtest_check import Ruling as Checked
from streams.backtest_contenders import Contender
from streams.backtest_inputs import truths_of
from streams.backtest_recording import RecordedTopics
from streams.kafka_log import LogError, LogWriter
from streams.learner import (
    QUESTIONS,
    Trained,
    announced,
    change_of_challenger,
    change_of_champion,
    change_of_stale,
    is_time_to_ask,
    newest_training,
    profile_of_parent,
    reason_to_learn,
    ruling_on_challenger,
    trials_of,
)
from streams.learning import Training, journal_time, train
from streams.model_changes import tell
from streams.recorded_log import RecordedLog, open_log
from streams.settings import Settings
from streams.shadow import WARM_UP, Shadow

logger = logging.getLogger("suture.learner")

BACKTESTED = timedelta(days=30)
"""So much of the log, at most, a new challenger is run over before it is tried: the newest."""

REMINDED = timedelta(days=1)
"""How often a champion is told of again, so that the log never forgets it."""

_MOST_OF_A_CORE, _LONGEST_PACES = 0.05, 20.0
"""Share of its time that looking takes, and so of one core, and after how many paces it looks nonetheless."""

_NICENESS = 10
"""Judging and acting come first on a machine that is shared."""


class Learner:
    """One installation's learner.

    Args:
        settings: Where journal, archive and broker are, and how often is learnt.
        policy: The rules as people wrote them.
        log: The recorded log.
        stop: Set when it is to end.
    """

    def __init__(
        self, settings: Settings, policy: Policy, log: RecordedLog, stop: Event | None = None
    ) -> None:
        self._settings, self._policy, self._log = settings, policy, log
        self._stop = stop or Event()
        self._shadow: Shadow | None = None
        self._reminded: datetime | None = None
        self._asked: dict[ModelFamily, datetime] = {}
        self._files: tuple[str, ...] | None = None
        self._waits_for: list[ModelChanged] = []

    def look(self) -> list[ModelChanged]:
        """Return what is to be told now, from the journal and the log as they stand.

        A journal without a new file since the last look is not read again: nothing can follow from it. What
        is returned is taken to be told; until the journal has it, nothing more is decided.

        Raises:
            LogError: Kafka cannot be reached.
            QueryError, OSError: the journal cannot be read.
            ArchiveFileError: the archive cannot be read.
        """
        files = tuple(str(file.path) for file in take_inventory(open_store(self._settings.journal)).files)
        if files == self._files:
            return []
        with connect(self._settings.journal) as connection:
            changes = self._decided(connection)
        self._files = None if self._stop.is_set() else files
        self._waits_for = changes or self._waits_for
        return changes

    def untold(self) -> None:
        """Decide anew, since what the last look returned could not be told."""
        self._files, self._waits_for, self._reminded = None, [], None
        self._asked.clear()

    def _decided(self, connection: Connection) -> list[ModelChanged]:
        now = journal_time(connection)
        registries = {family: read_registry(connection, family, now) for family in ModelFamily}
        self._waits_for = [change for change in self._waits_for if not _is_known(registries, change)]
        if self._waits_for:
            return self._waits_for_the_journal()
        registry = registries[ModelFamily.JUDGE]
        change = (
            self._kept(connection, registry, now)
            or change_of_stale(registry, now)
            or self._tried(connection, registry, now)
            or self._learnt(connection, registry, now)
        )
        if change is not None:
            return [change]
        return self._risk(connection, registries[ModelFamily.RISK], now) or self._reminders(registries, now)

    def _tried(self, connection: Connection, registry: Registry, now: datetime) -> ModelChanged | None:
        challenger = registry.challenger
        if challenger is None:
            return None
        shadow = self._followed(challenger.card.id, challenger.profile or Profile(), challenger.since)
        trials = trials_of(connection, challenger.since, now, dict(shadow.said))
        ruling = ruling_on_challenger(challenger, trials, now)
        logger.info("challenger tried", extra={"model": challenger.card.id, "why": ruling.why})
        return change_of_challenger(registry, challenger, ruling, now, self._settings.learner)

    def _kept(self, connection: Connection, registry: Registry, now: datetime) -> ModelChanged | None:
        champion = registry.models.get(registry.champion)
        if champion is None:
            return None
        judged = trials_of(connection, champion.since, now)
        beside = []
        # One shadow at a time: while a challenger has it, the champion is held to its budget alone.
        if registry.challenger is None:
            profile = profile_of_parent(registry, champion)
            shadow = self._followed(champion.card.parent, profile, champion.since)
            beside = trials_of(connection, champion.since, now, dict(shadow.said))
        return change_of_champion(registry, judged, beside, now)

    def _learnt(self, connection: Connection, registry: Registry, now: datetime) -> ModelChanged | None:
        learner = self._settings.learner
        if not is_time_to_ask(registry, now, learner, self._asked.get(ModelFamily.JUDGE)):
            return None
        lessons = read_lessons(connection, now, now - learner.since)
        reason = reason_to_learn(registry, lessons, now, learner)
        self._asked[ModelFamily.JUDGE] = now
        if reason is None:
            return None
        training = train(connection, self._policy, now, learner.since)
        if training.learnt is None or training.learnt.profile == registry.champion_profile:
            logger.info("nothing new was learnt", extra={"why": reason})
            return None
        return announced(self._backtested(registry, training), now, reason)

    def _backtested(self, registry: Registry, training: Training) -> Trained:
        """Return how the challenger does on the recorded log beside the champion."""
        learnt = training.learnt
        assert learnt is not None
        since = training.as_of - min(self._settings.learner.since, BACKTESTED)
        found = compare(
            RecordedTopics(self._log, since - WARM_UP),
            Contender(
                name=registry.champion or "rules",
                profile=registry.champion_profile or Profile(),
                before=self._policy,
            ),
            Contender(name=learnt.card.id, profile=learnt.profile, before=self._policy),
            truths_of(None, self._settings.journal, training.as_of),
            jobs=1,
            since=since,
        )
        checked = found.check()
        return Trained(
            learnt=learnt,
            is_worse=checked.ruling is Checked.WORSE,
            why=f"{found.releases} releases, {'; '.join(checked.reasons)}",
        )

    def _risk(self, connection: Connection, registry: Registry, now: datetime) -> list[ModelChanged]:
        """Return what is told of a model of risk: the journal holds what it is tried on, without a shadow."""
        learner, last = self._settings.learner, newest_training(registry)
        asked = self._asked.get(ModelFamily.RISK)
        is_early = last is not None and now - last < learner.every
        if is_early or (asked is not None and now - asked < learner.every / QUESTIONS):
            return []
        self._asked[ModelFamily.RISK] = now
        training = train_risk(connection, now, version("suture"))
        logger.info("risk trained", extra={"why": training.why})
        told = training.changes
        return [one for one in told if learner.promotes or one.stage is not ModelStage.CHAMPION]

    def _followed(self, name: str, profile: Profile, since: datetime) -> Shadow:
        shadow = self._shadow
        if shadow is None or (shadow.name, shadow.since) != (name, since):
            shadow = Shadow(name=name, profile=profile, since=since, policy=self._policy)
            self._shadow = shadow
        shadow.follow(self._log, self._stop.is_set)
        return shadow

    def _waits_for_the_journal(self) -> list[ModelChanged]:
        told = self._waits_for[-1]
        logger.info("learner waits for the journal", extra={"model": told.card.id, "stage": told.stage.value})
        return []

    def _reminders(self, registries: dict[ModelFamily, Registry], now: datetime) -> list[ModelChanged]:
        """Return champions' newest changes, now and then: a log that keeps two weeks must not lose them.

        What is told twice is once, and an engine that has heard of a later change passes an earlier one over.
        """
        if self._reminded is not None and now - self._reminded < REMINDED:
            return []
        self._reminded = now
        standing = [one.models.get(one.champion) for one in registries.values()]
        return [one.changes[-1] for one in standing if one is not None]


def run_learner(settings: Settings, stop: Event) -> None:
    """Learn until told to stop.

    Raises:
        LogError: Kafka cannot be reached at the start.
    """
    os.nice(_NICENESS)
    policy = with_playbooks(load_policy(settings.policy), load_playbooks(settings.playbooks))
    learner = Learner(settings, policy, open_log(settings), stop)
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        while not stop.is_set():
            began = time.monotonic()
            try:
                changes = learner.look()
            except (LogError, QueryError, OSError, ArchiveFileError) as error:
                # The next look begins anew from the journal and the log.
                logger.warning("learner could not look, and tries again", extra={"why": str(error)})
            else:
                _tell(writer, learner, changes)
            took = time.monotonic() - began
            pace = settings.learner.pace.total_seconds()
            stop.wait(max(pace, min(took / _MOST_OF_A_CORE - took, _LONGEST_PACES * pace)))


def _tell(writer: LogWriter, learner: Learner, changes: list[ModelChanged]) -> None:
    try:
        tell(writer, changes)
    except LogError as error:
        logger.warning("learner could not tell, and tries again", extra={"why": str(error)})
        learner.untold()
        return
    for change in changes:
        logger.info(
            "model told of",
            extra={"model": change.card.id, "stage": change.stage.value, "why": change.why},
        )


def _is_known(registries: dict[ModelFamily, Registry], change: ModelChanged) -> bool:
    standing: Standing | None = registries[change.card.family].models.get(change.card.id)
    return standing is not None and any(
        (one.stage, one.at) == (change.stage, change.at) for one in standing.changes
    )
