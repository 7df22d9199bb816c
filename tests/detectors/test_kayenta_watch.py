"""Releases that a policy has judged by Kayenta's rule."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from schemas.judgements import VerdictKind
from schemas.kayenta import KayentaSettings
from schemas.policy import JudgeMethod, JudgeSettings, Rule

Scene = Any


def rule_of(watch_min: int = 15, **settings: Any) -> Rule:
    return Rule(
        judge=JudgeSettings(
            method=JudgeMethod.KAYENTA,
            watch=timedelta(minutes=watch_min),
            kayenta=KayentaSettings(**settings),
        )
    )


def play(scene: Scene, rule: Rule, error_ratio: float, latency_s: float = 0.1, minutes: int = 16) -> None:
    """Play ten quiet minutes and a watch with two stable pods and one canary."""
    scene.rule = rule
    random = np.random.default_rng(7)
    for minute in range(-10, minutes):
        for pod, template, ratio, mean_s in (
            ("a", "old", 0.01, 0.1),
            ("b", "old", 0.01, 0.1),
            ("c", "new", error_ratio, latency_s),
        ):
            if template == "new" and minute < 0:
                continue
            requests = int(random.poisson(300))
            noisy = mean_s * float(np.exp(random.normal(0, 0.05)))
            scene.serve(minute, pod, template, requests, int(random.binomial(requests, ratio)), noisy)
        if minute == 0:
            scene.open()
            scene.ready(0, "c")
        if minute >= 0:
            scene.look(minute)


def test_a_bad_release_is_convicted_when_its_watch_ends_and_not_before(scene: Scene) -> None:
    play(scene, rule_of(), error_ratio=0.2, latency_s=0.3)
    *earlier, last = scene.looks
    assert {seen.kind for seen in earlier} == {VerdictKind.INCONCLUSIVE}
    assert (last.kind, last.is_final) == (VerdictKind.HARMFUL, True)
    assert "errors" in last.reasons[0]
    assert "score 25 of 100, Fail" in last.reasons[0]
    assert last.confidence > 0.99
    assert last.first_bad_at == scene.minute(0)


def test_every_analysis_may_convict_where_several_are_asked_for(scene: Scene) -> None:
    play(scene, rule_of(analysis_interval=timedelta(minutes=6)), error_ratio=0.2, latency_s=0.3)
    harmful = [i for i, seen in enumerate(scene.looks) if seen.kind is VerdictKind.HARMFUL]
    assert harmful[0] == 5


def test_a_good_release_is_healthy_when_its_watch_ends(scene: Scene) -> None:
    play(scene, rule_of(), error_ratio=0.01)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY
    assert all(evidence.log_e == 0.0 for seen in scene.looks for evidence in seen.evidence)
    assert {evidence.detector for evidence in scene.looks[-1].evidence} == {"kayenta"}


def test_a_marginal_score_is_neither_healthy_nor_harmful(scene: Scene) -> None:
    """Latency has one of the four shares, so without it three quarters are left."""
    play(scene, rule_of(marginal_score=60, pass_score=90), error_ratio=0.01, latency_s=0.3)
    assert scene.looks[-1].kind is VerdictKind.INCONCLUSIVE
    assert "score 75 of 100, Marginal" in scene.looks[-1].reasons[0]


def test_a_critical_signal_convicts_alone(scene: Scene) -> None:
    play(scene, rule_of(critical=("latency",)), error_ratio=0.01, latency_s=0.3)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_a_silent_canary_is_nodata(scene: Scene) -> None:
    scene.rule = rule_of()
    for minute in range(-5, 16):
        scene.serve(minute, "a", "old", 300, 1)
        if minute == 0:
            scene.open()
            scene.ready(0, "c")
        if minute >= 0:
            scene.look(minute)
    assert scene.looks[-1].kind is VerdictKind.NODATA


def test_looking_changes_nothing_that_is_said(new_scene: Callable[[], Scene]) -> None:
    one, two = new_scene(), new_scene()
    for scene in (one, two):
        play(scene, rule_of(analysis_interval=timedelta(minutes=5)), error_ratio=0.03)
    assert one.looks == two.looks


def test_a_policy_that_names_an_unknown_critical_signal_is_refused() -> None:
    with pytest.raises(ValueError, match="kayenta names the signal speed"):
        rule_of(critical=("speed",))
    with pytest.raises(ValueError, match="marginal_score is 80"):
        KayentaSettings(marginal_score=80)
