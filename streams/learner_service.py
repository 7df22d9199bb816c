"""The learner's process: trains from the journal, tries in shadow, promotes and retires by rule.

It holds nothing that the journal and the log do not: killed at any point, it goes on where they stand. What
it decides it puts onto the log, where the judge reads it between two observations, as it does in a replay.
"""

import logging
from datetime import datetime, timedelta
from threading import Event

from actions.playbook_files import load_playbooks, with_playbooks
from actions.policy_file import load_policy
from feature_store.registry import Registry, Standing, read_registry
from feature_store.views import Connection, connect
from schemas.models import ModelChanged
from schemas.policy import Policy
from schemas.profiles import Profile
from streams.backtest import compare
from streams.backtest_check import Ruling as Checked
from streams.backtest_contenders import Contender
from streams.backtest_inputs import truths_of
from streams.backtest_recording import RecordedTopics
from streams.kafka_log import LogError, LogWriter
from streams.learner import (
    Trained,
    announced,
    change_of_challenger,
    change_of_champion,
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

PACE_S = 30.0
"""Seconds between two looks at the log."""

REMINDED = timedelta(days=1)
"""How often the champion is told of again, so that the log never forgets it."""


class Learner:
    """One installation's learner.

    Args:
        settings: Where journal, archive and broker are, and how often is learnt.
        policy: The rules as people wrote them.
        log: The recorded log.
    """

    def __init__(self, settings: Settings, policy: Policy, log: RecordedLog) -> None:
        self._settings, self._policy, self._log = settings, policy, log
        self._shadow: Shadow | None = None
        self._reminded: datetime | None = None

    def look(self) -> list[ModelChanged]:
        """Return what is to be told now, from the journal and the log as they stand.

        Raises:
            LogError: Kafka cannot be reached.
        """
        with connect(self._settings.journal) as connection:
            now = journal_time(connection)
            registry = read_registry(connection, as_of=now)
            challenger = registry.challenger
            if challenger is not None:
                change = self._tried(connection, registry, challenger, now)
            else:
                change = self._kept(connection, registry, now) or self._learnt(connection, registry, now)
        changes = [] if change is None else [change]
        return changes or self._reminder(registry, now)

    def _tried(
        self, connection: Connection, registry: Registry, challenger: Standing, now: datetime
    ) -> ModelChanged | None:
        shadow = self._followed(challenger.card.id, challenger.profile or Profile(), challenger.since)
        trials = trials_of(connection, challenger.since, now, dict(shadow.said))
        ruling = ruling_on_challenger(challenger, trials, now)
        logger.info("challenger tried", extra={"model": challenger.card.id, "why": ruling.why})
        return change_of_challenger(registry, challenger, ruling, now, self._settings.learner)

    def _kept(self, connection: Connection, registry: Registry, now: datetime) -> ModelChanged | None:
        champion = registry.models.get(registry.champion)
        if champion is None:
            return None
        shadow = self._followed(champion.card.parent, profile_of_parent(registry, champion), champion.since)
        judged = trials_of(connection, champion.since, now)
        beside = trials_of(connection, champion.since, now, dict(shadow.said))
        return change_of_champion(registry, judged, beside, now)

    def _learnt(self, connection: Connection, registry: Registry, now: datetime) -> ModelChanged | None:
        learner = self._settings.learner
        training = train(connection, self._policy, now, learner.since)
        reason = reason_to_learn(registry, training, now, learner)
        if reason is None or training.learnt is None:
            return None
        if training.learnt.profile == registry.champion_profile:
            logger.info("nothing new was learnt", extra={"why": reason})
            return None
        return announced(self._backtested(registry, training), now, reason)

    def _backtested(self, registry: Registry, training: Training) -> Trained:
        """Return how the challenger does on the recorded log beside the champion."""
        learnt = training.learnt
        assert learnt is not None
        since = training.as_of - self._settings.learner.since
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

    def _followed(self, name: str, profile: Profile, since: datetime) -> Shadow:
        shadow = self._shadow
        if shadow is None or (shadow.name, shadow.since) != (name, since):
            shadow = Shadow(name=name, profile=profile, since=since, policy=self._policy)
            self._shadow = shadow
        shadow.follow(self._log)
        return shadow

    def _reminder(self, registry: Registry, now: datetime) -> list[ModelChanged]:
        """Return the champion's newest change, now and then: a log that keeps two weeks must not lose it.

        What is told twice is once, and an engine that has heard of a later change passes an earlier one over.
        """
        standing = registry.models.get(registry.champion)
        if standing is None or (self._reminded is not None and now - self._reminded < REMINDED):
            return []
        self._reminded = now
        return [standing.changes[-1]]


def run_learner(settings: Settings, stop: Event) -> None:
    """Learn until told to stop.

    Raises:
        LogError: Kafka cannot be reached at the start.
    """
    policy = with_playbooks(load_policy(settings.policy), load_playbooks(settings.playbooks))
    learner = Learner(settings, policy, open_log(settings))
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        while not stop.is_set():
            try:
                changes = learner.look()
                tell(writer, changes)
            except LogError as error:
                # The next look begins anew from the journal and the log.
                logger.warning("learner waits for the log", extra={"why": str(error)})
            else:
                for change in changes:
                    what = {"model": change.card.id, "stage": change.stage.value, "why": change.why}
                    logger.info("model changed", extra=what)
            stop.wait(PACE_S)
