"""Journals with several kinds of rows for tests, and hands that meddle with their files."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.journal import FlushLimits, Journal
from feature_store.stores import JournalPlace, Store
from schemas.effects import Effect
from schemas.judgements import VerdictKind
from tests.feature_store.script import START, Script


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START + timedelta(minutes=30)

    def __call__(self) -> datetime:
        return self.now


def story(releases: int = 6) -> list[Effect]:
    """Return effects of four kinds: each release opens, is weighed, judged and closed."""
    effects: list[Effect] = []
    for number in range(releases):
        script = Script(version=f"1.0.{number}", first_offset=100 * (number + 1))
        script.opened()
        evidence = script.evidence()
        script.verdict(VerdictKind.HEALTHY, "quiet", evidence=[evidence], is_final=True)
        script.closed("healthy to the end of its watch", minute=20)
        effects += script.effects
    return effects


def append_each(journal: Journal, effects: Sequence[Effect], first: int = 0, partition: int = 3) -> None:
    """Append what the journal lacks of effects, a file for each."""
    begin = journal.resume_offsets().get(partition, first)
    for offset, effect in enumerate(effects, first):
        if offset >= begin:
            journal.append(partition, [(offset, effect)])
            journal.flush()


def journal_at(
    place: JournalPlace | Store, clock: Callable[[], datetime], merge_after: int = 1_000
) -> Journal:
    """Return a journal that writes only when it is told to."""
    limits = FlushLimits(rows=10_000, age=timedelta(days=1000))
    return Journal(place, clock=clock, limits=limits, merge_after=merge_after)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the rows of a Parquet file, and leave what it says of itself as it was."""
    table = pq.read_table(path, partitioning=None)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path, compression="zstd")


def with_cell(table: pa.Table, row: int, column: str, value: object) -> pa.Table:
    """Return a table with another value in one place."""
    index = table.column_names.index(column)
    cells = table.column(column).to_pylist()
    cells[row] = value
    return table.set_column(index, table.schema.field(index), pa.array(cells, table.schema.field(index).type))
