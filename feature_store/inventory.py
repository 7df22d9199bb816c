"""Inventory of the journal's folder: which files say what, and what is odd about them.

A listing says nearly all: names carry spans, numbers and sizes. Opened are only the footers of fresh
files, which are few, and manifests whose files are not all there.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePath

from feature_store.file_names import (
    MANIFEST_SUFFIX,
    ManifestName,
    Span,
    file_name,
    parse_fresh,
    parse_kind_file,
    parse_manifest,
)
from feature_store.manifests import read_manifest
from feature_store.parquet import JournalFileError, read_footer
from feature_store.stores import JournalPlace, Store, StoredObject, open_store

__all__ = ["Inventory", "JournalFile", "Segment", "file_name", "take_inventory"]

_READERS = 16
"""Footers that are read at once from a store over the network."""


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One Parquet file, with rows of offsets `first` to `last`, both included, of one partition.

    Offsets whose effects were repeats are in the range and have no row.

    Attributes:
        kind: The one kind of its rows; "" for a fresh file, which has all.
        size: In bytes.
    """

    path: PurePath
    partition: int
    first: int
    last: int
    kind: str = ""
    size: int = 0

    @property
    def day(self) -> str:
        """Return the day, in UTC, on which the first effect of the range happened, such as 2026-11-23."""
        return next(part for part in self.path.parts if part.startswith("day=")).removeprefix("day=")


@dataclass(frozen=True, slots=True)
class Segment:
    """What holds one span: a fresh file, or a manifest with a file for each kind.

    Attributes:
        path: The fresh file, or the manifest.
        files: The Parquet files.
        manifest: What the manifest's name says; None for a fresh file.
    """

    span: Span
    path: PurePath
    files: tuple[JournalFile, ...]
    manifest: ManifestName | None = None

    @property
    def level(self) -> int:
        """Return how often the rows have been rewritten."""
        return self.manifest.level if self.manifest else 0

    @property
    def size(self) -> int:
        """Return the bytes of its Parquet files."""
        return sum(file.size for file in self.files)

    @property
    def day(self) -> str:
        """Return the name of the folder of its day."""
        return self.path.parent.name

    @property
    def paths(self) -> tuple[PurePath, ...]:
        """Return all that belongs to it, in the order in which it may be removed: the manifest goes first."""
        files = tuple(file.path for file in self.files)
        return (self.path, *files) if self.manifest else files


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies in the folder.

    Attributes:
        segments: By partition and offset: what together is the journal.
        superseded: What lies within the span of another, and files that no manifest names: left over from a
            compaction that was cut short, or kept for readers that still have them open. They are not
            part of the journal. By partition.
        overlaps: Whether two segments share offsets, so that readers must drop doubles.
        findings: Sentences about gaps, overlaps and unreadable files; empty when all is well.
        damaged: Those of them that are about files which cannot be read.
    """

    segments: tuple[Segment, ...]
    superseded: tuple[tuple[int, PurePath], ...]
    overlaps: bool
    findings: tuple[str, ...]
    damaged: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[JournalFile, ...]:
        """Return the Parquet files that together are the journal, by partition and offset."""
        return tuple(file for segment in self.segments for file in segment.files)

    def of(self, partition: int) -> tuple[Segment, ...]:
        """Return one partition's segments, oldest first."""
        return tuple(segment for segment in self.segments if segment.span.partition == partition)


def take_inventory(place: JournalPlace | Store, day: str = "") -> Inventory:
    """Return what lies in the journal's folder; a folder that does not exist is an empty journal.

    Args:
        place: A folder, `s3://bucket/prefix`, or a store.
        day: Look at one folder alone, such as `day=2026-11-23`.

    Raises:
        OSError: the store cannot be reached.
    """
    store = open_store(place)
    return _Stocktaking(store, store.list(store.root / day)).result()


