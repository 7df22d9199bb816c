"""`suture_verdict` asked as Prometheus is asked, held to Prometheus's own description of its answers."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.errors import SchemaError
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, TemplateHash
from schemas.observations import ReleaseStarted
from schemas.releases import Release
from streams.gateway import create_app
from streams.release_board import Fact
from streams.release_verdicts import ReleaseVerdicts
from streams.verdict_query import read_selector
from tests.actions.orders import a_release, a_verdict
from tests.streams.gateway_socket import Nowhere

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
CONTRACT = json.loads((Path(__file__).parent / "prometheus-query-schemas.json").read_text(encoding="utf-8"))
FORM = {"content-type": "application/x-www-form-urlencoded"}


def a_version(
    version: str, service: str = "cart", environment: str = "prod", minutes: int = 0, template: str = ""
) -> Release:
    return replace(
        a_release(f"{environment}-{service}-{version}", service, started_at=NOW + timedelta(minutes=minutes)),
        version=version,
        environment=EnvironmentName(environment),
        template=TemplateHash(template),
    )


def is_as_described(name: str, answer: httpx.Response) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]}
    return bool(Draft202012Validator(schema).is_valid(answer.json()))


def ask(*facts: Fact, method: str = "POST", is_current: bool = True, **fields: str) -> httpx.Response:
    """Ask as Prometheus's own client does: by a form, or where that is not allowed by the URL."""

    async def work() -> httpx.Response:
        held = ReleaseVerdicts()
        held.is_current = is_current
        for fact in facts:
            held.learn(fact)
        app = create_app(Nowhere(), verdicts=held, now=lambda: NOW)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            if method == "GET":
                return await client.get("/api/v1/query", params=fields)
            return await client.post("/api/v1/query", content=urlencode(fields), headers=FORM)

    return asyncio.run(work())


def result(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    assert is_as_described("QueryOutputBody", answer)
    told = answer.json()
    assert (told["status"], told["data"]["resultType"]) == ("success", "vector")
    found: list[dict[str, Any]] = told["data"]["result"]
    return found


def judged(release: Release, kind: VerdictKind) -> tuple[Fact, Fact]:
    return (ReleaseStarted(release=release), a_verdict(release, kind, is_final=False))


QUERY = 'suture_verdict{service="cart",environment="prod"}'


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (VerdictKind.HEALTHY, "1"),
        (VerdictKind.HARMFUL, "0"),
        (VerdictKind.INCONCLUSIVE, None),
        (VerdictKind.NODATA, None),
        (VerdictKind.BROKEN, None),
    ],
)
def test_health_is_one_harm_is_zero_and_everything_else_is_no_sample(
    kind: VerdictKind, value: str | None, method: str
) -> None:
    found = result(ask(*judged(a_version("2"), kind), method=method, query=QUERY))
    assert [one["value"] for one in found] == ([] if value is None else [[NOW.timestamp(), value]])


def test_a_sample_says_which_release_it_is_about() -> None:
    (found,) = result(ask(*judged(a_version("2", template="abc"), VerdictKind.HEALTHY), query=QUERY))
    assert found["metric"] == {
        "__name__": "suture_verdict",
        "environment": "prod",
        "service": "cart",
        "version": "2",
        "release": "prod-cart-2",
        "template": "abc",
    }


def test_the_newest_release_of_a_service_counts_unless_a_version_is_asked_for() -> None:
    facts = (
        *judged(a_version("1"), VerdictKind.HARMFUL),
        *judged(a_version("2", minutes=1), VerdictKind.HEALTHY),
    )
    (newest,) = result(ask(*facts, query=QUERY))
    assert (newest["metric"]["version"], newest["value"][1]) == ("2", "1")
    (earlier,) = result(ask(*facts, query='suture_verdict{service="cart",version="1"}'))
    assert earlier["value"][1] == "0"
    undecided = ReleaseStarted(release=a_version("3", minutes=2))
    assert result(ask(*facts, undecided, query=QUERY)) == []


