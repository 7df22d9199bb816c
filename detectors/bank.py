"""The bank: unsupervised detectors for many series at once, for signals that no release explains.

Each series is watched by seven statistics: four novelties (`bank_novelty`), the size of recent forecast
errors, their drift, and the novelty of their texture (`bank_forecast`). Each becomes a surprise against its
own past (`bank_tails`), and the surprises become one score (`bank_alarms`). One setting serves every
series, whatever its unit and pace.

Good at: spikes, dips, shifts, changes of shape, of rhythm and of noise; days unlike other days. Blind to: a
drift as slow as its memory of about 2,000 readings; an anomaly that is there from the first reading; a
return of what it has seen. It takes about 80 KiB a series: for the signals of a service, not for every
series of a cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, isfinite, log, pi, sin
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from detectors import bank_alarms, bank_forecast, bank_novelty, bank_tails
from detectors.bank_version import version_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHAPE, LONG_SHAPE, AT_HOUR, ERRORS, MEAN, DRIFT, TEXTURE = range(7)
STATISTICS = 7
SHARP_STATISTICS = 4
"""The first of them, which are sharp in time, are fused by themselves."""

WARM_UP = 100.0
"""Readings before anything is scored: of fewer, one in a hundred cannot be told from one in ten."""

ERRORS_SHARE, DRIFT_SHARE = 0.15, 0.07
SCALE_SHARE = 0.0003
"""Shares that a reading has of the recent errors, of their drift, and of the unit that novelties are told
in."""

LARGEST_VALUE = 1e100
"""Values beyond are taken as this: their squares would be infinite."""

TEXTURE_REMEMBERED, TEXTURE_ROOM = 512, 768
TEXTURE_STEP, TEXTURE_SPAN = 4, 12
TEXTURE_WARM_UP = 40

# Places of a series' own numbers, behind those of the forecast and the alarms.
MEAN_LEVEL, UNIT, RECENT_ERRORS, RECENT_DRIFT, COUNT, TEXTURE_COUNT, E1, E2, E3 = range(9)
OWN = bank_forecast.NUMBERS + bank_alarms.NUMBERS
NUMBERS = OWN + 9


@njit(cache=True)
def _texture(numbers: Floats, texture: Floats, error: float) -> float:
    """Return how unlike any before the sizes of the last 16 forecast errors are, and remember them."""
    size = log(min(abs(error), 8.0) + 0.05)
    count = int(numbers[TEXTURE_COUNT])
    mean = (size + numbers[E1] + numbers[E2] + numbers[E3]) / 4.0
    numbers[E3], numbers[E2], numbers[E1] = numbers[E2], numbers[E1], size
    if count >= TEXTURE_ROOM:
        kept = TEXTURE_REMEMBERED + TEXTURE_SPAN
        texture[:kept] = texture[TEXTURE_ROOM - kept :].copy()
        count = kept
    texture[count] = mean
    numbers[TEXTURE_COUNT] = count + 1.0
    first = max(count - TEXTURE_REMEMBERED, TEXTURE_SPAN + 4)
    if count - first < TEXTURE_WARM_UP:
        return 0.0
    nearest = np.inf
    for at in range(first, count):
        apart = 0.0
        for back in range(0, TEXTURE_SPAN + 1, TEXTURE_STEP):
            apart += (texture[at - back] - texture[count - back]) ** 2
        nearest = min(nearest, apart)
    return float(nearest**0.5)


# Not kept by itself: it inlines other files, and `_score_batch` is kept under their version.
@njit(cache=False)
def _score_one(
    time_s: float,
    given: float,
    numbers: Floats,
    season: Floats,
    filter_: Floats,
    past: Floats,
    hours: Floats,
    texture: Floats,
    tails: Floats,
) -> float:
    if not isfinite(given) or not isfinite(time_s):
        return 0.0
    value = min(max(given, -LARGEST_VALUE), LARGEST_VALUE)
    error = bank_forecast.forecast_error(numbers, season, filter_, time_s, value)
    readings = numbers[bank_forecast.READINGS]
    own = numbers[OWN:]
    share = max(SCALE_SHARE, 1.0 / readings)
    own[MEAN_LEVEL] += share * (value - own[MEAN_LEVEL])
    own[UNIT] += share * (abs(value - own[MEAN_LEVEL]) - own[UNIT])
    unit = max(own[UNIT], 1e-9 * abs(own[MEAN_LEVEL]) + 1e-200)
    own[RECENT_ERRORS] += ERRORS_SHARE * (min(abs(error), 8.0) - own[RECENT_ERRORS])
    own[RECENT_DRIFT] += DRIFT_SHARE * (min(max(error, -6.0), 6.0) - own[RECENT_DRIFT])
    turn = 2.0 * pi * (time_s % bank_forecast.DAY_S) / bank_forecast.DAY_S
    own[COUNT] = bank_novelty.remember(past, hours, int(own[COUNT]), value, cos(turn), sin(turn))
    novelties = np.empty(bank_novelty.KINDS)
    bank_novelty.nearest(past, hours, int(own[COUNT]), unit, novelties)
    surprises = np.empty(STATISTICS)
    surprises[SHAPE] = novelties[bank_novelty.SHAPE]
    surprises[LONG_SHAPE] = novelties[bank_novelty.LONG_SHAPE]
    surprises[AT_HOUR] = novelties[bank_novelty.AT_HOUR]
    surprises[MEAN] = novelties[bank_novelty.MEAN]
    surprises[ERRORS] = own[RECENT_ERRORS]
    surprises[DRIFT] = abs(own[RECENT_DRIFT])
    surprises[TEXTURE] = _texture(own, texture, error)
    for index in range(STATISTICS):
        surprises[index] = bank_tails.surprise(
            tails[index], bank_tails.FORGETTING, surprises[index], readings > WARM_UP
        )
    sharp = bank_alarms.together(surprises, 0, SHARP_STATISTICS)
    broad = bank_alarms.together(surprises, 0, STATISTICS)
    return bank_alarms.score(numbers[bank_forecast.NUMBERS : OWN], readings, sharp, broad)


def _batch_kernel(version: int) -> Callable[..., None]:
    """Return the kernel that scores a batch; `bank_version` says what the version is for."""

    @njit(cache=True)
    def score_batch(
        rows: Ints,
        times_s: Floats,
        values: Floats,
        numbers: Floats,
        season: Floats,
        filter_: Floats,
        past: Floats,
        hours: Floats,
        texture: Floats,
        tails: Floats,
        scores: Floats,
    ) -> None:
        if version == 0:
            return
        for index in range(len(rows)):
            row = rows[index]
            scores[index] = _score_one(
                times_s[index],
                values[index],
                numbers[row],
                season[row],
                filter_[row],
                past[row],
                hours[row],
                texture[row],
                tails[row],
            )

    kernel: Callable[..., None] = score_batch
    return kernel


_score_batch = _batch_kernel(version_of((bank_alarms, bank_forecast, bank_novelty, bank_tails)))


_ROOMS: dict[str, tuple[int, ...]] = {
    "numbers": (NUMBERS,),
    "season": (bank_forecast.SEASON_ROOM,),
    "filter": (bank_forecast.FILTER_ROOM,),
    "past": (bank_novelty.ROOM,),
    "hours": (2, bank_novelty.ROOM),
    "texture": (TEXTURE_ROOM,),
    "tails": (STATISTICS, bank_tails.BINS + 2),
}

SERIES_BYTES = 8 * sum(int(np.prod(room)) for room in _ROOMS.values())
"""State of one series."""


@dataclass(slots=True)
class Bank:
    """Detectors of many series, which are numbered from 0.

    Attributes:
        series: How many series there are.
    """

    series: int
    _state: dict[str, Floats] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin every series."""
        if self.series < 0:
            raise ValueError(f"series is {self.series}, expected at least 0")
        self._state = _begun(self.series)

    def grow(self, series: int) -> None:
        """Make room for more series; those that are there stay as they are."""
        if series <= self.series:
            return
        more = _begun(series - self.series)
        self._state = {name: np.concatenate((held, more[name])) for name, held in self._state.items()}
        self.series = series

    def update(self, series: ArrayLike, times_s: ArrayLike, values: ArrayLike) -> Floats:
        """Score readings in the order given, each before the next is known, and learn from them.

        Args:
            series: Number of each reading's series, (readings,).
            times_s: Unix times, rising within a series, (readings,).
            values: (readings,); one that is not finite scores 0 and changes nothing.

        Returns:
            Scores in [0, 1), (readings,); `bank_alarms` says what they mean.

        Raises:
            ValueError: a series has no room, or lengths differ.
        """
        rows = np.ascontiguousarray(series, dtype=np.int64)
        times = np.ascontiguousarray(times_s, dtype=np.float64)
        given = np.ascontiguousarray(values, dtype=np.float64)
        if not rows.shape == times.shape == given.shape:
            raise ValueError(
                f"readings are {rows.shape}, {times.shape} and {given.shape}, expected one length"
            )
        if len(rows) and (rows.min() < 0 or rows.max() >= self.series):
            raise ValueError(
                f"series {rows.min()} to {rows.max()} were given, expected 0 to {self.series - 1}"
            )
        scores = np.zeros(len(rows))
        s = self._state
        _score_batch(
            rows,
            times,
            given,
            s["numbers"],
            s["season"],
            s["filter"],
            s["past"],
            s["hours"],
            s["texture"],
            s["tails"],
            scores,
        )
        return scores

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as plain lists, exactly."""
        return {name: held.tolist() for name, held in self._state.items()}

    @classmethod
    def restored(cls, snapshot: dict[str, Any]) -> "Bank":
        """Return the bank that a snapshot was taken of.

        Raises:
            ValueError: the snapshot has another shape.
        """
        bank = cls(len(snapshot["numbers"]))
        for name, room in _ROOMS.items():
            held = np.asarray(snapshot[name], dtype=np.float64).reshape(-1, *room)
            if len(held) != bank.series:
                raise ValueError(f"snapshot has {len(held)} series of {name}, expected {bank.series}")
            bank._state[name] = held
        return bank


def _begun(series: int) -> dict[str, Floats]:
    state = {name: np.zeros((series, *room)) for name, room in _ROOMS.items()}
    for row in range(series):
        bank_forecast.begin(state["numbers"][row], state["filter"][row])
    # Never, and within floats that JSON carries: no history is longer than this.
    state["numbers"][:, bank_forecast.NUMBERS : OWN] = -1e18
    return state
