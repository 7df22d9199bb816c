"""Waiting for a verdict: who is answered when, over a real socket where a server's end matters."""

import asyncio
import queue
import threading
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from schemas.judgements import Verdict, VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import ReleaseStarted
from streams.gateway import create_app
from streams.release_verdicts import ReleaseVerdict, ReleaseVerdicts, Standing
from streams.verdict_waiting import VerdictWaiters
from tests.actions.orders import CART, NOW, PROD, a_release, a_verdict
from tests.streams.gateway_socket import Nowhere, serving

PATH = "/v1/releases/prod/cart/2/verdict"
RELEASE = replace(a_release("r1", started_at=NOW), version="2")
STARTED = ReleaseStarted(release=RELEASE)
LONG = timedelta(seconds=100)


def judged(kind: VerdictKind, ordinal: int = 1, *, is_final: bool = True) -> Verdict:
    return a_verdict(RELEASE, kind, ordinal=ordinal, is_final=is_final)


def waiters(*facts: ReleaseStarted | Verdict, most: int = 10) -> VerdictWaiters:
    held = ReleaseVerdicts()
    held.is_current = True
    for fact in facts:
        held.learn(fact)
    return VerdictWaiters(held, most)


def begin(waiting: VerdictWaiters, at_most: timedelta = LONG) -> asyncio.Task[ReleaseVerdict]:
    return asyncio.create_task(waiting.answer(PROD, CART, "2", "", at_most))


async def all_wait(waiting: VerdictWaiters, count: int) -> None:
    while waiting.count < count:
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", VerdictKind)
def test_a_final_verdict_is_answered_at_once(kind: VerdictKind) -> None:
    waiting = waiters(STARTED, judged(kind))
    assert asyncio.run(waiting.answer(PROD, CART, "2", "", LONG)).verdict.value == kind.value


def test_a_harmful_verdict_is_answered_at_once_although_the_watch_goes_on() -> None:
    waiting = waiters(STARTED, judged(VerdictKind.HARMFUL, is_final=False))
    assert asyncio.run(waiting.answer(PROD, CART, "2", "", LONG)).verdict is Standing.HARMFUL


@pytest.mark.parametrize(
    "settling", [judged(VerdictKind.HARMFUL, 2, is_final=False), judged(VerdictKind.HEALTHY, 2)]
)
def test_everybody_who_waits_for_a_version_is_answered_when_it_is_settled_and_not_before(
    settling: Verdict,
) -> None:
    async def story() -> None:
        waiting = waiters(STARTED)
        asked = [begin(waiting) for _ in range(3)]
        await all_wait(waiting, 3)
        waiting.held.learn(judged(VerdictKind.HEALTHY, is_final=False))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(one.done() for one in asked)
        waiting.held.learn(settling)
        assert {(await one).verdict.value for one in asked} == {settling.kind.value}
        assert waiting.count == 0

    asyncio.run(story())


def test_the_verdict_of_another_version_wakes_nobody() -> None:
    async def story() -> None:
        waiting = waiters(STARTED)
        asked = begin(waiting)
        await all_wait(waiting, 1)
        other = replace(RELEASE, id=ReleaseId("r9"), version="3")
        waiting.held.learn(a_verdict(other, VerdictKind.HARMFUL))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not asked.done()
        asked.cancel()
        await asyncio.wait([asked])
        assert waiting.count == 0

    asyncio.run(story())


def test_when_the_time_is_over_what_is_held_by_then_is_answered() -> None:
    async def story() -> ReleaseVerdict:
        waiting = waiters(STARTED, judged(VerdictKind.INCONCLUSIVE, is_final=False))
        answer = await begin(waiting, timedelta(milliseconds=5))
        assert waiting.count == 0
        return answer

    answer = asyncio.run(story())
    assert (answer.verdict, answer.is_final) == (Standing.INCONCLUSIVE, False)


def test_what_is_learned_while_the_log_is_read_again_is_answered_once_all_of_it_is_known() -> None:
    async def story() -> None:
        waiting = waiters()
        waiting.held.is_current = False
        asked = begin(waiting)
        await all_wait(waiting, 1)
        waiting.held.learn(judged(VerdictKind.HEALTHY))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not asked.done()
        waiting.held.is_current = True
        assert (await asked).verdict is Standing.HEALTHY

    asyncio.run(story())


def test_whoever_comes_when_too_many_wait_is_answered_at_once() -> None:
    async def story() -> None:
        waiting = waiters(STARTED, most=1)
        first = begin(waiting)
        await all_wait(waiting, 1)
        assert (await begin(waiting)).verdict is Standing.INCONCLUSIVE
        assert not first.done()
        waiting.close()
        assert (await first).verdict is Standing.INCONCLUSIVE
        assert (await begin(waiting)).verdict is Standing.INCONCLUSIVE

    asyncio.run(story())


def ask_in_a_thread(url: str, answers: "queue.Queue[httpx.Response]") -> threading.Thread:
    thread = threading.Thread(
        target=lambda: answers.put(httpx.get(f"{url}{PATH}?wait=100", timeout=120)), daemon=True
    )
    thread.start()
    return thread


def test_requests_that_wait_are_answered_over_the_wire_when_the_verdict_comes() -> None:
    answers: queue.Queue[httpx.Response] = queue.Queue()
    with serving(STARTED) as gateway:
        asking = [ask_in_a_thread(gateway.url, answers) for _ in range(5)]
        gateway.until_waiting(5)
        assert httpx.get(f"{gateway.url}{PATH}", timeout=60).json()["verdict"] == "inconclusive"
        gateway.log.put(judged(VerdictKind.HARMFUL, is_final=False))
        for thread in asking:
            thread.join(timeout=60)
        told = [answers.get_nowait() for _ in range(5)]
    assert {(one.status_code, one.json()["verdict"]) for one in told} == {(200, "harmful")}
    assert {one.headers["cache-control"] for one in told} == {"no-store"}


def test_a_server_that_stops_answers_those_who_wait_instead_of_waiting_for_them() -> None:
    answers: queue.Queue[httpx.Response] = queue.Queue()
    with serving(STARTED) as gateway:
        asking = ask_in_a_thread(gateway.url, answers)
        gateway.until_waiting(1)
        gateway.stop()
        asking.join(timeout=60)
        told = answers.get_nowait()
    assert (told.status_code, told.json()["verdict"]) == (200, "inconclusive")


@pytest.mark.parametrize("wait", ["-1", "121", "nan", "inf", "soon", "1e999"])
def test_a_wait_that_cannot_be_is_refused_with_a_sentence(wait: str) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(Nowhere()))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.get(f"{PATH}?wait={wait}")

    answer = asyncio.run(ask())
    assert answer.status_code == 400
    assert "expected seconds from 0 to 120" in answer.json()["error"]


def test_a_hundred_who_wait_take_no_thread_of_the_gateway() -> None:
    async def ask(url: str) -> set[str]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as client:
            asked = [asyncio.create_task(client.get(f"{PATH}?wait=100")) for _ in range(100)]
            while gateway.waiting.count < 100:
                await asyncio.sleep(0.005)
            assert threading.active_count() - before < 10
            gateway.log.put(judged(VerdictKind.HEALTHY))
            return {(await one).json()["verdict"] for one in asked}

    with serving(STARTED) as gateway:
        before = threading.active_count()
        assert asyncio.run(ask(gateway.url)) == {"healthy"}
