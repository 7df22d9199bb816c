"""Made-up metrics of services with labelled anomalies, to develop detectors on where no labels are at hand.

`python -m bench.points_generated --out DIR --series N --seed S` writes one CSV a series,
`timestamp,value,label`. A series has a shape, a pace and a length drawn at random, then anomalies of random
kinds. Some shapes look like anomalies and are not: jobs that peak at the same minute of each day, bursts of
counters, heavy tails.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Draw = np.random.Generator

DAY_S = 86_400.0
PACES_S = (60, 300, 300, 900, 3600, 3600, 86_400)


def season(draw: Draw, times_s: Floats) -> Floats:
    """Return a daily curve with two harmonics and a weaker weekend, about -1 to 1."""
    day = 2 * np.pi * times_s / DAY_S
    first, second = draw.uniform(0, 2 * np.pi, 2)
    curve = np.sin(day + first) + draw.uniform(0.1, 0.6) * np.sin(2 * day + second)
    weekend = (times_s // DAY_S) % 7 >= 5
    return np.asarray(np.where(weekend, draw.uniform(0.3, 1.0), 1.0) * curve / 1.5)


def remembering(draw: Draw, samples: int, memory: float) -> Floats:
    """Return AR(1) noise of unit variance."""
    noise = draw.standard_normal(samples) * np.sqrt(1 - memory**2)
    kept = np.empty(samples)
    last = 0.0
    for index in range(samples):
        last = memory * last + noise[index]
        kept[index] = last
    return kept


def seasonal(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """Traffic of a service: a daily curve, noise that grows with the level."""
    level = 100 * (1 + draw.uniform(0.2, 0.8) * season(draw, times_s))
    spread = draw.uniform(0.01, 0.08)
    return level * (1 + spread * remembering(draw, len(times_s), draw.uniform(0, 0.7))), 100 * spread


def flat(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """Noise around a level."""
    spread = draw.uniform(0.5, 10)
    return 50 + spread * remembering(draw, len(times_s), draw.uniform(0, 0.6)), spread


def heavy(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """Latencies: a log-normal with a long tail."""
    spread = draw.uniform(0.2, 0.6)
    return 20 * np.exp(spread * remembering(draw, len(times_s), draw.uniform(0, 0.5))), 40 * spread


def counts(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """Small whole numbers with a daily rate."""
    rate = draw.uniform(0.5, 30) * (1 + 0.7 * season(draw, times_s))
    return draw.poisson(np.maximum(rate, 0.01)).astype(np.float64), float(np.sqrt(rate.max()))


def bursts(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """Mostly nothing, with short bursts that are nothing unusual."""
    size = draw.gamma(2.0, 5.0, len(times_s))
    values = np.where(draw.random(len(times_s)) < draw.uniform(0.01, 0.1), size, 0.0)
    return values + draw.uniform(0, 0.5) * draw.random(len(times_s)), 10.0


def wandering(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """A level that wanders slowly, as memory does."""
    spread = draw.uniform(2, 10)
    slow = remembering(draw, len(times_s), 0.995)
    return 60 + spread * slow + 0.1 * spread * draw.standard_normal(len(times_s)), 0.25 * spread


def sawtooth(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """A disk that fills and is cleared."""
    period = int(draw.integers(60, 400))
    rise = (np.arange(len(times_s)) % period) / period
    return 20 + 50 * rise + draw.standard_normal(len(times_s)), 3.0


def jobs(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """A low level with a job at the same time of every day."""
    start = draw.uniform(0, 0.9)
    part = (times_s / DAY_S) % 1.0
    busy = (part >= start) & (part < start + draw.uniform(0.03, 0.1))
    return 10 + 40 * busy * draw.uniform(0.9, 1.1, len(times_s)) + draw.standard_normal(len(times_s)), 4.0


def steps(draw: Draw, times_s: Floats) -> tuple[Floats, float]:
    """A setting or a queue: constant for long, moving by small steps."""
    moves = np.where(draw.random(len(times_s)) < 0.01, draw.normal(0, 1, len(times_s)), 0.0)
    return 30 + np.cumsum(moves), 2.0


SHAPES: tuple[Callable[[Draw, Floats], tuple[Floats, float]], ...] = (
    seasonal, seasonal, seasonal, flat, heavy, counts, bursts, wandering, sawtooth, jobs, steps,
)  # fmt: skip


def disturb(draw: Draw, values: Floats, first: int, spread: float) -> int:
    """Put one anomaly into a series, in place, and return how many samples it takes."""
    size = draw.uniform(4, 15) * spread * (1 if draw.random() < 0.65 else -1)
    kind = int(draw.integers(0, 8))
    length = (1, 2, 3, 8, 20, 25, 12, 15)[kind]
    part = slice(first, first + length)
    held = values[part]
    if kind <= 2:
        held += size
    elif kind == 3:
        held[:] = min(0.0, float(values.min())) if draw.random() < 0.5 else held * 0.3
    elif kind == 4:
        values[first:] += 0.6 * size  # A shift that stays; its beginning is the event.
    elif kind == 5:
        held += 0.5 * abs(size) * draw.standard_normal(len(held))
    elif kind == 6:
        held += np.linspace(0, size, len(held))
    else:
        held += size * np.hanning(len(held))
    return length


def series(draw: Draw) -> pd.DataFrame:
    """Return one series: `timestamp`, `value`, `label`."""
    pace_s = int(draw.choice(PACES_S))
    samples = int(draw.integers(400, 900)) if pace_s == DAY_S else int(draw.integers(700, 6000))
    start = pd.Timestamp("2024-01-01") + pd.Timedelta(hours=int(draw.integers(0, 24 * 60)))
    times = start + pd.to_timedelta(np.arange(samples) * pace_s, unit="s")
    seconds = np.asarray((times - pd.Timestamp(0)).total_seconds(), dtype=np.float64)
    shape = SHAPES[int(draw.integers(len(SHAPES)))]
    values, spread = shape(draw, seconds)
    if draw.random() < 0.2:
        values += np.linspace(0, draw.uniform(-0.5, 1.0) * values.std() * 3, samples)
    label = np.zeros(samples, dtype=np.int64)
    place = int(0.1 * samples)
    while (place := place + int(draw.exponential(samples / draw.choice([2, 5, 9]))) + 30) < samples - 40:
        length = disturb(draw, values, place, spread)
        label[place : place + length] = 1
        place += length
    if shape is counts or draw.random() < 0.1:
        values = np.round(values)
    kept = draw.random(samples) >= (0.01 if draw.random() < 0.5 else 0.0)
    frame = pd.DataFrame({"timestamp": times, "value": values * 10 ** draw.uniform(-3, 6), "label": label})
    return frame[kept]


def main() -> None:
    """Write the series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(given.seed)
    for index in range(given.series):
        series(draw).to_csv(
            given.out / f"series_{index:03d}.csv", index=False, date_format="%Y-%m-%d %H:%M:%S"
        )


if __name__ == "__main__":
    main()
