"""Models of risk: they are served as the library has them, come true, and are used by rule."""

from dataclasses import replace
from datetime import timedelta
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from feature_store.boosting import fit_boosted, train_booster
from feature_store.label_model import Floats
from feature_store.online_learning import OnlineLearner, fit_online, transforms_of
from feature_store.risk_calibration import calibration
from feature_store.risk_learners import BASE_RATE, BOOSTED, ONLINE, PRIOR, Lessons, boosted, chances
from feature_store.risk_promotion import choose
from feature_store.risk_scores import Held, auc, brier, calibration_error
from feature_store.risk_training import train_risk, used_model
from feature_store.risk_trial import Labels, RiskHistory, Trial, walk_forward
from feature_store.views import connect
from schemas.codec import from_json, to_json
from schemas.models import ModelStage
from schemas.risk_models import RiskModel
from tests.feature_store.risk_log import a_history, write_said
from tests.feature_store.script import START

NAMES = ("lines", "service_rate", "sometimes")


def drawn(releases: int, seed: int = 3) -> tuple[Floats, Floats]:
    """Return rows with holes, and how likely each is bad."""
    random = np.random.default_rng(seed)
    rows = np.column_stack(
        [random.lognormal(4, 1, releases), random.uniform(0, 0.4, releases), random.normal(0, 1, releases)]
    )
    rows[random.random(releases) < 0.3, 2] = np.nan
    truth = 1 / (1 + np.exp(-(np.log(rows[:, 0]) - 5 + np.where(np.isnan(rows[:, 2]), 0.8, rows[:, 2]))))
    return rows, (random.random(releases) < truth).astype(np.float64)


def test_the_served_trees_equal_lightgbms_own_prediction() -> None:
    rows, bad = drawn(800)
    weight = np.linspace(0.1, 1.0, len(rows))
    asked = np.vstack([drawn(300, seed=9)[0], [[np.nan] * 3, [0.0, 0.0, 0.0], [-5.0, 9.0, 1e9]]])
    model = from_json(RiskModel, to_json(fit_boosted(NAMES, rows, 0.9 * bad, weight, 1)))
    own = np.asarray(train_booster(NAMES, rows, 0.9 * bad, weight, 1).predict(asked, raw_score=True))
    served = [model.raw_odds(dict(zip(NAMES, row, strict=True))) for row in asked.tolist()]
    assert np.abs(own - served).max() < 1e-9


def test_the_served_terms_equal_rivers_own_prediction() -> None:
    rows, bad = drawn(400)
    learner = OnlineLearner(NAMES, transforms_of(NAMES, rows))
    for row, is_bad in zip(rows, bad, strict=True):
        learner.learn(row, float(is_bad), 0.7)
    model = learner.model()
    asked = drawn(200, seed=9)[0]
    served = [model.raw_odds(dict(zip(NAMES, row, strict=True))) for row in asked.tolist()]
    assert np.abs(np.array([learner.odds(row) for row in asked]) - served).max() < 1e-9
    assert any(isnan(row[2]) for row in asked)


def test_what_an_online_model_said_of_a_release_knows_nothing_of_it_or_of_later_ones() -> None:
    rows, bad = drawn(100)
    _, said = fit_online(NAMES, rows, bad, np.ones(100))
    other = bad.copy()
    other[60:] = 1.0 - other[60:]
    _, again = fit_online(NAMES, rows, other, np.ones(100))
    assert said[:61].tolist() == again[:61].tolist()


