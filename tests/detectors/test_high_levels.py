"""A gauge above its level: a failure once it has lasted on enough pods, over once it has been calm."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.effects import Effect, Said
from schemas.failures import Failure, FailurePattern
from schemas.keys import TemplateHash
from schemas.levels import LevelRule, default_levels
from schemas.observations import FailureCleared, FailureSeen, Observation, SettingsChanged
from schemas.policy import Policy, Rule
from schemas.samples import Series
from schemas.signals import Field, Selector
from streams.engine import Engine
from tests.builders import Log, a_batch, a_tick, minute

GAUGE = "k8s.pod.cpu_limit_utilization"
POLICY = Policy(rules={"*/*": Rule()})
LASTING, CALM = 5, 2


def readings(log: Log, levels: list[dict[str, float]], metric: str = GAUGE) -> list[Observation]:
    """Return a log in which pods read so, minute by minute."""
    entries = [log.put("", SettingsChanged(policy=POLICY, digest="d", at=minute(0)))]
    for number, pods in enumerate(levels):
        samples = [
            (
                Series(metric=metric, pod=pod, version="1", template=TemplateHash("5d9c7")),
                minute(number + 0.5),
                level,
            )
            for pod, level in pods.items()
        ]
        if samples:
            entries.append(log.put("prod/cart", a_batch(samples, environment="prod")))
        entries.append(log.put("", a_tick(minute(number + 1) + timedelta(seconds=10))))
    return entries


def told(entries: list[Observation], engine: Engine | None = None) -> list[Effect]:
    engine = engine or Engine()
    return [effect for entry in entries for effect in engine.apply(entry)]


def said_of(levels: list[dict[str, float]], metric: str = GAUGE) -> list[Said]:
    found = [effect.said for effect in told(readings(Log(), levels, metric))]
    return [one for one in found if isinstance(one, (FailureSeen, FailureCleared))]


def failure(said: Said) -> Failure:
    assert isinstance(said, FailureSeen)
    return said.failure


def test_a_level_that_lasts_on_half_the_pods_is_a_failure_and_names_its_beginning() -> None:
    calm, high = {"a": 0.2, "b": 0.3}, {"a": 0.95, "b": 0.3}
    (only,) = said_of([calm] * 3 + [high] * LASTING)
    found = failure(only)
    assert (found.pattern, found.since, found.at) == (FailurePattern.SATURATION, minute(3), minute(8))
    assert (found.failing, found.replicas, found.template, found.version) == (1, 2, "5d9c7", "1")
    assert found.target.key == "default/prod/cart"
    assert found.detail == f"cpu_of_limit: {GAUGE} is at least 0.9 on 1 of 2 pods, 0.95 at the highest"


def test_a_level_that_does_not_last_or_is_on_too_few_pods_is_none() -> None:
    high, calm = {"a": 0.95}, {"a": 0.2}
    assert said_of(([high] * (LASTING - 1) + [calm]) * 3) == []
    assert said_of([{"a": 0.95, "b": 0.1, "c": 0.1}] * 20) == []
    assert said_of([high] * 20, "process.cpu.utilization") == []


def test_a_failure_grows_and_is_over_once_it_has_been_calm() -> None:
    one, both, calm = {"a": 0.95, "b": 0.1}, {"a": 0.95, "b": 0.99}, {"a": 0.1, "b": 0.1}
    said = said_of([one] * LASTING + [both] * 2 + [calm] * (CALM - 1) + [both] + [calm] * CALM)
    first, second, over = said
    assert (failure(first).failing, failure(second).failing) == (1, 2)
    assert failure(first).id == failure(second).id
    assert over == FailureCleared(
        failure=failure(first).id,
        environment=failure(first).environment,
        service=failure(first).service,
        at=minute(11),
    )


def test_a_gap_in_the_readings_is_neither_high_nor_low() -> None:
    high = {"a": 0.95}
    assert len(said_of([high] * 3 + [{}] * 10 + [high])) == 1
    assert len(said_of([high] * LASTING + [{}] * 30)) == 1


def test_a_failure_of_which_nobody_tells_for_an_hour_is_over() -> None:
    said = said_of([{"a": 0.95}] * LASTING + [{}] * 62)
    assert [type(one) for one in said] == [FailureSeen, FailureCleared]


def test_readings_of_a_pod_by_others_do_not_pass_for_its_own_word() -> None:
    engine = Engine()
    told(readings(Log(), [{"a": 0.2}] * 3), engine)
    assert engine.state.services["prod/cart"].window.pods == {}


@settings(max_examples=40, deadline=None)
@given(
    levels=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.1, 0.95]), max_size=3), max_size=30
    ),
    cut=st.integers(0, 60),
)
def test_a_restart_changes_nothing(levels: list[dict[str, float]], cut: int) -> None:
    entries = readings(Log(), levels)
    engine = Engine()
    first = told(entries[:cut], engine)
    data = engine.snapshot()
    restored = Engine.restore(data)
    assert restored.snapshot() == data
    assert first + told(entries[cut:], restored) == told(entries)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 400))
def test_what_is_remembered_is_bounded_by_pods_and_open_intervals(count: int) -> None:
    engine = Engine()
    told(readings(Log(), [{f"p{number}": 0.5 for number in range(count)}] * 2), engine)
    high = engine.state.services["prod/cart"].high
    assert sum(len(pod.sums) for level in high.levels.values() for pod in level.pods.values()) <= 200


def test_a_level_of_another_pattern_field_or_name_is_refused() -> None:
    (usual,) = default_levels()
    with pytest.raises(ValueError, match="expected saturation or cache_full"):
        LevelRule(name="x", pattern=FailurePattern.CRASH_LOOP, reading=usual.reading, above=1)
    with pytest.raises(ValueError, match="expected a gauge's value"):
        LevelRule(
            name="x",
            pattern=FailurePattern.CACHE_FULL,
            reading=Selector(metric="m", field=Field.COUNT),
            above=1,
        )
    with pytest.raises(ValueError, match="each name once"):
        Rule(levels=(usual, usual))
