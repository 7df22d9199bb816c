"""What a window makes of samples: counters, gauges, late ones, doubled ones and those from the future."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.panels import read
from detectors.windows import ServiceWindow
from schemas.codec import from_json, to_json
from schemas.instants import to_ms
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import LogBatch, LogLine, PodChange, PodChanged
from schemas.samples import Series, Temporality
from schemas.signals import Field, default_signals

Scene = Any
ERRORS, LATENCY, _, LOG_ERRORS, _, MEMORY = default_signals()


def total(scene: Scene, selector: Any, first: int = -60, end: int = 60) -> float:
    zero = int(scene.minute(0).timestamp()) // 60
    pods = tuple(sorted(scene.window.pods))
    sums, _ = read(scene.window, pods, selector, None, zero + first, zero + end)
    return float(sums.sum())


def counter(scene: Scene, values: list[tuple[int, float]], code: str = "200", pod: str = "a") -> None:
    series = scene.series(pod, temporality=Temporality.CUMULATIVE, code=code)
    for minute, value in values:
        scene.say((series, scene.minute(minute), value), now=scene.minute(max(minute, 0)))


def test_a_counter_counts_from_its_first_reading(scene: Scene) -> None:
    counter(scene, [(0, 1000), (1, 1010), (2, 1030)])
    assert total(scene, ERRORS.exposure) == 30


def test_a_fall_of_a_counter_is_a_restart_from_zero(scene: Scene) -> None:
    counter(scene, [(0, 1000), (1, 1010), (2, 5), (3, 9)])
    assert total(scene, ERRORS.exposure) == 10 + 5 + 4


def test_an_error_counter_that_appears_later_counts_from_zero(scene: Scene) -> None:
    counter(scene, [(0, 100), (1, 200)])
    counter(scene, [(2, 7)], code="500")
    assert total(scene, ERRORS.events) == 7


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(6)),
    steps=st.lists(st.integers(0, 50), min_size=6, max_size=6),
)
def test_the_order_in_which_a_counters_points_come_does_not_matter(
    new_scene: Callable[[], Scene], order: list[int], steps: list[int]
) -> None:

    levels = [1000 + sum(steps[: i + 1]) for i in range(6)]
    straight, mixed = new_scene(), new_scene()
    counter(straight, [(i, levels[i]) for i in range(6)])
    counter(mixed, [(i, levels[i]) for i in order])
    zero = int(straight.minute(0).timestamp()) // 60
    for minute in range(-2, 8):
        expected = read(
            straight.window, ("a",), ERRORS.exposure or ERRORS.events, None, zero + minute, zero + minute + 1
        )
        seen = read(
            mixed.window, ("a",), ERRORS.exposure or ERRORS.events, None, zero + minute, zero + minute + 1
        )
        assert seen[0].tolist() == expected[0].tolist()


def test_a_reading_that_comes_twice_counts_once(scene: Scene) -> None:
    sample = (scene.series("a"), scene.minute(0), 10.0)
    assert scene.say(sample, sample, now=scene.minute(0)).repeated == 1
    assert scene.say(sample, now=scene.minute(1)).repeated == 1
    assert total(scene, ERRORS.exposure) == 10


def test_a_sample_from_the_future_is_refused_and_noted(scene: Scene) -> None:
    ahead = scene.minute(0) + scene.rule.judge.skew + timedelta(seconds=1)
    assert scene.say((scene.series("a"), ahead, 1.0), now=scene.minute(0)).ahead == 1
    assert scene.window.pods["a"].refused_ahead == 1
    assert scene.window.pods["a"].first_ms is None


def test_a_sample_older_than_what_is_kept_is_refused(scene: Scene) -> None:
    assert scene.say((scene.series("a"), scene.minute(-600), 1.0), now=scene.minute(0)).late == 1


def test_a_gauge_is_averaged_within_its_interval(scene: Scene) -> None:
    series = Series(metric="process_memory_usage_bytes", pod="a")
    scene.say(
        (series, scene.minute(0), 10.0),
        (series, scene.minute(0) + timedelta(seconds=30), 30.0),
        now=scene.minute(1),
    )
    zero = int(scene.minute(0).timestamp()) // 60
    sums, readings = read(scene.window, ("a",), MEMORY.events, None, zero, zero + 1)
    assert (sums.sum() / readings.sum()) == 20.0


def test_log_lines_count_by_severity(scene: Scene) -> None:
    lines = tuple(
        LogLine(
            time_ms=int(scene.minute(0).timestamp() * 1000),
            severity=severity,
            pod="a",
            version="1",
            template=TemplateHash("old"),
            text="x",
        )
        for severity in (1, 9, 13, 17, 20, 21)
    )
    scene.window.add_logs(
        LogBatch(environment=EnvironmentName("prod"), service=ServiceName("cart"), lines=lines), scene.rule
    )
    assert total(scene, LOG_ERRORS.events) == 3


def test_pods_beyond_the_limit_are_counted_together(scene: Scene) -> None:
    for number in range(250):
        scene.serve(0, f"pod-{number}", "old", 2)
    assert len(scene.window.pods) <= scene.rule.judge.max_pods + 1
    assert total(scene, ERRORS.exposure) == 500


def test_what_is_old_is_forgotten(scene: Scene) -> None:
    for minute in range(0, 600, 5):
        scene.serve(minute, f"pod-{minute}", "old", 2)
    kept = scene.rule.judge.quiet + scene.rule.judge.watch + scene.rule.gate.recovery
    assert len(scene.window.pods) <= kept / timedelta(minutes=5) + 2
    assert len(to_json(scene.window)) < 100_000


def test_a_pod_that_comes_back_as_another_version_is_another_pod(scene: Scene) -> None:
    scene.serve(-5, "a", "old", 10)
    scene.serve(5, "a", "new", 10)
    assert sorted(pod.template for pod in scene.window.pods.values()) == ["new", "old"]
    assert scene.window.serving_templates(scene.minute(0)) == ("old",)


def test_a_window_survives_json_exactly(scene: Scene) -> None:
    counter(scene, [(0, 1000.5), (1, 1010.25)])
    scene.serve(3, "b", "old", 100, 3, 0.123)
    again = from_json(ServiceWindow, to_json(scene.window))
    assert again == scene.window


@pytest.mark.parametrize("of", [Field.BUCKET])
def test_a_series_that_nobody_asked_for_leaves_no_trace(scene: Scene, of: Field) -> None:
    scene.say((scene.series("a", of=of), scene.minute(0), 1.0), now=scene.minute(0))
    assert scene.window.pods == {}


def changed(scene: Scene, change: PodChange, minute: float, template: str = "5d9c7") -> None:
    scene.window.pod_changed(
        PodChanged(
            environment=EnvironmentName("prod"),
            service=ServiceName("cart"),
            pod="web-0",
            version="1.4.2",
            template=TemplateHash(template),
            change=change,
            at=scene.minute(minute),
        )
    )


def test_a_pod_that_is_ready_again_is_no_younger_and_one_that_was_replaced_is(scene: Scene) -> None:
    changed(scene, PodChange.READY, -30)
    changed(scene, PodChange.READY, 5)
    (pod,) = scene.window.pods.values()
    assert pod.born_ms == to_ms(scene.minute(-30))
    changed(scene, PodChange.DELETED, 6)
    changed(scene, PodChange.READY, 7)
    (pod,) = scene.window.pods.values()
    assert (pod.born_ms, pod.deleted_ms) == (to_ms(scene.minute(7)), None)
