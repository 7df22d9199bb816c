"""Every kind of effect has a name, a row and a body that reads back."""

from dataclasses import replace
from typing import get_args

import pytest

from feature_store.columns import COLUMNS
from feature_store.kinds import Kind, said_from_body, type_of
from feature_store.rows import row_of
from schemas.approvals import HoldChange, HoldChanged
from schemas.effect_messages import EFFECT_TYPES, said_at, said_id
from schemas.effects import Effect, Said
from schemas.errors import SchemaError
from schemas.explanations import Explained, Explanation, Hypothesis
from schemas.failures import FailurePattern
from schemas.judgements import Anomaly, Suspicion
from schemas.keys import SignalName
from schemas.labels import Label, LabelKind, Labelled, LabelSource
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.observations import (
    FreezeSet,
    KillSwitchSet,
    LogPosition,
    SettingsChanged,
    SuspicionChanged,
)
from schemas.policy import default_policy
from schemas.quality import BuildAssessed, GateOutcome
from schemas.reports import Indicator
from schemas.smoke_tests import SmokeTested
from tests.feature_store import stories
from tests.feature_store.script import START, Script


def an_anomaly(script: Script) -> Anomaly:
    return Anomaly(
        id="an1",
        environment=script.environment,
        service=script.service,
        signal=SignalName("errors"),
        edge="checkout",
        level=0.3,
        expected=0.005,
        p_value=1e-4,
        since=START,
        at=script.at(2),
        text="errors as called by checkout 30 % where 0.5 % is usual",
    )


def everything() -> list[Said]:
    """Return at least one of each kind."""
    script = Script()
    settings: list[Said] = [
        FreezeSet(environment=script.environment, until=script.at(60), by="ada", at=START, why="sale"),
        KillSwitchSet(environment=script.environment, is_on=True, by="ada", at=START),
        SettingsChanged(policy=default_policy(), digest="0f3a9c21d77e", at=START),
        a_champion(),
        an_anomaly(script),
        SuspicionChanged(
            suspicion=Suspicion(
                release=script.release,
                service=script.service,
                environment=script.environment,
                at=START,
                started_at=START,
                own_log_e=2.5,
                edge_log_e=(("checkout", 1.5),),
            )
        ),
    ]
    afterwards: list[Said] = [
        HoldChanged(
            id="hc1",
            hold="h1",
            release=script.release,
            environment=script.environment,
            service=script.service,
            change=HoldChange.ESCALATED,
            by="policy",
            at=START,
            text="the leads may answer as well",
            to=("group:leads",),
        ),
        SmokeTested(
            environment=script.environment,
            service=script.service,
            version="1.4.2",
            has_passed=False,
            by="ci",
            at=START,
        ),
        Labelled(
            label=Label(
                id="l1",
                release=script.release,
                environment=script.environment,
                service=script.service,
                kind=LabelKind.BAD,
                source=LabelSource.APPROVAL,
                by="ada via slack",
                at=START,
                about="h1",
                trust=0.8,
            )
        ),
        Explained(
            explanation=Explanation(
                id="ex1",
                about="h1",
                release=script.release,
                environment=script.environment,
                service=script.service,
                sentences=("Errors rose.", "Stable pods did not fail.", "Nothing happens without an answer."),
                hypothesis=Hypothesis.RELEASE,
                model="small",
                prompt="0f3a9c21d77e0f3a",
                at=START,
            )
        ),
    ]
    afterwards.append(
        BuildAssessed(
            environment=script.environment,
            service=script.service,
            version=script.version,
            at=START,
            outcome=GateOutcome.WARN,
            score=84.0,
            failure_chance=0.31,
            indicators=(Indicator(name="change_lines", value=340.0),),
            author="ada",
        )
    )
    failing = Script().failure(FailurePattern.CRASH_LOOP, minute=2)
    failing.failure_cleared(FailurePattern.CRASH_LOOP, minute=3)
    told = [stories.held_and_approved(), stories.rejected(), stories.promoted(), failing]
    return [*settings, *afterwards, *(effect.said for script in told for effect in script.effects)]


def effect_of(said: Said, key: str = "prod/cart") -> Effect:
    cause = LogPosition(topic="observations", partition=3, offset=7)
    return Effect(key=key, cause=cause, index=2, said=said)


def a_champion() -> ModelChanged:
    card = ModelCard(
        id="judge-5d2c",
        family=ModelFamily.JUDGE,
        parent="",
        data_from=START,
        data_until=START,
        releases=40,
        labels=12,
        code="c0de",
    )
    return ModelChanged(card=card, stage=ModelStage.CHAMPION, at=START, why="0 of 40 taken back wrongly")


def test_there_is_a_kind_for_everything_that_can_be_said() -> None:
    assert {type_of(kind) for kind in Kind} == set(get_args(Said))
    assert {type(said) for said in everything()} == set(get_args(Said))


def test_a_kind_is_called_as_on_the_topic_but_for_the_public_verdict() -> None:
    names = {f"dev.suture.{kind}.v1": type_of(kind) for kind in Kind if kind is not Kind.VERDICT}
    assert names.items() <= EFFECT_TYPES.items()
    assert type_of(Kind.VERDICT) in EFFECT_TYPES.values()


@pytest.mark.parametrize("said", everything(), ids=lambda said: type(said).__name__)
def test_a_row_says_what_when_and_where_and_its_body_reads_back(said: Said) -> None:
    row = row_of(5, 40, effect_of(said))
    assert row.keys() <= {column.name for column in COLUMNS}
    assert type_of(Kind(str(row["kind"]))) is type(said)
    assert row["happened_at"] == said_at(said)
    assert row["id"]
    assert (row["cause_topic"], row["cause_partition"], row["cause_offset"]) == ("observations", 3, 7)
    assert (row["effect_index"], row["log_partition"], row["log_offset"]) == (2, 5, 40)
    assert said_from_body(Kind(str(row["kind"])), str(row["body"])) == said


def test_ids_are_those_of_the_topic_where_the_effect_has_no_better() -> None:
    freeze = everything()[0]
    assert row_of(5, 40, effect_of(freeze))["id"] == said_id(freeze)


def test_a_repeat_has_the_same_effect_id_and_another_index_has_not() -> None:
    effect = effect_of(everything()[0])
    first = row_of(5, 40, effect)["effect_id"]
    assert row_of(5, 41, effect)["effect_id"] == first
    assert row_of(5, 41, replace(effect, index=3))["effect_id"] != first


def test_settings_belong_to_no_environment() -> None:
    row = row_of(5, 40, effect_of(everything()[2], key=""))
    assert (row.get("environment"), row.get("service")) == (None, None)


def test_a_body_of_another_kind_is_refused() -> None:
    body = str(row_of(5, 40, effect_of(everything()[0]))["body"])
    with pytest.raises(SchemaError, match="VerdictReached"):
        said_from_body(Kind.VERDICT, body)
