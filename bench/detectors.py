"""Samples per CPU second of each detector, on generated data, in one process.

`python -m bench.detectors [--seconds N] [--seed S]` prints one JSON object. The looks are whole ones: a
release's 30 looks at a window of one signal, canary and baseline pod, with 60 quiet minutes before, divided
by the samples of those 90 minutes; so they say what a watch costs, not what a kernel could do. `ratio`
compares with taking samples into a window, within the run, because machines differ.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.pairs import batches
from bench.pairs_data import PairRun, PairSignal
from bench.pairs_rules import rule_for
from bench.report import Started, report
from detectors.bank import Bank
from detectors.log_templates import LogTemplates
from detectors.river_adapter import RiverDetector, RiverKind
from detectors.seasonal_shift import seasonal_yardstick
from detectors.watch import look, open_watch
from detectors.windows import ServiceWindow
from schemas.instants import to_ms
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.policy import Rule
from schemas.releases import Release
from schemas.samples import SampleBatch, Series, Temporality

_START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_QUIET, _LIVE = 60, 30
_DAY = 1440


@dataclass(frozen=True, slots=True)
class Cost:
    """What one round of a detector took: samples, and CPU seconds without the making of its data."""

    samples: int
    cpu_s: float


Step = Callable[[np.random.Generator], Cost]


def timed(act: Callable[[], int]) -> Cost:
    """Return the cost of an act that says how many samples it took."""
    begun = time.process_time()
    samples = act()
    return Cost(samples, time.process_time() - begun)


def ingest(random: np.random.Generator) -> Cost:
    """Take 100 batches of 500 samples, ten pods with fifty gauges each, into one window."""
    rule = rule_for("shipped", {"latency": False}, _LIVE)
    window = ServiceWindow()
    series = tuple(
        Series(metric="latency", temporality=Temporality.GAUGE, pod=f"p{i % 10}", attributes=(("k", f"{i}"),))
        for i in range(500)
    )
    made = []
    for minute in range(100):
        at = _START + timedelta(minutes=minute)
        made.append((at, _batch(series, to_ms(at), 100 * np.exp(random.normal(0, 0.1, len(series))))))

    def act() -> int:
        for at, batch in made:
            window.add_samples(batch, rule, at)
        return sum(len(batch) for _, batch in made)

    return timed(act)


def _batch(series: tuple[Series, ...], at_ms: int, values: np.ndarray) -> SampleBatch:
    return SampleBatch(
        environment=EnvironmentName("bench"),
        service=ServiceName("pairs"),
        series=series,
        series_ids=np.arange(len(series), dtype=np.int32),
        times_ms=np.full(len(series), at_ms, dtype=np.int64),
        values=values,
    )


def looking(judge: str, is_count: bool) -> Step:
    """Return a step that watches one release of one signal, a canary pod beside a baseline pod."""

    def step(random: np.random.Generator) -> Cost:
        return _looks(_run(random, is_count), rule_for(judge, {"signal": is_count}, _LIVE))

    return step


def presence(random: np.random.Generator) -> Cost:
    """Watch one release of which nothing but its presence can be weighed: its one signal never comes."""
    return _looks(_run(random, is_count=False), rule_for("shipped", {"absent": True}, _LIVE))


def _run(random: np.random.Generator, is_count: bool) -> PairRun:
    minutes = _QUIET + _LIVE
    nothing = np.full(minutes, np.nan)
    if is_count:
        requests = [random.poisson(600, minutes).astype(np.float64) for _ in range(2)]
        sides = [random.binomial(each.astype(np.int64), 0.01).astype(np.float64) for each in requests]
    else:
        requests = [nothing, nothing]
        sides = [100 * np.exp(random.normal(0, 0.15, minutes)) for _ in range(2)]
    signal = PairSignal(
        is_count=is_count,
        canary=sides[0],
        baseline=sides[1],
        canary_requests=requests[0],
        baseline_requests=requests[1],
    )
    return PairRun(run=0, first=-_QUIET, signals={"signal": signal})


def _looks(run: PairRun, rule: Rule) -> Cost:
    """Return the cost of a release's looks alone; samples are those of its quiet and live minutes."""
    window, watch = ServiceWindow(), None
    samples, cpu_s = 0, 0.0
    for minute, batch in batches(run):
        now = _START + timedelta(minutes=minute + 1)
        window.add_samples(batch, rule, now)
        samples += len(batch)
        if watch is None:
            watch = open_watch(_release(), window, rule, now)
            continue
        begun = time.process_time()
        look(watch, window, rule, "settings", now + rule.judge.lateness)
        cpu_s += time.process_time() - begun
    return Cost(samples, cpu_s)


