"""False rollbacks on simulated releases that change nothing: correlated minutes, wobbling errors.

Seeded. The budget is 1 % a release; with this many releases, none may be called harmful.
"""

from math import log

import numpy as np
import pytest

from detectors.panels import Floats, Panel
from detectors.weighing import weigh
from schemas.signals import Selector, Signal, SignalKind

ANY = Selector(metric="any")
LEVEL = Signal(name="level", kind=SignalKind.LEVELS, events=ANY)  # type: ignore[arg-type]  # a plain string names a signal in tests
COUNT = Signal(name="count", kind=SignalKind.COUNTS, events=ANY, exposure=ANY, margin_ratio=0.25)  # type: ignore[arg-type]  # a plain string names a signal in tests
THRESHOLD = log(4 / 0.01)
QUIET, LIVE, RELEASES = 60, 30, 40


def autoregressive(random: np.random.Generator, lag: float, pods: int) -> Floats:
    noise = random.normal(size=(pods, QUIET + LIVE + 50))
    values = np.zeros_like(noise)
    for minute in range(1, noise.shape[1]):
        values[:, minute] = lag * values[:, minute - 1] + np.sqrt(1 - lag**2) * noise[:, minute]
    return values[:, 50:]


def is_ever_convicted(
    signal: Signal,
    events: Floats,
    exposure: Floats,
) -> bool:
    quiet = Panel(events[1:, :QUIET], exposure[1:, :QUIET])
    for end in range(QUIET + 2, QUIET + LIVE + 1, 2):
        live = slice(QUIET, end)
        canary = Panel(events[:1, live], exposure[:1, live])
        stable = Panel(events[1:, live], exposure[1:, live])
        if weigh(signal, canary, stable, quiet).log_e >= THRESHOLD:
            return True
    return False


@pytest.mark.parametrize(("lag", "pod_spread"), [(0.0, 0.0), (0.8, 0.0), (0.8, 0.1)])
def test_levels_of_equal_pods_are_not_convicted(lag: float, pod_spread: float) -> None:
    random = np.random.default_rng(11)
    convicted = 0
    for _ in range(RELEASES):
        tide = np.exp(np.cumsum(random.normal(0, 0.02, QUIET + LIVE)))
        offsets = random.normal(0, pod_spread, (4, 1))
        values = 100 * tide * np.exp(0.15 * autoregressive(random, lag, 4) + offsets)
        convicted += is_ever_convicted(LEVEL, values, np.ones_like(values))
    assert convicted == 0


@pytest.mark.parametrize("rate", [0.0005, 0.01])
@pytest.mark.parametrize("wobble", [0.0, 0.3])
def test_counts_of_equal_pods_are_not_convicted(rate: float, wobble: float) -> None:
    random = np.random.default_rng(12)
    convicted = 0
    for _ in range(RELEASES):
        requests = random.poisson(600, (4, QUIET + LIVE)).astype(float)
        luck = random.gamma(1 / wobble, wobble, requests.shape) if wobble else np.ones_like(requests)
        errors = random.binomial(requests.astype(int), np.minimum(rate * luck, 1.0)).astype(float)
        convicted += is_ever_convicted(COUNT, errors, requests)
    assert convicted == 0


def test_a_level_twice_as_high_is_found() -> None:
    random = np.random.default_rng(13)
    found = 0
    for _ in range(10):
        values = 100 * np.exp(0.05 * autoregressive(random, 0.5, 4))
        values[0, QUIET:] *= 2.0
        found += is_ever_convicted(LEVEL, values, np.ones_like(values))
    assert found == 10


@pytest.mark.parametrize(("times", "spread", "at_least"), [(3.0, 0.0, 10), (1.3, 0.3, 0)])
def test_errors_of_a_fresh_pod_convict_as_its_twins_are_alike(
    times: float, spread: float, at_least: int
) -> None:
    random = np.random.default_rng(14)
    found = 0
    for _ in range(10):
        requests = random.poisson(600, (4, QUIET + LIVE)).astype(float)
        ratio = 0.01 * np.exp(random.normal(0, spread, (4, 1))) * np.ones(requests.shape)
        ratio[0, QUIET:] *= times
        errors = random.binomial(requests.astype(int), ratio).astype(float)
        found += is_ever_convicted(COUNT, errors, requests)
    assert at_least <= found <= max(at_least, 1)


@pytest.mark.parametrize("lag", [0.0, 0.9])
def test_a_pod_that_was_there_before_is_held_against_its_own_difference(lag: float) -> None:
    random = np.random.default_rng(15)
    sick = well = 0
    for _ in range(10):
        values = 100 * np.exp(0.05 * autoregressive(random, lag, 2) + np.array([[0.5], [0.0]]))
        for times in (1.0, 1.5):
            now = values * np.where(np.arange(QUIET + LIVE) >= QUIET, [[times], [1.0]], 1.0)
            canary = Panel(now[:1, QUIET:], np.ones((1, LIVE)))
            quiet = Panel(now[:, :QUIET], np.ones((2, QUIET)))
            stable = Panel(now[:, QUIET:] * [[0.0], [1.0]], np.ones((2, LIVE)) * [[0.0], [1.0]])
            earlier = np.array([True, False])
            is_convicted = weigh(LEVEL, canary, stable, quiet, earlier).log_e >= THRESHOLD
            sick, well = sick + (is_convicted and times > 1), well + (is_convicted and times == 1)
    assert (sick, well) == (10 if lag == 0 else pytest.approx(8, abs=2), 0)
