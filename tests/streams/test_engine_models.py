"""A model in the log changes what a service is judged by from there on, and says so."""

from dataclasses import replace

from schemas.judgements import Evidence
from schemas.keys import SignalName
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.observations import VerdictReached
from schemas.profiles import Adjustment, LearntSignal, Profile
from streams.engine import Engine
from tests.builders import NEW, a_release, minute, requests, said
from tests.streams.world import SERVICES, World

CARD = ModelCard(
    id="judge-1",
    family=ModelFamily.JUDGE,
    parent="judge-0",
    data_from=minute(-60),
    data_until=minute(-20),
    releases=40,
    labels=12,
    code="c0de",
)
STRICT = Profile(
    adjustments={"*/*": Adjustment(alpha=1e-4, signals={SignalName("errors"): LearntSignal(share=4.0)})}
)


def a_change(stage: ModelStage, profile: Profile | None = STRICT, card: ModelCard = CARD) -> ModelChanged:
    return ModelChanged(card=card, stage=stage, at=minute(-16), why="it lost nothing", profile=profile)


def played(*changes: ModelChanged) -> World:
    """Return a bad release of a service, after some changes of models."""
    world = World()
    for change in changes:
        world.put("", change, SERVICES)
    for number in range(-15, 6):
        if number == 0:
            world.put("dev/cart", a_release())
        end = minute(number + 1)
        samples = [entry for pod in "ab" for entry in requests(pod, end, 100, errors=1)]
        if number >= 0:
            samples += requests("n", end, 100, errors=40.0, template=NEW)
        world.serve(samples, "cart", "dev")
        world.tick(minute(number + 1 + 5 / 60))
    return world


def thresholds(world: World) -> set[float]:
    return {
        round(item.threshold_log_e, 6) for item in said(world.effects, Evidence) if item.signal == "errors"
    }


def test_a_champion_moves_the_threshold_and_is_named_by_verdicts() -> None:
    plain, learnt = played(), played(a_change(ModelStage.CHAMPION))
    assert min(thresholds(learnt)) > max(thresholds(plain))
    verdict = said(learnt.effects, VerdictReached)[-1].verdict
    assert verdict.alpha == 1e-4
    assert verdict.settings == said(plain.effects, VerdictReached)[-1].verdict.settings + "+judge-1"


def test_a_challenger_and_a_rejected_one_change_nothing_but_are_told_of() -> None:
    plain = played()
    tried = played(a_change(ModelStage.CHALLENGER), a_change(ModelStage.REJECTED))
    assert thresholds(tried) == thresholds(plain)
    assert [item.stage for item in said(tried.effects, ModelChanged)] == ["challenger", "rejected"]


def test_a_retired_champion_gives_way_to_what_comes_along() -> None:
    plain = played()
    nothing = replace(CARD, parent="")
    back = played(a_change(ModelStage.CHAMPION), a_change(ModelStage.RETIRED, None, nothing))
    assert thresholds(back) == thresholds(plain)
    assert "+" not in said(back.effects, VerdictReached)[-1].verdict.settings
    looser = Profile(adjustments={"*/*": Adjustment(alpha=0.5)})
    assert thresholds(played(a_change(ModelStage.CHAMPION, looser))) == thresholds(plain)


def test_a_model_of_another_family_is_no_profile() -> None:
    risk = replace(CARD, family=ModelFamily.RISK)
    assert thresholds(played(a_change(ModelStage.CHAMPION, STRICT, risk))) == thresholds(played())


def test_a_restored_engine_judges_by_the_same_profile() -> None:
    world = played(a_change(ModelStage.CHAMPION))
    assert any(
        Engine.restore(engine.snapshot()).state.model == "judge-1" for engine in world.engines.values()
    )
