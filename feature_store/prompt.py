"""Prompt: SQL over the journal, interactively; the only file that knows prompt_toolkit."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from feature_store.canned import find_question, questions, settings_of
from feature_store.formats import Format
from feature_store.sql import Result, SqlError, render, run_query
from feature_store.views import Connection

_KEYWORDS = (
    "SELECT DISTINCT FROM WHERE GROUP BY ORDER BY HAVING LIMIT JOIN LEFT JOIN USING AND OR NOT IN IS NULL AS "
    "COUNT AVG MIN MAX SUM MEDIAN QUANTILE_CONT DATE_TRUNC INTERVAL CASE WHEN THEN ELSE END DESC ASC DESCRIBE"
)
HELP = """\
End a query with ; and Enter. Tab completes views, columns, questions.
.views               the views, and what they hold
.columns VIEW        a view's columns, and what they mean
.questions           questions that have a name, and what may be set of each
.ask NAME [KEY=VALUE ...]   ask one of them
.quit                leave (Ctrl-D does, too)
"""
_COMMANDS = (".ask", ".columns", ".help", ".questions", ".quit", ".views")


class SqlCompleter(Completer):
    """Completes views, columns and keywords; the columns of views that the query names come first."""

    def __init__(self, connection: Connection) -> None:
        self._columns: dict[str, list[str]] = {}
        rows = run_query(
            connection,
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE NOT internal AND table_name != 'journal_files' "
            # Of two that begin alike the shorter one is meant more often.
            "ORDER BY length(table_name), table_name, column_index",
        ).rows
        for view, column in rows:
            self._columns.setdefault(view, []).append(column)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """Return what the word before the cursor may become."""
        if document.text.startswith("."):
            yield from self._of_command(document.text_before_cursor)
            return
        word = document.get_word_before_cursor(pattern=None)
        begun = word.rsplit(".", 1)[-1].rsplit("(", 1)[-1].rsplit(",", 1)[-1]
        if not begun and not word.endswith((".", "(", ",")):
            return
        for name, kind in self._candidates(document.text).items():
            if name.lower().startswith(begun.lower()):
                yield Completion(name, start_position=-len(begun), display_meta=kind)

    def _of_command(self, text: str) -> Iterable[Completion]:
        """Return what the last word of a command may become: itself, a view, a question, what may be set."""
        *before, begun = text.split(" ")
        candidates: dict[str, str] = {}
        if not before:
            candidates = dict.fromkeys(_COMMANDS, "command")
        elif before == [".columns"]:
            candidates = dict.fromkeys(self._columns, "view")
        elif before == [".ask"]:
            candidates = {name: question.about for name, question in questions().items()}
        elif before[0] == ".ask" and before[1] in questions():
            parameters = questions()[before[1]].parameters
            candidates = {f"{parameter.name}=": parameter.about for parameter in parameters}
        for name, about in candidates.items():
            if name.startswith(begun):
                yield Completion(name, start_position=-len(begun), display_meta=about)

    def _candidates(self, text: str) -> dict[str, str]:
        """Return names, likeliest first, with what they are."""
        words = set(text.lower().replace(",", " ").replace(";", " ").split())
        named = [view for view in self._columns if view in words]
        candidates: dict[str, str] = {}
        for view in named:
            candidates |= dict.fromkeys(self._columns[view], f"column of {view}")
        candidates |= dict.fromkeys(self._columns, "view")
        if not named:
            for view, columns in self._columns.items():
                for column in columns:
                    candidates.setdefault(column, f"column of {view}")
        return candidates | dict.fromkeys(dict.fromkeys(_KEYWORDS.split()), "keyword")


def prompt_loop(
    connection: Connection,
    *,
    history: Path | None = None,
    show: Callable[[Result], None] | None = None,
    out: TextIO | None = None,
    terminal_input: Input | None = None,
    terminal_output: Output | None = None,
) -> None:
    """Ask for queries and show what they give, until the end of input; errors are said and asking goes on.

    Args:
        connection: From `feature_store.views.connect`; effects that come later are not in it.
        history: File that keeps queries between sessions; None keeps none.
        show: Writes a result; a plain table by default.
        out: Where text goes; standard output by default.
        terminal_input: Where keys come from; the terminal by default.
        terminal_output: Where the prompt is drawn; the terminal by default.
    """
    stream = out or sys.stdout
    past: History = InMemoryHistory() if history is None else FileHistory(str(history))
    session: PromptSession[str] = PromptSession(
        "suture> ",
        multiline=True,
        prompt_continuation="   ...> ",
        completer=SqlCompleter(connection),
        complete_while_typing=False,
        history=past,
        key_bindings=_keys(),
        input=terminal_input,
        output=terminal_output,
    )
    stream.write(HELP)
    while True:
        try:
            text = session.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text in {".quit", ".exit", "quit", "exit"}:
            return
        if text:
            _answer(connection, text, show or (lambda result: render(result, Format.TABLE, stream)), stream)


def _answer(connection: Connection, text: str, show: Callable[[Result], None], stream: TextIO) -> None:
    try:
        if text == ".help":
            stream.write(HELP)
        elif text == ".views":
            show(run_query(connection, _VIEWS))
        elif text == ".questions":
            show(list_questions())
        elif text.split()[0] == ".ask":
            show(_asked(connection, text.split()[1:]))
        elif text.startswith(".columns"):
            show(_columns_of(connection, text.removeprefix(".columns").strip()))
        else:
            show(run_query(connection, text))
    except SqlError as error:
        stream.write(f"{error}\n")
    except KeyboardInterrupt:
        connection.interrupt()
        stream.write("interrupted\n")


_VIEWS = "SELECT view_name AS view, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_name"
_COLUMNS = (
    "SELECT column_name AS column, data_type AS type, comment FROM duckdb_columns() "
    "WHERE table_name = $1 AND NOT internal ORDER BY column_index"
)


def list_questions() -> Result:
    """Return the canned questions as rows: name, what each answers, what may be set."""
    rows: list[tuple[str, ...]] = [(one.name, one.about, one.usage) for one in questions().values()]
    return Result(columns=("question", "answers", "parameters"), rows=rows)


def _asked(connection: Connection, words: list[str]) -> Result:
    if not words:
        raise SqlError("no question is named, .questions lists them")
    question = find_question(words[0])
    return run_query(connection, question.sql, question.values(settings_of(words[1:])))


def _columns_of(connection: Connection, view: str) -> Result:
    result = run_query(connection, _COLUMNS, [view])
    if not result.rows:
        raise SqlError(f"there is no view {view!r}, .views lists them")
    return result


def _keys() -> KeyBindings:
    """Return the keys: Enter ends a query that has its semicolon, and a command; else it begins a line."""
    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        text = event.current_buffer.text.strip()
        if not text or text.endswith(";") or text.startswith(".") or text in {"quit", "exit"}:
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return keys
