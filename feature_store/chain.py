"""The chain: what was written, rewritten and removed, record after record, each naming the one before.

Every partition of the effects topic has one. A record lies with what it tells of: in the metadata of a
fresh file, later in the manifest that took the file's place. So both appear in the same atomic step, and no
crash parts them.

Source: S. Haber, W. S. Stornetta, "How to Time-Stamp a Digital Document", J. Cryptology 3 (1991), 5.1.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from feature_store.file_names import Span
from feature_store.parquet import JournalFileError

GENESIS = "0" * 64
"""What the first record of a chain names as the one before."""


class RecordKind(StrEnum):
    """What a record tells. ADOPTED: rows that were written before there was a chain, as they were found."""

    ROWS = "rows"
    ADOPTED = "adopted"
    COMPACTED = "compacted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows of one kind a span has, and the digest of their contents in the order of offsets."""

    count: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One link of a partition's chain.

    Attributes:
        seq: Its number in the chain, from 0.
        span: The offsets that it tells of.
        at: When it was written, by the machine's clock.
        tallies: By kind of effect: the rows written, found or removed; none for a compaction.
        about: The rule that removed rows, or how far a compaction came.
        previous: Hash of the record before.
        hash: Of all the above; as it was stored, so compare it with `expected_hash`.
    """

    kind: RecordKind
    seq: int
    span: Span
    at: datetime
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    about: str = ""
    previous: str
    hash: str = ""

    @property
    def expected_hash(self) -> str:
        """Return the hash of what the record says."""
        return sha256(_text(self._said())).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {**self._said(), "hash": self.hash}

    def to_json(self) -> str:
        """Return the stored form as text."""
        return _text(self.to_dict()).decode()

    def _said(self) -> dict[str, Any]:
        # What is empty is left out, so that a field that is added later changes no older hash.
        said = {
            "kind": self.kind.value,
            "seq": self.seq,
            "partition": self.span.partition,
            "first": self.span.first,
            "last": self.span.last,
            "at": self.at.astimezone(UTC).isoformat(),
            "rows": {kind: [tally.count, tally.digest] for kind, tally in sorted(self.tallies.items())},
            "about": self.about,
            "previous": self.previous,
        }
        return {name: value for name, value in said.items() if value not in ("", {})}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Return a stored record.

        Raises:
            JournalFileError: it is none.
        """
        try:
            return cls(
                kind=RecordKind(stored["kind"]),
                seq=int(stored["seq"]),
                span=Span(int(stored["partition"]), int(stored["first"]), int(stored["last"])),
                at=datetime.fromisoformat(stored["at"]),
                tallies={
                    kind: Tally(int(count), str(digest))
                    for kind, (count, digest) in stored.get("rows", {}).items()
                },
                about=str(stored.get("about", "")),
                previous=str(stored["previous"]),
                hash=str(stored["hash"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise JournalFileError(f"a record of the chain is unreadable: {error!r}") from error

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return a stored record.

        Raises:
            JournalFileError: it is none.
        """
        try:
            stored = json.loads(text)
        except ValueError as error:
            raise JournalFileError(f"a record of the chain is unreadable: {error!r}") from error
        return cls.from_dict(stored)


@dataclass(slots=True)
class Chain:
    """The end of one partition's chain, where it is written on.

    Attributes:
        seq: Number of the newest record; -1 before the first.
        head: Its hash.
        is_doubtful: Whether a record may be stored that is not counted here, since storing it ended in an
            error: look at the files again before the next.
    """

    seq: int = -1
    head: str = GENESIS
    is_doubtful: bool = False

    def next(
        self, kind: RecordKind, span: Span, at: datetime, tallies: Mapping[str, Tally], about: str = ""
    ) -> Record:
        """Return a record that follows the newest; it counts once `add` is told that it is stored."""
        record = Record(
            kind=kind, seq=self.seq + 1, span=span, at=at, tallies=tallies, about=about, previous=self.head
        )
        return _sealed(record)

    def add(self, record: Record) -> None:
        """Go on behind a record that was stored."""
        self.seq, self.head = record.seq, record.hash


def _sealed(record: Record) -> Record:
    return Record(
        kind=record.kind,
        seq=record.seq,
        span=record.span,
        at=record.at,
        tallies=record.tallies,
        about=record.about,
        previous=record.previous,
        hash=record.expected_hash,
    )


def _text(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
