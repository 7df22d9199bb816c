"""Entries of topics as they were read, for whoever keeps, sends or replays them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of a topic as it was read.

    Attributes:
        timestamp_ms: When it was written, in milliseconds since 1970; 0 where nobody said.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int = 0
