"""`suture ci wait`: how it asks, when it ends, and what a pipeline sees."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from schemas.errors import SettingsError
from schemas.judgements import VerdictKind
from schemas.observations import ReleaseStarted
from schemas.orders import CommandKind, Guard, Held
from streams.ci_waiting import NoAnswerError, WhenHeld, exit_code, wait_for_verdict
from streams.cli import app
from streams.release_verdicts import OpenHold, ReleaseVerdict, Standing
from streams.verdict_client import VerdictClient
from tests.actions.orders import CART, NOW, PROD, a_command, a_decision, a_release, a_verdict
from tests.streams.gateway_socket import serving

RELEASE = replace(a_release("r1", started_at=NOW), version="refs/tags/2")
STARTED = ReleaseStarted(release=RELEASE)
HEALTHY = (a_verdict(RELEASE, VerdictKind.HEALTHY), a_decision(RELEASE, VerdictKind.HEALTHY))
AWAY = NoAnswerError("http://gateway does not answer")


def held(standing: Standing, *, is_final: bool = False, **more: Any) -> ReleaseVerdict:
    return ReleaseVerdict(
        verdict=standing,
        is_final=is_final,
        is_decided=more.pop("is_decided", True),
        **more,
        reasons=("so it is",),
        environment="prod",
        service="cart",
        version="2",
    )


class World:
    """A clock that sleeping moves on, and a gateway that waits as it is asked to unless it is settled."""

    def __init__(self, *answers: ReleaseVerdict | NoAnswerError, is_impatient: bool = False) -> None:
        self.now = 1000.0
        self.asked: list[tuple[float, float]] = []
        self.slept: list[float] = []
        self.heard: list[ReleaseVerdict | NoAnswerError] = []
        self._answers = list(answers)
        self._is_impatient = is_impatient

    def ask(self, wait: timedelta) -> ReleaseVerdict:
        self.asked.append((self.now - 1000.0, wait.total_seconds()))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, NoAnswerError):
            raise answer
        if not answer.is_settled and not self._is_impatient:
            self.now += wait.total_seconds()
        return answer

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def run(self, at_most_s: float, when_held: WhenHeld = WhenHeld.WAIT) -> ReleaseVerdict | None:
        return wait_for_verdict(
            self.ask,
            timedelta(seconds=at_most_s),
            when_held=when_held,
            monotonic=lambda: self.now,
            sleep=self.sleep,
            tell=self.heard.append,
        )


def test_it_asks_until_the_verdict_is_settled() -> None:
    world = World(held(Standing.UNKNOWN), held(Standing.INCONCLUSIVE), held(Standing.HARMFUL))
    answer = world.run(1800)
    assert answer is not None
    assert answer.verdict is Standing.HARMFUL
    assert world.asked == [(0.0, 50.0), (50.0, 50.0), (100.0, 50.0)]
    assert (world.slept, len(world.heard)) == ([], 3)


def test_when_the_time_is_over_the_last_answer_counts() -> None:
    world = World(held(Standing.INCONCLUSIVE))
    answer = world.run(120)
    assert answer is not None
    assert (answer.verdict, world.now) == (Standing.INCONCLUSIVE, 1120.0)
    assert world.asked[-1] == (100.0, 20.0)


def test_after_errors_it_comes_back_ever_later_and_never_beyond_the_time() -> None:
    world = World(AWAY)
    assert world.run(100) is None
    assert world.slept == [1, 2, 4, 8, 16, 30, 30, 9]
    assert world.asked[-1] == (100.0, 0.0)


def test_an_answer_after_errors_makes_it_patient_again() -> None:
    world = World(AWAY, AWAY, held(Standing.INCONCLUSIVE), AWAY, held(Standing.HEALTHY, is_final=True))
    answer = world.run(1800)
    assert answer is not None
    assert (answer.verdict, world.slept) == (Standing.HEALTHY, [1, 2, 1])


def test_a_gateway_that_does_not_wait_is_not_asked_without_a_pause() -> None:
    world = World(held(Standing.INCONCLUSIVE), is_impatient=True)
    world.run(20)
    assert [at for at, _ in world.asked] == [0.0, 5.0, 10.0, 15.0, 20.0]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (held(Standing.HEALTHY, is_final=True), 0),
        (held(Standing.HARMFUL), 1),
        (held(Standing.HARMFUL, is_final=True), 1),
        (held(Standing.HEALTHY), 3),
        (held(Standing.INCONCLUSIVE, is_final=True), 3),
        (held(Standing.NODATA, is_final=True), 3),
        (held(Standing.BROKEN, is_final=True), 4),
        (held(Standing.UNKNOWN), 5),
        (None, 5),
    ],
)
def test_only_health_to_the_end_of_the_watch_lets_a_pipeline_go_on(
    answer: ReleaseVerdict | None, code: int
) -> None:
    assert exit_code(answer) == code


QUESTION = OpenHold(
    id="h1",
    release="r1",
    environment="prod",
    service="cart",
    guard=Guard.APPROVAL,
    reason="promote needs a human",
    at=NOW,
    expires_at=NOW + timedelta(hours=1),
    command=CommandKind.PROMOTE,
    target=None,
)


def asked(standing: Standing, *, is_final: bool = False) -> ReleaseVerdict:
    return held(standing, is_final=is_final, holds=(QUESTION,))


def refused(standing: Standing) -> ReleaseVerdict:
    return held(standing, is_final=True, refusal="rejected by ann via http")


@pytest.mark.parametrize(
    ("answer", "when_held", "code"),
    [
        (asked(Standing.INCONCLUSIVE), WhenHeld.WAIT, 2),
        (asked(Standing.HEALTHY, is_final=True), WhenHeld.WAIT, 2),
        (asked(Standing.HARMFUL), WhenHeld.WAIT, 1),
        (asked(Standing.HARMFUL), WhenHeld.EXIT, 2),
        (held(Standing.HARMFUL), WhenHeld.EXIT, 1),
        (asked(Standing.INCONCLUSIVE), WhenHeld.EXIT, 2),
        (refused(Standing.HEALTHY), WhenHeld.WAIT, 2),
        (refused(Standing.HARMFUL), WhenHeld.WAIT, 1),
        (refused(Standing.HEALTHY), WhenHeld.EXIT, 2),
    ],
)
def test_a_human_who_is_asked_and_has_not_agreed_keeps_a_pipeline_from_going_on(
    answer: ReleaseVerdict, when_held: WhenHeld, code: int
) -> None:
    assert exit_code(answer, when_held) == code


def test_while_a_human_is_asked_it_goes_on_waiting_until_the_time_is_over() -> None:
    world = World(asked(Standing.INCONCLUSIVE), asked(Standing.HEALTHY, is_final=True))
    answer = world.run(60)
    assert answer is not None
    assert (exit_code(answer), world.now) == (2, 1060.0)


def test_when_the_human_has_agreed_it_ends_as_the_verdict_says() -> None:
    world = World(asked(Standing.HEALTHY, is_final=True), held(Standing.HEALTHY, is_final=True))
    assert exit_code(world.run(60)) == 0


def test_it_can_end_as_soon_as_a_human_is_asked() -> None:
    world = World(held(Standing.INCONCLUSIVE), asked(Standing.INCONCLUSIVE))
    answer = world.run(600, WhenHeld.EXIT)
    assert (exit_code(answer, WhenHeld.EXIT), len(world.asked), world.slept) == (2, 2, [])


def test_harm_is_told_at_once_although_a_human_is_asked_whether_to_take_it_back() -> None:
    undecided = held(Standing.HARMFUL, is_decided=False)
    world = World(undecided, asked(Standing.HARMFUL))
    assert (exit_code(world.run(600)), world.slept) == (1, [])


@pytest.mark.parametrize("verdict", [Standing.HEALTHY, Standing.HARMFUL])
def test_a_settled_verdict_waits_a_moment_for_whether_a_human_is_asked(verdict: Standing) -> None:
    undecided = held(verdict, is_final=True, is_decided=False)
    world = World(undecided, undecided, asked(verdict, is_final=True))
    assert exit_code(world.run(600, WhenHeld.EXIT), WhenHeld.EXIT) == 2
    assert world.slept == [1, 1]


def test_where_nobody_decides_about_verdicts_health_is_told_after_the_grace() -> None:
    world = World(held(Standing.HEALTHY, is_final=True, is_decided=False))
    assert exit_code(world.run(600)) == 0
    assert world.slept == [1, 1, 1, 1, 1]


def wait(url: str, *more: str, version: str = "refs/tags/2") -> Result:
    asked = ["--service", "cart", "--version", version, "--environment", "prod"]
    return CliRunner().invoke(app, ["ci", "wait", *asked, "--gateway", url, *more])


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (VerdictKind.HEALTHY, 0),
        (VerdictKind.HARMFUL, 1),
        (VerdictKind.INCONCLUSIVE, 3),
        (VerdictKind.NODATA, 3),
        (VerdictKind.BROKEN, 4),
    ],
)
def test_a_settled_verdict_ends_the_command_as_it_says(kind: VerdictKind, code: int) -> None:
    decided = a_decision(RELEASE, kind)
    with serving(STARTED, a_verdict(RELEASE, kind), decided) as gateway:
        told = wait(gateway.url)
        as_json = wait(gateway.url, "--json")
    assert (told.exit_code, as_json.exit_code) == (code, code)
    assert f"cart refs/tags/2 in prod: {kind.value}: errors 12 % against 1 %\n" == told.stdout
    found = json.loads(as_json.stdout)
    assert (found["exit_code"], found["answer"]["release"]) == (code, "r1")


def test_it_waits_at_the_gateway_and_ends_when_the_verdict_comes() -> None:
    results: list[Result] = []
    with serving(STARTED) as gateway:
        waiting = threading.Thread(target=lambda: results.append(wait(gateway.url)), daemon=True)
        waiting.start()
        gateway.until_waiting(1)
        gateway.log.put(a_verdict(RELEASE, VerdictKind.HARMFUL, is_final=False))
        waiting.join(timeout=60)
    assert results[0].exit_code == 1


def test_another_template_and_a_version_that_nobody_deployed_are_answered_by_nobody() -> None:
    with serving(STARTED, a_verdict(RELEASE, VerdictKind.HEALTHY)) as gateway:
        told = wait(gateway.url, "--timeout", "0.01s", version="9")
        assert (told.exit_code, "unknown so far: no deploy" in told.stdout) == (5, True)


def test_the_verdict_of_an_earlier_deploy_of_the_version_does_not_count() -> None:
    with serving(STARTED, *HEALTHY) as gateway:
        assert wait(gateway.url, "--release", "r1").exit_code == 0
        told = wait(gateway.url, "--release", "r2", "--timeout", "0.01s")
    assert (told.exit_code, "that is known is r1" in told.stdout) == (5, True)


def test_a_gateway_that_restarts_is_asked_again() -> None:
    """The first gateway stops while somebody waits at it; the second one, at its address, knows more."""
    with serving(STARTED) as first:
        client = VerdictClient(first.url, PROD, CART, "refs/tags/2")
        answers: list[ReleaseVerdict] = []
        asking = threading.Thread(
            target=lambda: answers.append(client.ask(timedelta(seconds=100))), daemon=True
        )
        asking.start()
        first.until_waiting(1)
        first.stop()
        asking.join(timeout=60)
        port = httpx.URL(first.url).port
    assert answers[0].verdict is Standing.INCONCLUSIVE
    with pytest.raises(NoAnswerError, match="does not answer: ConnectError"):
        client.ask(timedelta(0))
    assert port is not None
    with serving(STARTED, a_verdict(RELEASE, VerdictKind.HEALTHY), port=port):
        assert client.ask(timedelta(seconds=100)).verdict is Standing.HEALTHY


def test_where_nobody_listens_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    told = wait(url, "--timeout", "0.01s")
    assert told.exit_code == 5
    assert "nobody answered within 0.01s" in told.stdout
    assert "does not answer: ConnectError" in told.stderr


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (["--gateway", "gateway:4318"], "gateway is no address"),
        (["--timeout", "30"], "--timeout is '30', expected a time"),
        (["--environment", " "], "environment"),
        (["--version", " "], "version is empty"),
    ],
)
def test_a_question_that_is_none_is_refused_before_anybody_is_asked(change: list[str], why: str) -> None:
    refused = wait("http://127.0.0.1:9", *change)
    assert (refused.exit_code, why in refused.stderr) == (64, True)


def test_an_option_that_is_missing_is_no_hold() -> None:
    program = [sys.executable, "-m", "streams.cli", "ci", "wait", "--service", "cart"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, "--version" in done.stderr) == (64, True)


def a_question() -> Held:
    decided = a_decision(RELEASE, VerdictKind.HARMFUL)
    return Held(
        id="h1",
        decision=decided.id,
        release=RELEASE.id,
        environment=PROD,
        service=CART,
        guard=Guard.AMBIGUOUS_BLAME,
        reason="two suspects",
        at=NOW,
        expires_at=datetime.max.replace(tzinfo=UTC),
        command=replace(a_command(), release=RELEASE.id),
    )


def test_whoever_waits_is_told_when_a_human_is_asked() -> None:
    results: list[Result] = []
    with serving(STARTED) as gateway:
        waiting = threading.Thread(
            target=lambda: results.append(wait(gateway.url, "--held", "exit")), daemon=True
        )
        waiting.start()
        gateway.until_waiting(1)
        gateway.log.put(a_question())
        waiting.join(timeout=60)
        goes_on = wait(gateway.url, "--timeout", "0.01s")
    assert results[0].exit_code == 2
    assert "a human is asked until 9999-12-31" in results[0].stdout
    assert (goes_on.exit_code, "(ambiguous_blame): two suspects [hold h1]" in goes_on.stderr) == (2, True)


def with_answers(answer: Callable[[httpx.Request], httpx.Response]) -> VerdictClient:
    return VerdictClient("http://gateway", PROD, CART, "2", transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_a_refusal_that_would_come_again_ends_the_waiting(status: int) -> None:
    with pytest.raises(SettingsError, match=f"http://gateway answered {status}"):
        with_answers(lambda _: httpx.Response(status)).ask(timedelta(0))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_an_error_that_passes_is_asked_again(status: int) -> None:
    with pytest.raises(NoAnswerError, match=f"answered {status}"):
        with_answers(lambda _: httpx.Response(status)).ask(timedelta(0))


def test_a_page_instead_of_a_verdict_is_no_verdict() -> None:
    with pytest.raises(NoAnswerError, match="what is no verdict"):
        with_answers(lambda _: httpx.Response(200, text="<html>")).ask(timedelta(0))
