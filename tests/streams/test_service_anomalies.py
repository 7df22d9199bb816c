"""A service that nobody releases is watched all the same."""

from datetime import timedelta

from schemas.effects import Effect
from schemas.judgements import Anomaly
from schemas.observations import Observation
from streams.engine import Engine
from tests.builders import Log, a_batch, a_release, a_tick, minute, requests, said

BAD = range(75, 80)


def an_hour_and_then_errors(log: Log, is_released: bool = False) -> list[Observation]:
    entries = []
    for number in range(85):
        if is_released and number == 70:
            entries.append(log.put("dev/cart", a_release(at=minute(number))))
        count = 300.0 + number % 7
        samples = requests("a", minute(number + 1), count, errors=100.0 if number in BAD else number % 3)
        entries.append(log.put("dev/cart", a_batch(samples)))
        entries.append(log.put("", a_tick(minute(number + 1) + timedelta(seconds=10))))
    return entries


def all_of(engine: Engine, entries: list[Observation]) -> list[Effect]:
    return [effect for entry in entries for effect in engine.apply(entry)]


def test_damage_without_a_release_is_told_of() -> None:
    told = said(all_of(Engine(), an_hour_and_then_errors(Log())), Anomaly)
    assert [(anomaly.service, anomaly.signal, anomaly.since) for anomaly in told] == [
        ("cart", "errors", minute(75))
    ]


def test_damage_under_a_release_is_the_releases_affair() -> None:
    told = all_of(Engine(), an_hour_and_then_errors(Log(), is_released=True))
    assert said(told, Anomaly) == []


def test_a_restart_amid_an_anomaly_changes_nothing() -> None:
    entries = an_hour_and_then_errors(Log())
    # Between the two intervals that make the anomaly.
    cut = 2 * 76
    engine = Engine()
    first = all_of(engine, entries[:cut])
    second = all_of(Engine.restore(engine.snapshot()), entries[cut:])
    assert first + second == all_of(Engine(), entries)
