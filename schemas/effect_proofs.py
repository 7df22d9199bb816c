"""What an effect's message says of its making: which code said it, and of which bytes.

Both are headers of the message on `effects` and columns of the journal, and no part of the effect: a replay
says the same effects with another code, or of entries that were copied.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.effects import Effect
from schemas.records import Record

CODE_HEADER = "suture-code"
CAUSE_HEADER = "suture-cause"

Header = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEffect(Effect):
    """An effect as it was read, with what its message said of its making.

    Attributes:
        code: Digest of the code that said it.
        cause_digest: Digest of the observation that made it say so.
    """

    code: str
    cause_digest: str


def record_digest(record: Record) -> str:
    """Return the SHA-256 of an entry's key, value and headers, as hexadecimal digits.

    Each part goes in behind its length, so that nothing can be moved from one into the next.
    """
    sha = hashlib.sha256()
    for part in (record.key, record.value):
        sha.update(_sized(part))
    for name, value in record.headers:
        sha.update(_sized(name.encode()) + _sized(value))
    return sha.hexdigest()


def proof_headers(code: str, cause: Record) -> tuple[Header, ...]:
    """Return the headers of the messages of what was said because of an entry."""
    return ((CODE_HEADER, code.encode()), (CAUSE_HEADER, record_digest(cause).encode()))


def with_proof(effect: Effect, headers: Iterable[Header]) -> Effect:
    """Return an effect with what its message's headers say; as it is where they do not."""
    named = dict(headers)
    code, cause = named.get(CODE_HEADER), named.get(CAUSE_HEADER)
    if code is None or cause is None:
        return effect
    return ProvenEffect(
        key=effect.key,
        cause=effect.cause,
        index=effect.index,
        said=effect.said,
        code=code.decode(errors="replace"),
        cause_digest=cause.decode(errors="replace"),
    )


def _sized(part: bytes | None) -> bytes:
    # No length is that of nothing at all.
    return b"-" if part is None else f"{len(part)}:".encode() + part
