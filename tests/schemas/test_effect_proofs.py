"""A message of an effect says which code said it and of which bytes; no bytes can be swapped unnoticed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from feature_store.rows import row_of
from schemas.effect_proofs import proof_headers, record_digest, with_proof
from schemas.effects import Effect
from schemas.keys import EnvironmentName, ReleaseId
from schemas.observations import LogPosition, ReleaseClosed
from schemas.records import Record
from tests.builders import minute

PARTS = st.tuples(
    st.none() | st.binary(max_size=6),
    st.none() | st.binary(max_size=6),
    st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=3)), max_size=2).map(tuple),
)


def a_record(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...], offset: int = 0
) -> Record:
    return Record(topic="observations", partition=0, offset=offset, key=key, value=value, headers=headers)


EFFECT = Effect(
    key="prod",
    cause=LogPosition(topic="observations", partition=0, offset=4),
    index=0,
    said=ReleaseClosed(release=ReleaseId("r"), environment=EnvironmentName("prod"), at=minute(1), why="test"),
)


@given(one=PARTS, other=PARTS)
def test_entries_that_differ_have_digests_that_differ(
    one: tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]],
    other: tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]],
) -> None:
    assume(one != other)
    assert record_digest(a_record(*one)) != record_digest(a_record(*other))


@given(parts=PARTS)
def test_where_an_entry_stands_is_no_part_of_its_digest(
    parts: tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]],
) -> None:
    assert record_digest(a_record(*parts, offset=7)) == record_digest(a_record(*parts))


def test_the_journals_row_holds_what_the_messages_headers_said() -> None:
    cause = a_record(b"prod", b"value", ())
    row = row_of(0, 9, with_proof(EFFECT, proof_headers("c0de", cause)))
    assert (row["code"], row["cause_digest"]) == ("c0de", record_digest(cause))
    without = {name: cell for name, cell in row.items() if name not in ("code", "cause_digest")}
    assert without == row_of(0, 9, EFFECT)


def test_a_message_of_before_has_no_proof_and_is_the_effect_as_it_was() -> None:
    assert with_proof(EFFECT, ()) is EFFECT
    assert with_proof(EFFECT, [("other", b"x")]) == replace(EFFECT)
