"""The audit of the chain: whether what lies in the journal is what was written, span by span.

Two things are held against each other. The records must follow one another without a gap, each naming
the hash of the one before; and the rows of each span must have the digests that its record names, unless
a rule removed them. What it cannot show: someone who wrote the whole chain anew, or who cut off its end;
against that the head's hash is noted elsewhere, and `expected` holds it against the chain.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import pyarrow as pa
import pyarrow.compute as pc

from feature_store.chain import GENESIS, Record, RecordKind, Tally
from feature_store.file_names import Span
from feature_store.inventory import Segment, take_inventory
from feature_store.manifests import read_manifest
from feature_store.parquet import JournalFileError, read_footer, read_rows
from feature_store.row_digests import tallies_by_kind
from feature_store.stores import JournalPlace, Store, open_store

_WRITTEN = (RecordKind.ROWS, RecordKind.ADOPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was written: in which partition, from which offset on."""

    partition: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAudit:
    """What was seen of one partition.

    Attributes:
        records: Records of the chain.
        head: Hash of the newest; "" where there is no chain.
        rows: Rows whose digests are right.
        expired: Rows that a rule removed, by kind.
        unchained: Spans that were written before there was a chain: nothing is known of them.
        findings: What is wrong, by offset.
    """

    partition: int
    records: int
    head: str
    rows: int
    expired: dict[str, int]
    unchained: tuple[Span, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainAudit:
    """What was seen of a journal.

    Attributes:
        partitions: By number.
        findings: What is wrong that no partition could be told of: files that cannot be read, and hashes
            that were expected and are on no chain.
    """

    partitions: tuple[PartitionAudit, ...]
    findings: tuple[str, ...]

    @property
    def all_findings(self) -> tuple[str, ...]:
        """Return everything that is wrong; empty when the journal is whole."""
        told = (finding.text for partition in self.partitions for finding in partition.findings)
        return (*told, *self.findings)


def audit_chain(place: JournalPlace | Store, expected: Sequence[str] = ()) -> ChainAudit:
    """Return what the chain says of a journal.

    Args:
        place: A folder, `s3://bucket/prefix`, or a store.
        expected: Hashes that were heads once and were noted elsewhere; each must be on a chain.

    Raises:
        OSError: the store cannot be reached.
    """
    store = open_store(place)
    inventory = take_inventory(store)
    numbers = sorted({segment.span.partition for segment in inventory.segments})
    audits, hashes = [], set[str]()
    for number in numbers:
        audit, known = _PartitionAuditor(store, number, inventory.of(number)).result()
        audits.append(audit)
        hashes |= known
    lost = [
        f"no chain has a record with hash {each}: the journal was rewritten, or its end is missing"
        for each in expected
        if each not in hashes
    ]
    return ChainAudit(partitions=tuple(audits), findings=(*inventory.damaged, *lost))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a record lies."""

    record: Record
    path: PurePath


class _PartitionAuditor:
    """Walks one partition."""

    def __init__(self, store: Store, partition: int, segments: Sequence[Segment]) -> None:
        self._store = store
        self._partition = partition
        self._segments = segments
        self._findings: list[Finding] = []
        self._rows = 0
        self._expired: dict[str, int] = {}
        self._records: dict[PurePath, tuple[Record, ...]] = {}

    def result(self) -> tuple[PartitionAudit, set[str]]:
        """Return what was seen, and the hashes that are on the chain."""
        for segment in self._segments:
            self._records[segment.path] = self._records_of(segment)
        places = [_Place(record, path) for path, records in self._records.items() for record in records]
        places.sort(key=lambda place: place.record.seq)
        hashes = self._walk(places)
        chained_from = min(
            (place.record.span.first for place in places if place.record.kind is RecordKind.ROWS),
            default=None,
        )
        unchained = []
        for segment in self._segments:
            if not self._records[segment.path] and (chained_from is None or segment.span.last < chained_from):
                unchained.append(segment.span)
            else:
                self._hold_against(segment, self._records[segment.path])
        return PartitionAudit(
            partition=self._partition,
            records=len(places),
            head=places[-1].record.hash if places else "",
            rows=self._rows,
            expired=dict(sorted(self._expired.items())),
            unchained=tuple(unchained),
            findings=tuple(sorted(self._findings, key=lambda finding: finding.offset)),
        ), hashes

    def _records_of(self, segment: Segment) -> tuple[Record, ...]:
        try:
            if segment.manifest:
                return read_manifest(self._store, segment.path).records
            text = read_footer(self._store, segment.path).record
            return (Record.from_json(text),) if text else ()
        except JournalFileError as error:
            self._find(segment.span, str(error))
            return ()

    def _walk(self, places: Sequence[_Place]) -> set[str]:
        """Go along the chain, and return the hashes of what follows from its beginning."""
        hashes: set[str] = set()
        before: Record | None = None
        for place in places:
            record, expected = place.record, 0 if before is None else before.seq + 1
            at = f"record {record.seq} of partition {self._partition} ({_offsets(record.span)})"
            if record.seq > expected:
                gone = f"{expected}" if record.seq == expected + 1 else f"{expected} to {record.seq - 1}"
                after = "the beginning" if before is None else f"{_offsets(before.span)}"
                self._find(
                    record.span,
                    f"record {gone} of partition {self._partition} is missing, and what it told of: "
                    f"removed between {after} and {_offsets(record.span)}",
                )
            elif record.seq < expected:
                self._find(record.span, f"{at} in {place.path} is there twice: added")
            elif record.previous != (GENESIS if before is None else before.hash):
                self._find(
                    record.span, f"{at} does not follow the one before: one of them was altered or replaced"
                )
            if record.hash != record.expected_hash:
                self._find(record.span, f"{at} in {place.path} has not the hash of what it says: altered")
            hashes.add(record.hash)
            before = record
        return hashes

    def _hold_against(self, segment: Segment, records: Sequence[Record]) -> None:
        """Hold the rows of a segment against its records."""
        written = sorted(
            (record for record in records if record.kind in _WRITTEN), key=lambda record: record.span.first
        )
        if not written:
            self._find(segment.span, f"no record tells of {_offsets(segment.span)} in {segment.path}: added")
            return
        strangers = [record for record in written if not record.span.within(segment.span)]
        if strangers or (segment.manifest is None and written[0].span != segment.span):
            told = _offsets((strangers or written)[0].span)
            self._find(
                segment.span,
                f"{segment.path} is named for {_offsets(segment.span)}, but was written as {told}: "
                "files were swapped or renamed",
            )
            return
        gone = {kind for record in records if record.kind is RecordKind.EXPIRED for kind in record.tallies}
        found: dict[str, dict[Span, Tally]] = {}
        try:
            for kind, table in self._tables(segment):
                found[kind] = self._tallies(segment, kind, table, written)
        except JournalFileError as error:
            self._find(segment.span, str(error))
            return
        for record in written:
            self._compare(record, found, gone)

    def _tables(self, segment: Segment) -> Iterable[tuple[str, pa.Table]]:
        """Return the rows of a segment by kind, one after the other."""
        if segment.manifest:
            for file in segment.files:
                yield file.kind, read_rows(self._store, [file.path])
            return
        table = read_rows(self._store, [segment.path])
        for kind in table.column("kind").unique().to_pylist():
            yield str(kind), table.filter(pc.field("kind") == kind)

    def _tallies(
        self, segment: Segment, kind: str, table: pa.Table, written: Sequence[Record]
    ) -> dict[Span, Tally]:
        """Return the tally of each record's span in rows of one kind."""
        tallies: dict[Span, Tally] = {}
        told = 0
        for record in written:
            span = record.span
            offset = pc.field("log_offset")
            rows = table.filter((offset >= span.first) & (offset <= span.last))
            told += len(rows)
            by_kind = tallies_by_kind(rows) if len(rows) else {}
            if set(by_kind) - {kind}:
                self._find(span, f"rows of another kind lie among {kind} at {_offsets(span)}: altered")
            if kind in by_kind:
                tallies[span] = by_kind[kind]
        if told != len(table):
            self._find(
                segment.span,
                f"{len(table) - told} rows of kind {kind} in {segment.path.parent.name} lie at offsets that "
                f"no record of {_offsets(segment.span)} tells of: added",
            )
        return tallies

    def _compare(self, record: Record, found: dict[str, dict[Span, Tally]], gone: set[str]) -> None:
        """Hold the rows of one record's span against what it says of them."""
        kinds = sorted(set(record.tallies) | {kind for kind, spans in found.items() if record.span in spans})
        for kind in kinds:
            wanted, seen = record.tallies.get(kind), found.get(kind, {}).get(record.span)
            if seen == wanted and seen is not None:
                self._rows += seen.count
            elif seen is None and wanted is not None and kind in gone:
                self._expired[kind] = self._expired.get(kind, 0) + wanted.count
            else:
                self._find(record.span, f"{_offsets(record.span)}: {_difference(kind, wanted, seen)}")

    def _find(self, span: Span, text: str) -> None:
        told = text if text.startswith(("record", "no record")) else f"partition {self._partition}, {text}"
        self._findings.append(Finding(partition=self._partition, offset=span.first, text=told))


def _difference(kind: str, wanted: Tally | None, seen: Tally | None) -> str:
    if wanted is None:
        return f"{seen.count if seen else 0} rows of kind {kind} were added"
    if seen is None:
        return f"{wanted.count} rows of kind {kind} were removed, and no rule of retention removed them"
    if seen.count != wanted.count:
        change = "removed" if seen.count < wanted.count else "added"
        return f"{seen.count} rows of kind {kind}, expected {wanted.count}: {change}"
    return f"rows of kind {kind} were altered"


def _offsets(span: Span) -> str:
    return f"offsets {span.first} to {span.last}"
