"""Digests of rows by what they say, so that a file may be rewritten, sorted and compressed anew.

A row is its cells that are not null, as JSON with sorted names; an instant is its microseconds. A column
that is added later is null in older rows, and so changes no digest.
"""

import json
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feature_store.chain import Tally

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def tallies_by_kind(table: pa.Table) -> dict[str, Tally]:
    """Return count and digest of the rows of each kind; the table is in the order of offsets."""
    hashes: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for kind, text in canonical_rows(table):
        if kind not in hashes:
            hashes[kind], counts[kind] = sha256(), 0
        hashes[kind].update(text)
        counts[kind] += 1
    return {kind: Tally(counts[kind], hashes[kind].hexdigest()) for kind in sorted(counts)}


def canonical_rows(table: pa.Table) -> list[tuple[str, bytes]]:
    """Return kind and canonical text of each row; a text ends with its only line feed."""
    names = sorted(table.column_names)
    columns = [(name, _plain(table.column(name))) for name in names]
    told = [(name, values) for name, values in columns if values is not None]
    kinds = [str(kind) for kind in table.column("kind").to_pylist()]
    rows = zip(*(values for _, values in told), strict=True)
    keys = [name for name, _ in told]
    return [
        (
            kind,
            _ENCODE({key: cell for key, cell in zip(keys, row, strict=True) if cell is not None}).encode()
            + b"\n",
        )
        for kind, row in zip(kinds, rows, strict=True)
    ]


def _plain(column: "pa.ChunkedArray[Any]") -> list[Any] | None:
    """Return a column's values; None for a column without any."""
    if column.null_count == len(column):
        return None
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    return column.to_pylist()
