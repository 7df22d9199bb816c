import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import bank_alarms, bank_tails
from detectors.bank import SERIES_BYTES, Bank
from detectors.bank_version import version_of

Floats = NDArray[np.float64]

MINUTE_S = 60.0


def day_curve(samples: int, seed: int = 1) -> tuple[Floats, Floats]:
    times: Floats = 1_700_000_000.0 + 300.0 * np.arange(samples, dtype=np.float64)
    noise = np.random.default_rng(seed).standard_normal(samples)
    return times, np.asarray(100 + 30 * np.sin(2 * np.pi * times / 86_400) + noise, dtype=float)


def scored(times: Floats, values: Floats) -> Floats:
    return Bank(1).update(np.zeros(len(values), dtype=np.int64), times, values)


def test_a_spike_scores_higher_than_anything_before_it() -> None:
    times, values = day_curve(1500)
    values[1200] += 15.0
    scores = scored(times, values)
    assert scores[1200] >= 0.5
    assert scores[1200] > scores[:1200].max()


def test_an_anomaly_that_goes_on_is_told_once_and_not_at_every_sample() -> None:
    times, values = day_curve(1500)
    values[1200:1240] += 60.0
    scores = scored(times, values)
    assert scores[1200] >= 0.5
    assert scores[1201:1220].max() < 0.25


def test_a_quiet_series_is_seldom_an_alarm() -> None:
    times, values = day_curve(4000)
    assert (scored(times, values) >= 0.5).mean() < 0.005


def test_a_constant_series_is_silent_until_it_moves() -> None:
    times, values = day_curve(600)
    values[:] = 7.0
    values[500] = 7.1
    scores = scored(times, values)
    assert scores[:500].max() < 0.01
    assert scores[500] >= 0.5


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=True, allow_infinity=True),
            st.sampled_from([0.0, 1.0, 1e300, -1e308, 5e-324, float("nan"), float("inf")]),
        ),
        min_size=1,
        max_size=200,
    )
)
def test_nothing_that_a_sender_says_poisons_a_series(values: list[float]) -> None:
    times, healthy = day_curve(300)
    bank = Bank(1)
    given_ = np.array(values)
    first = bank.update(np.zeros(len(given_), dtype=np.int64), MINUTE_S * np.arange(len(given_)), given_)
    after = bank.update(np.zeros(300, dtype=np.int64), times, healthy)
    assert np.isfinite(first).all()
    assert np.isfinite(after).all()
    assert ((first >= 0) & (first < 1)).all()
    assert not first[~np.isfinite(given_)].any()
    assert json.dumps(bank.snapshot(), allow_nan=False)


def test_a_reading_that_is_no_number_changes_nothing() -> None:
    times, values = day_curve(400)
    with_gap = np.insert(values, 300, np.nan)
    with_gap_times = np.insert(times, 300, times[299])
    scores = scored(with_gap_times, with_gap)
    assert np.array_equal(np.delete(scores, 300), scored(times, values))


def test_stop_and_restore_changes_nothing() -> None:
    times, values = day_curve(900)
    values[700] += 20
    rows = np.zeros(450, dtype=np.int64)
    bank = Bank(1)
    first = bank.update(rows, times[:450], values[:450])
    restored = Bank.restored(json.loads(json.dumps(bank.snapshot())))
    second = restored.update(rows, times[450:], values[450:])
    assert np.array_equal(np.concatenate([first, second]), scored(times, values))


def test_series_do_not_know_each_other() -> None:
    times, one = day_curve(500, seed=1)
    _, other = day_curve(500, seed=2)
    bank = Bank(1)
    bank.grow(2)
    rows = np.tile([0, 1], 500)
    both = bank.update(rows, np.repeat(times, 2), np.stack([one, other], axis=1).ravel())
    assert np.array_equal(both[0::2], scored(times, one))
    assert np.array_equal(both[1::2], scored(times, other))


def test_the_size_of_the_state_is_what_is_said() -> None:
    bank = Bank(3)
    assert sum(np.asarray(held).nbytes for held in bank.snapshot().values()) == 3 * SERIES_BYTES


def test_a_series_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="series 0 to 1 were given, expected 0 to 0"):
        Bank(1).update([0, 1], [0.0, 0.0], [1.0, 1.0])


def test_readings_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one length"):
        Bank(1).update([0, 0], [0.0], [1.0])


def test_kernels_have_another_version_once_a_constant_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = (bank_alarms, bank_tails)
    before = version_of(modules)
    assert version_of(modules) == before > 0
    monkeypatch.setattr(bank_alarms, "SHARP", 1.9)
    assert version_of(modules) != before
