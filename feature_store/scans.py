"""How the journal's files are read in SQL: the text of the view that all other views stand on.

Files of one kind lie in folders that say so, and a query about one kind opens no other. Files that an
older version wrote lack the columns that were appended since: they are read as null.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from feature_store.columns import COLUMNS, Column, ColumnType
from feature_store.journal_files import SCHEME

_OF_ONE_KIND = re.compile(r"(^|/)kind=\w+/")
_WRITTEN = re.compile(r"p(\d{4,})-(\d{12,})-\d{12,}(?:\.s(\d+))?\.parquet$")
_ONE_OF_EACH = "QUALIFY row_number() OVER (PARTITION BY log_partition, log_offset) = 1"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """One file of the journal.

    Attributes:
        name: Its path within the journal.
        columns: How many columns it has: the first so many of `COLUMNS`.
    """

    name: str
    columns: int


def scanned_files(names: Iterable[str], count: Callable[[str], int]) -> list[ScannedFile]:
    """Return files with the number of their columns, looking into few of them.

    Columns are only ever appended, and a partition's files are written one after the other: where the first
    and the last of a row of files have as many, so have all between them.

    Args:
        names: Paths within the journal.
        count: How many columns a file has, by its name; called for some of them.
    """
    rows: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        series, place = _written(name)
        rows.setdefault(series, []).append((place, name))
    return [file for row in rows.values() for file in _counted([name for _, name in sorted(row)], count)]


def _written(name: str) -> tuple[str, int]:
    """Return which files one was written among, and its place there."""
    match = _WRITTEN.search(name)
    if match is None:
        return name, 0
    partition, first, sequence = match.groups()
    return (f"{partition} compacted", int(sequence)) if sequence else (partition, int(first))


def _counted(names: Sequence[str], count: Callable[[str], int]) -> list[ScannedFile]:
    first, last = count(names[0]), count(names[-1])
    if len(names) <= 2 or first == last:
        return [
            ScannedFile(name, last if place == len(names) - 1 else first) for place, name in enumerate(names)
        ]
    middle = len(names) // 2
    return _counted(names[:middle], count) + _counted(names[middle:], count)


def effects_view(files: Iterable[ScannedFile], *, has_doubles: bool) -> str:
    """Return the statement that makes the view `effects`, one row an effect.

    Args:
        files: Those that together are the journal; none makes an empty view.
        has_doubles: Two journals wrote at once: keep one of each, which costs a sort.
    """
    groups: dict[tuple[bool, int], list[str]] = {}
    for file in files:
        is_of_one_kind = _OF_ONE_KIND.search(file.name) is not None
        groups.setdefault((is_of_one_kind, min(file.columns, len(COLUMNS))), []).append(file.name)
    scans = [
        _scan(names, COLUMNS[:columns], is_of_one_kind=is_of_one_kind)
        for (is_of_one_kind, columns), names in sorted(groups.items())
    ]
    everything = "\nUNION ALL\n".join(scans) or _nothing()
    if has_doubles:
        everything = f"SELECT * FROM ({everything}) {_ONE_OF_EACH}"  # noqa: S608  # names are ours
    return f"CREATE OR REPLACE VIEW effects AS\n{everything}"


def _scan(names: Sequence[str], present: Sequence[Column], *, is_of_one_kind: bool) -> str:
    held = frozenset(column.name for column in present)
    cells = ", ".join(
        column.name if column.name in held else f"CAST(NULL AS {_sql_type(column.type)}) AS {column.name}"
        for column in COLUMNS
    )
    listed = ", ".join(_quoted(f"{SCHEME}://{name}") for name in names)
    # By the folder's name whole files are left out; a column of the file may only narrow down.
    hive = "true, hive_types_autocast = false" if is_of_one_kind else "false"
    return f"SELECT {cells} FROM read_parquet([{listed}], hive_partitioning = {hive})"  # noqa: S608  # ours


def _nothing() -> str:
    cells = ", ".join(f"CAST(NULL AS {_sql_type(column.type)}) AS {column.name}" for column in COLUMNS)
    return f"SELECT {cells} WHERE false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sql_type(kind: ColumnType) -> str:
    match kind:
        case ColumnType.TEXT:
            return "VARCHAR"
        case ColumnType.INTEGER:
            return "BIGINT"
        case ColumnType.NUMBER:
            return "DOUBLE"
        case ColumnType.FLAG:
            return "BOOLEAN"
        case ColumnType.INSTANT:
            return "TIMESTAMPTZ"
        case _:
            assert_never(kind)
