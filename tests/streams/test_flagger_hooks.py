"""Flagger's hooks at the gateway: which verdict is a yes to which hook."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from schemas.judgements import Verdict, VerdictKind
from schemas.keys import TemplateHash
from schemas.observations import ReleaseStarted
from streams.flagger_hooks import Hook
from streams.gateway import create_app
from streams.release_verdicts import ReleaseVerdicts
from tests.actions.orders import NOW, a_release, a_verdict
from tests.streams.gateway_socket import Nowhere, serving

TOKEN = "16688eb5e9f289f1991c"
RELEASE = replace(a_release("r1", started_at=NOW), version="2", template=TemplateHash("abc"))
STARTED = ReleaseStarted(release=RELEASE)
# The form of contracts/flagger/webhook-payload.json, with what Suture asks of its metadata.
CALL: dict[str, Any] = {
    "name": "cart",
    "namespace": "test",
    "phase": "Progressing",
    "checksum": "85d557f47b",
    "metadata": {"test": "all", "token": TOKEN, "environment": "prod", "version": "2"},
}
YES_TO = {
    Hook.CONFIRM_ROLLOUT: {"healthy", "harmful", "inconclusive", "nodata", "broken", "unknown"},
    Hook.PRE_ROLLOUT: {"healthy", "inconclusive", "nodata", "broken", "unknown"},
    Hook.ROLLOUT: {"healthy", "inconclusive", "nodata", "broken", "unknown"},
    Hook.CONFIRM_TRAFFIC_INCREASE: {"healthy", "inconclusive", "nodata", "broken", "unknown"},
    Hook.CONFIRM_PROMOTION: {"healthy"},
    Hook.POST_ROLLOUT: {"healthy", "harmful", "inconclusive", "nodata", "broken", "unknown"},
    Hook.ROLLBACK: {"harmful"},
    Hook.EVENT: {"healthy", "harmful", "inconclusive", "nodata", "broken", "unknown"},
}


def call(
    hook: Hook,
    content: bytes | None = None,
    *facts: ReleaseStarted | Verdict,
    tokens: str | None = f"flagger:{TOKEN}",
    **metadata: str,
) -> httpx.Response:
    async def work() -> httpx.Response:
        held = ReleaseVerdicts()
        held.is_current = True
        for fact in facts:
            held.learn(fact)
        app = create_app(Nowhere(), f"ann:{'a' * 20}", verdicts=held, hook_tokens=tokens)
        body = json.dumps({**CALL, "metadata": {**CALL["metadata"], **metadata}}).encode()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://gateway"
        ) as client:
            return await client.post(f"/flagger/{hook}", content=body if content is None else content)

    return asyncio.run(work())


@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize("kind", [*VerdictKind, None])
def test_each_hook_says_yes_to_its_verdicts_and_409_to_all_others(
    hook: Hook, kind: VerdictKind | None
) -> None:
    facts = () if kind is None else (STARTED, a_verdict(RELEASE, kind))
    answer = call(hook, None, *facts)
    name = "unknown" if kind is None else kind.value
    assert answer.status_code == (200 if name in YES_TO[hook] else 409)
    if hook.asks:
        assert answer.text.startswith(f"cart 2 in prod is {name}: ")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_while_a_release_is_watched_it_gets_traffic_and_no_promotion() -> None:
    assert call(Hook.CONFIRM_TRAFFIC_INCREASE, None, STARTED).status_code == 200
    assert call(Hook.CONFIRM_PROMOTION, None, STARTED).status_code == 409
    assert call(Hook.ROLLBACK, None, STARTED).status_code == 409


HARMFUL = (STARTED, a_verdict(RELEASE, VerdictKind.HARMFUL))


@pytest.mark.parametrize(
    ("content", "settings", "status"),
    [
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b'{"name": "cart"}', {}, 400),
        (b"x" * 70_000, {}, 413),
        (None, {"version": ""}, 400),
        (None, {"environment": " "}, 400),
        (None, {"token": "another-token-of-somebody"}, 403),
        (None, {"token": ""}, 403),
        (None, {"token": "a" * 20}, 403),
        (None, {"tokens": None}, 503),
    ],
)
def test_what_cannot_be_answered_is_no_yes_and_to_the_rollback_hook_a_409(
    content: bytes | None, settings: dict[str, Any], status: int
) -> None:
    assert call(Hook.ROLLBACK, content, *HARMFUL, **settings).status_code == 409
    refused = call(Hook.CONFIRM_PROMOTION, content, *HARMFUL, **settings)
    assert refused.status_code == status
    assert TOKEN not in refused.text


def test_a_release_of_another_template_is_not_rolled_back() -> None:
    assert call(Hook.ROLLBACK, None, *HARMFUL, template="abc").status_code == 200
    assert call(Hook.ROLLBACK, None, *HARMFUL, template="def").status_code == 409
    assert call(Hook.ROLLBACK, None, *HARMFUL, service="basket").status_code == 409


def test_an_event_is_noted() -> None:
    """The form of contracts/flagger/event-payload.shape.json."""
    told = {"eventMessage": "Halt cart.test", "eventType": "Warning", "timestamp": "1795000000000"}
    body = json.dumps({**CALL, "metadata": {**told, "token": TOKEN}}).encode()
    assert call(Hook.EVENT, body).status_code == 200


def test_the_sentence_of_a_refusal_fits_into_an_event() -> None:
    long = replace(a_verdict(RELEASE, VerdictKind.BROKEN), reasons=("x" * 5000,))
    answer = call(Hook.CONFIRM_PROMOTION, None, STARTED, long)
    assert (answer.status_code, len(answer.text)) == (409, 500)


def test_a_hook_of_an_unknown_type_is_not_found_and_none_is_asked_with_get() -> None:
    with serving(*HARMFUL, hook_tokens=f"flagger:{TOKEN}") as gateway:
        assert httpx.post(f"{gateway.url}/flagger/rollback", json=CALL, timeout=60).status_code == 200
        assert httpx.post(f"{gateway.url}/flagger/rollout", json=CALL, timeout=60).status_code == 409
        assert httpx.post(f"{gateway.url}/flagger/anything", json=CALL, timeout=60).status_code == 404
        assert httpx.get(f"{gateway.url}/flagger/rollback", timeout=60).status_code == 405


def test_the_documented_hooks_ask_at_the_path_of_their_type() -> None:
    document = (Path(__file__).parents[2] / "docs" / "verdicts.md").read_text(encoding="utf-8")
    block = next(
        found for found in re.findall(r"```yaml\n(.*?)```", document, re.DOTALL) if "webhooks" in found
    )
    webhooks = yaml.safe_load(block)["analysis"]["webhooks"]
    assert {one["type"] for one in webhooks} == {Hook.ROLLBACK, Hook.CONFIRM_PROMOTION}
    for one in webhooks:
        assert one["url"].endswith(f":4318/flagger/{one['type']}")
        assert all(isinstance(value, str) for value in one["metadata"].values())
        metadata = {**one["metadata"], "token": TOKEN}
        assert call(Hook(one["type"]), None, **metadata).status_code == 409
