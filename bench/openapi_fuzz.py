"""Requests made of the gateway's OpenAPI document, good ones and bad ones, and each answer held against it.

`python -m bench.openapi_fuzz --examples 2000` asks an application in this process, `--gateway URL` one that
runs, which must be a throwaway: deploys are among the requests. Half of them carry names and a token that the
first knows. An answer is wrong whose status, media type or body the document does not tell of, and every 5xx
but 503 is.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.judgements import Verdict, VerdictKind
from schemas.keys import CommandId, DecisionId, EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import ReleaseStarted
from schemas.orders import Command, CommandKind, Decision, Guard, Held, Playbook
from schemas.releases import Release, Target, TargetKind
from streams import clock
from streams.flagger_hooks import Hook
from streams.gateway import create_app
from streams.release_verdicts import ReleaseVerdicts
from streams.verdict_waiting import VerdictWaiters
from streams.watches import WatchRequest, watch_for, watch_id

TOKEN = "a-token-of-the-fuzzer-alone"  # noqa: S105  # of an application that lives as long as this process
_STARTED = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
_RELEASE = Release(
    id=ReleaseId("prod-cart-1.4.2-92ab94fd"),
    environment=EnvironmentName("prod"),
    service=ServiceName("cart"),
    version="1.4.2",
    started_at=_STARTED,
    template=TemplateHash("6b7f9c8d5"),
    target=Target(kind=TargetKind.DEPLOYMENT, cluster="default", namespace="shop", workload="cart"),
)
_CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
_MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


_SELECTOR = 'suture_verdict{service="cart",environment="prod"}'
_FLAGGER = {"token": TOKEN, "environment": "prod", "version": "1.4.2"}
_HOOK = {"name": "cart", "namespace": "shop", "phase": "Progressing", "checksum": "1", "metadata": _FLAGGER}
_KEPTN = {
    "specversion": "1.0",
    "id": "1",
    "source": "fuzzer",
    "type": "sh.keptn.event.evaluation.triggered",
    "data": {"project": "shop", "stage": "prod", "service": "cart"},
    "shkeptncontext": "2",
}
_EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "fuzzer",
    "type": "dev.cdevents.build.finished.0.2.0",
    "data": {},
}
_QUERIES: Mapping[str, Mapping[str, str]] = {"GET /api/v1/query": {"query": _SELECTOR}}
_BODIES: Mapping[str, tuple[str, Any]] = {
    "POST /v1/metrics": ("application/json", b'{"resourceMetrics":[]}'),
    "POST /v1/logs": ("application/json", b'{"resourceLogs":[]}'),
    "POST /v1/events": ("application/cloudevents+json", json.dumps(_EVENT).encode()),
    "POST /v1/keptn": ("application/cloudevents+json", _KEPTN),
    "POST /api/v1/query": ("application/x-www-form-urlencoded", {"query": _SELECTOR}),
    **{f"POST /flagger/{hook}": ("application/json", _HOOK) for hook in Hook},
}
"""What no description of a form lets anybody guess."""


class Taking:
    """A publisher that takes everything and keeps nothing."""

    async def publish(self, *_: object) -> None:
        """Say that it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was asked and answered.

    Attributes:
        statuses: How often each was answered, by operation.
        failures: What was wrong, each kind once an operation.
        seconds: Of wall clock.
    """

    operations: int
    requests: int
    statuses: Mapping[str, Mapping[int, int]]
    failures: tuple[str, ...]
    seconds: float


def known_gateway() -> FastAPI:
    """Return a gateway that knows a release with a verdict, a decision and a hold; nobody waits at it."""
    held = ReleaseVerdicts()
    held.is_current = True
    for fact in _facts():
        held.learn(fact)
    token = f"fuzzer+read+deploy+answer+hooks:{TOKEN}"
    return create_app(Taking(), token, waiting=VerdictWaiters(held, most=0))


def fuzz(gateway: FastAPI | str, examples: int, start: int = 1, only: str = "") -> Report:
    """Return what a gateway answered.

    Args:
        gateway: An application, or the address of one that runs.
        examples: Requests of each operation that are as described, and as many that are not.
        start: What the requests are drawn from.
        only: Beginning of the paths that are asked; "" for all.
    """
    began = time.monotonic()
    schema = (
        schemathesis.openapi.from_url(f"{gateway}/openapi.json")
        if isinstance(gateway, str)
        else schemathesis.openapi.from_asgi("/openapi.json", gateway)
    )
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    operations = [one for one in operations if one.path.startswith(only)]
    statuses: dict[str, Counter[int]] = {operation.label: Counter() for operation in operations}
    failures: dict[str, None] = {}
    for operation in operations:
        for mode in _MODES:
            for status, wrong in _ask(operation, mode, examples, start):
                statuses[operation.label][status] += 1
                failures.update(dict.fromkeys(f"{operation.label}: {one}" for one in wrong))
    return Report(
        operations=len(operations),
        requests=sum(sum(counted.values()) for counted in statuses.values()),
        statuses=statuses,
        failures=tuple(failures),
        seconds=time.monotonic() - began,
    )


def _ask(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, examples: int, start: int
) -> list[tuple[int, list[str]]]:
    """Return status and faults of each answer."""
    answers: list[tuple[int, list[str]]] = []

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def ask(case: Any, is_known: bool) -> None:
        if is_known:
            case.path_parameters = {
                name: _known().get(name, value) for name, value in (case.path_parameters or {}).items()
            }
            case.headers = {**(case.headers or {}), "authorization": f"Bearer {TOKEN}"}
            case.query = {**(case.query or {}), **_QUERIES.get(operation.label, {})}
            if operation.label in _BODIES:
                case.media_type, case.body = _BODIES[operation.label]
        response = case.call()
        is_broken = response.status_code >= 500 and response.status_code != 503
        wrong = [f"answered {response.status_code}"] if is_broken else []
        try:
            case.validate_response(response, checks=list(_CHECKS))
        except (Failure, FailureGroup) as error:
            faults = error.exceptions if isinstance(error, FailureGroup) else (error,)
            wrong += [f"{type(one).__name__} of {response.status_code}: {one}"[:500] for one in faults]
        answers.append((int(response.status_code), wrong))

    try:
        ask()
    except Unsatisfiable:
        # There is no bad request of a route that takes nothing, or any bytes.
        return answers
    return answers


def _known() -> dict[str, str]:
    asked = WatchRequest(service="cart", version="1.4.2", environment="prod")
    watch = watch_id(watch_for(asked, _STARTED))
    return {"environment": "prod", "service": "cart", "version": "1.4.2", "watch": watch}


def _facts() -> Iterator[ReleaseStarted | Verdict | Decision | Held]:
    release = _RELEASE
    yield ReleaseStarted(release=release)
    verdict = Verdict(
        id="v1",
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        ordinal=1,
        kind=VerdictKind.HARMFUL,
        at=_STARTED + timedelta(minutes=2),
        is_final=False,
        confidence=0.999,
        alpha=0.01,
        reasons=("error_ratio: 12 % against 1 %",),
    )
    yield verdict
    decision = Decision(
        id=DecisionId("d1"),
        release=release.id,
        environment=release.environment,
        service=release.service,
        version=release.version,
        verdict=verdict.id,
        playbook=Playbook.ROLLBACK,
        at=verdict.at,
        why="harmful",
        rule="prod/*",
        needs_approval=True,
        confidence=0.999,
    )
    yield decision
    assert release.target is not None, "it is named above"
    command = Command(
        id=CommandId("c1"),
        kind=CommandKind.UNDO,
        decision=decision.id,
        release=release.id,
        environment=release.environment,
        service=release.service,
        target=release.target,
        template=TemplateHash("5d9c7b6a4"),
        expected_template=release.template,
        issued_at=verdict.at,
        expires_at=verdict.at + timedelta(minutes=5),
    )
    yield Held(
        id="h1",
        decision=decision.id,
        release=release.id,
        environment=release.environment,
        service=release.service,
        guard=Guard.APPROVAL,
        reason="rollback needs a human",
        at=verdict.at,
        expires_at=clock.now() + timedelta(days=1),
        command=command,
    )


def main(arguments: Sequence[str]) -> int:
    """Ask, print one JSON object, and return 1 when an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.openapi_fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="good requests an operation, and bad ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gateway", default="", help="address of a throwaway gateway; default: one in here")
    chosen = parser.parse_args(arguments)
    found = fuzz(chosen.gateway or known_gateway(), chosen.examples, chosen.seed)
    total: Counter[int] = Counter()
    for counted in found.statuses.values():
        total.update(counted)
    told = {
        "operations": found.operations,
        "requests": found.requests,
        "statuses": {str(status): total[status] for status in sorted(total)},
        "without_a_success": [
            name for name, counted in found.statuses.items() if not any(200 <= one < 300 for one in counted)
        ],
        "failures": list(found.failures),
        "seconds": round(found.seconds, 1),
    }
    print(json.dumps(told, indent=1))
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
