"""Routes: one endpoint of many that fails, and many endpoints that do not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detectors.case import Span
from detectors.edge_budget import FOR_LATER, FOR_ROUTES, edge_parts
from detectors.matching import is_by_route, matcher, selector_key
from detectors.panels import edges_of, panel, routes_of
from detectors.windows import MOST_ROUTES, ServiceWindow
from schemas.codec import from_json, to_json
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import TemplateHash
from schemas.policy import Rule
from schemas.samples import Series, Temporality
from schemas.signals import Field

Scene = Any
Told = dict[str, tuple[float, float, float]]
MINUTE_MS = 60_000


def serve(
    scene: Scene, minute: int, pod: str, template: str, told: Told, more: tuple[tuple[str, str], ...] = ()
) -> None:
    """Let a pod tell of one minute: requests, errors and seconds by route."""
    end = scene.minute(minute + 1)

    def series(route: str, code: str, of: Field) -> Series:
        named = (("http.response.status_code", code), ("http.route", route), *more)
        return Series(
            metric="http.server.request.duration",
            field=of,
            temporality=Temporality.DELTA,
            pod=pod,
            template=TemplateHash(template),
            attributes=tuple(sorted(named)),
        )

    said = []
    for route, (requests, errors, seconds) in told.items():
        said.append((series(route, "200", Field.COUNT), end, requests - errors))
        said.append((series(route, "200", Field.SUM), end, seconds))
        if errors:
            said.append((series(route, "500", Field.COUNT), end, errors))
    scene.say(*said, now=end)


def drawn(random: np.random.Generator, rates: dict[str, float], failing: dict[str, float]) -> Told:
    """Return one minute of a pod whose requests take as long as requests do: most short, some very long."""
    told = {}
    for route, rate in rates.items():
        requests = int(random.poisson(rate))
        if requests:
            errors = float(random.binomial(requests, failing.get(route, 0.002)))
            told[route] = (float(requests), errors, float(random.lognormal(-3.0, 1.0, requests).sum()))
    return told


def play(
    scene: Scene,
    seed: int,
    rates: dict[str, float],
    failing: dict[str, float],
    minutes: int,
    weight: float = 0.1,
    quiet: int = 40,
) -> None:
    """Play a release whose canary gets a part of each stable pod's traffic."""
    random = np.random.default_rng(seed)
    part = {route: weight * rate for route, rate in rates.items()}
    for minute in range(-quiet, minutes):
        if minute == 0:
            scene.open()
            scene.ready(0, "canary")
        for pod in "abc":
            serve(scene, minute, pod, "old", drawn(random, rates, {}))
        if minute >= 0:
            serve(scene, minute, "canary", "new", drawn(random, part, failing))
            scene.look(minute)


def span_of(scene: Scene, minutes: int) -> Span:
    begin = to_ms(scene.minute(0)) // MINUTE_MS
    return Span(quiet=begin - 10, start=begin, end=begin + minutes)


def errors_of(scene: Scene) -> Any:
    return next(signal for signal in scene.rule.signals if signal.name == "errors")


def test_a_canary_that_fails_one_endpoint_with_one_percent_of_the_traffic_is_convicted(scene: Scene) -> None:
    rates = {"/": 2000.0, "/cart": 940.0, "/login": 30.0, "/pay": 30.0}
    play(scene, 1, rates, {"/pay": 1.0}, 12, weight=0.2)
    harmful = [place for place, seen in enumerate(scene.looks) if seen.kind is VerdictKind.HARMFUL]
    assert harmful
    assert harmful[0] <= 10
    assert scene.looks[harmful[0]].reasons[0].startswith("errors on /pay ")


def test_harmless_canaries_with_many_endpoints_of_little_traffic_are_not_convicted(
    new_scene: Callable[[], Scene],
) -> None:
    rates = {f"/r{number:02d}": 40.0 / (number + 1) for number in range(30)}
    for seed in range(4):
        scene = new_scene()
        play(scene, seed, rates, {}, 12, weight=0.3, quiet=20)
        assert all(seen.kind is not VerdictKind.HARMFUL for seen in scene.looks)