def _release() -> Release:
    return Release(
        id=ReleaseId("bench"),
        environment=EnvironmentName("bench"),
        service=ServiceName("pairs"),
        version="2",
        started_at=_START,
    )


def seasonal(random: np.random.Generator) -> Cost:
    """Hold 90 minutes after a change against a week of minutes with a daily season."""
    minutes = np.arange(7 * _DAY + 90)
    day = 100 * (1.5 + np.sin(2 * np.pi * minutes / _DAY))
    values = day * np.exp(random.normal(0, 0.1, len(minutes)))

    def act() -> int:
        seasonal_yardstick(values[:-90], 90).scores(values[-90:])
        return len(values)

    return timed(act)


def bank(random: np.random.Generator) -> Cost:
    """Score 20 readings of each of 500 series, a batch a minute."""
    known = Bank(500)
    series = np.arange(500)
    values = 100 * np.exp(random.normal(0, 0.1, (20, 500)))

    def act() -> int:
        for minute, batch in enumerate(values):
            known.update(series, np.full(500, 60.0 * minute), batch)
        return values.size

    return timed(act)


def river(kind: RiverKind) -> Step:
    """Return a step that scores 1,000 readings of one series by one of river's models."""

    def step(random: np.random.Generator) -> Cost:
        known = RiverDetector(kind, seed=1)
        values = 100 * np.exp(random.normal(0, 0.1, 1000))

        def act() -> int:
            for value in values:
                known.score(float(value))
            return len(values)

        return timed(act)

    return step


def templates(random: np.random.Generator) -> Cost:
    """Learn 5,000 log lines of forty statements with numbers and addresses in them."""
    verbs = ("opened", "closed", "refused", "retried", "served", "queued", "dropped", "renewed")
    things = ("connection", "lease", "request", "session", "block")
    lines = [
        f"{things[a]} {verbs[b]} for user{c} from 10.0.{d}.{c % 250} in {e} ms"
        for a, b, c, d, e in zip(
            random.integers(0, len(things), 5000),
            random.integers(0, len(verbs), 5000),
            random.integers(0, 1000, 5000),
            random.integers(0, 250, 5000),
            random.integers(1, 900, 5000),
            strict=True,
        )
    ]
    known = LogTemplates()

    def act() -> int:
        for line in lines:
            known.learn(line)
        return len(lines)

    return timed(act)


STEPS: dict[str, Step] = {
    "window_ingest": ingest,
    "look_counts": looking("shipped", True),
    "look_levels": looking("shipped", False),
    "look_presence": presence,
    "look_kayenta": looking("kayenta-each", False),
    "seasonal_shift": seasonal,
    "series_bank": bank,
    **{f"river_{kind.replace('-', '_')}": river(kind) for kind in RiverKind},
    "log_templates": templates,
}


def rate(step: Step, seconds: float, seed: int) -> tuple[float, int]:
    """Return samples per CPU second of a step after one round to warm up, and how many were measured."""
    random = np.random.default_rng(seed)
    step(random)
    samples, cpu_s = 0, 0.0
    while cpu_s < seconds:
        cost = step(random)
        samples, cpu_s = samples + cost.samples, cpu_s + cost.cpu_s
    return samples / cpu_s, samples


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU seconds a detector")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    started = Started()
    rates: dict[str, float] = {}
    counted: dict[str, int] = {}
    for name, step in STEPS.items():
        print(f"{name} ...", file=sys.stderr)
        rates[name], counted[name] = rate(step, given.seconds, given.seed)
    report(
        {
            "samples_per_cpu_s": {name: round(value) for name, value in rates.items()},
            "ratio": {name: round(value / rates["window_ingest"], 5) for name, value in rates.items()},
            "samples": counted,
        },
        started,
        seed=given.seed,
        packages=("numba", "river"),
    )


if __name__ == "__main__":
    main()
