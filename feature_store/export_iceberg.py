"""The journal as an Iceberg table: the one door to pyiceberg.

How far a table holds each partition of the effects topic stands in a property of the table, which changes
in the same commit as the rows come in. The catalog lets a commit in only if nobody else's came between,
and none is tried again, so a row is there once however often an export dies or runs beside another.

Source: Apache Iceberg REST catalog specification, "assert-ref-snapshot-id".
"""

import json

from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, ValidationError
from pyiceberg.table import Table, TableProperties

from feature_store.exported_rows import STEP_ROWS, Ends, ExportError, Step, steps_behind
from feature_store.stores import JournalPlace, Store

_DONE = "suture.effects"


def export_iceberg(place: JournalPlace | Store, destination: str, step_rows: int = STEP_ROWS) -> int:
    """Append to an Iceberg table what the journal holds and the table does not; return the number of rows.

    Args:
        place: The journal.
        destination: `CATALOG.NAMESPACE.TABLE`; the catalog as pyiceberg's own configuration names it. The
            table is made when it is missing.
        step_rows: About so many rows a commit.

    Raises:
        ExportError: the destination is none, the catalog is not configured, or another export wrote at the
            same time.
        JournalFileError: a file of the journal went while it was read; the next export takes it up.
    """
    count = 0
    table: Table | None = open_table(destination)
    for step in steps_behind(place, _ends(table), step_rows):
        if table is None:
            table = _made(destination, step)
        append_step(table, step)
        count += step.rows.num_rows
    return count


def open_table(destination: str) -> Table | None:
    """Return a table; None when its catalog has none of that name.

    Raises:
        ExportError: the destination is none, or the catalog is not configured.
    """
    catalog, identifier = _named(destination)
    try:
        return load_catalog(catalog).load_table(identifier)
    except NoSuchTableError:
        return None
    except (ValueError, OSError) as error:
        raise ExportError(f"catalog {catalog}: {str(error).splitlines()[0]}") from error


def append_step(table: Table, step: Step) -> None:
    """Put one step's rows into a table, with how far it holds the journal then.

    Raises:
        ExportError: somebody else's commit came between.
    """
    # A retry would put the rows on top of another export's same rows. This changes what is known of the
    # table here, and not the table.
    table.metadata.properties[TableProperties.COMMIT_NUM_RETRIES] = "0"
    try:
        with table.transaction() as transaction:
            with transaction.update_schema() as update:
                update.union_by_name(step.rows.schema)
            transaction.set_properties({_DONE: json.dumps(step.ends)})
            transaction.append(step.rows)
    except (CommitFailedException, ValidationError) as error:
        raise ExportError(
            f"Iceberg table {'.'.join(table.name())}: another commit came between, export again"
        ) from error


def _made(destination: str, step: Step) -> Table:
    name, identifier = _named(destination)
    catalog = load_catalog(name)
    catalog.create_namespace_if_not_exists(identifier[:-1])
    return catalog.create_table_if_not_exists(identifier, schema=step.rows.schema)


def _ends(table: Table | None) -> Ends:
    if table is None:
        return {}
    return {int(partition): end for partition, end in json.loads(table.properties.get(_DONE, "{}")).items()}


def _named(destination: str) -> tuple[str, tuple[str, ...]]:
    catalog, *identifier = destination.split(".")
    if len(identifier) < 2 or not all((catalog, *identifier)):
        raise ExportError(f"destination is {destination}, expected CATALOG.NAMESPACE.TABLE")
    return catalog, tuple(identifier)
