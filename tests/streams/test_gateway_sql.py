"""The decision log asked over HTTP, through the gateway's real application: in three forms, within bounds."""

import asyncio
import csv
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI

from streams.gateway import create_app
from streams.gateway_sql import SqlLimits, add_sql_routes
from streams.gateway_tokens import Tokens
from tests.feature_store import stories
from tests.feature_store.script import write
from tests.streams.gateway_socket import Nowhere

READER, DEPLOYER = "a-reader-that-nobody-guesses", "a-pipeline-that-nobody-guesses"
TOKENS = f"bi+read:{READER},ci+deploy:{DEPLOYER}"
ARROW = "application/vnd.apache.arrow.stream"
ENDLESS = (
    "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c WHERE a.range + b.range < c.range"
)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    write(tmp_path / "journal", stories.held_and_approved().effects)
    return tmp_path / "journal"


async def _ask(app: FastAPI, body: Any, accept: str, token: str) -> httpx.Response:
    headers = {"accept": accept} | ({"authorization": f"Bearer {token}"} if token else {})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=60) as client:
        return await client.post("/v1/sql", content=json.dumps(body), headers=headers)


def ask(
    journal: Path | None, body: Mapping[str, Any], accept: str = "application/json", token: str = READER
) -> httpx.Response:
    app = create_app(Nowhere(), TOKENS, journal=journal)
    return asyncio.run(_ask(app, body, accept, token))


def bounded(journal: Path, limits: SqlLimits, *bodies: Mapping[str, Any]) -> list[int]:
    """Return the status of each of some questions that are asked at once."""
    app = create_app(Nowhere(), TOKENS)
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") != "/v1/sql"]
    add_sql_routes(app, journal, Tokens(TOKENS), limits)

    async def work() -> list[int]:
        asked = [_ask(app, body, "application/json", READER) for body in bodies]
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    return asyncio.run(work())


def test_an_answer_comes_as_an_arrow_stream_with_its_types(journal: Path) -> None:
    answer = ask(journal, {"query": "SELECT release, happened_at, confidence FROM decisions"}, "*/*")
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.num_rows == 1
    assert table.schema.field("happened_at").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("confidence").type == pa.float64()


def test_the_same_comes_as_json_and_as_csv_where_those_are_accepted(journal: Path) -> None:
    query = {"query": "SELECT service, playbook FROM decisions"}
    assert ask(journal, query).json() == [{"service": "cart", "playbook": "rollback"}]
    told = ask(journal, query, "text/csv;q=0.9")
    assert told.headers["content-type"].startswith("text/csv")
    assert list(csv.reader(io.StringIO(told.text))) == [["service", "playbook"], ["cart", "rollback"]]


def test_a_question_is_asked_by_its_name(journal: Path) -> None:
    answer = ask(journal, {"question": "rolled_back", "set": {"days": "36500"}})
    assert answer.status_code == 200
    assert [row["version"] for row in answer.json()] == ["1.4.2"]
    assert ask(journal, {"question": "rolled_back", "set": {"colour": "red"}}).status_code == 400
    assert "rolled_back" in ask(journal, {"question": "nobody_asks"}).json()["error"]


@pytest.mark.parametrize(("token", "status"), [("", 401), (DEPLOYER, 403), ("somebody-else-entirely", 403)])
def test_who_has_no_token_for_reading_is_refused_though_verdicts_are_open(
    journal: Path, token: str, status: int
) -> None:
    assert ask(journal, {"query": "SELECT 1"}, token=token).status_code == status


@pytest.mark.parametrize(
    "query",
    [
        "DROP VIEW releases; COPY (SELECT 1) TO '/tmp/suture-test-written.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM nobody",
        "SELECT",
        " ; ",
    ],
)
def test_what_is_no_question_to_the_journal_is_refused_with_a_sentence(journal: Path, query: str) -> None:
    before = {path: path.read_bytes() for path in journal.rglob("*") if path.is_file()}
    answer = ask(journal, {"query": query})
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not Path("/tmp/suture-test-written.csv").exists()
    assert {path: path.read_bytes() for path in journal.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "body",
    [{}, {"query": "SELECT 1", "question": "weeks"}, {"query": "SELECT 1", "set": {"a": "b"}}, {"sql": "x"}],
)
def test_a_body_that_is_no_request_is_refused(journal: Path, body: dict[str, Any]) -> None:
    assert ask(journal, body).status_code == 400


def test_a_form_that_is_not_ours_is_refused(journal: Path) -> None:
    assert ask(journal, {"query": "SELECT 1"}, "text/html").status_code == 406


def test_a_gateway_without_a_journal_says_so() -> None:
    answer = ask(None, {"query": "SELECT 1"})
    assert (answer.status_code, answer.json()["error"]) == (503, "no journal is configured here")


def test_an_answer_with_too_many_rows_is_refused_and_not_cut(journal: Path) -> None:
    few = SqlLimits(rows=10)
    assert bounded(journal, few, {"query": "FROM range(10)"}) == [200]
    assert bounded(journal, few, {"query": "FROM range(11)"}) == [413]


def test_a_question_that_takes_too_long_is_ended(journal: Path) -> None:
    short = SqlLimits(patience=timedelta(seconds=0.5))
    assert bounded(journal, short, {"query": ENDLESS}) == [408]


def test_a_question_too_many_at_once_is_told_to_come_again(journal: Path) -> None:
    one = SqlLimits(at_once=1, patience=timedelta(seconds=3))
    assert sorted(bounded(journal, one, {"query": ENDLESS}, {"query": ENDLESS})) == [408, 429]


def test_a_question_that_wants_too_much_memory_is_refused(journal: Path) -> None:
    small = SqlLimits(memory_bytes=8 * 1024 * 1024)
    greedy = "SELECT list(range) FROM range(20000000) GROUP BY range % 7"
    assert bounded(journal, small, {"query": greedy}) == [400]
