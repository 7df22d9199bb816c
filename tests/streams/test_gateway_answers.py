"""Answers over HTTP, through the gateway's real application: once each, as long as they mean the same."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from schemas.approvals import HoldChange
from schemas.observation_messages import read_observation
from schemas.observations import Approval, LogPosition
from streams.gateway import create_app
from streams.gateway_publishing import PublishError
from streams.release_board import ReleaseBoard
from streams.release_verdicts import ReleaseVerdicts
from tests.streams.held_questions import HELD, NOW, changed

ANN, BOB = "a-token-that-nobody-guesses", "another-token-that-nobody-guesses"
ANSWER = {"hold": HELD.id, "environment": "prod", "answer": "approve", "why": "seen it"}


class Site:
    """A gateway that knows of one question, and what it published."""

    def __init__(self) -> None:
        self.board = ReleaseBoard(now=lambda: NOW)
        self.board.learn(HELD)
        self.answers: list[Approval] = []
        self.fails = 0
        self._app = create_app(
            self, f"ann:{ANN},bob:{BOB}", verdicts=ReleaseVerdicts(board=self.board), now=lambda: NOW
        )

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise PublishError("no broker")
        assert (topic, key) == ("environment-observations", b"prod")
        body = read_observation(LogPosition(topic=topic, partition=0, offset=0), key, value, headers).body
        assert isinstance(body, Approval)
        self.answers.append(body)

    def send(self, *bodies: Mapping[str, Any], token: str = ANN) -> list[httpx.Response]:
        """Send answers at once."""

        async def work() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self._app)
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                sent = (client.post("/v1/approvals", content=json.dumps(b), headers=headers) for b in bodies)
                return await asyncio.gather(*sent)

        return asyncio.run(work())

    def statuses(self, *bodies: Mapping[str, Any], token: str = ANN) -> list[int]:
        return [answer.status_code for answer in self.send(*bodies, token=token)]


def test_an_answer_that_comes_again_or_at_the_same_time_goes_onto_the_log_once() -> None:
    site = Site()
    assert sorted(site.statuses(ANSWER, ANSWER, ANSWER)) == [200, 200, 202]
    (again,) = site.send(ANSWER | {"why": "pressed twice"})
    assert again.json()["repeated"]
    assert [(answer.by, answer.channel, answer.why) for answer in site.answers] == [
        ("ann", "http", "seen it")
    ]


def test_other_people_and_other_answers_are_no_repeats() -> None:
    site = Site()
    assert site.statuses(ANSWER) == site.statuses(ANSWER, token=BOB) == [202]
    assert site.statuses(ANSWER | {"answer": "reject"}) == [202]
    assert site.statuses(ANSWER | {"hold": "h-2"}) == [202]
    assert len(site.answers) == 4


@pytest.mark.parametrize("change", [HoldChange.HANDED_OVER, HoldChange.ESCALATED, HoldChange.NOT_COUNTED])
def test_an_answer_counts_anew_once_others_are_asked(change: HoldChange) -> None:
    site = Site()
    site.statuses(ANSWER)
    site.board.learn(changed(HoldChange.AGREED))
    assert site.statuses(ANSWER) == [200]
    site.board.learn(changed(change))
    assert site.statuses(ANSWER) == [202]
    site.board.learn(changed(change))
    assert site.statuses(ANSWER) == [200]


def test_an_answer_that_kafka_did_not_take_may_be_sent_again() -> None:
    site = Site()
    site.fails = 1
    assert sorted(site.statuses(ANSWER, ANSWER)) == [202, 503]
    assert len(site.answers) == 1


def test_a_question_is_handed_to_another_by_name() -> None:
    site = Site()
    assert site.statuses(ANSWER | {"answer": "hand_over", "to": "ben"}) == [202]
    assert [answer.to for answer in site.answers] == ["ben"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer": "hand_over"},
        {"answer": "approve", "to": "ben"},
        {"answer": "hand_over", "to": "b\nn"},
        {"answer": "hand_over", "to": "n" * 201},
        {"answer": "maybe"},
        {"environment": "../prod"},
        {"by": "somebody else"},
    ],
)
def test_an_answer_that_says_what_it_may_not_is_refused(wrong: dict[str, str]) -> None:
    site = Site()
    assert site.statuses(ANSWER | wrong) == [400]
    assert site.answers == []


def test_what_changed_about_a_question_is_known_until_it_is_over() -> None:
    board = Site().board
    board.learn(changed(HoldChange.AGREED))
    board.learn(changed(HoldChange.AGREED))
    assert [one.change for one in board.changes_of(HELD.id)] == [HoldChange.AGREED]
    board.learn(changed(HoldChange.GRANTED))
    assert board.changes_of(HELD.id) == ()
    assert board.find_hold(HELD.id) is None