def test_a_selector_that_fits_several_services_gives_each_its_sample() -> None:
    facts = (
        *judged(a_version("1"), VerdictKind.HARMFUL),
        *judged(a_version("1", "shop"), VerdictKind.HEALTHY),
        *judged(a_version("1", environment="dev"), VerdictKind.HEALTHY),
    )
    assert len(result(ask(*facts, query="suture_verdict"))) == 3
    assert len(result(ask(*facts, query="suture_verdict", limit="2"))) == 2
    found = result(ask(*facts, query='suture_verdict{environment="prod"}'))
    assert [one["metric"]["service"] for one in found] == ["cart", "shop"]
    assert result(ask(*facts, query='suture_verdict{namespace="prod"}')) == []
    assert len(result(ask(*facts, query='suture_verdict{namespace="",release="dev-cart-1"}'))) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "up",
        "suture_verdicts",
        "suture_verdict{",
        "suture_verdict}",
        "suture_verdict{} 1",
        "suture_verdict[5m]",
        "suture_verdict offset 5m",
        "sum(suture_verdict)",
        "suture_verdict == 1",
        'suture_verdict{service=~"cart"}',
        'suture_verdict{service!="cart"}',
        'suture_verdict{service!~"cart"}',
        "suture_verdict{service=cart}",
        'suture_verdict{service="cart" environment="prod"}',
        'suture_verdict{,service="cart"}',
        'suture_verdict{service="cart",,}',
        'suture_verdict{service="cart}',
        'suture_verdict{service="\\x"}',
        '{__name__="suture_verdict"}',
        "suture_verdict{" + "a" * 5000,
    ],
)
def test_whatever_is_no_selector_by_equality_is_refused_as_prometheus_refuses_it(query: str) -> None:
    answer = ask(query=query)
    assert answer.status_code == 400
    assert is_as_described("Error", answer)
    assert (answer.json()["status"], answer.json()["errorType"]) == ("error", "bad_data")


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("suture_verdict{}", ()),
        (" suture_verdict { service = 'cart' , } ", (("service", "cart"),)),
        ('suture_verdict{service="a\\"b\\\\c"}', (("service", 'a"b\\c'),)),
        ("suture_verdict{service=`a\\b`}", (("service", "a\\b"),)),
        ('suture_verdict{service="}"}', (("service", "}"),)),
    ],
)
def test_a_selector_is_read_as_prometheus_reads_it(query: str, labels: tuple[tuple[str, str], ...]) -> None:
    assert read_selector(query).labels == labels


label_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,10}", fullmatch=True)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@given(st.lists(st.tuples(label_names, st.text(max_size=20)), max_size=5))
def test_what_is_asked_of_each_label_is_read_back(labels: list[tuple[str, str]]) -> None:
    query = f"suture_verdict{{{','.join(f'{name}={quoted(value)}' for name, value in labels)}}}"
    assert read_selector(query).labels == tuple(labels)


@given(st.text(alphabet="suture_verdict{}=~!,\"'`\\ a1\n", max_size=60))
def test_any_text_is_a_selector_or_is_refused_with_a_sentence(query: str) -> None:
    try:
        found = read_selector(query)
    except SchemaError:
        return
    assert query.strip().startswith("suture_verdict")
    assert bool(found.labels) is ("=" in query)


@pytest.mark.parametrize("time", ["2026-11-20T14:00:05Z", str(NOW.timestamp()), f"{NOW.timestamp() - 299}"])
def test_a_sample_is_of_the_time_that_is_asked_about(time: str) -> None:
    (found,) = result(ask(*judged(a_version("2"), VerdictKind.HEALTHY), query=QUERY, time=time))
    assert abs(found["value"][0] - NOW.timestamp()) < 300


@pytest.mark.parametrize("wrong", [{"time": "0"}, {"time": "nan"}, {"time": "soon"}, {"limit": "-1"}])
def test_another_time_than_now_cannot_be_asked_about(wrong: dict[str, Any]) -> None:
    answer = ask(query=QUERY, **wrong)
    assert (answer.status_code, is_as_described("Error", answer)) == (400, True)


def test_while_verdicts_cannot_be_read_there_is_no_empty_answer() -> None:
    answer = ask(query=QUERY, is_current=False)
    assert (answer.status_code, answer.json()["errorType"]) == (503, "unavailable")
    assert is_as_described("Error", answer)


def test_the_contract_tells_good_from_bad() -> None:
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    assert is_as_described("QueryOutputBody", httpx.Response(200, json=empty))
    assert not is_as_described("QueryOutputBody", httpx.Response(200, json={"status": "success"}))
    assert not is_as_described("Error", httpx.Response(400, json={"error": "x"}))


def test_releases_of_one_instant_have_an_order() -> None:
    first = replace(a_version("1"), id=ReleaseId("a"))
    second = replace(a_version("2"), id=ReleaseId("b"))
    facts = (*judged(second, VerdictKind.HEALTHY), *judged(first, VerdictKind.HARMFUL))
    (found,) = result(ask(*facts, query=QUERY))
    assert found["metric"]["release"] == "b"