def test_routes_beyond_the_bound_count_in_the_total_only(scene: Scene) -> None:
    told = {f"/r{number:03d}": (10.0, 0.0, 1.0) for number in range(100)}
    for minute in range(-5, 0):
        serve(scene, minute, "a", "old", told)
    signal, span = errors_of(scene), span_of(scene, 0)
    assert len(scene.window.routes) == MOST_ROUTES
    assert len(routes_of(scene.window, ["a"], signal)) == MOST_ROUTES
    assert edges_of(scene.window, ["a"], signal) == [""]
    assert panel(scene.window, ["a"], signal, "", span.quiet, span.end).exposure.sum() == 5 * 100 * 10
    assert panel(scene.window, ["a"], signal, None, span.quiet, span.end).exposure.sum() == 5 * 100 * 10
    assert panel(scene.window, ["a"], signal, "route:/r003", span.quiet, span.end).exposure.sum() == 5 * 10


def test_a_route_that_has_no_requests_any_more_makes_room_for_another(scene: Scene) -> None:
    serve(scene, -500, "a", "old", {f"/r{number}": (10.0, 0.0, 1.0) for number in range(MOST_ROUTES)})
    serve(scene, -1, "a", "old", {"/new": (10.0, 0.0, 1.0)})
    serve(scene, 0, "a", "old", {"/newer": (10.0, 0.0, 1.0)})
    assert list(scene.window.routes) == ["route:/new", "route:/newer"]
    assert all("route:/new" in key for key in scene.window.pods["a"].routes)


def test_a_route_that_only_the_canary_has_is_shown_and_convicts_nobody(scene: Scene) -> None:
    for minute in range(-40, 15):
        if minute == 0:
            scene.open()
            scene.ready(0, "canary")
        for pod in "abc":
            serve(scene, minute, pod, "old", {"/": (3000.0, 6.0, 150.0)})
        if minute >= 0:
            serve(scene, minute, "canary", "new", {"/": (3000.0, 6.0, 150.0), "/beta": (3.0, 3.0, 9.0)})
            scene.look(minute)
    assert all(seen.kind is not VerdictKind.HARMFUL for seen in scene.looks)
    shown = [said for said in scene.looks[-1].evidence if said.edge == "route:/beta"]
    assert {said.signal for said in shown} >= {"errors"}
    assert all(said.log_e <= 0 < said.canary.exposure and not said.control.pods for said in shown)
    assert "errors on /beta 100 % of 45" in next(said for said in shown if said.signal == "errors").text


def test_callers_stay_apart_as_they_were_and_share_half_of_the_budget_beside_routes(scene: Scene) -> None:
    for minute in range(-10, 0):
        for caller in ("web", "app"):
            told = {"/": (90.0, 0.0, 1.0), "/pay": (10.0, 0.0, 1.0)}
            serve(scene, minute, "a", "old", told, (("suture.caller", caller),))
    signal, span = errors_of(scene), span_of(scene, 0)
    assert edges_of(scene.window, ["a"], signal) == ["app", "web"]
    routes = routes_of(scene.window, ["a"], signal)
    assert routes == ["route:/", "route:/pay"]
    both = [panel(scene.window, ["a"], signal, edge, span.quiet, span.end).exposure.sum() for edge in routes]
    assert both == [1800, 200]
    serve(scene, 1, "a", "old", {"/late": (10.0, 0.0, 1.0)}, (("suture.caller", "web"),))
    routes = routes_of(scene.window, ["a"], signal)
    parts = edge_parts(scene.window, ["a"], signal, ["app", "web"], span_of(scene, 5), routes)
    known = (1 - FOR_LATER) / 2
    assert parts["web"] == parts["app"] == known * (1 - FOR_ROUTES)
    assert parts["route:/pay"] == known * FOR_ROUTES
    assert parts["route:/late"] == FOR_LATER / 2 * FOR_ROUTES
    assert sum(parts.values()) <= 1.0


