"""What is expected of damage moves how soon it is found, and never how often nothing is called harmful."""

from dataclasses import replace
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.counts import rate_log_e
from detectors.expected_sizes import expecting
from detectors.mixtures import grid, log_sum
from detectors.panels import Floats, Panel
from detectors.weighing import weigh
from schemas.keys import SignalName
from schemas.signals import Direction, Selector, Signal, SignalKind

ANY = Selector(metric="any")
LEVEL = Signal(name=SignalName("level"), kind=SignalKind.LEVELS, events=ANY)
COUNT = Signal(name=SignalName("count"), kind=SignalKind.COUNTS, events=ANY, exposure=ANY, margin_ratio=0.25)
MEAN = Signal(name=SignalName("mean"), kind=SignalKind.MEANS, events=ANY, exposure=ANY)
FALLING = replace(LEVEL, direction=Direction.DOWN)
QUIET, LIVE = 60, 20


@given(st.integers(2, 40), st.floats(-50, 50) | st.none(), st.floats(0.01, 5))
def test_weights_sum_to_one_whatever_is_expected(steps: int, expected: float | None, width: float) -> None:
    points, even = grid(1.1, 64.0, steps)
    weights = expecting(even, np.log(points), expected, width)
    assert abs(log_sum(weights)) < 1e-9
    assert (weights >= even + log(0.5) - 1e-9).all(), "damage of another size costs a factor of two at most"


@pytest.mark.parametrize("expected", [None, 1.2, 4.0, 1000.0])
def test_counts_at_the_bound_keep_an_e_value_of_at_most_one(expected: float | None) -> None:
    """Summed over every outcome, not sampled: two intervals of Poisson counts at the null's edge."""
    bound, exposure, wobble = 0.02, 100.0, 1e-6
    counts = np.arange(16)
    mean = bound * exposure
    chances = np.exp(counts * log(mean) - mean - np.cumsum(np.log(np.maximum(counts, 1))))
    expectation = 0.0
    for first in counts:
        for second in counts:
            values = np.array([float(first), float(second)])
            log_e, _ = rate_log_e((values, np.full(2, exposure)), bound, np.full(2, wobble), expected)
            expectation += chances[first] * chances[second] * exp(log_e)
    assert expectation <= 1.0


def highest(signal: Signal, events: Floats, exposure: Floats) -> float:
    """Return the largest evidence of a whole watch, looked at every minute."""
    quiet = Panel(events[1:, :QUIET], exposure[1:, :QUIET])
    found = -inf
    for end in range(QUIET + 2, QUIET + LIVE + 1, 2):
        live = slice(QUIET, end)
        canary, stable = (Panel(events[rows, live], exposure[rows, live]) for rows in (slice(1), slice(1, 4)))
        found = max(found, weigh(signal, canary, stable, quiet).log_e)
    return found


def levels(random: np.random.Generator, times: float = 1.0) -> tuple[Floats, Floats]:
    values = 100 * np.exp(0.1 * random.normal(size=(4, QUIET + LIVE)) + random.normal(0, 0.03, (4, 1)))
    values[0, QUIET:] *= times
    return values, np.ones_like(values)


def counts(random: np.random.Generator, times: float = 1.0) -> tuple[Floats, Floats]:
    requests = random.poisson(600, (4, QUIET + LIVE)).astype(float)
    ratio = np.full(requests.shape, 0.01)
    ratio[0, QUIET:] *= times
    return random.binomial(requests.astype(int), ratio).astype(float), requests


def means(random: np.random.Generator, times: float = 1.0) -> tuple[Floats, Floats]:
    values, _ = levels(random, times)
    requests = random.poisson(600, values.shape).astype(float)
    return values * requests, requests


@pytest.mark.parametrize("expected", [1.05, 1.5, 5.0, 50.0])
def test_simulated_nulls_keep_the_bound_whatever_is_expected(expected: float) -> None:
    """Ville's bound at the level 1/10: of 60 quiet releases a valid e-process passes it in 6 on average."""
    random = np.random.default_rng(21)
    for signal, made in ((LEVEL, levels), (COUNT, counts), (MEAN, means), (FALLING, levels)):
        told = replace(signal, expected_ratio=expected)
        crossed = sum(highest(told, *made(random)) >= log(10) for _ in range(60))
        assert crossed <= 6


@pytest.mark.parametrize(("signal", "made", "times"), [(LEVEL, levels, 1.3), (COUNT, counts, 1.8)])
def test_damage_of_the_expected_size_weighs_more(signal: Signal, made: object, times: float) -> None:
    gained = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        events, exposure = made(random, times)  # type: ignore[operator]  # one of the two above
        expecting_it = highest(replace(signal, expected_ratio=times), events, exposure)
        gained.append(expecting_it - highest(signal, events, exposure))
    assert float(np.mean(gained)) > 0.1
