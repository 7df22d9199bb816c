"""The learner's decisions: what is to be told of models now, from the journal, the shadow and the log's time.

Every step is a `ModelChanged` with the rule's numbers in it. Nothing is remembered but what the journal and
the log hold, so that a learner that was restarted, or another one, decides the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from feature_store.drift import Drift, drift_of
from feature_store.label_posteriors import label_posteriors
from feature_store.lessons import Lesson
from feature_store.promotion import Ruling, Terms, Trial, of_challenger, of_champion
from feature_store.registry import Registry, Standing, promoted, retired
from feature_store.training import Learnt
from feature_store.views import Connection
from schemas.models import ModelChanged, ModelStage
from schemas.profiles import Profile
from streams.learner_settings import LearnerSettings
from streams.shadow import Said

LEAST_RELEASES = 30
"""Releases with a label before anything is learnt at all."""

QUESTIONS = 7
"""How often it is asked, between two trainings on schedule, whether it is time for one: daily by default."""

_VERDICTS = """
SELECT release, max(environment) AS environment, max(service) AS service,
       min(started_at) FILTER (kind = 'release_opened') AS started_at,
       min(happened_at) FILTER (kind = 'verdict' AND verdict_kind = 'harmful') AS harmful_at,
       max(happened_at) FILTER (kind IN ('verdict', 'release_closed')) AS last_at,
       min(happened_at) FILTER (kind = 'outcome' AND command_kind IN ('undo', 'abort')
                                AND outcome_kind IN ('done', 'already_done')) AS undone_at,
       max(alpha) FILTER (kind = 'verdict') AS alpha,
       bool_or(is_final) FILTER (kind = 'verdict') OR bool_or(kind = 'release_closed') AS is_over
