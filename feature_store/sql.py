"""SQL over the journal: run a query, and write what comes back as a table, CSV or JSON."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TextIO, assert_never

from feature_store.formats import Format
from feature_store.views import Connection, QueryError
from feature_store.wording import printable
from schemas.errors import SutureError

_LONGEST_CELL = 60
_LINE = re.compile(r"\s*\n\s*LINE (\d+):.*", re.DOTALL)


class SqlError(SutureError):
    """A query could not be run: says what is wrong with it in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a query gives back.

    Attributes:
        columns: Names, in order.
        rows: One tuple a row, as long as `columns`.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def run_query(
    connection: Connection, text: str, parameters: Sequence[object] | Mapping[str, object] = ()
) -> Result:
    """Return what a query gives.

    Args:
        connection: From `feature_store.views.connect`.
        text: One or more statements in DuckDB's SQL; the last one's result counts.
        parameters: Values for `?` or `$1`, or by name for `$name`.

    Raises:
        SqlError: the text is empty, is no SQL, names what is not there, or asks for what is not allowed.
    """
    refuse_empty(text)
    given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
    try:
        cursor = connection.execute(text, given or None)
        columns = tuple(column[0] for column in cursor.description or ())
        return Result(columns=columns, rows=cursor.fetchall())
    except (QueryError, OSError) as error:
        raise SqlError(explain(str(error))) from error


def refuse_empty(text: str) -> None:
    """Refuse a query that says nothing.

    Raises:
        SqlError: it has no statement.
    """
    if not text.strip(" \t\r\n;"):
        raise SqlError("query is empty, expected SQL such as: SELECT * FROM releases LIMIT 10")


def explain(message: str) -> str:
    r"""Return a message of DuckDB as one line, without its drawing of the place.

    >>> explain('Binder Error: Referenced column "x" not found\n\nLINE 1: SELECT x\n        ^')
    'Binder Error: Referenced column "x" not found (line 1)'
    """
    one = _LINE.sub(r" (line \1)", message.strip())
    return printable(" ".join(one.split()))


def render(result: Result, form: Format, out: TextIO) -> None:
    """Write a result to a text stream, in one of `TEXT_FORMATS`."""
    match form:
        case Format.TABLE:
            _write_table(result, out)
        case Format.CSV:
            writer = csv.writer(out)
            writer.writerow(result.columns)
            writer.writerows([_csv_cell(cell) for cell in row] for row in result.rows)
        case Format.JSON:
            # Two columns of one name would lose one, so the later gets a number.
            names = distinct(result.columns)
            rows = [dict(zip(names, map(_plain, row), strict=True)) for row in result.rows]
            json.dump(rows, out, ensure_ascii=False, indent=2)
            out.write("\n")
        case Format.PARQUET | Format.ARROW:
            raise ValueError(f"{form} is no text: it is written by feature_store.arrow_results")
        case _:
            assert_never(form)


def _write_table(result: Result, out: TextIO) -> None:
    cells = [[_short(cell) for cell in row] for row in result.rows]
    widths = [
        max(len(name), *(len(row[place]) for row in cells)) if cells else len(name)
        for place, name in enumerate(result.columns)
    ]
    numeric = [_is_numeric([row[place] for row in result.rows]) for place in range(len(widths))]

    def line(texts: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, numeric, strict=True)
        ]
        return "  ".join(padded).rstrip() + "\n"

    if widths:
        out.write(line(result.columns))
        out.write("  ".join("-" * width for width in widths) + "\n")
    out.writelines(line(row) for row in cells)
    count = len(result.rows)
    out.write(f"({count} row{'' if count == 1 else 's'})\n")


def _is_numeric(cells: Sequence[object]) -> bool:
    present = [cell for cell in cells if cell is not None]
    return bool(present) and all(
        isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in present
    )


def _short(cell: object) -> str:
    text = "" if cell is None else printable(" ".join(_text(cell).split()))
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 3] + "..."


def _csv_cell(cell: object) -> str:
    return "" if cell is None else _text(cell)


def _text(cell: object) -> str:
    """Return a cell as people read it; lists and structs as JSON."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.isoformat(sep=" ", timespec="milliseconds" if cell.microsecond else "seconds")
        case float():
            return f"{cell:.10g}"
        case list() | tuple() | dict():
            return json.dumps(_plain(cell), ensure_ascii=False)
        case _:
            return str(cell)


def _plain(cell: object) -> Any:
    """Return a cell as JSON has it; what JSON lacks (NaN, decimals, bytes) becomes text."""
    match cell:
        case None | bool() | int() | str():
            return cell
        case float():
            return cell if cell - cell == 0 else str(cell)
        case datetime() | date():
            return cell.isoformat()
        case timedelta():
            return cell.total_seconds()
        case list() | tuple():
            return [_plain(item) for item in cell]
        case dict():
            return {str(key): _plain(value) for key, value in cell.items()}
        case _:
            return str(cell)


def distinct(names: Sequence[str]) -> list[str]:
    """Return names, those that came before with a number.

    >>> distinct(["a", "b", "a"])
    ['a', 'b', 'a_2']
    """
    taken: dict[str, int] = {}
    distinct = []
    for name in names:
        candidate = name
        while candidate in taken:
            taken[name] += 1
            candidate = f"{name}_{taken[name]}"
        taken[candidate] = 1
        distinct.append(candidate)
    return distinct
