"""Slow requests: a few answers that take very long convict, above a bound that the service itself tells."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from detectors.tails import with_bounds
from detectors.windows import ServiceWindow
from schemas.codec import from_json, to_json
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import SignalName, TemplateHash
from schemas.otlp_metrics import read_metrics
from schemas.policy import Rule
from schemas.samples import Series, Temporality
from schemas.signals import TAIL_BOUNDS_S, Field, Signal, default_signals

DURATION = "http.server.request.duration"
SLOW = next(signal for signal in default_signals() if signal.name == "slow")
BOUNDS = (0.025, *TAIL_BOUNDS_S, 10.0)


class Service:
    """Pods that answer most requests in 50 ms and some in 5 s, and tell of it by histograms."""

    def __init__(self, scene: Any, *, seed: int = 5, temporality: Temporality = Temporality.DELTA) -> None:
        self.scene, self.temporality = scene, temporality
        self.random = np.random.default_rng(seed)
        self.totals: dict[Series, float] = {}

    def serve(
        self, minute: int, pod: str, template: str, slow: float, requests: int = 600, has_buckets: bool = True
    ) -> None:
        late = int(self.random.binomial(requests, slow))
        seconds = (0.05 * (requests - late) + 5.0 * late) * self.random.normal(1.0, 0.03)
        counts = {0.025: 0.0, 10.0: float(requests)} | dict.fromkeys(TAIL_BOUNDS_S, float(requests - late))
        points: list[tuple[Field, float | None, float]] = [
            (Field.COUNT, None, float(requests)),
            (Field.SUM, None, seconds),
        ]
        points += [(Field.BUCKET, bound, counts[bound]) for bound in BOUNDS] if has_buckets else []
        end = self.scene.minute(minute + 1)
        samples = []
        for field, bound, value in points:
            series = Series(
                metric=DURATION,
                field=field,
                temporality=self.temporality,
                pod=pod,
                template=TemplateHash(template),
                upper_bound=bound,
            )
            if self.temporality is Temporality.CUMULATIVE:
                value = self.totals[series] = self.totals.get(series, 0.0) + value
            samples.append((series, end, value))
        self.scene.say(*samples, now=end)

    def restart(self, pod: str) -> None:
        self.totals = {series: value for series, value in self.totals.items() if series.pod != pod}


def play(
    service: Service,
    canary: float,
    *,
    at_first: float | None = None,
    minutes: int = 30,
    stable: float = 0.002,
    is_canary_told: bool = True,
    restarts: tuple[int, ...] = (),
) -> list[Any]:
    scene = service.scene
    for minute in range(-60, minutes):
        if minute == 0:
            scene.open()
        if minute in restarts:
            service.restart("canary")
            service.restart("stable-1")
        for number in range(3):
            service.serve(minute, f"stable-{number}", "old", stable)
        if minute >= 0:
            slow = at_first if at_first is not None and minute < 2 else canary
            service.serve(minute, "canary", "new", slow, has_buckets=is_canary_told)
            scene.look(minute)
    return list(scene.looks)


def convicting(look: Any) -> set[str]:
    return {evidence.signal for evidence in look.evidence if evidence.convicts}


def test_three_in_a_hundred_that_take_a_hundred_times_as_long_convict_within_minutes(scene: Any) -> None:
    looks = play(Service(scene), 0.03, minutes=8)
    last = looks[-1]
    assert last.kind is VerdictKind.HARMFUL
    assert "slow" in convicting(last)
    text = next(evidence.text for evidence in last.evidence if evidence.signal == "slow")
    assert text.startswith("slow (slower than 0.1 s) ")


def test_a_canary_that_is_slow_for_its_first_two_minutes_only_is_healthy(scene: Any) -> None:
    looks = play(Service(scene), 0.002, at_first=0.3)
    assert looks[-1].kind is VerdictKind.HEALTHY
    assert not any("slow" in convicting(look) for look in looks)


def test_a_canary_whose_histogram_lacks_the_bucket_is_neither_slow_nor_fast(scene: Any) -> None:
    looks = play(Service(scene), 0.002, is_canary_told=False, minutes=12)
    assert not any(evidence.signal == "slow" for look in looks for evidence in look.evidence)
    assert looks[-1].kind is not VerdictKind.HARMFUL


def test_counters_that_restart_on_the_way_are_no_damage(scene: Any) -> None:
    service = Service(scene, temporality=Temporality.CUMULATIVE)
    looks = play(service, 0.002, restarts=(5, 11))
    assert looks[-1].kind is VerdictKind.HEALTHY
    slow = next(evidence for evidence in looks[-1].evidence if evidence.signal == "slow")
    assert slow.canary.level is not None
    assert slow.canary.level < 0.01


def bound_after(scene: Any, stable: float, canary: float, quiet: bool = True) -> float | None:
    service = Service(scene)
    for minute in range(-30 if quiet else 0, 5):
        service.serve(minute, "stable-0", "old", stable)
        if minute >= 0:
            service.serve(minute, "canary", "new", canary)
    width = scene.window.width_ms
    start = to_ms(scene.minute(0)) // width
    learnt = with_bounds(scene.rule, scene.window, ["stable-0"], (start - 30, start), (start, start + 5))
    return next(signal.bound for signal in learnt.signals if signal.name == SignalName("slow"))


def test_the_bound_is_told_by_stable_pods_and_not_by_the_canary(new_scene: Callable[[], Any]) -> None:
    for canary in (0.0, 0.5):
        assert bound_after(new_scene(), 0.002, canary) == TAIL_BOUNDS_S[0]
        assert bound_after(new_scene(), 0.002, canary, quiet=False) == TAIL_BOUNDS_S[0]


def test_where_every_bound_is_exceeded_often_nothing_is_said(new_scene: Callable[[], Any]) -> None:
    assert bound_after(new_scene(), 0.2, 0.2) is None


def test_services_without_histograms_have_the_budget_that_they_had(new_scene: Callable[[], Any]) -> None:
    thresholds = []
    for signals in (default_signals(), tuple(s for s in default_signals() if s != SLOW)):
        scene = new_scene()
        scene.rule = replace(Rule(), signals=signals)
        for minute in range(-20, 4):
            if minute == 0:
                scene.open()
            scene.serve(minute, "stable-0", "old", 100)
            if minute >= 0:
                scene.serve(minute, "canary", "new", 100)
                scene.look(minute)
        thresholds.append([(e.signal, e.threshold_log_e) for e in scene.looks[-1].evidence])
    assert thresholds[0] == thresholds[1]


def test_a_bound_that_the_policy_names_is_not_learnt(scene: Any) -> None:
    fixed: Signal = replace(SLOW, bound=0.5, bound_share=None)
    scene.rule = replace(Rule(), signals=(*(s for s in default_signals() if s != SLOW), fixed))
    looks = play(Service(scene), 0.03, minutes=8)
    text = next(evidence.text for evidence in looks[-1].evidence if evidence.signal == "slow")
    assert text.startswith("slow (slower than 0.5 s) ")


def test_stopping_and_restoring_changes_nothing_of_it(new_scene: Callable[[], Any]) -> None:
    straight, stopped = new_scene(), new_scene()
    service = Service(stopped, temporality=Temporality.CUMULATIVE)
    play(Service(straight, temporality=Temporality.CUMULATIVE), 0.03, minutes=8)
    for minute in range(-60, 8):
        if minute == 0:
            stopped.open()
        for number in range(3):
            service.serve(minute, f"stable-{number}", "old", 0.002)
        if minute >= 0:
            service.serve(minute, "canary", "new", 0.03)
            stopped.look(minute)
        if minute in (-5, 3):
            stopped.window = from_json(ServiceWindow, to_json(stopped.window))
    assert [repr(look) for look in straight.looks] == [repr(look) for look in stopped.looks]


def message(at: datetime, minute: int, pods: dict[str, tuple[str, int]]) -> bytes:
    """Return an OTLP message of cumulative histograms: by pod, its template and slow requests a minute."""
    request = ExportMetricsServiceRequest()
    for pod, (template, late) in pods.items():
        resource = request.resource_metrics.add()
        named = {
            "service.name": "cart",
            "deployment.environment.name": "prod",
            "k8s.pod.name": pod,
            "k8s.pod.label.pod-template-hash": template,
        }
        for name, text in named.items():
            attribute = resource.resource.attributes.add()
            attribute.key, attribute.value.string_value = name, text
        metric = resource.scope_metrics.add().metrics.add(name=DURATION)
        metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        so_far = minute + 61
        metric.histogram.data_points.add(
            time_unix_nano=to_ms(at) * 1_000_000,
            count=600 * so_far,
            sum=so_far * (0.05 * (600 - late) + 5.0 * late),
            explicit_bounds=[0.005, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            bucket_counts=[0, (600 - late) * so_far, 0, 0, 0, 0, late * so_far, 0],
        )
    return request.SerializeToString()


def test_an_otlp_histogram_becomes_evidence_of_slow_requests(scene: Any) -> None:
    for minute in range(-60, 10):
        if minute == 0:
            scene.open()
        pods = {f"stable-{number}": ("old", number) for number in range(3)}
        pods |= {"canary": ("new", 18)} if minute >= 0 else {}
        end = scene.minute(minute + 1)
        (batch,) = read_metrics(message(end.astimezone(UTC), minute, pods), every_bucket=False).batches
        bounds = {s.upper_bound for s in batch.series if s.field is Field.BUCKET}
        assert bounds == set(TAIL_BOUNDS_S)
        scene.window.add_samples(batch, scene.rule, end)
        if minute >= 0:
            scene.look(minute)
    slow = next(evidence for evidence in scene.looks[-1].evidence if evidence.signal == "slow")
    assert slow.canary.level is not None
    assert abs(slow.canary.level - 0.03) < 1e-9
    assert slow.convicts
