"""`suture sql`: the decision log asked in SQL or by a question's name, written in many forms, or whole.

What opens the journal is imported where it is used: it takes half a second that no other command needs.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feature_store.formats import Format
from schemas.errors import SettingsError
from streams.cli_journal import Data, journal_of

if TYPE_CHECKING:
    from feature_store.views import Connection


def sql(
    query: Annotated[str | None, typer.Argument(help="A query; none opens a prompt.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write rows.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
    question: Annotated[str | None, typer.Option(help="Ask a question that has a name.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE for the question; may be repeated.")
    ] = None,
    lists: Annotated[bool, typer.Option("--list", help="List the questions that have a name.")] = False,
    database: Annotated[
        Path | None, typer.Option(help="Write a DuckDB file with the views as tables.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(help="Only this view into --database; may be repeated.")
    ] = None,
    data: Data = None,
) -> None:
    """Ask the decision log in SQL, or by a question's name; write rows, or the whole as a database."""
    _refuse_nonsense(query, question, lists, database, settings, table)
    if lists:
        _list(form)
        return
    journal = journal_of(data)
    if database is not None:
        _write_database(journal, database, table or [])
        return
    from feature_store.canned import find_question, settings_of
    from feature_store.prompt import prompt_loop
    from feature_store.views import connect

    values: Mapping[str, str] = {}
    if question is not None:
        found = find_question(question)
        query, values = found.sql, found.values(settings_of(settings or []))
    with connect(journal) as connection:
        if query is None:
            prompt_loop(connection)
        elif form.is_binary:
            _write_bytes(connection, query, values, form, output)
        else:
            _write_text(connection, query, values, form, output)


def _refuse_nonsense(
    query: str | None,
    question: str | None,
    lists: bool,
    database: Path | None,
    settings: list[str] | None,
    table: list[str] | None,
) -> None:
    given = [query is not None, question is not None, lists, database is not None]
    if sum(given) > 1:
        raise SettingsError(
            "more than one of a query, --question, --list and --database is given, expected one"
        )
    if settings and question is None:
        raise SettingsError("--set is given without --question")
    if table and database is None:
        raise SettingsError("--table is given without --database")


def _write_text(
    connection: "Connection", query: str, values: Mapping[str, str], form: Format, output: Path | None
) -> None:
    from feature_store.sql import render, run_query

    result = run_query(connection, query, values)
    if output is None:
        render(result, form, sys.stdout)
        return
    # CSV ends its lines itself.
    with output.open("w", encoding="utf-8", newline="") as file:
        render(result, form, file)


def _write_bytes(
    connection: "Connection", query: str, values: Mapping[str, str], form: Format, output: Path | None
) -> None:
    from feature_store.arrow_results import stream_query, write_stream

    if output is None and sys.stdout.isatty():
        raise SettingsError(f"{form} is bytes, expected --output FILE or standard output that is no terminal")
    reader = stream_query(connection, query, values)
    if output is None:
        write_stream(reader, form, sys.stdout.buffer)
        return
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            write_stream(reader, form, file)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _write_database(journal: Path, path: Path, tables: list[str]) -> None:
    from feature_store.database import write_database
    from feature_store.views import VIEWS

    def say(table: str) -> None:
        if sys.stderr.isatty():
            typer.echo(f"{table} ...", err=True)

    written = write_database(journal, path, tables=tables or VIEWS, on_table=say)
    if not written.is_new:
        typer.echo(f"{path} holds all that is in the journal: left as it is")
        return
    rows = sum(written.rows.values())
    typer.echo(f"{path}: {len(written.rows)} tables, {rows:,} rows, {written.bytes:,} bytes")


def _list(form: Format) -> None:
    from feature_store.canned import questions

    if form is Format.JSON:
        told = [
            {
                "question": one.name,
                "answers": one.about,
                "parameters": [
                    {"name": each.name, "default": each.default, "about": each.about}
                    for each in one.parameters
                ],
            }
            for one in questions().values()
        ]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for one in questions().values():
        typer.echo(f"{one.name}: {one.about}")
        for each in one.parameters:
            typer.echo(f"    {each.name}={each.default}  {each.about}")
