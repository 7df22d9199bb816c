"""Names of the journal's files: they alone say which offsets and kinds lie where, so a listing is enough."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from feature_store.parquet import JournalFileError

_FRESH = re.compile(r"p(\d{4,})-(\d{12,})-(\d{12,})\.parquet")
_KIND = re.compile(r"p(\d{4,})-(\d{12,})-(\d{12,})\.s(\d+)\.parquet")
_MANIFEST = re.compile(r"p(\d{4,})-(\d{12,})-(\d{12,})\.l(\d+)\.s(\d+)\.f(\d+)\.b(\d+)\.json\.gz")
MANIFEST_SUFFIX = ".json.gz"


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets `first` to `last`, both included, of one partition of the effects topic."""

    partition: int
    first: int
    last: int

    def within(self, other: "Span") -> bool:
        """Return whether the other span has all offsets of this one."""
        return self.partition == other.partition and other.first <= self.first and self.last <= other.last


@dataclass(frozen=True, slots=True)
class ManifestName:
    """What a manifest's name says.

    Attributes:
        span: The offsets that its files hold between them.
        level: How often they have been rewritten, at least once.
        seq: Number of its newest record in the partition's chain; of two for one span the higher counts.
        files: How many files it names.
        size: Their bytes together.
    """

    span: Span
    level: int
    seq: int
    files: int
    size: int


def file_name(partition: int, first: int, last: int) -> str:
    """Return the name of the fresh file with offsets `first` to `last`.

    >>> file_name(3, 120, 345)
    'p0003-000000000120-000000000345.parquet'
    """
    return f"{_stem(Span(partition, first, last))}.parquet"


def kind_file_name(span: Span, seq: int) -> str:
    """Return the name of a kind's file; `seq` is the number of the compaction's record.

    >>> kind_file_name(Span(3, 120, 345), 17)
    'p0003-000000000120-000000000345.s17.parquet'
    """
    return f"{_stem(span)}.s{seq}.parquet"


def manifest_name(name: ManifestName) -> str:
    """Return the name of a manifest.

    >>> manifest_name(ManifestName(Span(3, 120, 345), 1, 17, 5, 81920))
    'p0003-000000000120-000000000345.l1.s17.f5.b81920.json.gz'
    """
    return f"{_stem(name.span)}.l{name.level}.s{name.seq}.f{name.files}.b{name.size}{MANIFEST_SUFFIX}"


def parse_fresh(path: PurePath) -> Span:
    """Return the span of a fresh file.

    Raises:
        JournalFileError: it is not a name that the journal gives.
    """
    return _span(path, _match(_FRESH, path, file_name(3, 120, 345)))


def parse_kind_file(path: PurePath) -> Span:
    """Return the span of a kind's file.

    Raises:
        JournalFileError: it is not a name that the journal gives.
    """
    return _span(path, _match(_KIND, path, kind_file_name(Span(3, 120, 345), 17)))


def parse_manifest(path: PurePath) -> ManifestName:
    """Return what a manifest's name says.

    Raises:
        JournalFileError: it is not a name that the journal gives.
    """
    match = _match(_MANIFEST, path, manifest_name(ManifestName(Span(3, 120, 345), 1, 17, 5, 81920)))
    level, seq, files, size = map(int, match.groups()[3:])
    return ManifestName(_span(path, match), level, seq, files, size)


def _stem(span: Span) -> str:
    return f"p{span.partition:04d}-{span.first:012d}-{span.last:012d}"


def _match(pattern: re.Pattern[str], path: PurePath, example: str) -> re.Match[str]:
    match = pattern.fullmatch(path.name)
    if not match:
        raise JournalFileError(f"{path} is not the journal's, expected a name such as {example}")
    return match


def _span(path: PurePath, match: re.Match[str]) -> Span:
    partition, first, last = map(int, match.groups()[:3])
    if first > last:
        raise JournalFileError(f"{path} begins at offset {first} and ends at {last}")
    return Span(partition, first, last)
