"""Callers: how the budget is split over them, who calls whom, and what one in a hundred requests proves."""

from typing import Any

import numpy as np

from detectors.call_graph import callers_of, depends_on
from detectors.case import Span
from detectors.edge_budget import FOR_LATER, edge_parts
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import ServiceName, TemplateHash
from schemas.samples import Series, Temporality
from schemas.signals import Field
from tests.detectors.test_blame import suspicion

Scene = Any
MINUTE_MS = 60_000


def serve(
    scene: Scene, minute: int, pod: str, template: str, caller: str, requests: float, errors: float = 0.0
) -> None:
    """Let a pod tell of one minute's requests of one caller."""
    end = scene.minute(minute + 1)
    scene.say(
        *[
            (
                Series(
                    metric="http.server.request.duration",
                    field=Field.COUNT,
                    temporality=Temporality.DELTA,
                    pod=pod,
                    template=TemplateHash(template),
                    attributes=(("http.response.status_code", code), ("suture.caller", caller)),
                ),
                end,
                value,
            )
            for code, value in (("200", requests - errors), ("500", errors))
            if value
        ],
        now=end,
    )


def parts_of(scene: Scene, edges: list[str], minutes: int) -> dict[str, float]:
    begin = to_ms(scene.minute(0)) // MINUTE_MS
    signal = next(s for s in scene.rule.signals if s.name == "errors")
    span = Span(quiet=begin - 10, start=begin, end=begin + minutes)
    return edge_parts(scene.window, sorted(scene.window.pods), signal, edges, span)


def test_an_edge_keeps_its_part_of_the_budget_when_others_appear(scene: Scene) -> None:
    for minute in range(-10, 0):
        serve(scene, minute, "a", "old", "web", 100)
    before = parts_of(scene, ["web"], 1)
    for minute in range(40):
        serve(scene, minute, "a", "old", f"caller-{minute:02d}", 100)
    edges = sorted(scene.window.pods["a"].edges(next(iter(scene.window.pods["a"].tracks)).split("|")[0]))
    after = parts_of(scene, edges, 40)
    assert after["web"] == before["web"] == 1.0 - FOR_LATER
    assert after["caller-00"] == FOR_LATER / 2
    assert sum(after.values()) <= 1.0
    assert len(edges) <= 34


def test_edges_of_a_service_that_was_never_heard_before_share_the_whole_budget(scene: Scene) -> None:
    for minute in range(5):
        serve(scene, minute, "a", "new", f"caller-{minute}", 100)
    parts = parts_of(scene, [f"caller-{number}" for number in range(5)], 5)
    assert parts["caller-0"] == 0.5
    assert 0.8 < sum(parts.values()) <= 1.0


def test_a_canary_with_one_request_in_a_hundred_that_fails_one_caller_is_convicted(scene: Scene) -> None:
    random = np.random.default_rng(1)
    for minute in range(-60, 8):
        if minute == 0:
            scene.open()
            scene.ready(0, "canary")
        for pod in "abc":
            for caller, rate in (("web", 3000), ("app", 250), ("partner", 50)):
                serve(scene, minute, pod, "old", caller, rate, float(random.poisson(0.002 * rate)))
        if minute >= 0:
            for caller, rate in (("web", 90), ("app", 8), ("partner", 2)):
                failed = float(random.binomial(rate, 0.6 if caller == "app" else 0.002))
                serve(scene, minute, "canary", "new", caller, rate, failed)
            scene.look(minute)
    harmful = [i for i, seen in enumerate(scene.looks) if seen.kind is VerdictKind.HARMFUL]
    assert harmful
    assert harmful[0] <= 4
    assert "as called by app" in scene.looks[harmful[0]].reasons[0]


def test_who_calls_a_service_is_learnt_from_its_own_samples_and_its_callers(scene: Scene) -> None:
    serve(scene, 0, "a", "old", "web", 100)
    told = Series(
        metric="http.server.request.duration",
        field=Field.COUNT,
        temporality=Temporality.DELTA,
        pod="app-1",
        attributes=(("suture.observer", "app"),),
    )
    scene.say((told, scene.minute(1), 5.0), now=scene.minute(1))
    assert callers_of(scene.window, scene.rule) == ("app", "web")


def test_a_service_depends_on_what_it_calls_through_others_and_never_on_itself() -> None:
    known = [
        suspicion("web", callers=("stock",)),
        suspicion("cart", callers=("web",)),
        suspicion("stock", callers=("cart", "elsewhere")),
    ]
    assert depends_on(known)[ServiceName("web")] == {"cart", "stock"}
