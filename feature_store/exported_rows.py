"""The journal's rows for export: what stands behind the offsets that a table has already, in steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.dataset as pads

from feature_store.inventory import take_inventory
from feature_store.parquet import read_rows
from feature_store.stores import JournalPlace, Store, open_store
from schemas.errors import SutureError

STEP_ROWS = 200_000
"""About so many rows become one commit of a table; bounds memory."""

Ends = Mapping[int, int]
"""Partition of the effects topic to the highest of its offsets that a table holds."""


class ExportError(SutureError):
    """A table cannot take the journal's rows: says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """Rows that belong into one commit, and how far the table holds the journal after it."""

    rows: pa.Table
    ends: Ends


def steps_behind(place: JournalPlace | Store, ends: Ends, step_rows: int = STEP_ROWS) -> Iterator[Step]:
    """Yield what the journal holds behind some offsets, each partition in its order.

    Args:
        place: The journal's folder, bucket or store.
        ends: How far the table holds it.
        step_rows: A step has at least so many rows, but for the last.

    Raises:
        JournalFileError: a file went while it was read, as after a merge; the next export takes it up.
        OSError: the store cannot be reached.
    """
    store = open_store(place)
    reached = dict(ends)
    waiting: list[pa.Table] = []
    for segment in take_inventory(store).segments:
        partition, last = segment.span.partition, segment.span.last
        known = reached.get(partition, -1)
        if last <= known:
            continue
        if paths := [file.path for file in segment.files]:
            rows = read_rows(store, paths)
            # A merged file may begin before the end; two journals that wrote at once may overlap.
            rows = rows.filter(pads.field("log_offset") > known)
            waiting.append(rows)
        reached[partition] = last
        if sum(table.num_rows for table in waiting) >= step_rows:
            yield Step(pa.concat_tables(waiting), dict(reached))
            waiting = []
    if any(table.num_rows for table in waiting):
        yield Step(pa.concat_tables(waiting), dict(reached))