def test_the_total_keeps_its_whole_part_when_routes_come_after_the_release(scene: Scene) -> None:
    for minute in range(-10, 5):
        scene.serve(minute, "a", "old", 100)
    before = edge_parts(scene.window, ["a"], errors_of(scene), [""], span_of(scene, 5))
    serve(scene, 3, "a", "old", {"/late": (10.0, 0.0, 1.0)})
    routes = routes_of(scene.window, ["a"], errors_of(scene))
    after = edge_parts(scene.window, ["a"], errors_of(scene), [""], span_of(scene, 5), routes)
    assert routes == ["route:/late"]
    assert after == {**before, "route:/late": 0.0}


def test_what_a_caller_tells_of_a_service_is_not_told_apart_by_route(scene: Scene) -> None:
    observed = (("suture.observer", "web"),)
    serve(scene, -1, "web-1", "", {"/pay": (10.0, 0.0, 1.0)}, observed)
    assert scene.window.routes == {}
    assert not any(pod.routes for pod in scene.window.pods.values())


@pytest.mark.parametrize(
    ("name", "attributes", "route"),
    [
        ("http.server.request.duration", (("http.route", "/pay"),), "route:/pay"),
        ("http_server_request_duration_seconds_count", (("http_route", "/pay"),), "route:/pay"),
        ("http.server.request.duration", (("handler", "/pay"),), "route:/pay"),
        ("http.server.request.duration", (("rpc.method", "cart.Cart/Pay"),), "route:cart.Cart/Pay"),
        ("http.server.request.duration", (("http.route", ""),), ""),
        ("http.server.request.duration", (("suture.caller", "route:/pay"),), ""),
        ("suture.log.records", (("http.route", "/pay"), ("severity", "error")), ""),
    ],
)
def test_a_route_is_known_by_the_names_of_both_worlds(
    name: str, attributes: tuple[tuple[str, str], ...], route: str
) -> None:
    of = Field.VALUE if name.endswith("_count") or name.startswith("suture") else Field.COUNT
    feed = matcher(Rule()).feed(Series(metric=name, field=of, attributes=attributes))
    assert feed.route == route
    assert all(key.endswith(f"|{route}") for key in feed.route_tracks)
    assert bool(feed.route_tracks) is bool(route)
    assert not feed.edge.startswith("route:")


def test_log_lines_name_no_route_and_are_not_compared_by_one() -> None:
    by_route = {signal.name for signal in Rule().signals if is_by_route(signal)}
    assert {"errors", "latency"} <= by_route
    assert not {"log_errors", "log_templates", "memory"} & by_route


def test_a_window_with_routes_survives_being_written_and_read(scene: Scene) -> None:
    play(scene, 3, {"/": 50.0, "/pay": 5.0}, {"/pay": 1.0}, 4, quiet=10)
    again = from_json(ServiceWindow, to_json(scene.window))
    assert to_json(again) == to_json(scene.window)
    other = type(scene)(rule=scene.rule, window=again, watch=scene.watch)
    for one in (scene, other):
        serve(one, 4, "a", "old", {"/": (50.0, 1.0, 3.0), "/more": (5.0, 1.0, 3.0)})
    assert to_json(other.window) == to_json(scene.window)
    assert other.window.routes == scene.window.routes


def test_a_service_without_routes_keeps_none(scene: Scene) -> None:
    for minute in range(5):
        scene.serve(minute, "a", "old", 100, 1)
    assert scene.window.routes == {}
    assert scene.window.pods["a"].routes == {}
    key = selector_key(errors_of(scene).exposure)
    assert scene.window.pods["a"].track(f"{key}|") is scene.window.pods["a"].tracks[f"{key}|"]
