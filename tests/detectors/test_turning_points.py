"""What would have changed a verdict: the numbers that are named do turn it."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.panels import Panel
from detectors.turning_points import turning_point
from detectors.weighing import Weighed, missing, weigh
from schemas.keys import SignalName
from schemas.signals import Direction, Selector, Signal, SignalKind

ANY = Selector(metric="any")
ERRORS = Signal(name=SignalName("errors"), kind=SignalKind.COUNTS, events=ANY, exposure=ANY)
MEMORY = Signal(name=SignalName("memory"), kind=SignalKind.LEVELS, events=ANY, unit="By")
ORDERS = replace(ERRORS, name=SignalName("orders"), direction=Direction.DOWN)
SUCCESS = Signal(name=SignalName("success"), kind=SignalKind.LEVELS, events=ANY, direction=Direction.DOWN)
EARLIER = np.array([True, False])
THRESHOLD = 6.0


def counts(errors: float, minutes: int = 8) -> tuple[Panel, Panel, Panel]:
    """Return canary, stable and quiet panels: ten errors a minute on each side but for the canary's."""
    requests = np.full((1, minutes), 1000.0)
    alone = np.vstack([np.zeros(minutes), np.full(minutes, 10.0)])
    quiet = Panel(np.full((2, 40), 10.0), np.full((2, 40), 1000.0))
    stable = Panel(alone, np.where(alone > 0, 1000.0, 0.0))
    return Panel(np.full((1, minutes), errors), requests), stable, quiet


def levels(level: float, minutes: int = 8) -> tuple[Panel, Panel, Panel]:
    """Return the same for a level of about 100 on each side but for the canary's."""
    random = np.random.default_rng(5)
    values = 100.0 + random.normal(0, 3, (3, 40))
    ones = np.ones((1, minutes))
    stable = Panel(np.vstack([0 * ones, values[2, :minutes]]), np.vstack([0 * ones, ones]))
    return Panel(level * ones, ones), stable, Panel(values[:2], np.ones((2, 40)))


def told(signal: Signal, panels: tuple[Panel, Panel, Panel]) -> tuple[str, Weighed]:
    canary, stable, quiet = panels

    def weighing(changed: Panel, beside: Panel) -> float:
        return weigh(signal, changed, beside, quiet, EARLIER).log_e

    weighed = weigh(signal, canary, stable, quiet, EARLIER)
    return turning_point(signal, weighed, canary, stable, THRESHOLD, weighing), weighed


def test_a_conviction_by_errors_says_how_few_would_have_passed() -> None:
    text, weighed = told(ERRORS, counts(40.0))
    assert weighed.log_e > THRESHOLD
    most = int(text.removeprefix("with at most ").split()[0])
    assert text == f"with at most {most} events instead of 320 it would not have convicted"
    assert (
        told(ERRORS, counts(most / 8))[1].log_e < THRESHOLD <= told(ERRORS, counts((most + 2) / 8))[1].log_e
    )


def test_fewer_of_what_is_good_convict_like_more_of_what_is_bad() -> None:
    bad, good = counts(40.0), tuple(missing(panel) for panel in counts(40.0))
    text, weighed = told(ORDERS, (good[0], good[1], good[2]))
    assert weighed.log_e == told(ERRORS, bad)[1].log_e
    assert (weighed.canary.level, weighed.control.level) == (0.96, 0.99)
    assert text == told(ERRORS, bad)[0].replace(" events", " missing events")
    assert told(ORDERS, bad)[1].log_e < 0


def test_errors_that_do_not_convict_say_how_many_more_or_how_much_longer_would() -> None:
    text, weighed = told(ERRORS, counts(15.0))
    assert 0 < weighed.log_e < THRESHOLD
    first, later = text.split("; ")
    more = int(first.split()[0])
    assert first == f"{more} events more in these 8,000 would have convicted"
    assert told(ERRORS, counts(15.0 + more / 8))[1].log_e >= THRESHOLD
    assert later.endswith("more intervals like these would have convicted")


@pytest.mark.parametrize(("signal", "level"), [(MEMORY, 150.0), (SUCCESS, 60.0)])
def test_a_conviction_by_a_level_names_the_level_that_would_have_passed(signal: Signal, level: float) -> None:
    text, weighed = told(signal, levels(level))
    assert weighed.log_e > THRESHOLD
    assert text.startswith("at ")
    assert text.endswith("it would not have convicted")
    assert told(signal, levels(float(text.split()[1])))[1].log_e == pytest.approx(THRESHOLD, abs=1.0)


def test_a_level_like_its_twins_names_the_level_that_would_convict() -> None:
    text, weighed = told(MEMORY, levels(100.0))
    assert weighed.log_e < 1
    assert text.endswith("By it would have convicted")
    assert float(text.split()[1]) > 110


def test_a_canary_that_never_spoke_has_no_turning_point() -> None:
    canary, stable, quiet = counts(10.0)
    silent = Panel(np.zeros_like(canary.events), np.zeros_like(canary.exposure))
    assert told(ERRORS, (silent, stable, quiet))[0] == ""
