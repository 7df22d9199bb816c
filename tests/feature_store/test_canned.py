"""Canned questions are documented, run on every story, and answer what their names say."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from feature_store.arrow_results import stream_query, write_stream
from feature_store.canned import find_question, questions, read_question, settings_of
from feature_store.database import write_database
from feature_store.formats import Format
from feature_store.prompt import SqlCompleter
from feature_store.sql import Result, SqlError, run_query
from feature_store.views import VIEWS, Connection, connect, connect_file
from schemas.judgements import VerdictKind
from tests.feature_store import stories
from tests.feature_store.script import Script, write


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with a release of each ending, an hour apart."""
    root = tmp_path_factory.mktemp("journal")
    silent = Script("1.6.0").opened()
    silent.verdict(VerdictKind.NODATA, "no sample came", minute=30, is_final=True)
    told = [stories.held_and_approved(), stories.promoted(), stories.rolled_back_alone(), silent]
    for partition, script in enumerate(told):
        write(root, script.effects, partition=partition)
    return root


@pytest.fixture(scope="module")
def connection(journal: Path) -> Connection:
    return connect(journal)


def asked(connection: Connection, name: str, **given: str) -> Result:
    question = find_question(name)
    return run_query(connection, question.sql, question.values(given))


def column(result: Result, name: str) -> list[object]:
    place = result.columns.index(name)
    return [row[place] for row in result.rows]


@pytest.mark.parametrize("name", list(questions()))
def test_every_question_runs_and_says_what_it_answers_and_takes(connection: Connection, name: str) -> None:
    question = questions()[name]
    assert question.name == name
    assert question.about.endswith(".")
    assert asked(connection, name).columns
    for parameter in question.parameters:
        assert f"${parameter.name}" in question.sql


def test_what_was_rolled_back_is_asked_by_days_up_to_a_day(connection: Connection) -> None:
    assert len(asked(connection, "rolled_back", until="2026-11-24").rows) == 2
    assert asked(connection, "rolled_back", until="2026-11-23").rows == []
    assert column(asked(connection, "rolled_back", until="2026-11-24", environment="dev"), "service") == [
        "cart"
    ]


def test_questions_find_what_their_names_say(connection: Connection) -> None:
    assert column(asked(connection, "blind_watches"), "without_data") == [1]
    assert column(asked(connection, "unmended"), "recovery_kind") == ["not_recovered"]
    assert set(column(asked(connection, "answers"), "answered_by")) == {"ada"}
    assert "held" in column(asked(connection, "release", release="prod-cart-1.4.2"), "kind")
    assert asked(connection, "release").rows == []


def test_a_value_that_is_none_of_its_type_is_one_clear_sentence(connection: Connection) -> None:
    with pytest.raises(SqlError, match="Could not convert string 'many' to INT32"):
        asked(connection, "rolled_back", days="many")


def test_what_cannot_be_set_is_refused_with_what_can() -> None:
    with pytest.raises(SqlError, match="has no parameter 'day', expected days, until, environment"):
        find_question("rolled_back").values({"day": "3"})
    with pytest.raises(SqlError, match="has no parameter 'day', it has none"):
        find_question("answers").values({"day": "3"})
    with pytest.raises(SqlError, match="there is no question 'rolled', expected one of answers, "):
        find_question("rolled")
    with pytest.raises(SqlError, match="'days' sets nothing, expected NAME=VALUE"):
        settings_of(["days"])


def test_a_default_may_be_empty_and_a_value_may_hold_an_equals_sign() -> None:
    question = read_question("-- a: What.\n-- of =: whose\n-- days = 7: how many\nSELECT $of, $days")
    assert question.values(settings_of(["of=x=y"])) == {"of": "x=y", "days": "7"}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (".", [".ask", ".columns", ".help", ".questions", ".quit", ".views"]),
        (".q", [".questions", ".quit"]),
        (".columns decis", ["decisions"]),
        (".ask rolled", ["rolled_back"]),
        (".ask rolled_back d", ["days="]),
        (".ask rolled_back days=3 u", ["until="]),
        (".ask nothing x", []),
    ],
)
def test_commands_questions_and_their_parameters_are_completed(
    connection: Connection, typed: str, expected: list[str]
) -> None:
    found = SqlCompleter(connection).get_completions(Document(typed), CompleteEvent())
    assert [completion.text for completion in found] == expected


@pytest.mark.parametrize("form", [Format.PARQUET, Format.ARROW])
def test_bytes_keep_types_and_columns_of_one_name(connection: Connection, form: Format) -> None:
    out = io.BytesIO()
    query = "SELECT happened_at, confidence, happened_at, alternatives FROM decisions"
    rows = write_stream(stream_query(connection, query), form, out)
    out.seek(0)
    table = pq.read_table(out) if form is Format.PARQUET else pa.ipc.open_stream(out).read_all()
    assert table.column_names == ["happened_at", "confidence", "happened_at_2", "alternatives"]
    assert (table.num_rows, rows) == (len(run_query(connection, query).rows),) * 2
    assert table.schema.field("happened_at").type.tz == "UTC"
    assert pa.types.is_list(table.schema.field("alternatives").type)


@pytest.mark.parametrize("query", ["", "SELECT wrong", "SELECT error('broken') FROM decisions"])
def test_a_query_that_fails_gives_one_sentence_in_arrow_too(connection: Connection, query: str) -> None:
    with pytest.raises(SqlError) as caught:
        write_stream(stream_query(connection, query), Format.ARROW, io.BytesIO())
    assert "\n" not in str(caught.value)


def test_the_database_has_every_view_with_its_rows_and_its_comments(journal: Path, tmp_path: Path) -> None:
    path = tmp_path / "it's.duckdb"
    written = write_database(journal, path)
    assert written.is_new
    with connect(journal) as views, connect_file(path) as made:
        for view in VIEWS:
            query = f"SELECT count(*) FROM {view}"
            assert (
                made.execute(query).fetchall() == views.execute(query).fetchall() == [(written.rows[view],)]
            )
        assert made.execute("SELECT * FROM decisions ORDER BY ALL").fetchall() == (
            views.execute("SELECT * FROM decisions ORDER BY ALL").fetchall()
        )
        bare = "SELECT table_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"
        assert set(made.execute(bare).fetchall()) == {("journal_files",)}
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name]


def test_a_database_is_made_anew_only_when_something_was_written_since(tmp_path: Path) -> None:
    journal, path = tmp_path / "journal", tmp_path / "x.duckdb"
    write(journal, stories.promoted().effects)
    assert write_database(journal, path, tables=["releases"]).is_new
    assert not write_database(journal, path, tables=["releases"]).is_new
    with connect_file(path) as reading:
        write(journal, stories.rejected().effects, partition=4)
        assert write_database(journal, path, tables=["releases"]).rows == {"releases": 2}
        # Who reads the old file goes on with it.
        assert reading.execute("SELECT count(*) FROM releases").fetchall() == [(1,)]
    assert write_database(journal, path, tables=["decisions"]).rows == {"decisions": 2}


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(SqlError, match=r"notes\.txt is no database that"):
        write_database(tmp_path / "journal", path)
    assert path.read_text() == "mine"
    with pytest.raises(SqlError, match="there is no view 'release'"):
        write_database(tmp_path / "journal", tmp_path / "new", tables=["release"])
