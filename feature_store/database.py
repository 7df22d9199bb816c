"""The journal as one DuckDB file, for notebooks and tools that draw: every view as a table.

The file is made under another name and then renamed: who has the old one open goes on reading it, and nobody
sees half of one. It is made whole each time, since a new effect may change any row of a view such as
`releases`; where nothing was written since, it is left as it is.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from feature_store.inventory import Inventory, take_inventory
from feature_store.sql import SqlError, explain
from feature_store.stores import JournalPlace, Store, open_store
from feature_store.views import (
    VIEWS,
    QueryError,
    comments_of,
    connect_file,
    connect_unlocked,
    open_views,
    view_text,
)

_MADE_OF = "journal_files"
_MADE_OF_ABOUT = "Which files of the journal and which views this database was made of; one row."


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFile:
    """What was written.

    Attributes:
        is_new: Whether it was made anew; False where the one in place tells of the same files.
        rows: By table; empty where it was not made.
        bytes: Its size.
    """

    is_new: bool
    rows: dict[str, int]
    bytes: int


def write_database(
    place: JournalPlace | Store,
    path: Path,
    *,
    tables: Sequence[str] = VIEWS,
    on_table: Callable[[str], None] = lambda _: None,
) -> DatabaseFile:
    """Write views of a journal as tables of a DuckDB file, with their comments.

    Args:
        place: Where the journal is.
        path: The file; replaced when it is one that this function wrote, or empty.
        tables: Which views; by default all but `effects`, which holds everything once more as JSON.
        on_table: Called with the name of each table before it is made.

    Raises:
        SqlError: something else is at the path, there is no such view, or one cannot be computed.
        OSError: the folder cannot be written.
    """
    for table in tables:
        if table not in VIEWS:
            raise SqlError(f"there is no view {table!r}, expected one of {', '.join(VIEWS)}")
    wanted = [view for view in VIEWS if view in tables]
    store = open_store(place)
    inventory = take_inventory(store)
    stamp = _stamp(inventory, wanted)
    if path.exists() and _made_of(path) == stamp:
        return DatabaseFile(is_new=False, rows={}, bytes=path.stat().st_size)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        rows = _make(store, temporary, wanted, stamp, on_table)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except QueryError as error:
        raise SqlError(explain(str(error))) from error
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)
    return DatabaseFile(is_new=True, rows=rows, bytes=path.stat().st_size)


def _make(
    store: Store, path: Path, wanted: Sequence[str], stamp: str, on_table: Callable[[str], None]
) -> dict[str, int]:
    rows: dict[str, int] = {}
    with connect_unlocked() as connection:
        # The order of the log is nobody's order here, and keeping it costs memory.
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET temp_directory = $1", [str(path.with_suffix(".spilled"))])
        open_views(connection, store)
        connection.execute(f"ATTACH '{_escaped(str(path))}' AS made")
        # Views that one names are tables by now, and are read as such; `effects` is no table.
        connection.execute("SET search_path = 'made.main,memory.main'")
        for view in wanted:
            on_table(view)
            # What is made goes where names are looked up first.
            connection.execute(view_text(view).replace("CREATE VIEW", "CREATE TABLE", 1))
            for comment in comments_of(view, "TABLE"):
                connection.execute(comment)
            (rows[view],) = connection.execute(f"SELECT count(*) FROM made.{view}").fetchone() or (0,)  # noqa: S608  # names are ours
        connection.execute(f"CREATE TABLE made.{_MADE_OF} AS SELECT $1 AS digest, now() AS made_at", [stamp])
        connection.execute(f"COMMENT ON TABLE made.{_MADE_OF} IS '{_MADE_OF_ABOUT}'")
        connection.execute("USE memory")
        connection.execute("DETACH made")
    return rows


def _stamp(inventory: Inventory, wanted: Sequence[str]) -> str:
    """Return a digest of what a database is made of: the journal's files, and the views."""
    digest = hashlib.sha256()
    for file in inventory.files:
        digest.update(f"{file.path}\n".encode())
    for view in VIEWS:
        digest.update(f"{view in wanted} {view_text(view)}".encode())
    return digest.hexdigest()


def _made_of(path: Path) -> str:
    """Return the digest of what a file was made of; "" for an empty one.

    Raises:
        SqlError: it is no file of ours.
    """
    if path.stat().st_size == 0:
        return ""
    try:
        with connect_file(path) as connection:
            (digest,) = connection.execute(f"SELECT digest FROM {_MADE_OF}").fetchone() or ("",)  # noqa: S608  # ours
            return str(digest)
    except QueryError as error:
        raise SqlError(
            f"{path} is no database that `suture sql --database` wrote: it is left as it is"
        ) from error


def _escaped(text: str) -> str:
    return text.replace("'", "''")
