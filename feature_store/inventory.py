"""Inventory of the journal's folder: which files say what, and what is odd about them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from feature_store.parquet import JournalFileError, read_footer

_NAME = re.compile(r"p(\d{4,})-(\d{12,})-(\d{12,})\.parquet")


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One file: offsets `first` to `last`, both included, of one partition of the effects topic.

    Offsets whose effects were repeats are in the range and have no row.
    """

    path: Path
    partition: int
    first: int
    last: int

    def within(self, other: "JournalFile") -> bool:
        """Return whether the other file says all that this one says."""
        return self.partition == other.partition and other.first <= self.first and self.last <= other.last


@dataclass(frozen=True, slots=True)
class Inventory:
    """What lies in the folder.

    Attributes:
        files: By partition and offset: the files that together are the journal.
        superseded: Files within the range of another: left over from a merge that was cut short, or
            kept for readers that still have them open. They are not part of the journal.
        overlaps: Whether two files share offsets, so that readers must drop doubles.
        findings: Sentences about gaps, overlaps and unreadable files; empty when all is well.
    """

    files: tuple[JournalFile, ...]
    superseded: tuple[JournalFile, ...]
    overlaps: bool
    findings: tuple[str, ...]

    def of(self, partition: int) -> tuple[JournalFile, ...]:
        """Return one partition's files, oldest first."""
        return tuple(file for file in self.files if file.partition == partition)


def file_name(partition: int, first: int, last: int) -> str:
    """Return the name of the file with offsets `first` to `last`.

    >>> file_name(3, 120, 345)
    'p0003-000000000120-000000000345.parquet'
    """
    return f"p{partition:04d}-{first:012d}-{last:012d}.parquet"


def parse_file(path: Path) -> JournalFile:
    """Return what a file's name says.

    Raises:
        JournalFileError: it is not a name that the journal gives.
    """
    match = _NAME.fullmatch(path.name)
    if not match:
        raise JournalFileError(
            f"{path} is not the journal's, expected a name such as {file_name(3, 120, 345)}"
        )
    partition, first, last = map(int, match.groups())
    if first > last:
        raise JournalFileError(f"{path} begins at offset {first} and ends at {last}")
    return JournalFile(path, partition, first, last)


def take_inventory(root: Path) -> Inventory:
    """Return what lies in the journal's folder; a folder that does not exist is an empty journal."""
    readable: list[JournalFile] = []
    findings: list[str] = []
    for path in sorted(root.glob("day=*/*.parquet")):
        try:
            file = parse_file(path)
            read_footer(path)
        except JournalFileError as error:
            # A file that a merge removed between listing and reading is not odd.
            if path.exists():
                findings.append(str(error))
        else:
            readable.append(file)
    files, superseded = _split(readable)
    overlaps, odd = _compare(files)
    return Inventory(files, superseded, overlaps, (*findings, *odd))


def _split(readable: Iterable[JournalFile]) -> tuple[tuple[JournalFile, ...], tuple[JournalFile, ...]]:
    """Return the files that count, and those within the range of another."""
    counting: list[JournalFile] = []
    superseded: list[JournalFile] = []
    # Of files that begin at one offset the widest comes first: a file can only lie within an earlier one.
    for file in sorted(readable, key=lambda file: (file.partition, file.first, -file.last, file.path)):
        if counting and file.within(counting[-1]):
            superseded.append(file)
        else:
            counting.append(file)
    return tuple(counting), tuple(superseded)


def _compare(files: Iterable[JournalFile]) -> tuple[bool, list[str]]:
    """Return whether files overlap, and a sentence for each overlap and gap."""
    overlaps = False
    odd: list[str] = []
    for before, after in pairwise(files):
        if before.partition != after.partition:
            continue
        if after.first <= before.last:
            overlaps = True
            odd.append(
                f"{before.path} and {after.path.name} both hold offsets {after.first} to {before.last}: "
                "two journals wrote at once; readers keep one of each"
            )
        elif after.first > before.last + 1:
            odd.append(
                f"no file holds offsets {before.last + 1} to {after.first - 1} of partition "
                f"{before.partition}: they expired or were refused before they were kept, or a file is lost"
            )
    return overlaps, odd
