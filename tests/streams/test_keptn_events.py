"""Keptn's v1 events, held to the examples of its specification."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.v1.event import CloudEvent

from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ServiceName
from schemas.observations import ReleaseStarted
from streams.gateway import create_app
from streams.release_board import Fact
from streams.release_verdicts import ReleaseVerdicts
from tests.actions.orders import a_release, a_verdict
from tests.streams.gateway_socket import Nowhere

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
EXAMPLES = Path(__file__).parent / "keptn"
RELEASE = replace(
    a_release("r1", started_at=NOW),
    environment=EnvironmentName("dev"),
    service=ServiceName("carts"),
    version="2",
)
START = ReleaseStarted(release=RELEASE)


def example(name: str) -> dict[str, Any]:
    """Return an event of Keptn's specification (keptn/spec, cloudevents.md, Apache-2.0)."""
    found: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def triggered(labels: dict[str, str] | None = None, **data: Any) -> dict[str, Any]:
    event = example("evaluation-triggered")
    return event | {"data": event["data"] | {"labels": labels or {}} | data}


def get_sli(*indicators: str) -> dict[str, Any]:
    asked = {"start": "2019-10-20T07:57:27.152330783Z", "end": "2019-10-20T08:57:27Z"}
    event = triggered()
    event["data"]["get-sli"] = {**asked, "indicators": list(indicators)}
    return event | {"type": "sh.keptn.event.get-sli.triggered"}


def post(event: Any, *facts: Fact, wait: str = "0", now: datetime = NOW) -> httpx.Response:
    async def work() -> httpx.Response:
        held = ReleaseVerdicts()
        held.is_current = True
        for fact in facts:
            held.learn(fact)
        transport = httpx.ASGITransport(app=create_app(Nowhere(), verdicts=held, now=lambda: now))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            content = event if isinstance(event, bytes) else json.dumps(event)
            return await client.post(f"/v1/keptn?wait={wait}", content=content)

    return asyncio.run(work())


def is_shaped_like(found: Any, wanted: Any, but: frozenset[str] = frozenset()) -> bool:
    """Return whether every key of an example is there, with a value of the same kind."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in but or (name in found and is_shaped_like(found[name], value, but))
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and all(is_shaped_like(one, wanted[0], but) for one in found)
    return (
        isinstance(found, float | int) if isinstance(wanted, float | int) else isinstance(found, type(wanted))
    )


NOT_OURS = frozenset({"sloFileContent", "comparedEvents", "gitCommit", "label-key"})


@pytest.mark.parametrize(
    ("kind", "result", "score"),
    [
        (VerdictKind.HEALTHY, "pass", 100),
        (VerdictKind.HARMFUL, "fail", 0),
        (VerdictKind.INCONCLUSIVE, "warning", 50),
        (VerdictKind.NODATA, "warning", 50),
        (VerdictKind.BROKEN, "warning", 50),
    ],
)
def test_a_settled_verdict_answers_an_evaluation_as_the_specification_writes_it(
    kind: VerdictKind, result: str, score: int
) -> None:
    answer = post(triggered(), START, a_verdict(RELEASE, kind))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    begun, done = answer.json()
    assert (begun["type"], done["type"]) == (
        "sh.keptn.event.evaluation.started",
        "sh.keptn.event.evaluation.finished",
    )
    assert is_shaped_like(begun, example("evaluation-started"), NOT_OURS | {"result"})
    assert is_shaped_like(done, example("evaluation-finished"), NOT_OURS)
    evaluation = done["data"]["evaluation"]
    assert (done["data"]["result"], evaluation["result"], evaluation["score"]) == (result, result, score)
    assert done["data"]["message"].startswith(f"{kind.value}: ")
    for event in (begun, done):
        assert event["triggeredid"] == example("evaluation-triggered")["id"]
        assert event["shkeptncontext"] == example("evaluation-triggered")["shkeptncontext"]
        assert (event["data"]["project"], event["data"]["stage"]) == ("sockshop", "dev")
        attributes = {key: value for key, value in event.items() if key != "data"}
        attributes["time"] = datetime.fromisoformat(attributes["time"])
        assert CloudEvent(attributes=attributes, data=event["data"]).get_id() == event["id"]


@pytest.mark.parametrize(
    "facts", [(START,), (), (START, a_verdict(RELEASE, VerdictKind.HEALTHY, is_final=False))]
)
def test_before_the_verdict_is_settled_the_work_has_begun_and_no_more_is_said(
    facts: tuple[Fact, ...],
) -> None:
    answer = post(triggered(), *facts, wait="0.01")
    assert (answer.status_code, [one["type"] for one in answer.json()]) == (
        202,
        ["sh.keptn.event.evaluation.started"],
    )


def test_the_same_event_is_answered_with_the_same_ids() -> None:
    facts = (START, a_verdict(RELEASE, VerdictKind.HARMFUL))
    once, again = post(triggered(), *facts), post(triggered(), *facts, now=NOW.replace(hour=15))
    assert [one["id"] for one in once.json()] == [one["id"] for one in again.json()]
    assert len({one["id"] for one in once.json()}) == 2


def test_an_indicator_is_the_verdict_and_what_others_measure_is_not_made_up() -> None:
    answer = post(
        get_sli("suture_verdict", "response_time_p95"), START, a_verdict(RELEASE, VerdictKind.HEALTHY)
    )
    data = answer.json()[1]["data"]
    ours, foreign = data["get-sli"]["indicatorValues"]
    value = example("evaluation-finished")["data"]["evaluation"]["indicatorResults"][0]["value"]
    assert is_shaped_like(ours, value)
    assert is_shaped_like(foreign, value)
    assert (ours["metric"], ours["value"], ours["success"]) == ("suture_verdict", 1.0, True)
    assert (foreign["metric"], foreign["success"]) == ("response_time_p95", False)
    assert data["get-sli"]["start"] == "2019-10-20T07:57:27.152330783Z"


def test_labels_say_which_version_and_environment_are_meant() -> None:
    older = replace(RELEASE, environment=EnvironmentName("prod"), version="1")
    facts = (ReleaseStarted(release=older), a_verdict(older, VerdictKind.HARMFUL))
    named = post(triggered({"environment": "prod", "version": "1"}), *facts)
    assert named.json()[1]["data"]["result"] == "fail"
    assert named.json()[1]["data"]["labels"] == {"environment": "prod", "version": "1"}
    assert post(triggered({"version": "1"}), *facts).status_code == 202
    assert post(triggered({"environment": "prod", "version": "9"}), *facts).status_code == 202


@pytest.mark.parametrize(
    "event",
    [
        b"{",
        [],
        example("evaluation-started"),
        triggered() | {"specversion": "0.3"},
        triggered() | {"type": "sh.keptn.event.approval.triggered"},
        triggered() | {"data": None},
        triggered() | {"shkeptncontext": ""},
        triggered(stage=""),
        triggered(service="a/b"),
        triggered({"version": "2\n"}),
        triggered({f"l{number}": "x" for number in range(51)}),
        triggered(evaluation={"start": "yesterday"}),
        triggered(evaluation={"start": 5}),
        triggered(evaluation={"indicators": [5]}),
        triggered(evaluation=[]),
    ],
)
def test_what_is_no_question_of_keptn_is_refused_with_a_sentence(event: Any) -> None:
    answer = post(event)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_the_shapes_tell_good_from_bad() -> None:
    done = example("evaluation-finished")
    assert is_shaped_like(done, done)
    assert not is_shaped_like(done | {"triggeredid": 5}, done)
    assert not is_shaped_like({"data": {}}, {"data": {"result": "pass"}})