class _Stocktaking:
    """Sorts what a listing shows."""

    def __init__(self, store: Store, objects: Sequence[StoredObject]) -> None:
        self._store = store
        self._damaged: list[str] = []
        self._sizes = {item.path: item.size for item in objects}
        self._kinds: dict[tuple[PurePath, Span], list[JournalFile]] = {}
        self._segments: list[Segment] = []
        self._old: list[Segment] = []
        manifests: dict[tuple[PurePath, Span], list[tuple[ManifestName, PurePath]]] = {}
        depth = len(store.root.parts)
        for item in objects:
            folders = item.path.parts[depth:-1]
            if not folders or not folders[0].startswith("day="):
                continue
            try:
                if len(folders) == 2 and folders[1].startswith("kind=") and item.path.suffix == ".parquet":
                    self._take_kind_file(item, folders[1].removeprefix("kind="))
                elif len(folders) == 1 and item.path.name.endswith(MANIFEST_SUFFIX):
                    name = parse_manifest(item.path)
                    manifests.setdefault((item.path.parent, name.span), []).append((name, item.path))
                elif len(folders) == 1 and item.path.suffix == ".parquet":
                    self._take_fresh(item)
            except JournalFileError as error:
                self._damaged.append(str(error))
        for (folder, span), versions in manifests.items():
            *older, (name, path) = sorted(versions, key=lambda version: version[0].seq)
            files = tuple(self._kinds.get((folder, span), ()))
            self._segments.append(Segment(span, path, files, name))
            self._old += [Segment(span, old_path, (), old) for old, old_path in older]

    def _take_kind_file(self, item: StoredObject, kind: str) -> None:
        span = parse_kind_file(item.path)
        file = JournalFile(item.path, span.partition, span.first, span.last, kind, item.size)
        self._kinds.setdefault((item.path.parent.parent, span), []).append(file)

    def _take_fresh(self, item: StoredObject) -> None:
        span = parse_fresh(item.path)
        file = JournalFile(item.path, span.partition, span.first, span.last, size=item.size)
        self._segments.append(Segment(span, item.path, (file,)))

    def result(self) -> Inventory:
        counting = self._counting()
        overlaps, odd = _compare(counting)
        live = {path for segment in counting for path in segment.paths}
        superseded: dict[PurePath, int] = {}
        for segment in (*self._old, *self._segments):
            superseded |= dict.fromkeys(segment.paths, segment.span.partition)
        for files in self._kinds.values():
            superseded |= {file.path: file.partition for file in files}
        return Inventory(
            segments=tuple(counting),
            superseded=tuple((partition, path) for path, partition in superseded.items() if path not in live),
            overlaps=overlaps,
            findings=(*self._damaged, *odd),
            damaged=tuple(self._damaged),
        )

    def _counting(self) -> list[Segment]:
        """Return the segments that count, whole ones first; of damaged ones what no whole one holds."""
        candidates, damaged = list(self._segments), list[Segment]()
        good: dict[PurePath, Segment] = {}
        while True:
            counting = _widest(candidates)
            unknown = [segment for segment in counting if segment.path not in good]
            bad: set[PurePath] = set()
            for segment, checked in zip(unknown, self._checked(unknown), strict=True):
                if isinstance(checked, Segment):
                    good[segment.path] = checked
                    continue
                bad.add(segment.path)
                if checked is not None:
                    self._damaged.append(checked)
                if segment.manifest:
                    damaged.append(segment)
            if not bad:
                break
            candidates = [segment for segment in candidates if segment.path not in bad]
        whole = [good[segment.path] for segment in counting]
        rest = [left for each in damaged if not _covered(each.span, whole) for left in self._left_of(each)]
        return _widest([*whole, *rest])

    def _checked(self, segments: Sequence[Segment]) -> Iterable[Segment | str | None]:
        if len(segments) < 2 or isinstance(self._store.root, Path):
            return [self._check(segment) for segment in segments]
        with ThreadPoolExecutor(_READERS) as readers:
            return list(readers.map(self._check, segments))

    def _check(self, segment: Segment) -> Segment | str | None:
        """Return a segment with the files that it has; else a finding, None when it is gone by now."""
        try:
            if segment.manifest is None:
                read_footer(self._store, segment.path)
                return segment
            if len(segment.files) == segment.manifest.files and segment.size == segment.manifest.size:
                return segment
            return self._files_named(segment)
        except JournalFileError as error:
            # A file that a compaction removed between listing and reading is not odd.
            return None if self._store.size(segment.path) is None else str(error)

    def _files_named(self, segment: Segment) -> Segment:
        """Return a segment with the files that its manifest names.

        Raises:
            JournalFileError: one is missing or has another size.
        """
        files = []
        for named in read_manifest(self._store, segment.path).files:
            path = segment.path.parent / f"kind={named.kind}" / named.name
            # A file may have come after its folder was listed.
            size = self._sizes.get(path) or self._store.size(path)
            if size != named.size:
                seen = "is missing" if size is None else f"has {size} bytes, expected {named.size}"
                raise JournalFileError(f"{path} {seen}: {named.rows} rows of kind {named.kind} are lost")
            span = segment.span
            files.append(JournalFile(path, span.partition, span.first, span.last, named.kind, named.size))
        return replace(segment, files=tuple(files))

    def _left_of(self, segment: Segment) -> Iterable[Segment]:
        """Return what can still be read of a damaged compaction."""
        try:
            named = {
                segment.path.parent / f"kind={file.kind}" / file.name: file.size
                for file in read_manifest(self._store, segment.path).files
            }
        except JournalFileError:
            return
        yield replace(
            segment, files=tuple(file for file in segment.files if named.get(file.path) == file.size)
        )


def _widest(candidates: Iterable[Segment]) -> list[Segment]:
    """Return the segments that lie within no other."""
    counting: list[Segment] = []
    # Of segments that begin at one offset the widest comes first, a manifest before a file: one can only
    # lie within an earlier one.
    for segment in sorted(
        candidates,
        key=lambda each: (
            each.span.partition,
            each.span.first,
            -each.span.last,
            each.manifest is None,
            each.path.as_posix(),
        ),
    ):
        if not (counting and segment.span.within(counting[-1].span)):
            counting.append(segment)
    return counting


def _covered(span: Span, whole: Iterable[Segment]) -> bool:
    """Return whether segments, in order, hold all offsets of a span."""
    reached = span.first
    for segment in whole:
        if segment.span.partition == span.partition and segment.span.first <= reached:
            reached = max(reached, segment.span.last + 1)
    return reached > span.last


def _compare(segments: Iterable[Segment]) -> tuple[bool, list[str]]:
    """Return whether segments overlap, and a sentence for each overlap and gap."""
    overlaps = False
    odd: list[str] = []
    for before, after in pairwise(segments):
        one, two = before.span, after.span
        if one.partition != two.partition:
            continue
        if two.first <= one.last:
            overlaps = True
            odd.append(
                f"{before.path} and {after.path.name} both hold offsets {two.first} to {one.last}: "
                "two journals wrote at once; readers keep one of each"
            )
        elif two.first > one.last + 1:
            odd.append(
                f"no file holds offsets {one.last + 1} to {two.first - 1} of partition {one.partition}: "
                "they expired or were refused before they were kept, or a file is lost"
            )
    return overlaps, odd
