"""People label releases over HTTP, through the gateway's real application."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from schemas.labels import Label, LabelKind, Labelled, LabelSource
from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from streams.gateway import create_app
from streams.release_board import ReleaseBoard
from streams.release_verdicts import ReleaseVerdicts
from tests.builders import a_release
from tests.streams.held_questions import NOW

ANN, READER = "a-token-that-nobody-guesses", "a-reader-that-nobody-guesses"
KNOWN = "/v1/releases/prod-cart-2/labels"


class Site:
    """A gateway that knows one release, and the labels that it put onto the log."""

    def __init__(self) -> None:
        board = ReleaseBoard(now=lambda: NOW)
        board.learn(a_release(environment="prod"))
        self.labels: list[Label] = []
        self._app = create_app(
            self,
            f"ann:{ANN},reader+read:{READER}",
            verdicts=ReleaseVerdicts(board=board),
            now=lambda: NOW,
        )

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        assert (topic, key) == ("environment-observations", b"prod")
        body = read_observation(LogPosition(topic=topic, partition=0, offset=0), key, value, headers).body
        assert isinstance(body, Labelled)
        self.labels.append(body.label)

    def send(self, body: Mapping[str, Any], path: str = KNOWN, token: str = ANN) -> httpx.Response:
        async def work() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            headers = {"authorization": f"Bearer {token}"} if token else {}
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.post(path, content=json.dumps(body), headers=headers)

        return asyncio.run(work())


def test_a_label_goes_onto_the_log_with_who_said_it() -> None:
    site = Site()
    answer = site.send({"kind": "bad", "why": "it lost two orders"})
    assert (answer.status_code, answer.json()["by"]) == (202, "ann via http")
    (label,) = site.labels
    assert (label.release, label.environment, label.service) == ("prod-cart-2", "prod", "cart")
    assert (label.kind, label.source, label.at) == (LabelKind.BAD, LabelSource.HUMAN, NOW)
    assert (label.by, label.why) == ("ann via http", "it lost two orders")


def test_the_same_words_of_the_same_person_have_the_same_id() -> None:
    site = Site()
    for kind in ("bad", "bad", "good"):
        site.send({"kind": kind})
    first, again, other = (label.id for label in site.labels)
    assert first == again != other


def test_an_old_release_is_labelled_where_the_request_says_where_it_is_of() -> None:
    site = Site()
    path = "/v1/releases/prod-cart-1/labels"
    assert site.send({"kind": "good"}, path).status_code == 404
    assert site.send({"kind": "good", "environment": "prod", "service": "cart"}, path).status_code == 202
    assert site.labels[0].release == "prod-cart-1"


@pytest.mark.parametrize(("token", "status"), [("", 401), ("a-token-of-nobody-at-all", 403), (READER, 403)])
def test_who_may_not_answer_may_not_label(token: str, status: int) -> None:
    site = Site()
    assert site.send({"kind": "bad"}, token=token).status_code == status
    assert site.labels == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "terrible"},
        {},
        {"kind": "bad", "release": "another"},
        {"kind": "bad", "environment": "prod"},
        {"kind": "bad", "why": "x" * 501},
        {"kind": "bad", "why": "two\nlines"},
    ],
)
def test_what_is_no_label_is_refused(body: Mapping[str, Any]) -> None:
    site = Site()
    answer = site.send(body)
    assert (answer.status_code, site.labels) == (400, [])
    assert answer.json()["error"]
