"""Deploys told in plain JSON, by HTTP and by the command, and the watches that others poll."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.cdevents import deploy_event, read_deploy
from schemas.cloudevents import read_record
from schemas.errors import SchemaError, SettingsError
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.observations import ReleaseStarted
from streams.cli import app as command_line
from streams.deploy_client import PAUSES_S, UntoldError, tell_deploy
from streams.deploy_requests import DeployRequest
from streams.gateway import create_app
from streams.gateway_publishing import PublishError
from streams.release_board import Fact
from streams.release_verdicts import ReleaseVerdicts
from streams.watches import WatchRequest, read_watch_id, watch_for, watch_id
from tests.actions.orders import a_release, a_verdict
from tests.streams.gateway_socket import Nowhere, serving

NOW = datetime(2026, 11, 20, 14, 0, 5, 250_000, tzinfo=UTC)
DEPLOY: dict[str, Any] = {"service": "cart", "version": "1.4.2", "environment": "prod"}
Published = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]


class Gateway:
    """An application, with what it published and a clock."""

    def __init__(self, *facts: Fact, failure: Exception | None = None) -> None:
        self.published: list[Published] = []
        self.now = NOW
        self.held = ReleaseVerdicts()
        self.held.is_current = True
        self._failure = failure
        for fact in facts:
            self.held.learn(fact)
        self._app = create_app(self, verdicts=self.held, now=lambda: self.now)

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        if self._failure is not None:
            raise self._failure
        self.published.append((topic, key, value, headers))

    def restarted(self) -> "Gateway":
        """Return another gateway that has read the same topics."""
        other = Gateway()
        other.held, other.now = self.held, self.now
        other._app = create_app(other, verdicts=self.held, now=lambda: other.now)
        return other

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        async def work() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                content = body if isinstance(body, bytes) else json.dumps(body)
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(work())

    def deploy(self, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        return self.send("POST", "/v1/deploys", DEPLOY | more, headers)


def starts(published: Published) -> ReleaseStarted:
    _, _, value, headers = published
    started = read_deploy(read_record(value, headers))
    assert started is not None
    return started


def test_a_deploy_is_the_event_that_the_command_publishes() -> None:
    gateway = Gateway()
    told: dict[str, Any] = {
        "commit": "abc",
        "url": "https://ci.example/7",
        "template": "5d9c7b",
        "rollback_template": "4a4a4a",
        "one_way": "drops a column",
        "is_upgrade": True,
        "target": {"kind": "rollout", "cluster": "c", "namespace": "n", "workload": "w"},
    }
    answer = gateway.deploy(**told)
    ((topic, key, _, _),) = gateway.published
    started = starts(gateway.published[0])
    assert (answer.status_code, topic, key) == (202, "cdevents", b"prod/cart")
    assert answer.json()["release"] == started.release.id
    release = started.release
    assert (release.version, release.commit, release.template) == ("1.4.2", "abc", "5d9c7b")
    assert (release.rollback_template, release.one_way, release.started_at) == (
        "4a4a4a",
        "drops a column",
        NOW,
    )
    assert release.target is not None
    assert release.target.key == "c/n/w"
    same = deploy_event(
        service=ServiceName("cart"),
        version="1.4.2",
        environment=EnvironmentName("prod"),
        at=NOW,
        commit="abc",
        url="https://ci.example/7",
        template=release.template,
        rollback_template=release.rollback_template,
        target=release.target,
        is_upgrade=True,
        one_way="drops a column",
    )
    assert read_deploy(same) == started


def test_an_artifact_is_told_as_it_is() -> None:
    gateway = Gateway()
    gateway.deploy(artifact="pkg:oci/cart@sha256%3A0b31?tag=1.4.2")
    event = json.loads(gateway.published[0][2])
    content = event["data"]["subject"]["content"]
    assert content["artifactId"] == "pkg:oci/cart@sha256%3A0b31?tag=1.4.2"
    assert starts(gateway.published[0]).release.version == "1.4.2"


def later_again(gateway: Gateway, **more: Any) -> tuple[str, str]:
    first = gateway.deploy(**more).json()["release"]
    gateway.now += timedelta(minutes=3)
    return first, gateway.deploy(**more).json()["release"]


def test_the_same_key_is_the_same_deploy_whenever_it_is_told() -> None:
    first, second = later_again(Gateway(), key="run-7")
    assert first == second
    by_header = Gateway().deploy({"idempotency-key": '"run-7"'}).json()["release"]
    assert by_header == first


def test_the_same_start_is_the_same_deploy_and_without_either_each_is_another() -> None:
    first, second = later_again(Gateway(), started_at="2026-11-20T14:00:00+00:00")
    assert first == second
    first, second = later_again(Gateway())
    assert first != second


@pytest.mark.parametrize("change", [{"version": "1.4.3"}, {"environment": "dev"}, {"service": "shop"}])
def test_of_another_version_service_or_place_a_key_is_another_deploy(change: dict[str, Any]) -> None:
    gateway = Gateway()
    assert gateway.deploy(key="7").json()["release"] != gateway.deploy(key="7", **change).json()["release"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "JSON"),
        ([], "DeployRequest"),
        ({"service": "cart"}, "version"),
        (DEPLOY | {"unknown": 1}, "unknown"),
        (DEPLOY | {"version": " "}, "version is empty"),
        (DEPLOY | {"service": "a/b"}, "service name holds a slash"),
        (DEPLOY | {"template": "no hash"}, "template"),
        (DEPLOY | {"started_at": "2026-11-20T14:00:00"}, "started_at"),
        (DEPLOY | {"started_at": "1970-01-01T00:00:00Z"}, "absurd"),
        (DEPLOY | {"key": "k" * 201}, "key is not a printable string"),
        (DEPLOY | {"artifact": "a\nb"}, "artifact is not a printable string"),
    ],
)
def test_what_is_no_deploy_is_refused_with_a_sentence_and_published_nowhere(body: Any, why: str) -> None:
    gateway = Gateway()
    answer = gateway.send("POST", "/v1/deploys", body)
    assert (answer.status_code, why in answer.json()["error"]) == (400, True)
    assert gateway.published == []


def test_two_keys_that_differ_are_refused() -> None:
    answer = Gateway().deploy({"idempotency-key": "8"}, key="7")
    assert (answer.status_code, "differ" in answer.json()["error"]) == (400, True)


def test_while_kafka_is_away_a_deploy_is_not_taken() -> None:
    answer = Gateway(failure=PublishError("away")).deploy()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


# The command, which tells a gateway instead of Kafka.


def run(url: str, *more: str) -> Any:
    asked = ["--service", "cart", "--version", "1.4.2", "--environment", "prod", "--gateway", url]
    return CliRunner().invoke(command_line, ["ci", "deploy", *asked, *more])


def test_the_command_prints_the_release_that_a_gateway_took() -> None:
    took: list[bytes] = []

    class Taking(Nowhere):
        async def publish(self, *told: Any) -> None:
            took.append(told[2])

    with serving(publisher=Taking()) as gateway:
        first, again = run(gateway.url, "--key", "7"), run(gateway.url, "--key", "7")
        refused = run(gateway.url, "--template", "no hash")
    assert (first.exit_code, first.stdout) == (0, again.stdout)
    assert len({json.loads(value)["id"] for value in took}) == 1
    assert len(took) == 2
    assert isinstance(refused.exception, SettingsError)
    assert "template is not a template hash" in str(refused.exception)


ASKED = DeployRequest(**DEPLOY, started_at=NOW)
TOLD = {**DEPLOY, "release": "r1", "verdict": "/v", "watch": "/w"}


def told_by(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[str, list[float]]:
    slept: list[float] = []
    found = tell_deploy(
        "http://gateway", ASKED, token="t" * 20, sleep=slept.append, transport=httpx.MockTransport(answer)
    )
    return found.release, slept


def test_errors_that_pass_are_tried_again_with_the_same_deploy() -> None:
    bodies: list[bytes] = []
    statuses = iter([503, 429, 202])

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        assert request.headers["authorization"] == "Bearer " + "t" * 20
        return httpx.Response(next(statuses), json=TOLD)

    assert told_by(answer) == ("r1", [1.0, 2.0])
    assert len(set(bodies)) == 1


def test_a_gateway_that_never_answers_is_given_up() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with pytest.raises(UntoldError, match=f"asked {1 + len(PAUSES_S)} times"):
        told_by(answer)


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx.Response(401, json={"error": "authorization is missing"}), "401: authorization is missing"),
        (httpx.Response(404, text="<html>"), "404, expected 202: is this Suture's gateway?"),
        (httpx.Response(202, text="<html>"), "what is no release"),
        (httpx.Response(200, json=TOLD), "answered 200"),
    ],
)
def test_a_refusal_ends_it_at_once(response: httpx.Response, why: str) -> None:
    with pytest.raises(SettingsError, match=why.replace("?", r"\?")):
        told_by(lambda _: response)


# Watches.

RELEASE = replace(a_release("r1", started_at=NOW), version="1.4.2")
START = ReleaseStarted(release=RELEASE)


def begin(gateway: Gateway, **more: Any) -> httpx.Response:
    return gateway.send("POST", "/v1/watches", DEPLOY | more)


def look(gateway: Gateway, watch: str) -> dict[str, Any]:
    answer = gateway.send("GET", f"/v1/watches/{watch}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize(
    ("kind", "is_final", "status"),
    [
        (VerdictKind.HEALTHY, True, "healthy"),
        (VerdictKind.HEALTHY, False, "watching"),
        (VerdictKind.HARMFUL, False, "sick"),
        (VerdictKind.HARMFUL, True, "sick"),
        (VerdictKind.INCONCLUSIVE, False, "watching"),
        (VerdictKind.INCONCLUSIVE, True, "inconclusive"),
        (VerdictKind.NODATA, False, "watching"),
        (VerdictKind.NODATA, True, "nodata"),
        (VerdictKind.BROKEN, True, "broken"),
    ],
)
def test_a_watch_stands_where_the_verdict_does(kind: VerdictKind, is_final: bool, status: str) -> None:
    gateway = Gateway(START)
    answer = begin(gateway)
    watch = answer.json()["id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/watches/{watch}")
    assert answer.json()["status"] == "watching"
    gateway.held.learn(a_verdict(RELEASE, kind, is_final))
    told = look(gateway, watch)
    assert (told["status"], told["is_over"], told["release"]) == (status, status != "watching", "r1")
    assert told["progress"] == f"{kind.value}: errors 12 % against 1 %"


def test_a_restarted_gateway_knows_every_watch() -> None:
    gateway = Gateway(START, a_verdict(RELEASE, VerdictKind.HARMFUL))
    watch = begin(gateway).json()["id"]
    assert look(gateway.restarted(), watch) == look(gateway, watch)


def test_a_watch_stays_with_the_deploy_that_was_known_when_it_began() -> None:
    gateway = Gateway(START)
    watch = begin(gateway).json()["id"]
    again = replace(RELEASE, id=ReleaseId("r2"), started_at=NOW + timedelta(minutes=1))
    gateway.held.learn(ReleaseStarted(release=again))
    gateway.held.learn(a_verdict(RELEASE, VerdictKind.HARMFUL))
    assert look(gateway, watch)["status"] == "sick"
    assert look(gateway, begin(gateway).json()["id"])["status"] == "watching"


def test_the_watch_of_a_deploy_that_was_just_told_waits_for_it_and_for_no_other() -> None:
    gateway = Gateway(START, a_verdict(RELEASE, VerdictKind.HARMFUL))
    told = gateway.deploy(key="8")
    watch = told.json()["watch"].rpartition("/")[2]
    assert told.headers["location"] == f"/v1/watches/{watch}"
    assert look(gateway, watch)["status"] == "watching"
    started = starts(gateway.published[0])
    gateway.held.learn(started)
    gateway.held.learn(a_verdict(started.release, VerdictKind.HEALTHY))
    assert look(gateway, watch)["status"] == "healthy"


def test_a_watch_without_an_end_times_out_and_a_verdict_counts_even_then() -> None:
    gateway = Gateway(START)
    watch = begin(gateway, timeout="10m").json()["id"]
    gateway.now += timedelta(minutes=9, seconds=59)
    assert look(gateway, watch)["status"] == "watching"
    gateway.now += timedelta(seconds=2)
    assert look(gateway, watch)["status"] == "timed_out"
    gateway.held.learn(a_verdict(RELEASE, VerdictKind.HEALTHY))
    assert look(gateway, watch)["status"] == "healthy"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "{}"), ("POST", "{}/cancel"), ("POST", "cancel")])
def test_a_canceled_watch_is_over_and_the_release_is_judged_as_before(method: str, path: str) -> None:
    gateway = Gateway(START, a_verdict(RELEASE, VerdictKind.HARMFUL))
    watch = begin(gateway).json()["id"]
    answer = gateway.send(method, f"/v1/watches/{path.format(watch)}", DEPLOY)
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert look(gateway, watch)["status"] == "canceled"
    verdict = gateway.send("GET", "/v1/releases/prod/cart/1.4.2/verdict").json()["verdict"]
    assert verdict == "harmful"
    assert begin(gateway).json()["status"] == "sick"
    assert look(gateway, watch)["status"] == "sick"


def test_while_verdicts_cannot_be_read_a_watch_goes_on() -> None:
    gateway = Gateway(START, a_verdict(RELEASE, VerdictKind.HARMFUL))
    watch = begin(gateway).json()["id"]
    gateway.held.is_current = False
    told = look(gateway, watch)
    assert (told["status"], "cannot be read" in told["progress"]) == ("watching", True)


names = st.text(min_size=1, max_size=20).filter(
    lambda text: text.strip() == text and text.isprintable() and "/" not in text
)


@given(names, names, names, st.text(max_size=10), st.timedeltas(timedelta(seconds=1), timedelta(days=7)))
def test_a_watch_is_read_back_from_its_name(
    service: str, version: str, environment: str, template: str, timeout: timedelta
) -> None:
    asked = WatchRequest(
        service=service, version=version, environment=environment, template=template, timeout=timeout
    )
    watch = watch_for(asked, NOW)
    name = watch_id(watch)
    assert read_watch_id(name) == watch
    assert name.isascii()
    assert httpx.URL(f"http://gateway/v1/watches/{name}").path == f"/v1/watches/{name}"
    assert timeout <= watch.until - NOW < timeout + timedelta(seconds=1, microseconds=1)


@given(st.text(max_size=40).map(lambda text: f"w1.{text}") | st.text(max_size=20))
def test_what_is_no_name_of_a_watch_is_not_known(name: str) -> None:
    with pytest.raises(SchemaError, match="watch is not known"):
        read_watch_id(name)


@pytest.mark.parametrize(
    "name", ["cancel", "w1.", "w1.W10", "w2.abc", "w1.%5B", "w1.WyIiLCJhIiwiYiIsIiIsIiIsMV0"]
)
def test_an_unknown_watch_is_not_found(name: str) -> None:
    assert Gateway().send("GET", f"/v1/watches/{name}").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"timeout": "0s"}, {"timeout": "8d"}, {"timeout": "200h"}, {"timeout": 5}, {"version": ""}, {"x": 1}],
)
def test_a_watch_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    assert begin(Gateway(), **wrong).status_code == 400


def test_a_stage_follows_the_location_over_the_wire() -> None:
    with serving(START) as gateway:
        told = httpx.post(f"{gateway.url}/v1/watches", json=DEPLOY, timeout=60)
        where = httpx.URL(gateway.url).join(told.headers["location"])
        assert httpx.get(where, timeout=60).json()["status"] == "watching"
