"""DuckDB views over the journal: the only file that opens a database.

The views read Parquet through a file system that holds the journal's files and only reads them; the
database has no other. So a query can read nothing but the journal and can write nothing outside its own
memory.
"""

import re
from importlib import resources

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
    for lock in _LOCKS:
        connection.execute(lock)
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
    comments = [_comment("effects", "Everything that the engine said, one row an effect.")]
    comments += [_comment(f"effects.{column.name}", column.about) for column in COLUMNS]
    for view in VIEWS:
        text = resources.files("feature_store.queries").joinpath(f"{view}.sql").read_text()
        connection.execute(text)
        (_, whole), *columns = documentation(text)
        comments.append(_comment(view, whole))
        comments += [_comment(f"{view}.{name}", about) for name, about in columns]
    # Two journals that wrote at once leave doubles; dropping them costs a sort, so it is done only then.
    connection.execute(effects_view(scanned, has_doubles=inventory.overlaps))
    connection.execute(f"BEGIN; {'; '.join(comments)}; COMMIT")


def documentation(text: str) -> list[tuple[str, str]]:
    r"""Return what the comments of a view's file say: of the view itself first, then of its columns.

    >>> documentation("-- pages: Calls for a human.\n-- page: id\nCREATE VIEW ...")
    [('pages', 'Calls for a human.'), ('page', 'id')]
    """
    header = text.split("CREATE VIEW", 1)[0]
    return _DOCUMENTED.findall(header)


def _comment(what: str, about: str) -> str:
    kind = "COLUMN" if "." in what else "VIEW"
    escaped = about.replace("'", "''")
    return f"COMMENT ON {kind} {what} IS '{escaped}'"
