"""What the gateway answers about a release, as deploys and verdicts come in."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import from_json, to_json
from schemas.effect_messages import read_verdict, verdict_event
from schemas.effects import Effect
from schemas.errors import SchemaError
from schemas.judgements import Suspicion, Verdict, VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import LogPosition, ReleaseStarted, VerdictReached
from schemas.releases import Release
from streams.gateway import create_app
from streams.kafka_log import LogError
from streams.release_verdicts import ReleaseVerdict, ReleaseVerdicts, Standing
from streams.verdict_reader import Facts, follow
from tests.actions.orders import CART, NOW, PROD, a_release, a_verdict

PATH = "/v1/releases/prod/cart/2/verdict"


class EnoughError(Exception):
    """The log has been read as often as the test wants."""


class Nowhere:
    """A publisher that nobody asks."""

    async def publish(self, *_: Any) -> None:
        raise AssertionError


def ask(verdicts: ReleaseVerdicts | None, path: str = PATH) -> httpx.Response:
    async def work() -> httpx.Response:
        app = create_app(Nowhere(), verdicts=verdicts)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.get(path)

    return asyncio.run(work())


def deployed(name: str, at: datetime = NOW, template: str = "") -> ReleaseStarted:
    release = replace(a_release(name, started_at=at), version="2", template=TemplateHash(template))
    return ReleaseStarted(release=release)


def judged(release: Release, kind: VerdictKind, **more: Any) -> Verdict:
    return a_verdict(release, kind, **more)


def knowing(*facts: ReleaseStarted | Verdict) -> ReleaseVerdicts:
    verdicts = ReleaseVerdicts()
    verdicts.is_current = True
    for fact in facts:
        verdicts.learn(fact)
    return verdicts


@pytest.mark.parametrize("kind", VerdictKind)
def test_a_release_is_what_its_newest_verdict_says(kind: VerdictKind) -> None:
    start = deployed("r1", template="abc")
    first = judged(start.release, VerdictKind.INCONCLUSIVE, is_final=False)
    newest = judged(start.release, kind, ordinal=2)
    answer = ask(knowing(start, first, newest, first))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["verdict"] == kind.value
    assert (told["is_final"], told["ordinal"], told["release"]) == (True, 2, "r1")
    assert (told["template"], told["reasons"]) == ("abc", ["errors 12 % against 1 %"])
    assert from_json(ReleaseVerdict, answer.content).confidence == newest.confidence


def test_damage_in_the_aftercare_replaces_a_final_verdict() -> None:
    start = deployed("r1")
    healthy = judged(start.release, VerdictKind.HEALTHY, ordinal=2)
    harmful = judged(start.release, VerdictKind.HARMFUL, ordinal=3)
    told = ask(knowing(start, healthy, harmful, healthy)).json()
    assert (told["verdict"], told["is_final"], told["ordinal"]) == ("harmful", True, 3)


def test_a_deploy_that_nothing_is_held_of_yet_is_inconclusive() -> None:
    told = ask(knowing(deployed("r1"))).json()
    assert (told["verdict"], told["is_final"], told["at"]) == ("inconclusive", False, None)


def test_a_version_that_nobody_deployed_is_unknown_and_no_error() -> None:
    for verdicts in (knowing(), knowing(deployed("r1"))):
        answer = ask(verdicts, PATH.replace("/2/", "/refs%2Ftags%2F3/"))
        assert (answer.status_code, answer.json()["verdict"]) == (200, "unknown")
        assert answer.json()["version"] == "refs/tags/3"


def test_the_verdict_of_an_earlier_deploy_of_a_version_is_not_that_of_the_next() -> None:
    first, second = deployed("r1"), deployed("r2", NOW + timedelta(hours=1))
    verdicts = knowing(first, judged(first.release, VerdictKind.HEALTHY), second)
    assert ask(verdicts).json()["verdict"] == "inconclusive"
    verdicts.learn(judged(first.release, VerdictKind.HARMFUL, ordinal=2))
    verdicts.learn(first)
    assert ask(verdicts).json()["verdict"] == "inconclusive"
    verdicts.learn(judged(second.release, VerdictKind.HARMFUL))
    assert ask(verdicts).json()["release"] == "r2"


def test_the_verdict_of_another_template_is_not_given() -> None:
    start = deployed("r1", template="abc")
    verdicts = knowing(start, judged(start.release, VerdictKind.HEALTHY))
    told = ask(verdicts, f"{PATH}?template=def").json()
    assert (told["verdict"], "of template abc" in told["reasons"][0]) == ("unknown", True)
    assert ask(verdicts, f"{PATH}?template=abc").json()["verdict"] == "healthy"


def test_a_verdict_whose_deploy_is_not_kept_any_more_is_given() -> None:
    assert ask(knowing(judged(deployed("r1").release, VerdictKind.NODATA))).json()["verdict"] == "nodata"


def test_a_name_that_cannot_be_one_is_refused() -> None:
    assert ask(knowing(), PATH.replace("prod", "%20")).status_code == 400


def test_the_answer_is_documented() -> None:
    document = create_app(Nowhere()).openapi()
    answer = document["paths"]["/v1/releases/{environment}/{service}/{version}/verdict"]["get"]
    schema = answer["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/ReleaseVerdict"}
    assert document["components"]["schemas"]["Standing"]["enum"] == [one.value for one in Standing]


def test_no_more_than_so_many_releases_are_remembered() -> None:
    verdicts = ReleaseVerdicts(most=2)
    verdicts.is_current = True
    for number in range(3):
        release = replace(deployed("r").release, id=ReleaseId(f"r{number}"), version=str(number))
        verdicts.learn(ReleaseStarted(release=release))
    kinds = [verdicts.answer(PROD, CART, str(number)).verdict for number in range(3)]
    assert kinds == [Standing.UNKNOWN, Standing.INCONCLUSIVE, Standing.INCONCLUSIVE]


starts = st.lists(
    st.builds(
        lambda name, hours, version: replace(
            deployed(f"r{name}", NOW + timedelta(hours=hours)).release, version=version
        ),
        name=st.integers(0, 5),
        hours=st.integers(0, 3),
        version=st.sampled_from("23"),
    ),
    unique_by=lambda release: release.id,
    max_size=6,
)


@given(starts, st.data())
def test_reading_the_log_from_its_beginning_again_changes_no_answer(
    releases: list[Release], data: st.DataObject
) -> None:
    announced = [ReleaseStarted(release=one) for one in releases if data.draw(st.booleans())]
    said = [
        judged(one, data.draw(st.sampled_from(VerdictKind)), ordinal=ordinal)
        for one in releases
        for ordinal in range(1, 1 + data.draw(st.integers(0, 2)))
    ]
    log: list[ReleaseStarted | Verdict] = [*announced, *said]
    once, twice = knowing(*log), knowing(*log, *log)
    for version in "23":
        assert once.answer(PROD, CART, version) == twice.answer(PROD, CART, version)


def test_while_the_log_cannot_be_read_nothing_is_known() -> None:
    start = deployed("r1")
    verdicts = ReleaseVerdicts()
    seen: list[str] = []

    def log(*answers: Facts | None) -> Callable[[], Facts]:
        left = list(answers)

        def read() -> Facts:
            seen.append(verdicts.answer(EnvironmentName("prod"), ServiceName("cart"), "2").verdict)
            if not left:
                raise EnoughError
            if (found := left.pop(0)) is None:
                raise LogError("nobody answers")
            return found

        return read

    reads = log(None, [start, judged(start.release, VerdictKind.HEALTHY)], None, [])
    with pytest.raises(EnoughError):
        asyncio.run(follow(verdicts, reads, timedelta(0)))
    assert seen == ["unknown", "unknown", "healthy", "unknown", "healthy"]


def test_a_verdict_is_read_as_it_was_published() -> None:
    release = deployed("r1").release
    verdict = judged(release, VerdictKind.HARMFUL)
    weighed = Suspicion(release=release.id, service=CART, environment=PROD, at=NOW, started_at=NOW)
    cause = LogPosition(topic="observations", partition=0, offset=1)
    effect = Effect(
        key="prod/cart",
        cause=cause,
        index=0,
        said=VerdictReached(verdict=verdict, suspicion=weighed, release=release),
    )
    value = verdict_event(effect, verdict)
    assert read_verdict(value) == verdict
    for wrong in (None, b"{}", b"[]", value.replace(b"verdict.v1", b"verdict.v9"), to_json(verdict)):
        with pytest.raises(SchemaError):
            read_verdict(wrong)
