"""Models of both families, and journals that tell of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from feature_store.journal import Journal
from schemas.effects import Effect
from schemas.keys import SignalName
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.observations import LogPosition
from schemas.profiles import Adjustment, LearntSignal, Profile
from schemas.risk_models import RiskModel
from tests.feature_store.script import START


def a_profile(share: float = 4.0, alpha: float = 0.002) -> Profile:
    signals = {SignalName("errors"): LearntSignal(share=share, expected_ratio=3.5)}
    return Profile(adjustments={"*/*": Adjustment(alpha=alpha, signals=signals)})


def a_change(
    model: str,
    stage: ModelStage,
    minute: float = 0,
    *,
    parent: str = "",
    profile: Profile | None = None,
    risk: RiskModel | None = None,
    why: str = "it is said so",
    by: str = "learner",
) -> ModelChanged:
    family = ModelFamily.RISK if model.startswith("risk") else ModelFamily.JUDGE
    if profile is None and risk is None and stage is not ModelStage.RETIRED:
        # Each its own, so that none can stand for another.
        number = float(sum(map(ord, model)))
        profile = a_profile(share=number) if family is ModelFamily.JUDGE else None
        risk = a_risk(-number / 1000) if family is ModelFamily.RISK else None
    card = ModelCard(
        id=model,
        family=family,
        parent=parent,
        data_from=START - timedelta(days=90),
        data_until=START,
        releases=40,
        labels=12,
        code="c0de",
        seed=7,
        metrics={"delay_min_after": 4.5},
    )
    at = START + timedelta(minutes=minute)
    return ModelChanged(card=card, stage=stage, at=at, why=why, by=by, profile=profile, risk=risk)


def a_risk(intercept: float) -> RiskModel:
    return RiskModel(kind="online", features=(), intercept=intercept)


def write_changes(root: Path, changes: Sequence[ModelChanged], partitions: int = 2) -> None:
    """Write a journal as the engine does: each partition of the log says each change."""
    for partition in range(partitions):
        effects = [
            Effect(
                key="",
                cause=LogPosition(topic="observations", partition=partition, offset=10 * partition + offset),
                index=0,
                said=replace(change),
            )
            for offset, change in enumerate(changes)
        ]
        journal = Journal(root, clock=lambda: START)
        journal.append(partition, list(enumerate(effects)))
        journal.flush()
