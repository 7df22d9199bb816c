"""The page about SQL: its queries run, its commands are ours, and it names every view."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from feature_store.sql import run_query
from feature_store.views import VIEWS, connect
from streams.cli import app
from tests.feature_store import stories
from tests.feature_store.script import write

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("suture ")
]


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_of_the_page_finds_something(tmp_path: Path, query: str) -> None:
    write(tmp_path, stories.held_and_approved().effects)
    # Whenever this runs, the story is of this month.
    with connect(tmp_path) as connection:
        assert run_query(connection, query.replace("now()", "TIMESTAMPTZ '2026-11-24 00:00:00+00'")).rows


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_is_one_of_ours(command: str) -> None:
    program: typer.core.TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    name, *arguments = shlex.split(command)[1:]
    context = program.commands[name].make_context(name, arguments)
    assert context.command.name == "sql"


def test_the_page_names_every_view() -> None:
    assert [view for view in (*VIEWS, "effects") if f"`{view}`" not in PAGE] == []
