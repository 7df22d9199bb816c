"""DuckDB views over the journal: the only file that opens a database.

The views read Parquet through a registered table, so the database itself needs no file access and has
none: a query can read nothing but the journal and can write nothing outside its own memory.
"""

import re
from importlib import resources

import duckdb

from feature_store.columns import COLUMNS
from feature_store.inventory import take_inventory
from feature_store.parquet import dataset
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
    "explanations",
    "recoveries",
    "pages",
    "anomalies",
    "failures",
    "incidents",
    "releases",
    "truths",
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
_ONE_OF_EACH = "QUALIFY row_number() OVER (PARTITION BY log_partition, log_offset) = 1"
# Last, because what comes after it cannot be set.
_LOCKS = (
    "SET TimeZone = 'UTC'",
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def connect(place: JournalPlace | Store) -> Connection:
    """Return an in-memory database with the journal's views, as of now.

    New files appear on the next call. A folder or a bucket's prefix that is empty or missing gives empty
    views. A file that cannot be read is left out; `take_inventory` names it.

    Documentation of views and columns is in DuckDB's own tables: `duckdb_views().comment`,
    `duckdb_columns().comment`.
    """
    store = open_store(place)
    inventory = take_inventory(store)
    connection = duckdb.connect(":memory:")
    connection.register("journal_files", dataset([file.path for file in inventory.files], store.filesystem))
    names = ", ".join(column.name for column in COLUMNS)
    # Two journals that wrote at once leave doubles; dropping them costs a sort, so it is done only then.
    once = _ONE_OF_EACH if inventory.overlaps else ""
    connection.execute(f"CREATE VIEW effects AS SELECT {names} FROM journal_files {once}")  # noqa: S608  # names are ours
    _comment(connection, "effects", "Everything that the engine said, one row an effect.")
    for column in COLUMNS:
        _comment(connection, f"effects.{column.name}", column.about)
    for view in VIEWS:
        text = resources.files("feature_store.queries").joinpath(f"{view}.sql").read_text()
        connection.execute(text)
        (_, whole), *columns = documentation(text)
        _comment(connection, view, whole)
        for name, about in columns:
            _comment(connection, f"{view}.{name}", about)
    for lock in _LOCKS:
        connection.execute(lock)
    return connection


def documentation(text: str) -> list[tuple[str, str]]:
    r"""Return what the comments of a view's file say: of the view itself first, then of its columns.

    >>> documentation("-- pages: Calls for a human.\n-- page: id\nCREATE VIEW ...")
    [('pages', 'Calls for a human.'), ('page', 'id')]
    """
    header = text.split("CREATE VIEW", 1)[0]
    return _DOCUMENTED.findall(header)


def _comment(connection: Connection, what: str, about: str) -> None:
    kind = "COLUMN" if "." in what else "VIEW"
    escaped = about.replace("'", "''")
    connection.execute(f"COMMENT ON {kind} {what} IS '{escaped}'")
