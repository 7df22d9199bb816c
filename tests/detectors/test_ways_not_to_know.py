"""Ways not to know: what a release is called when its telemetry is thin, late, doubled, flat or wrong."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from detectors.defaults import LATENCY, SUCCESS, pod_minute_rule
from schemas.judgements import VerdictKind
from schemas.keys import TemplateHash
from schemas.samples import Series, Temporality
from schemas.signals import Field

Scene = Any
Says = Callable[[int, str, str], None]


def play(scene: Scene, says: Says, quiet: int = 60, minutes: int = 31, twins: str = "abc") -> None:
    """Play quiet minutes and a watch; `says` lets one pod of one template speak about one minute."""
    for minute in range(-quiet, minutes):
        if minute == 0:
            scene.open()
            scene.ready(0, "d")
        for pod in twins:
            says(minute, pod, "old")
        if minute >= 0:
            says(minute, "d", "new")
            scene.look(minute)


def steadily(scene: Scene, requests: float = 300, errors: float = 0.0, canary: float | None = None) -> Says:
    """Return pods that serve the same every minute; the canary perhaps with other errors."""

    def says(minute: int, pod: str, template: str) -> None:
        failed = canary if canary is not None and template == "new" else errors
        scene.serve(minute, pod, template, requests, failed)

    return says


def kinds(scene: Scene) -> set[VerdictKind]:
    return {seen.kind for seen in scene.looks}


def test_after_a_cold_start_a_canary_beside_twins_is_judged_by_them(scene: Scene) -> None:
    play(scene, steadily(scene, canary=150), quiet=0)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_ever_more_errors_beside_twins_that_have_none_never_say_less(new_scene: Callable[[], Scene]) -> None:
    worth = []
    for failed in (30, 150, 300):
        scene = new_scene()
        play(scene, steadily(scene, canary=failed), minutes=8)
        worth.append(max(e.log_e for e in scene.looks[-1].evidence if e.signal == "errors"))
    assert all(more > less - 1.0 for less, more in pairwise(worth))


def test_after_a_cold_start_a_good_canary_is_not_harmful(scene: Scene) -> None:
    play(scene, steadily(scene), quiet=0)
    assert VerdictKind.HARMFUL not in kinds(scene)


def test_the_first_release_ever_without_anything_to_compare_is_never_harmful_by_level(scene: Scene) -> None:
    play(scene, steadily(scene, errors=30), quiet=0, twins="")
    assert kinds(scene) <= {VerdictKind.INCONCLUSIVE, VerdictKind.HEALTHY, VerdictKind.NODATA}


def test_a_canary_with_hardly_any_traffic_is_not_enough_evidence_and_says_how_much_is_missing(
    scene: Scene,
) -> None:
    play(scene, steadily(scene, requests=0.5))
    assert scene.looks[-1].is_final
    assert scene.looks[-1].kind is VerdictKind.INCONCLUSIVE
    assert "more requests to see errors of" in scene.looks[-1].reasons[0]


def test_a_canary_that_is_watched_too_briefly_says_how_long_still(scene: Scene) -> None:
    play(scene, steadily(scene), minutes=2)
    assert scene.looks[-1].kind is VerdictKind.INCONCLUSIVE
    assert "3 more intervals of the canary and 0:08:00 more of watching" in scene.looks[-1].reasons[0]


def test_a_healthy_verdict_says_what_it_does_not_exclude(scene: Scene) -> None:
    play(scene, steadily(scene, errors=2), minutes=12)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY
    assert "to see a doubling" in scene.looks[-1].reasons[0]


def test_without_quiet_minutes_a_lone_canary_that_replaced_everything_is_not_harmful(scene: Scene) -> None:
    def says(minute: int, pod: str, template: str) -> None:
        if template == "new":
            scene.serve(minute, pod, template, 300, 30)

    play(scene, says, quiet=0)
    assert VerdictKind.HARMFUL not in kinds(scene)


def test_missing_minutes_of_both_sides_convict_nobody(scene: Scene) -> None:
    random = np.random.default_rng(5)

    def says(minute: int, pod: str, template: str) -> None:
        if random.random() > 0.2:
            scene.serve(minute, pod, template, 300, float(random.binomial(300, 0.01)))

    play(scene, says)
    assert VerdictKind.HARMFUL not in kinds(scene)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_doubled_minutes_count_once(new_scene: Callable[[], Scene]) -> None:
    once, twice = new_scene(), new_scene()
    play(once, steadily(once, errors=1, canary=20), minutes=6)

    def doubled(minute: int, pod: str, template: str) -> None:
        for _ in range(2):
            steadily(twice, errors=1, canary=20)(minute, pod, template)

    play(twice, doubled, minutes=6)
    assert [repr(seen) for seen in once.looks] == [repr(seen) for seen in twice.looks]


def test_samples_that_come_late_and_out_of_order_change_nothing_once_they_are_there(
    new_scene: Callable[[], Scene],
) -> None:
    ordered, mixed = new_scene(), new_scene()
    random = np.random.default_rng(7)
    told = [(minute, pod) for minute in range(-30, 0) for pod in "abc"]
    for minute, pod in told:
        ordered.serve(minute, pod, "old", 300, 1)
    # Up to eight points of a series are put into their place, whatever order they come in.
    for start in range(0, len(told), 15):
        group = told[start : start + 15]
        random.shuffle(group)
        for minute, pod in group:
            mixed.serve(minute, pod, "old", 300, 1)
    for scene in (ordered, mixed):
        scene.open()
        scene.ready(0, "d")
        for minute in range(4):
            for pod in "abcd":
                is_bad = pod == "d"
                scene.serve(minute, pod, "new" if is_bad else "old", 300, 60 if is_bad else 1)
            scene.look(minute)
    assert [seen.kind for seen in ordered.looks] == [seen.kind for seen in mixed.looks]
    assert [e.log_e for e in ordered.looks[-1].evidence] == pytest.approx(
        [e.log_e for e in mixed.looks[-1].evidence]
    )


def test_a_clock_that_is_minutes_behind_is_neither_silence_nor_harm(scene: Scene) -> None:
    def says(minute: int, pod: str, template: str) -> None:
        scene.serve(minute - 2 if template == "new" else minute, pod, template, 300)

    play(scene, says, minutes=12)
    assert VerdictKind.HARMFUL not in kinds(scene)


def count(scene: Scene, minute: int, pod: str, template: str, code: str, value: float) -> None:
    """Let a pod tell a cumulative counter's value."""
    series = Series(
        metric="http.server.request.duration",
        field=Field.COUNT,
        temporality=Temporality.CUMULATIVE,
        pod=pod,
        template=TemplateHash(template),
        attributes=(("http.response.status_code", code),),
    )
    scene.say((series, scene.minute(minute + 1), value), now=scene.minute(minute + 1))


