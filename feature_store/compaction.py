"""Compaction: runs of small files become one file a kind, sorted for queries, under one manifest.

A file every few seconds is quick to show and slow to query. What was rewritten is rewritten again as it
grows, in levels: each row a few times in all, and a day ends with few files a kind.

Source: P. O'Neil et al., "The Log-Structured Merge-Tree (LSM-Tree)", Acta Informatica 33 (1996); levels
whose neighbours are merged when there are enough of them, as in Cassandra's tiered compaction.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import PurePath

import pyarrow as pa
import pyarrow.compute as pc

from feature_store.chain import Chain, Record, RecordKind
from feature_store.file_names import Span, kind_file_name, parse_manifest
from feature_store.inventory import JournalFile, Segment
from feature_store.manifests import KindFile, Manifest, encode_manifest, merged_records, read_manifest
from feature_store.marks import Marks
from feature_store.parquet import encode_sorted, read_footer, read_rows
from feature_store.row_digests import tallies_by_kind
from feature_store.stores import Store

RUN = 32
"""So many fresh neighbours become one segment. Fewer rewrites more often; more leaves more files to open."""
FAN = 8
"""So many neighbours of one level become one of the next."""
_FRESH_BYTES = 32 * 1024 * 1024
"""Fresh neighbours of this size together do not wait for more."""
LARGEST = 64 * 1024 * 1024
"""No more than this is rewritten at once; bounds time and memory of one step (some 700 MiB unpacked)."""


def due(segments: Sequence[Segment], run: int = RUN, fan: int = FAN) -> int | None:
    """Return where the newest run begins that is long enough to be merged; None when none is.

    Args:
        segments: Neighbours of one partition and day, by offset.
        run: So many fresh files make a run.
        fan: So many segments of one level make a run.
    """
    if not segments:
        return None
    level = segments[-1].level
    start, size = len(segments), 0
    while start and segments[start - 1].level == level and size + segments[start - 1].size <= LARGEST:
        start -= 1
        size += segments[start].size
    count = len(segments) - start
    if level == 0:
        return start if count >= run or (count and size >= _FRESH_BYTES) else None
    return start if count >= fan else None


def compact(
    store: Store, chain: Chain, segments: Sequence[Segment], clock: Callable[[], datetime]
) -> Segment:
    """Rewrite neighbours of one partition and day as one segment, and return it; the parts stay in place.

    The kinds' files come first and count for nothing; the manifest that names them comes last.

    Raises:
        JournalFileError: a part is damaged or gone: nothing has changed.
        OSError: the store failed: the chain is doubtful.
    """
    span = Span(segments[0].span.partition, segments[0].span.first, segments[-1].span.last)
    folder = segments[0].path.parent
    parts = [_Part(store, segment) for segment in segments]
    # What was written before there was a chain enters it now, as it was found.
    adopted = [part for part in parts if not part.records]
    level = max(segment.level for segment in segments) + 1
    planned = Chain(chain.seq, chain.head)
    records = merged_records(part.records for part in parts)
    at = clock()
    for part in adopted:
        records.append(
            planned.next(RecordKind.ADOPTED, part.segment.span, at, tallies_by_kind(part.fresh_rows()))
        )
        planned.add(records[-1])
    own = planned.next(RecordKind.COMPACTED, span, at, {}, f"level {level}")
    chain.is_doubtful = True
    files = []
    for kind in sorted({kind for part in parts for kind in part.kinds}):
        table = pa.concat_tables([part.rows_of(kind) for part in parts if kind in part.kinds])
        data = encode_sorted(table)
        name = kind_file_name(span, own.seq)
        store.publish(folder / f"kind={kind}" / name, data)
        files.append(
            KindFile(name=name, kind=kind, rows=len(table), size=len(data), newest_us=_newest_us(table))
        )
    manifest = Manifest(
        span=span,
        level=level,
        files=tuple(files),
        marks=parts[-1].marks,
        log=parts[-1].log,
        records=(*records, own),
    )
    segment = publish_manifest(store, folder, manifest)
    for record in (*records[len(records) - len(adopted) :], own):
        chain.add(record)
    chain.is_doubtful = False
    return segment


def publish_manifest(store: Store, folder: PurePath, manifest: Manifest) -> Segment:
    """Put a manifest in place and return the segment that it makes."""
    path = folder / manifest.name
    store.publish(path, encode_manifest(manifest))
    span = manifest.span
    files = tuple(
        JournalFile(
            folder / f"kind={file.kind}" / file.name,
            span.partition,
            span.first,
            span.last,
            file.kind,
            file.size,
        )
        for file in manifest.files
    )
    return Segment(span, path, files, parse_manifest(path))


class _Part:
    """One segment that is being merged: its records now, its rows when they are asked for."""

    def __init__(self, store: Store, segment: Segment) -> None:
        self.segment = segment
        self._store = store
        self._fresh: pa.Table | None = None
        self.records: tuple[Record, ...]
        self.marks: Marks
        if segment.manifest:
            manifest = read_manifest(store, segment.path)
            self.records, self.marks, self.log = manifest.records, manifest.marks, manifest.log
            self._paths = {file.kind: file.path for file in segment.files}
            self.kinds = frozenset(self._paths)
        else:
            footer = read_footer(store, segment.path)
            self.records = (Record.from_json(footer.record),) if footer.record else ()
            self.marks, self.log = footer.marks, footer.log
            self.kinds = frozenset(map(str, self.fresh_rows().column("kind").unique().to_pylist()))

    def fresh_rows(self) -> pa.Table:
        """Return the rows of a fresh file."""
        if self._fresh is None:
            self._fresh = read_rows(self._store, [self.segment.path])
        return self._fresh

    def rows_of(self, kind: str) -> pa.Table:
        """Return the rows of one kind."""
        if self.segment.manifest:
            return read_rows(self._store, [self._paths[kind]])
        rows = self.fresh_rows()
        return rows.filter(pc.field("kind") == kind)


def _newest_us(table: pa.Table) -> int:
    newest = pc.max(pc.cast(table.column("happened_at"), pa.int64())).as_py()
    return int(newest)


def neighbours(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Return segments, given in order, as runs of neighbours: one partition, one day, no gap between."""
    runs: list[list[Segment]] = []
    for segment in segments:
        before = runs[-1][-1] if runs else None
        if before is not None and before.day == segment.day and follows(before, segment):
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def follows(before: Segment, after: Segment) -> bool:
    """Return whether a segment begins where another ends."""
    return before.span.partition == after.span.partition and before.span.last + 1 == after.span.first
