"""Slow answers that the mean hides: the share of requests in time, counted from a histogram's bucket."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.judgements import VerdictKind
from schemas.keys import SignalName, TemplateHash
from schemas.policy import Rule
from schemas.samples import Series, Temporality
from schemas.signals import Direction, Field, Selector, Signal, SignalKind, default_signals

DURATION = "http.server.request.duration"
IN_TIME = Signal(
    name=SignalName("in_time"),
    kind=SignalKind.COUNTS,
    direction=Direction.DOWN,
    events=Selector(metric=DURATION, field=Field.BUCKET, where=(("le", "0.5"),)),
    exposure=Selector(metric=DURATION, field=Field.COUNT),
    margin_ratio=0.25,
    margin_floor=0.001,
)


def histogram(pod: str, template: str, suffix: str, le: str = "") -> Series:
    """Return a series of a histogram as Prometheus spells it."""
    return Series(
        metric=f"http_server_request_duration_seconds{suffix}",
        temporality=Temporality.DELTA,
        pod=pod,
        template=TemplateHash(template),
        attributes=(("le", le),) if le else (),
    )


@pytest.mark.parametrize(("slow", "kind"), [(0.01, VerdictKind.HEALTHY), (0.06, VerdictKind.HARMFUL)])
def test_answers_that_are_late_convict_where_the_mean_stands_still(
    new_scene: Callable[[], Any], slow: float, kind: VerdictKind
) -> None:
    scene = new_scene()
    scene.rule = replace(Rule(), signals=(*default_signals(), IN_TIME))
    random = np.random.default_rng(21)
    for minute in range(-60, 15):
        if minute == 0:
            scene.open()
        pods = [(f"stable-{n}", "old", 0.01) for n in range(3)]
        pods += [("canary", "new", slow)] if minute >= 0 else []
        end = scene.minute(minute + 1)
        for pod, template, share in pods:
            late = random.binomial(600, share)
            scene.say(
                (histogram(pod, template, "_count"), end, 600.0),
                (histogram(pod, template, "_sum"), end, 60.0 * random.normal(1.0, 0.03)),
                (histogram(pod, template, "_bucket", "0.5"), end, 600.0 - late),
                (histogram(pod, template, "_bucket", "1"), end, 600.0),
                now=end,
            )
        if minute >= 0:
            scene.look(minute)
    assert scene.looks[-1].kind is kind
    convicting = {e.signal for e in scene.looks[-1].evidence if e.convicts}
    assert convicting == ({"in_time", "slow"} if kind is VerdictKind.HARMFUL else set())