def test_counters_that_start_again_at_zero_convict_nobody(scene: Scene) -> None:
    def says(minute: int, pod: str, template: str) -> None:
        # Each pod restarts every seven minutes; the canary's counter falls as well.
        age = (minute + 70 + ord(pod)) % 7 + 1
        count(scene, minute, pod, template, "200", 300.0 * age)
        count(scene, minute, pod, template, "500", 1.0 * age)

    play(scene, says)
    assert VerdictKind.HARMFUL not in kinds(scene)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_metrics_that_never_change_are_healthy_and_convict_nobody(scene: Scene) -> None:
    scene.rule = pod_minute_rule()

    def says(minute: int, pod: str, template: str) -> None:
        scene.say(
            *[
                (Series(metric=metric, pod=pod, template=TemplateHash(template)), scene.minute(minute), value)
                for metric, value in ((SUCCESS, 100.0), (LATENCY, 20.0))
            ],
            now=scene.minute(minute + 1),
        )

    play(scene, says)
    assert VerdictKind.HARMFUL not in kinds(scene)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_an_error_series_that_is_missing_beside_live_requests_is_no_errors(scene: Scene) -> None:
    play(scene, steadily(scene, errors=0.0), minutes=12)
    errors = next(e for e in scene.looks[-1].evidence if e.signal == "errors")
    assert (errors.canary.level, errors.control.level) == (0.0, 0.0)
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_an_error_counter_that_first_appears_on_the_canary_counts_from_zero(scene: Scene) -> None:
    def says(minute: int, pod: str, template: str) -> None:
        count(scene, minute, pod, template, "200", 300.0 * (minute + (1 if template == "new" else 61)))
        if template == "new" and minute >= 3:
            count(scene, minute, pod, template, "500", 40.0 * (minute - 2))

    play(scene, says, minutes=8)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL
    assert "errors" in scene.looks[-1].reasons[0]