FROM effects
WHERE release IS NOT NULL AND happened_at <= $2
GROUP BY release
HAVING min(started_at) FILTER (kind = 'release_opened') >= $1
ORDER BY started_at, release
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A challenger that was learnt, and what the recorded log says of it beside the champion.

    Attributes:
        is_worse: It lost on the recorded log already.
        why: What the backtest found, as sentences.
    """

    learnt: Learnt
    is_worse: bool
    why: str


def challenger_of(learnt: Learnt, at: datetime, why: str, by: str = "learner") -> ModelChanged:
    """Return what has a model run in shadow."""
    return ModelChanged(
        card=learnt.card, stage=ModelStage.CHALLENGER, at=at, why=why, by=by, profile=learnt.profile
    )


def announced(trained: Trained, at: datetime, reason: str) -> ModelChanged:
    """Return what is told of a model that was trained: a challenger, or rejected on the recorded log."""
    change = challenger_of(trained.learnt, at, f"{reason}; on the recorded log: {trained.why}")
    if not trained.is_worse:
        return change
    return replace(change, stage=ModelStage.REJECTED, why=f"worse on the recorded log: {trained.why}")


def is_time_to_ask(
    registry: Registry, now: datetime, settings: LearnerSettings, asked: datetime | None
) -> bool:
    """Return whether it may be time to train, from what costs nothing to know.

    Args:
        registry: Models so far.
        now: The log's time.
        settings: How often.
        asked: When this was last so; None for never.
    """
    is_too_soon = asked is not None and now - asked < settings.every / QUESTIONS
    return registry.challenger is None and not is_too_soon


def reason_to_learn(
    registry: Registry, lessons: Sequence[Lesson], now: datetime, settings: LearnerSettings
) -> str | None:
    """Return why it is time to train, as a sentence; None while it is not.

    Args:
        registry: Models so far.
        lessons: What the journal holds now, the oldest first.
        now: The log's time.
        settings: How often.
    """
    labelled = sum(lesson.has_label for lesson in lessons)
    if registry.challenger is not None or labelled < LEAST_RELEASES:
        return None
    last = newest_training(registry)
    if last is None:
        return f"the first {labelled} releases have labels"
    if now - last >= settings.every:
        return f"on schedule, {settings.every.total_seconds() / 86_400:g} days after the last"
    drift = drift_since(lessons, last, now, settings)
    return f"drift: {drift.why}" if drift.has_drifted else None


def drift_since(lessons: Sequence[Lesson], last: datetime, now: datetime, settings: LearnerSettings) -> Drift:
    """Return whether releases since the last training drifted; asked seven times between two trainings."""
    old = [lesson for lesson in lessons if lesson.started_at < last]
    new = [lesson for lesson in lessons if lesson.started_at >= last]
    return drift_of(old, new, asked=max(1, (now - last) // (settings.every / QUESTIONS)))


def newest_training(registry: Registry) -> datetime | None:
    """Return when a model was last learnt; None for never."""
    return max((one.changes[0].at for one in registry.models.values()), default=None)


def trials_of(
    connection: Connection, since: datetime, until: datetime, shadow: dict[str, Said] | None = None
) -> list[Trial]:
    """Return the releases since an instant that are judged to the end.

    Args:
        connection: From `feature_store.views.connect`.
        since: Releases that began earlier are left out.
        until: Nothing that was said later is read.
        shadow: What a shadow said; releases that it has not judged to the end are left out. None without one.
    """
    known = {row["release"]: row for row in label_posteriors(connection, until).to_pylist()}
    cursor = connection.execute(_VERDICTS, [since, until])
    names = [column[0] for column in cursor.description or ()]
    trials = []
    for values in cursor.fetchall():
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        about, said = known.get(row["release"]), (shadow or {}).get(row["release"])
        if not row["is_over"] or about is None or (shadow is not None and said is None):
            continue
        is_cut_off = said is not None and said.harmful_at is None and row["undone_at"] is not None
        if said is not None and not said.is_final and not is_cut_off and said.harmful_at is None:
            continue
        trials.append(
            Trial(
                release=row["release"],
                service=f"{row['environment']}/{row['service']}",
                p_bad=float(about["p_bad"]),
                weight=float(about["weight"]),
                alpha=float(row["alpha"] or 0.0),
                champion_min=_minutes(row["started_at"], row["harmful_at"]),
                challenger_min=_minutes(row["started_at"], said.harmful_at if said is not None else None),
                watched_min=_minutes(row["started_at"], row["last_at"]) or 0.0,
                is_cut_off=is_cut_off,
            )
        )
    return trials


def change_of_stale(registry: Registry, now: datetime) -> ModelChanged | None:
    """Return what ends a challenger that there is no use in trying; None where there is none.

    A learner that died between telling of a challenger and reading of it in the journal learns another one.
    """
    newest = registry.challenger
    if newest is None:
        return None
    for standing in registry.models.values():
        if standing.stage is ModelStage.CHALLENGER and standing.card.id != newest.card.id:
            return _rejected(standing, now, f"{newest.card.id} was learnt after it")
    if newest.card.parent != registry.champion:
        beside, used = newest.card.parent or "the rules", registry.champion or "the rules"
        return _rejected(newest, now, f"it was learnt beside {beside}, and {used} is used by now")
    return None


def ruling_on_challenger(
    challenger: Standing, trials: list[Trial], now: datetime, terms: Terms | None = None
) -> Ruling:
    """Return what becomes of a challenger."""
    return of_challenger(trials, now - challenger.since, terms)


def change_of_challenger(
    registry: Registry, challenger: Standing, ruling: Ruling, now: datetime, settings: LearnerSettings
) -> ModelChanged | None:
    """Return what is told of a challenger; None for nothing."""
    if ruling.stage is ModelStage.CHAMPION:
        # Where people promote by hand, the table of models shows how it fares, and they read the trial.
        return promoted(registry, challenger, now, ruling.why, "learner") if settings.promotes else None
    if ruling.stage is ModelStage.REJECTED:
        return _rejected(challenger, now, ruling.why)
    return None


def change_of_champion(
    registry: Registry,
    trials: list[Trial],
    beside_parent: list[Trial],
    now: datetime,
    terms: Terms | None = None,
) -> ModelChanged | None:
    """Return what retires the champion; None where it stays.

    Args:
        registry: Models so far.
        trials: Releases that it judged.
        beside_parent: Those that its parent judged in shadow, the parent as the challenger.
        now: The log's time.
        terms: What is asked.
    """
    ruling = of_champion(trials, [_turned(trial) for trial in beside_parent], terms)
    return retired(registry, now, ruling.why, "learner") if ruling.stage is ModelStage.RETIRED else None


def profile_of_parent(registry: Registry, champion: Standing) -> Profile:
    """Return what the champion's parent judges by: an empty profile for the rules as they stand."""
    parent = registry.models.get(champion.card.parent)
    return parent.profile or Profile() if parent is not None else Profile()


def _rejected(standing: Standing, now: datetime, why: str) -> ModelChanged:
    return ModelChanged(
        card=standing.card, stage=ModelStage.REJECTED, at=now, why=why, profile=standing.profile
    )


def _turned(trial: Trial) -> Trial:
    """Return a trial with the sides changed: what lived is asked for, what ran in shadow is the measure."""
    return replace(trial, champion_min=trial.challenger_min, challenger_min=trial.champion_min)


def _minutes(start: datetime, at: datetime | None) -> float | None:
    return None if at is None else max((at - start).total_seconds() / 60.0, 0.0)
