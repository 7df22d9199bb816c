"""Manifests: which files, one a kind, hold a span between them, and the span's part of the chain.

A manifest appears in one atomic step after its files, so whoever lists the folder sees all of a
compaction or nothing. What a manifest's span covers counts as superseded; a kind's file that no manifest
names, as not there.
"""

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from feature_store.chain import Record, RecordKind
from feature_store.file_names import ManifestName, Span, manifest_name, parse_manifest
from feature_store.marks import Marks, marks_from_json, marks_to_json
from feature_store.parquet import JournalFileError
from feature_store.stores import Store

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFile:
    """One file that a manifest names.

    Attributes:
        name: Its name in the folder of its day and kind.
        newest_us: The latest instant that a row tells of, in microseconds since the epoch.
    """

    name: str
    kind: str
    rows: int
    size: int
    newest_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What holds a span.

    Attributes:
        level: How often the rows have been rewritten, at least once.
        files: By kind.
        marks: As of the span's end.
        log: Which Kafka the effects come from; "" where it was not said.
        records: All records of the chain that tell of the span, oldest first; the last is its own.
    """

    span: Span
    level: int
    files: tuple[KindFile, ...]
    marks: Marks
    log: str
    records: tuple[Record, ...]

    @property
    def name(self) -> str:
        """Return its name in the folder of its day."""
        return manifest_name(
            ManifestName(
                self.span,
                self.level,
                self.records[-1].seq,
                len(self.files),
                sum(file.size for file in self.files),
            )
        )

    @property
    def expired(self) -> frozenset[str]:
        """Return the kinds whose rows a rule of retention removed."""
        removed = (record for record in self.records if record.kind is RecordKind.EXPIRED)
        return frozenset(kind for record in removed for kind in record.tallies)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return a manifest's file; equal manifests give equal bytes."""
    stored = {
        "version": VERSION,
        "marks": marks_to_json(manifest.marks).decode(),
        "log": manifest.log,
        "files": [[file.name, file.kind, file.rows, file.size, file.newest_us] for file in manifest.files],
        "records": [record.to_dict() for record in manifest.records],
    }
    return gzip.compress(json.dumps(stored, separators=(",", ":")).encode(), mtime=0)


def read_manifest(store: Store, path: PurePath) -> Manifest:
    """Return the manifest at a path.

    Raises:
        JournalFileError: it is damaged, is gone, or a newer Suture wrote it.
    """
    name = parse_manifest(path)
    try:
        stored = json.loads(gzip.decompress(store.read(path)))
        version = int(stored["version"])
        if version > VERSION:
            raise JournalFileError(
                f"{path} has version {version}, expected at most {VERSION}: a newer Suture wrote it"
            )
        if not stored["records"]:
            raise JournalFileError(f"{path} has no record of the chain, expected one at least")
        return Manifest(
            span=name.span,
            level=name.level,
            files=tuple(
                KindFile(
                    name=str(file), kind=str(kind), rows=int(rows), size=int(size), newest_us=int(newest)
                )
                for file, kind, rows, size, newest in stored["files"]
            ),
            marks=marks_from_json(stored["marks"]),
            log=str(stored["log"]),
            records=tuple(Record.from_dict(record) for record in stored["records"]),
        )
    except (OSError, EOFError, zlib.error, KeyError, TypeError, ValueError) as error:
        raise JournalFileError(f"{path} is no whole manifest: {error!r}") from error


def merged_records(parts: Iterable[Iterable[Record]]) -> list[Record]:
    """Return the records of several parts, oldest first."""
    return sorted((record for part in parts for record in part), key=lambda record: record.seq)
