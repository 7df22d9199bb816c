"""SQL over HTTP: the decision log for tools that do not have its files, as Arrow, JSON or CSV.

A question runs in a thread of its own over a connection of its own, as of when it is asked. What it may cost
is bounded: rows, bytes, seconds, memory, and how many run at once.
"""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from pydantic import ConfigDict

from feature_store.stores import JournalPlace
from schemas.codec import from_json
from schemas.errors import SchemaError
from schemas.webhook_signatures import SignatureError
from streams.gateway_bodies import RefusedRequest, read_body
from streams.gateway_tokens import Scope, Tokens
from streams.gateway_webhooks import single_header
from streams.openapi_parts import json_body

if TYPE_CHECKING:
    import pyarrow as pa

    from feature_store.views import Connection

SQL_PATH = "/v1/sql"

_LARGEST_QUERY = 64 * 1024  # bytes
_ARROW = "application/vnd.apache.arrow.stream"
_JSON, _CSV = "application/json", "text/csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLimits:
    """What one question may cost.

    Attributes:
        rows: Of the answer. More is refused rather than cut: half an answer looks like a whole one.
        answer_bytes: Of the answer, as Arrow has it in memory.
        patience: After so long it is ended.
        memory_bytes: Of the database.
        at_once: Questions that run at a time; a further one is told to come again.
    """

    rows: int = 1_000_000
    answer_bytes: int = 256 * 1024 * 1024
    patience: timedelta = timedelta(seconds=30)
    memory_bytes: int = 1024 * 1024 * 1024
    at_once: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRequest:
    """A query, or the name of a question.

    Attributes:
        query: In DuckDB's SQL.
        question: A name that `suture sql --list` tells.
        set: What is set of the question.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    query: str = ""
    question: str = ""
    set: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.query) == bool(self.question):
            raise ValueError("query and question exclude each other, expected one of them")
        if self.set and not self.question:
            raise ValueError("set is given without a question")


def add_sql_routes(
    app: FastAPI, journal: JournalPlace | None, tokens: Tokens, limits: SqlLimits | None = None
) -> None:
    """Add the route by which the decision log is asked.

    A token with the scope read is wanted even where verdicts are told to everybody: a question costs more
    than a verdict, and may ask for everything.

    Args:
        app: To what.
        journal: Where the journal is; None answers that there is none.
        tokens: Who may ask.
        limits: What a question may cost.
    """
    allowed = limits or SqlLimits()
    running = 0

    async def sql(request: Request) -> Response:
        """Ask the decision log in SQL, or by a question's name; it answers in the form that is accepted."""
        nonlocal running
        try:
            single_header(request, "authorization")
        except SignatureError as error:
            raise RefusedRequest(HTTPStatus.UNAUTHORIZED, str(error)) from error
        tokens.name_for(request.headers, Scope.READ)
        if journal is None:
            raise RefusedRequest(HTTPStatus.SERVICE_UNAVAILABLE, "no journal is configured here")
        form = _form(request.headers.get("accept", ""))
        try:
            asked = from_json(SqlRequest, await read_body(request, _LARGEST_QUERY))
        except SchemaError as error:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
        if running >= allowed.at_once:
            raise RefusedRequest(
                HTTPStatus.TOO_MANY_REQUESTS, f"{running} questions run already, which is all that may"
            )
        running += 1
        try:
            return Response(
                await _answered(journal, asked, form, allowed),
                media_type=form,
                headers={"cache-control": "no-store"},
            )
        finally:
            running -= 1

    app.add_api_route(
        SQL_PATH,
        sql,
        methods=["POST"],
        summary="Ask the decision log in SQL",
        response_class=Response,
        responses={
            200: {
                "description": "The rows: an Arrow IPC stream unless JSON or CSV is accepted",
                "content": {
                    _ARROW: {"schema": {"type": "string", "format": "binary"}},
                    _JSON: {"schema": {"type": "array", "items": {"type": "object"}}},
                    _CSV: {"schema": {"type": "string"}},
                },
            }
        },
        openapi_extra=json_body(SqlRequest),
    )


def _form(accept: str) -> str:
    """Return the media type of the answer.

    Raises:
        RefusedRequest: none of ours is accepted (406).
    """
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    for one in wanted or ["*/*"]:
        if one in (_ARROW, _JSON, _CSV):
            return one
        if one in ("*/*", "application/*"):
            return _ARROW
    raise RefusedRequest(HTTPStatus.NOT_ACCEPTABLE, f"expected to accept {_ARROW}, {_JSON} or {_CSV}")


async def _answered(journal: JournalPlace, asked: SqlRequest, form: str, limits: SqlLimits) -> bytes:
    """Return the answer.

    Raises:
        RefusedRequest: it is no query (400), its answer is too large (413), or it takes too long (408).
    """
    # Half a second of imports that no other route needs.
    from feature_store.sql import SqlError
    from feature_store.views import connect

    patience = limits.patience.total_seconds()
    connection: Connection = await asyncio.to_thread(connect, journal, memory_bytes=limits.memory_bytes)
    work = asyncio.ensure_future(asyncio.to_thread(_rows, connection, asked, form, limits))
    try:
        await asyncio.wait({work}, timeout=patience)
        if not work.done():
            connection.interrupt()
            await asyncio.wait({work})
            if work.exception() is not None:
                raise RefusedRequest(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the query was ended after {patience:g} s, which is all it has",
                )
        return work.result()
    except SqlError as error:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error
    finally:
        # Whoever asked may have gone: the thread must not go on without him.
        if not work.done():
            connection.interrupt()
            await asyncio.wait({work})
        connection.close()


def _rows(connection: "Connection", asked: SqlRequest, form: str, limits: SqlLimits) -> bytes:
    from feature_store.arrow_results import distinct_names, sql_errors, stream_query
    from feature_store.canned import find_question

    query, values = asked.query, {}
    if asked.question:
        found = find_question(asked.question)
        query, values = found.sql, found.values(asked.set)
    reader = stream_query(connection, query, values)
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    with sql_errors():
        for batch in reader:
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows > limits.rows or size > limits.answer_bytes:
                raise RefusedRequest(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"the answer has more than {limits.rows:,} rows or {limits.answer_bytes:,} bytes, "
                    "expected a LIMIT or a narrower question",
                )
            batches.append(batch)
    return _written(batches, distinct_names(reader.schema), form)


def _written(batches: "list[pa.RecordBatch]", schema: "pa.Schema", form: str) -> bytes:
    import pyarrow as pa

    from feature_store.formats import Format
    from feature_store.sql import Result, render

    named = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches]
    if form == _ARROW:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            for batch in named:
                writer.write_batch(batch)
        return sink.getvalue().to_pybytes()
    table = pa.Table.from_batches(named, schema)
    columns = [column.to_pylist() for column in table.columns]
    result = Result(columns=tuple(schema.names), rows=list(zip(*columns, strict=True)))
    out = io.StringIO(newline="")
    render(result, Format.JSON if form == _JSON else Format.CSV, out)
    return out.getvalue().encode()
