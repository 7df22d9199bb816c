"""DuckDB views over the journal: the only file that opens a database.

The views read Parquet through a file system that holds the journal's files and only reads them; the
database has no other. So a query can read nothing but the journal and can write nothing outside its own
memory.
"""

import re
from contextlib import suppress
from importlib import resources
from pathlib import Path

import duckdb

from feature_store.columns import COLUMNS
from feature_store.inventory import take_inventory
from feature_store.journal_files import SCHEME, JournalFiles
from feature_store.scans import effects_view, scanned_files
from feature_store.stores import JournalPlace, Store, open_store

Connection = duckdb.DuckDBPyConnection
QueryError = duckdb.Error

VIEWS = (
    "verdicts",
    "evidence",
    "decisions",
    "holds",
    "denials",
    "commands",
    "outcomes",
    "approvals",
    "labels",
    "release_labels",
    "signals",
    "baselines",
    "explanations",
    "recoveries",
    "pages",
    "anomalies",
    "failures",
    "incidents",
    "models",
    "releases",
    "builds",
    "features",
    "deployments",
    "dora",
    "phases",
    "false_rollbacks",
    "misses",
    "waits",
    "calibration",
)
"""Views by file name, each after those that it reads; `effects` comes before them all."""

_DOCUMENTED = re.compile(r"-- (\w+): (.+)")
# Last, because what comes after it cannot be set.
_LOCKS = (
    "SET TimeZone = 'UTC'",
    # Files never change under their names: what was read of one stays true.
    "SET parquet_metadata_cache = true",
    "SET validate_external_file_cache = 'NO_VALIDATION'",
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    f"SET allowed_directories = ['{SCHEME}://']",
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)


def connect(place: JournalPlace | Store, *, memory_bytes: int | None = None) -> Connection:
    """Return an in-memory database with the journal's views, as of now.

    New files appear on the next call. A folder or a bucket's prefix that is empty or missing gives empty
    views. A file that cannot be read is left out; `take_inventory` names it.

    Documentation of views and columns is in DuckDB's own tables: `duckdb_views().comment`,
    `duckdb_columns().comment`.

    Args:
        place: Where the journal is.
        memory_bytes: What a query may use at most; None leaves it to DuckDB: four fifths of the machine's.
    """
    connection = duckdb.connect(":memory:")
    open_views(connection, place)
    if memory_bytes is not None:
        connection.execute(f"SET memory_limit = '{memory_bytes}B'")
    _draw_no_bar(connection)
    for lock in _LOCKS:
        connection.execute(lock)
    return connection


def _draw_no_bar(connection: Connection) -> None:
    """Keep DuckDB's progress bar out of standard output, where it would stand in the midst of the rows."""
    # A notebook that lacks what would draw one has none, and refuses to be told so.
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = false")


def connect_unlocked() -> Connection:
    """Return an empty database in memory that may read and write files: for our own statements alone."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    _draw_no_bar(connection)
    return connection


def connect_file(path: Path) -> Connection:
    """Return a DuckDB file, opened to be read."""
    connection = duckdb.connect(path, read_only=True)
    _draw_no_bar(connection)
    return connection


def open_views(connection: Connection, place: JournalPlace | Store) -> None:
    """Make the views of a journal in a database, as of now."""
    store = open_store(place)
    inventory = take_inventory(store)
    files = JournalFiles(store.filesystem, store.root, [file.path for file in inventory.files])
    connection.register_filesystem(files)
    scanned = scanned_files(files.names, files.columns)
    # A view is bound with all that it reads when it is made: over no file first, since ten thousand files
    # would be looked up again for each of the others.
    connection.execute(effects_view([], has_doubles=False))
    comments = [_comment("VIEW", "effects", "Everything that the engine said, one row an effect.")]
    comments += [_comment("COLUMN", f"effects.{column.name}", column.about) for column in COLUMNS]
    for view in VIEWS:
        connection.execute(view_text(view))
        comments += comments_of(view)
    # Two journals that wrote at once leave doubles; dropping them costs a sort, so it is done only then.
    connection.execute(effects_view(scanned, has_doubles=inventory.overlaps))
    connection.execute(f"BEGIN; {'; '.join(comments)}; COMMIT")


def view_text(view: str) -> str:
    """Return the file of a view: comments that document it, and the statement that makes it."""
    return resources.files("feature_store.queries").joinpath(f"{view}.sql").read_text()


def comments_of(view: str, kind: str = "VIEW") -> list[str]:
    """Return the statements that document a view, or the table that was made of it.

    Args:
        view: Its name.
        kind: VIEW or TABLE.
    """
    (_, whole), *columns = documentation(view_text(view))
    return [
        _comment(kind, view, whole),
        *(_comment("COLUMN", f"{view}.{name}", about) for name, about in columns),
    ]


def documentation(text: str) -> list[tuple[str, str]]:
    r"""Return what the comments of a view's file say: of the view itself first, then of its columns.

    >>> documentation("-- pages: Calls for a human.\n-- page: id\nCREATE VIEW ...")
    [('pages', 'Calls for a human.'), ('page', 'id')]
    """
    header = text.split("CREATE VIEW", 1)[0]
    return _DOCUMENTED.findall(header)


def _comment(kind: str, what: str, about: str) -> str:
    escaped = about.replace("'", "''")
    return f"COMMENT ON {kind} {what} IS '{escaped}'"