@pytest.mark.parametrize("releases", [400, 6000])
def test_chances_that_were_too_sure_are_made_to_come_true(releases: int) -> None:
    random = np.random.default_rng(5)
    odds = random.normal(0, 1, releases)
    bad = (random.random(releases) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    weight = np.ones(releases)
    learnt = calibration(3.0 * odds, bad, weight)
    mapped = np.array([learnt.calibrated(value) for value in 3.0 * odds])
    held = Held(chance=1 / (1 + np.exp(-mapped)), bad=bad, weight=weight)
    sure = replace(held, chance=1 / (1 + np.exp(-3.0 * odds)))
    assert calibration_error(held) < 0.5 * calibration_error(sure)
    assert brier(held) < brier(sure)
    assert bool(learnt.knots) is (releases > 1000)


def test_scores_are_those_of_the_textbook_where_labels_are_certain() -> None:
    held = Held(chance=np.array([0.1, 0.4, 0.4, 0.8]), bad=np.array([0.0, 0.0, 1.0, 1.0]), weight=np.ones(4))
    assert brier(held) == pytest.approx((0.01 + 0.16 + 0.36 + 0.04) / 4)
    assert auc(held) == pytest.approx(3.5 / 4)
    assert auc(replace(held, bad=np.zeros(4))) is None


def history(releases: int = 500) -> RiskHistory:
    rows, bad = drawn(releases)

    def labels(at: float) -> Labels:
        # A word on a release comes thirty releases later.
        return Labels(bad=bad, weight=(np.arange(releases) + 30 <= at).astype(np.float64))

    return RiskHistory(names=NAMES, rows=rows, began=np.arange(releases, dtype=np.float64), labels=labels)


def test_no_range_is_foretold_with_a_release_or_a_label_of_its_own_time() -> None:
    seen: list[tuple[int, float]] = []

    def learn(lessons: Lessons, _: int) -> dict[str, RiskModel]:
        seen.append((len(lessons.bad), float(np.flatnonzero(lessons.weight).max())))
        return {ONLINE: RiskModel(kind="online", features=())}

    trial = walk_forward(history(), 0, learn=learn)
    assert seen == [(size, size - 30) for size in (200, 260, 320, 380, 440)]
    assert trial.places == list(range(200, 500))


def test_a_better_model_is_used_by_rule_and_the_sentence_says_its_numbers() -> None:
    trial = walk_forward(history(900), 0)
    choice = choose(trial, PRIOR, 0)
    assert choice.stage is ModelStage.CHAMPION
    assert choice.metrics["brier"] < choice.metrics["brier_used"]
    assert f"{choice.metrics['brier']:.4f}" in choice.why


def noise(releases: int, bad_share: float) -> Trial:
    random = np.random.default_rng(2)
    bad = (random.random(releases) < bad_share).astype(np.float64)
    said = {
        ONLINE: random.uniform(0.05, 0.9, releases),
        PRIOR: np.full(releases, bad_share),
        BASE_RATE: np.full(releases, bad_share),
    }
    held = {name: Held(chance=chance, bad=bad, weight=np.ones(releases)) for name, chance in said.items()}
    return Trial(places=list(range(releases)), held=held, began=np.arange(releases, dtype=np.float64))


def test_a_worse_model_stays_a_challenger() -> None:
    choice = choose(noise(500, 0.2), PRIOR, 0)
    assert choice.stage is ModelStage.CHALLENGER
    assert "expected better" in choice.why


def test_a_model_that_beats_what_is_used_but_not_one_rate_for_all_stays_a_challenger() -> None:
    trial = noise(500, 0.2)
    # What is used is far off; what was learnt is nearer, and still tells no release from another.
    far, near, rate = np.full(500, 0.9), np.full(500, 0.35), np.full(500, 0.2)
    bad = trial.held[PRIOR].bad
    said = {ONLINE: near, PRIOR: far, BASE_RATE: rate}
    held = {name: Held(chance=chance, bad=bad, weight=np.ones(500)) for name, chance in said.items()}
    choice = choose(replace(trial, held=held), PRIOR, 0)
    assert choice.metrics["brier"] < choice.metrics["brier_used"]
    assert choice.metrics["brier"] > choice.metrics["brier_base_rate"]
    assert choice.stage is ModelStage.CHALLENGER
    assert "one rate for all scores" in choice.why
    without = choose(replace(trial, held=held | {BASE_RATE: held[PRIOR]}), PRIOR, 0)
    assert without.stage is ModelStage.CHAMPION


@pytest.mark.parametrize("trial", [noise(90, 0.5), noise(500, 0.001)])
def test_too_few_releases_or_too_few_bad_ones_promote_nothing(trial: Trial) -> None:
    choice = choose(trial, PRIOR, 0)
    assert choice.stage is ModelStage.CHALLENGER
    assert "expected at least" in choice.why


def test_what_is_used_is_held_only_to_what_it_had_not_seen() -> None:
    assert "held back are 20 known" in choose(noise(500, 0.2), PRIOR, 0, since=479.0).why


def test_labels_of_no_weight_teach_trees_nothing() -> None:
    rows, bad = drawn(300)
    weight = (np.arange(300) < 200).astype(np.float64)
    lessons = Lessons(names=NAMES, rows=rows, bad=bad, weight=weight)
    flipped = replace(lessons, bad=np.where(weight > 0, bad, 1.0 - bad))
    said, again = (chances(boosted(each, 1), NAMES, rows) for each in (lessons, flipped))
    assert said.tolist() == again.tolist()


def test_a_model_learnt_from_a_journal_is_named_used_and_learnt_alike_again(tmp_path: Path) -> None:
    told = a_history(360)
    write_said(tmp_path, told.said)
    at = START + timedelta(days=60)
    with connect(tmp_path) as connection:
        assert used_model(connection) is None
        first = train_risk(connection, at, "c0de")
        early = train_risk(connection, START + timedelta(days=2), "c0de")
    assert early.changes == ()
    assert [change.stage for change in first.changes] == [ModelStage.CHALLENGER, ModelStage.CHAMPION]
    assert first.changes[-1].card.parent == ""
    assert first.scores[BOOSTED]["brier"] < first.scores[PRIOR]["brier"]
    write_said(tmp_path / "later", [*told.said, *first.changes])
    with connect(tmp_path / "later") as connection:
        used = used_model(connection)
        following = train_risk(connection, at + timedelta(hours=1), "c0de")
    assert used is not None
    assert used.risk == first.changes[-1].risk
    # No release came that the champion had not seen: whatever is learnt now has to wait.
    assert all(change.stage is ModelStage.CHALLENGER for change in following.changes)
    assert len(to_json(used)) < 512 * 1024
