"""The example policy for Prometheus' metrics: it judges what remote write brings."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actions.policy_file import load_policy
from bench.remote_write_proto import first, second
from schemas.codec import digest
from schemas.effects import Effect
from schemas.envelopes import Message
from schemas.instants import to_ms
from schemas.judgements import Evidence, VerdictKind
from schemas.observations import SettingsChanged, VerdictReached
from schemas.topics import Topic
from streams.pipeline import Pipeline
from tests.builders import NEW, OLD, START, a_release, said

EXAMPLE = Path(__file__).parents[2] / "infra/policy-prometheus.yaml"
DURATION = "http_request_duration_seconds"


def scraped(minute: int, error_share: float) -> Iterator[dict[str, Any]]:
    """Yield what Prometheus has scraped of three stable pods and, from minute 60 on, of a canary."""
    at_ms = to_ms(START + timedelta(minutes=minute - 60, seconds=30))
    pods = [(f"cart-{number}", OLD, 0.01, minute + 1) for number in range(3)]
    if minute >= 60:
        pods.append(("cart-new", NEW, error_share, minute - 59))
    for pod, template, errors, minutes in pods:
        who = {"service": "cart", "namespace": "dev", "pod": pod, "pod_template_hash": template}
        requests = 600.0 * minutes
        readings: list[tuple[str, dict[str, str], float]] = [
            ("http_requests_total", {"code": "200"}, requests * (1 - errors)),
            ("http_requests_total", {"code": "503"}, requests * errors),
            (f"{DURATION}_sum", {}, 0.05 * requests),
            (f"{DURATION}_count", {}, requests),
            (f"{DURATION}_bucket", {"le": "0.5"}, 0.99 * requests),
            ("process_resident_memory_bytes", {}, 1e8),
        ]
        for name, labels, value in readings:
            yield {"labels": {"__name__": name, **who, **labels}, "samples": [(value, at_ms)]}


def judged(error_share: float, *, by_second: bool = False) -> list[Effect]:
    pipeline = Pipeline()
    effects: list[Effect] = []
    policy, begins = load_policy(EXAMPLE), START - timedelta(hours=1)
    effects += pipeline.observe(SettingsChanged(policy=policy, digest=digest(policy), at=begins))
    for minute in range(80):
        if minute == 60:
            effects += pipeline.observe(a_release(), "dev/cart")
        value = (second if by_second else first)(*scraped(minute, error_share))
        effects += pipeline.send(Message(topic=Topic.REMOTE_WRITE, key=None, value=value))
        effects += pipeline.tick(begins + timedelta(minutes=minute + 1, seconds=10))
    assert pipeline.refused == []
    return effects


@pytest.mark.parametrize("by_second", [False, True], ids=["1.0", "2.0"])
def test_a_version_that_fails_is_judged_harmful_by_prometheus_own_metrics(by_second: bool) -> None:
    effects = judged(0.2, by_second=by_second)
    kinds = {reached.verdict.kind for reached in said(effects, VerdictReached)}
    assert VerdictKind.HARMFUL in kinds
    convicting = [
        reached for reached in said(effects, VerdictReached) if reached.verdict.kind is VerdictKind.HARMFUL
    ]
    assert "errors" in {evidence.signal for evidence in convicting[0].verdict.evidence}


def test_a_version_that_fares_as_the_one_before_it_is_not() -> None:
    effects = judged(0.01)
    assert VerdictKind.HARMFUL not in {reached.verdict.kind for reached in said(effects, VerdictReached)}
    assert {"errors", "latency", "slow", "memory"} <= {
        evidence.signal for evidence in said(effects, Evidence)
    }
