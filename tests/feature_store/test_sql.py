"""Queries come back as tables, CSV and JSON, and errors as one sentence."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from feature_store.formats import TEXT_FORMATS, Format
from feature_store.prompt import SqlCompleter, prompt_loop
from feature_store.sql import Result, SqlError, render, run_query
from feature_store.views import Connection, connect
from tests.feature_store import stories
from tests.feature_store.script import write


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    write(tmp_path, stories.held_and_approved().effects)
    return connect(tmp_path)


def rendered(result: Result, form: Format) -> str:
    out = io.StringIO(newline="")
    render(result, form, out)
    return out.getvalue()


def test_a_query_gives_columns_and_rows(connection: Connection) -> None:
    result = run_query(connection, "SELECT service, state FROM releases")
    assert result.columns == ("service", "state")
    assert result.rows == [("cart", "rolled_back")]


def test_parameters_are_values_and_never_sql(connection: Connection) -> None:
    query = "SELECT count(*) FROM releases WHERE service = $1"
    assert run_query(connection, query, ["cart"]).rows == [(1,)]
    assert run_query(connection, query, ["' OR true --"]).rows == [(0,)]


def test_a_table_aligns_numbers_to_the_right_and_cuts_long_cells() -> None:
    result = Result(
        columns=("name", "count", "seen"),
        rows=[("a", 1, None), ("b" * 80, 23, True), ("tab\x1b[1m", None, False)],
    )
    assert rendered(result, Format.TABLE).splitlines() == [
        f"name{' ' * 56}  count  seen",
        f"{'-' * 60}  -----  -----",
        f"a{' ' * 59}      1",
        f"{'b' * 57}...     23  true",
        f"tab?[1m{' ' * 53}         false",
        "(3 rows)",
    ]


def test_an_empty_table_has_its_header_and_says_so() -> None:
    assert rendered(Result(columns=("a",), rows=[]), Format.TABLE) == "a\n-\n(0 rows)\n"


def test_csv_reads_back_as_it_was() -> None:
    result = Result(columns=("text", "list", "none"), rows=[('a "quoted", line\nbroken', ["x", 1], None)])
    rows = list(csv.reader(io.StringIO(rendered(result, Format.CSV), newline="")))
    assert rows == [["text", "list", "none"], ['a "quoted", line\nbroken', '["x", 1]', ""]]


def test_json_keeps_types_and_columns_of_one_name() -> None:
    instant = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    result = Result(columns=("a", "a", "b"), rows=[(1.5, instant, float("nan"))])
    assert json.loads(rendered(result, Format.JSON)) == [
        {"a": 1.5, "a_2": "2026-11-23T03:00:00+00:00", "b": "nan"}
    ]


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_every_view_can_be_written_in_every_form(connection: Connection, form: Format) -> None:
    for (view,) in run_query(connection, "SELECT view_name FROM duckdb_views() WHERE NOT internal").rows:
        assert rendered(run_query(connection, f"SELECT * FROM {view}"), form)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "query is empty"),
        (" ; ", "query is empty"),
        ("SELEC 1", "Parser Error: syntax error at or near"),
        ("SELECT nothing FROM releases", 'Referenced column "nothing" not found'),
        ("SELECT * FROM release", "Table with name release does not exist"),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a' to INT32"),
        ("COPY releases TO 'x.csv'", "Permission Error"),
        ("SELECT $1", "parameter"),
    ],
)
def test_a_bad_query_is_one_clear_sentence(connection: Connection, query: str, expected: str) -> None:
    with pytest.raises(SqlError) as caught:
        run_query(connection, query)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def completions(connection: Connection, text: str) -> list[str]:
    found = SqlCompleter(connection).get_completions(Document(text), CompleteEvent())
    return [completion.text for completion in found]


def test_views_and_columns_are_completed(connection: Connection) -> None:
    assert completions(connection, "SELECT * FROM rel")[0] == "releases"
    assert completions(connection, "SELECT * FROM releases WHERE seconds_to")[0] == "seconds_to_undo"
    assert completions(connection, "SELECT max(seconds_from_damage_")[0] == "seconds_from_damage_to_undo"
    assert completions(connection, "SELECT releases.sta")[0] in {"started_at", "state"}
    assert completions(connection, "SELECT ") == []


Talk = Callable[[str], str]


@pytest.fixture
def talk(connection: Connection, tmp_path: Path) -> Talk:
    """Type keys at the prompt, and return what is said."""

    def typed(keys: str) -> str:
        out = io.StringIO()
        with create_pipe_input() as pipe:
            pipe.send_text(keys)
            prompt_loop(
                connection,
                history=tmp_path / "history",
                out=out,
                terminal_input=pipe,
                terminal_output=DummyOutput(),
            )
        return out.getvalue()

    return typed


def test_the_prompt_answers_over_several_lines_and_goes_on_after_an_error(talk: Talk) -> None:
    said = talk("SELECT version\rFROM releases;\rSELECT wrong;\rSELECT 40 + 2;\r\x04")
    assert "1.4.2" in said
    assert 'Referenced column "wrong" was not found' in said
    assert "42" in said


def test_the_prompt_explains_views_and_columns(talk: Talk) -> None:
    said = talk(".views\r.columns holds\r.columns nothing\r.help\r.quit\r")
    assert "Decisions that wait" in said
    assert "what became of them" in said
    assert "seconds_to_answer" in said
    assert "there is no view 'nothing'" in said


def test_the_prompt_keeps_its_history_in_a_file(talk: Talk, tmp_path: Path) -> None:
    talk("SELECT 7;\r\x04")
    assert "SELECT 7;" in (tmp_path / "history").read_text()
