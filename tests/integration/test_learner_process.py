"""A learner on a real Kafka: it trains, tells, dies, goes on, and takes back what spends too much."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feature_store.registry import read_registry
from feature_store.views import connect
from infra.dev.kafka import Broker
from schemas.effect_messages import effect_message
from schemas.effects import Effect, Said
from schemas.judgements import Evidence, Side, Verdict, VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, SignalName, derived_id
from schemas.labels import LabelKind
from schemas.models import ModelChanged, ModelStage
from schemas.observation_messages import observation_message
from schemas.observations import ReleaseOpened, ReleaseStarted, VerdictReached
from schemas.orders import Command, Decision
from schemas.releases import Release
from schemas.topics import PARTITIONS, Topic
from streams import clock
from streams.learner_settings import LearnerSettings
from tests.feature_store.risk_log import a_release, effects_of, judged, labelled, undone
from tests.integration.installation import JUDGE, Installation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PARTS = {"judge": JUDGE, "journal": ["journal"], "learner": ["learner"]}
SERVICES = ("cart", "pay", "stock", "mail")


def evidence(release: Release, minute: int, log_e: float) -> Evidence:
    def side(level: float, pods: int) -> Side:
        return Side(pods=pods, intervals=minute, exposure=1_000.0 * minute, level=level)

    return Evidence(
        id=derived_id("evidence", release.id, str(minute)),
        release=release.id,
        signal=SignalName("errors"),
        detector="gamma_poisson",
        at=release.started_at + timedelta(minutes=minute),
        canary=side(0.04 if log_e > 0 else 0.002, 2),
        control=side(0.002, 8),
        log_e=log_e,
        threshold_log_e=5.1,
        margin=0.005,
        comparison="stable pods of the same minutes",
        join="template",
        edge="",
        text="errors",
    )


def a_past(count: int = 40) -> list[Said]:
    """Return labelled releases of the last days, every other one bad, with evidence that says so."""
    told: list[Said] = []
    start = clock.now() - timedelta(days=5)
    for number in range(count):
        release = a_release(SERVICES[number % 4], number, start + timedelta(hours=2 * number))
        is_bad = number // 4 % 2 == 0
        told.append(ReleaseOpened(release=release))
        told += [evidence(release, minute, 0.5 * minute if is_bad else -0.2) for minute in (5, 10, 20, 29)]
        told.append(judged(release, VerdictKind.HARMFUL if is_bad else VerdictKind.HEALTHY))
        told += [undone(release)] if is_bad else []
        told.append(labelled(release, LabelKind.BAD if is_bad else LabelKind.GOOD, 1))
    return told


def false_rollbacks(count: int = 3) -> list[Said]:
    """Return releases of this minute that were called harmful, and were good."""
    told: list[Said] = []
    for number in range(count):
        release = a_release(SERVICES[number], 900 + number, clock.now())
        told += [ReleaseOpened(release=release), judged(release, VerdictKind.HARMFUL, minutes=0.01)]
        told += [labelled(release, LabelKind.GOOD, 0.001, f"{who} via cli") for who in ("ada", "grace")]
    return told


def after(past: list[Effect], said: list[Said]) -> list[Effect]:
    """Return what is said later on the same partition."""
    return [
        replace(effect, cause=replace(effect.cause, offset=effect.cause.offset + len(past)))
        for effect in effects_of(said)
    ]


def stages(installation: Installation) -> list[tuple[str, str]]:
    """Return what `suture models` shows."""
    told: list[Any] = json.loads(installation.cli("models", "--json").stdout)
    return sorted((each["card"]["family"], each["stage"]) for each in told)


def live_verdicts(installation: Installation) -> list[Verdict]:
    """Return what was said of releases of this minute; a shadow's word would be among it if it were told."""
    told = [item.verdict for item in installation.said(VerdictReached)]
    return [verdict for verdict in told if verdict.environment == "dev"]


def judge_models(installation: Installation) -> dict[str, ModelStage]:
    """Return profiles with their stages, as the journal knows them by now."""
    with connect(installation.settings.journal) as connection:
        return {name: one.stage for name, one in read_registry(connection).models.items()}


def a_new_release() -> Release:
    return Release(
        id=ReleaseId(f"dev-cart-{clock.now().timestamp():.0f}"),
        environment=EnvironmentName("dev"),
        service=ServiceName("cart"),
        version="7",
        started_at=clock.now(),
    )


def test_a_learner_trains_dies_goes_on_and_what_it_says_is_what_the_judge_goes_by(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    learner = LearnerSettings(is_on=True, pace=timedelta(seconds=0.2))
    installation = Installation(kafka_broker.bootstrap, tmp_path, "learner.", PARTS, learner=learner)
    with installation:
        past = effects_of(a_past())
        installation.send(*map(effect_message, past))
        challenger = installation.until(
            lambda: [name for name, stage in judge_models(installation).items() if stage == "challenger"],
            "a challenger is in the journal",
        )[0]
        installation.kill("learner")
        assert ("judge", "challenger") in stages(installation)

        installation.cli("models", "promote", challenger, "--why", "its test")
        installation.until(lambda: judge_models(installation).get(challenger) == "champion", "it is used")
        release = a_new_release()
        installation.send(
            observation_message(Topic.OBSERVATIONS, f"dev/{release.service}", ReleaseStarted(release=release))
        )
        verdicts = installation.until(lambda: live_verdicts(installation), "a verdict")
        assert all(verdict.settings.endswith(f"+{challenger}") for verdict in verdicts)
        assert judge_models(installation) == {challenger: "champion"}, "the same releases teach nothing new"
        assert not installation.said(Command) + installation.said(Decision)

        installation.send(*map(effect_message, after(past, false_rollbacks())))
        installation.until(lambda: judge_models(installation).get(challenger) == "retired", "it had to go")
        last = [item for item in installation.said(ModelChanged) if item.stage == "retired"]
        assert (last[0].by, last[0].profile) == ("learner", None)
        assert last[0].why.startswith("beyond the budget: ")
        assert ("judge", "retired") in stages(installation)

        told = [item for item in installation.said(ModelChanged) if item.card.id == challenger]
        assert {item.stage for item in told} == {"challenger", "champion", "retired"}
        assert len(told) >= 3 * PARTITIONS
    assert not list(installation.records(Topic.COMMANDS))
