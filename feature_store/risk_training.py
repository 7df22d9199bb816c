"""Training of a model of risk from the journal: history, trial, rule, and what is to be told of it."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, isinf
from typing import Any

import numpy as np
import pyarrow as pa

from feature_store.features import FEATURES, as_rows, features
from feature_store.kinds import Kind, said_from_body
from feature_store.label_posteriors import label_posteriors
from feature_store.risk_learners import PRIOR, learn_all
from feature_store.risk_promotion import Choice, choose
from feature_store.risk_scores import figures
from feature_store.risk_trial import Labels, RiskHistory, walk_forward
from feature_store.views import Connection
from schemas.codec import digest
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage

LEAST_RELEASES = 50
"""Releases in the journal below which nothing is learnt."""

_USED = """
SELECT body
FROM effects
WHERE kind = 'model' AND channel = 'risk' AND answer IN ('champion', 'retired')
  AND ($1 IS NULL OR happened_at <= $1)
ORDER BY happened_at DESC, cause_offset DESC
LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTraining:
    """What came of a training.

    Attributes:
        changes: What the log is to be told, in order; empty where too little is known to learn anything.
        why: What was found, as a sentence.
        scores: Of every kind of model on the releases held back, as JSON holds them.
    """

    changes: tuple[ModelChanged, ...]
    why: str
    scores: dict[str, Any] = field(default_factory=dict)


def used_model(connection: Connection, as_of: datetime | None = None) -> ModelChanged | None:
    """Return the model of risk that the log names, as of an instant; None for the shipped prior."""
    rows = connection.execute(_USED, [as_of]).fetchall()
    if not rows:
        return None
    change = said_from_body(Kind.MODEL, rows[0][0])
    return change if isinstance(change, ModelChanged) and change.risk is not None else None


def read_history(connection: Connection, as_of: datetime) -> RiskHistory:
    """Return every release that began by an instant, with what was known before it and what became of it."""
    table = features(connection, as_of)
    began: list[Any] = table["started_at"].to_pylist()
    seconds = np.array([at.timestamp() for at in began], dtype=np.float64)
    releases: list[Any] = table["release"].to_pylist()

    def labels(at: float) -> Labels:
        # An instant of the log's own, so that labels are asked for with its microseconds.
        place = bisect_right(seconds.tolist(), at) - 1
        until = as_of if isinf(at) or place < 0 else began[place]
        return _labels(label_posteriors(connection, as_of=until), releases)

    return RiskHistory(names=FEATURES, rows=as_rows(table), began=seconds, labels=labels)


def train_risk(connection: Connection, at: datetime, code: str, seed: int = 0) -> RiskTraining:
    """Return what was learnt of releases' risk from what the journal knew at an instant.

    Args:
        connection: From `feature_store.views.connect`.
        at: Nothing later has a say.
        code: Version of the code that learns, for the card.
        seed: What random choices come from.
    """
    history = read_history(connection, at)
    known = history.labels(inf)
    size = int(np.count_nonzero(known.weight > 0.0))
    if size < LEAST_RELEASES:
        return RiskTraining(
            changes=(), why=f"{size} releases are known by now, expected at least {LEAST_RELEASES}"
        )
    before = used_model(connection, at)
    used = PRIOR if before is None or before.risk is None else before.used
    others = {} if before is None or before.risk is None else {used: before.risk}
    trial = walk_forward(history, seed, others)
    since = -inf if before is None or not others else before.card.data_until.timestamp()
    choice = choose(trial, used, seed, since)
    scores = {name: figures(held, seed, rounds=200) for name, held in trial.held.items()}
    if not choice.name:
        return RiskTraining(changes=(), why=choice.why, scores=scores)
    model = learn_all(history.lessons(len(history.began), inf), seed)[choice.name]
    card = ModelCard(
        id=f"risk-{digest(model)[:8]}",
        family=ModelFamily.RISK,
        parent="" if used == PRIOR else used,
        data_from=datetime.fromtimestamp(float(history.began[0]), at.tzinfo),
        data_until=at,
        releases=size,
        labels=round(float(known.weight.sum())),
        code=code,
        seed=seed,
        metrics=choice.metrics,
    )
    if before is not None and card.id == before.used:
        return RiskTraining(changes=(), why="the same model was learnt again", scores=scores)
    return RiskTraining(changes=_told(card, choice, model, at), why=choice.why, scores=scores)


def _told(card: ModelCard, choice: Choice, model: Any, at: datetime) -> tuple[ModelChanged, ...]:
    stages = [ModelStage.CHALLENGER]
    if choice.stage is ModelStage.CHAMPION:
        stages.append(ModelStage.CHAMPION)
    return tuple(ModelChanged(card=card, stage=stage, at=at, why=choice.why, risk=model) for stage in stages)


def _labels(table: pa.Table, releases: list[Any]) -> Labels:
    names: list[Any] = table["release"].to_pylist()
    chances: list[Any] = table["p_bad"].to_pylist()
    weights: list[Any] = table["weight"].to_pylist()
    found = {name: (chance, weight) for name, chance, weight in zip(names, chances, weights, strict=True)}
    told = [found.get(release, (0.0, 0.0)) for release in releases]
    return Labels(
        bad=np.array([bad for bad, _ in told], dtype=np.float64),
        weight=np.array([weight for _, weight in told], dtype=np.float64),
    )
