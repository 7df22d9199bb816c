"""The journal as a Delta table: the one door to deltalake.

How far a table holds each partition of the effects topic stands in the table's own log, as the version of
a transaction for each partition. Rows and versions go in by one commit, so a row is there once however
often an export dies or runs beside another.

Source: Delta Lake transaction protocol, "Transaction Identifiers".
"""

from pathlib import Path

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from feature_store.exported_rows import STEP_ROWS, ExportError, Step, steps_behind
from feature_store.stores import JournalPlace, Store
from schemas.topics import PARTITIONS

_DONE = "suture-effects-{}"


def export_delta(place: JournalPlace | Store, destination: str, step_rows: int = STEP_ROWS) -> int:
    """Append to a Delta table what the journal holds and the table does not; return the number of rows.

    Args:
        place: The journal.
        destination: The table's folder, or an address that deltalake knows, such as `s3://bucket/table`.
        step_rows: About so many rows a commit.

    Raises:
        ExportError: the table cannot be read or written, or another export wrote at the same time.
        JournalFileError: a file of the journal went while it was read; the next export takes it up.
    """
    count = 0
    try:
        ends = _ends(_opened(destination))
        for step in steps_behind(place, ends, step_rows):
            table = _opened(destination) or _made(destination, step)
            if _ends(table) != ends:
                raise ExportError(f"Delta table {destination}: another export wrote to it, export again")
            append_step(table, step)
            ends = dict(step.ends)
            count += step.rows.num_rows
    except DeltaError as error:
        raise ExportError(f"Delta table {destination}: {str(error).splitlines()[0]}") from error
    return count


def append_step(table: DeltaTable, step: Step) -> None:
    """Put one step's rows into a table, with how far it holds the journal then.

    Raises:
        CommitFailedError: another export wrote to the table since it was opened.
    """
    done = [Transaction(_DONE.format(partition), end) for partition, end in sorted(step.ends.items())]
    write_deltalake(
        table,
        step.rows,
        mode="append",
        schema_mode="merge",
        commit_properties=CommitProperties(app_transactions=done),
    )


def _opened(destination: str) -> DeltaTable | None:
    try:
        return DeltaTable(_address(destination))
    except TableNotFoundError:
        return None


def _made(destination: str, step: Step) -> DeltaTable:
    return DeltaTable.create(_address(destination), step.rows.schema)


def _ends(table: DeltaTable | None) -> dict[int, int]:
    if table is None:
        return {}
    found = (
        (partition, table.transaction_version(_DONE.format(partition))) for partition in range(PARTITIONS)
    )
    return {partition: end for partition, end in found if end is not None}


def _address(destination: str) -> str | Path:
    return destination if "://" in destination else Path(destination)
