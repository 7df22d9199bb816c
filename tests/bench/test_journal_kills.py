"""The benchmark that kills the journal: its load, and what it reads off names."""

from __future__ import annotations

import pytest

from bench.journal_kill_load import effects_of
from bench.journal_kills import Phase, _sort_of
from schemas.effects import Effect


def test_the_load_says_the_same_each_time_and_nothing_twice() -> None:
    said: list[Effect] = [effect for offset in range(3) for effect in effects_of(2, offset)]
    assert said == [effect for offset in range(3) for effect in effects_of(2, offset)]
    assert len({(effect.cause, effect.index) for effect in said}) == len(said)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        (".p0003-000000000120-000000000345.parquet.77.tmp", Phase.WRITING),
        (".p0003-000000000120-000000000345.s17.parquet.77.tmp", Phase.MERGING),
        (".p0003-000000000120-000000000345.l1.s17.f5.b81920.json.gz.77.tmp", Phase.MANIFEST),
    ],
)
def test_what_was_being_written_is_told_by_its_name(name: str, phase: Phase) -> None:
    assert _sort_of(name) is phase
