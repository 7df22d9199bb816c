"""Memory of earlier days: what is staged, what is kept, and how levels are expected to move."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.seasonal import (
    BIN_MS,
    DAY_MS,
    DAYS,
    MOST_KEYS,
    SeasonMemory,
    daily_count_ratio,
    daily_movement,
    movement_of,
)
from schemas.codec import from_json, to_json
from schemas.instants import to_ms

NOON = to_ms(datetime(2026, 3, 8, 12, tzinfo=UTC))
HOUR = 3_600_000
KEY = "latency|"


def remembered(days: int, level_after: float = 2.0, spoilt_day: int = 0) -> SeasonMemory:
    """Return the hours around noon of some days, with a level of 1 before noon."""
    memory = SeasonMemory()
    for day in range(days, 0, -1):
        for number in range(-6, 6):
            index = (NOON - day * DAY_MS) // BIN_MS + number
            level = (level_after if number >= 0 else 1.0) * (
                10.0 if day == spoilt_day and number >= 0 else 1.0
            )
            memory.put(KEY, index, level * 50.0 * day, 50.0 * day, is_staged=False)
    return memory


def live(minutes: int = 30) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.arange(minutes, dtype=np.float64) * 60_000 + NOON + 30_000


def test_levels_move_as_on_earlier_days_whatever_the_traffic() -> None:
    moved = daily_movement(remembered(4), KEY, (NOON - HOUR, NOON), live())
    assert moved is not None
    assert moved.cases == 4
    np.testing.assert_allclose(moved.ratio[6:], 2.0)
    assert moved.spread == 0.0


def test_a_day_that_was_spoilt_is_out_voted() -> None:
    moved = daily_movement(remembered(5, spoilt_day=2), KEY, (NOON - HOUR, NOON), live())
    assert moved is not None
    np.testing.assert_allclose(moved.ratio[6:], 2.0)


def test_days_that_disagree_widen_what_is_believed() -> None:
    moved = movement_of(np.log(np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])))
    assert moved is not None
    assert moved.spread > 0.5


def test_nothing_is_expected_without_an_earlier_day() -> None:
    assert daily_movement(SeasonMemory(), KEY, (NOON - HOUR, NOON), live()) is None
    assert daily_count_ratio(SeasonMemory(), KEY, (NOON - HOUR, NOON), (NOON, NOON + HOUR)) == (1.0, 0)


def test_a_rate_of_counts_moves_with_all_days_together() -> None:
    ratio, days = daily_count_ratio(remembered(7), KEY, (NOON - HOUR, NOON), (NOON, NOON + HOUR))
    assert days == 7
    assert ratio == pytest.approx(2.0, rel=0.01)


def test_what_was_staged_is_kept_when_committed_and_gone_when_dropped() -> None:
    kept, dropped = remembered(2), remembered(2)
    since = NOON - DAY_MS
    for memory in (kept, dropped):
        memory.stage_from(since)
        first = since // BIN_MS
        assert not memory.tracks[KEY].between(first, first + 6)[1].any()
    kept.commit()
    dropped.drop_staged()
    assert kept.staged == dropped.staged == {}
    first = since // BIN_MS
    np.testing.assert_array_equal(kept.tracks[KEY].between(first, first + 6)[0], np.full(6, 2.0))
    assert not dropped.tracks[KEY].between(first, first + 6)[1].any()


@given(
    bins=st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 1000)), max_size=40), cut=st.integers(-5, 45)
)
def test_staging_and_committing_changes_nothing_that_is_remembered(
    bins: list[tuple[float, int]], cut: int
) -> None:
    memory, same = SeasonMemory(), SeasonMemory()
    for index, (events, exposure) in enumerate(bins):
        for one in (memory, same):
            one.put(KEY, index, events, float(exposure), is_staged=False)
    memory.stage_from(cut * BIN_MS)
    assert from_json(SeasonMemory, to_json(memory)) == memory
    memory.commit()
    for part in (0, 1):
        tracks = [one.tracks.get(KEY) for one in (memory, same)]
        told = [track.between(0, 50)[part] if track is not None else np.zeros(50) for track in tracks]
        np.testing.assert_array_equal(told[0], told[1])


def test_memory_is_bounded_in_days_and_in_signals() -> None:
    memory = SeasonMemory()
    for number in range(2 * MOST_KEYS):
        memory.put(f"s{number}|", 0, 1.0, 1.0, is_staged=False)
    assert len(memory.tracks) == MOST_KEYS
    for index in range(40 * DAY_MS // BIN_MS):
        memory.put("s0|", index, 123.456789, 100.0, is_staged=False)
        memory.forget_before(index * BIN_MS)
    assert list(memory.tracks) == ["s0|"]
    assert len(memory.tracks["s0|"].levels) <= (DAYS + 1) * DAY_MS // BIN_MS + 1
    assert len(to_json(memory)) < 20_000
