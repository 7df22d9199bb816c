"""Releases that log: how often a harmless one is rolled back for its lines, and when new errors are found.

Every release has three stable pods and a canary, sixty quiet minutes, 600 requests a pod and minute, and 24
statements that print errors at rates of 2 % of requests down to 0.08 %, some of which appear on the way. A
cell says how bursty they are, by how much pods differ, whether requests are counted, and what share of the
canary's requests prints an error that is new. Settings are the shipped ones; looks are every two minutes.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.report import Started, report
from detectors.watch import look, open_watch
from detectors.windows import ServiceWindow
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import LogBatch, LogLine
from schemas.policy import Rule
from schemas.redaction import redact
from schemas.releases import Release
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import Field

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUIET, LIVE, STATEMENTS, REQUESTS = 60, 30, 24, 600
STABLE, CANARY = ("a", "b", "c"), "n"
SUBJECTS = ("cart", "stock", "payment", "search", "mail", "session")
TROUBLES = ("was refused", "timed out", "is missing", "ran out of memory")
TEXTS = tuple(f"{subject} {trouble} in step" for subject in SUBJECTS for trouble in TROUBLES)
NEW, COLD = "basket could not be decoded at byte", "pool has no connection yet, waiter"
PROD, SHOP = EnvironmentName("prod"), ServiceName("shop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of release.

    Attributes:
        wobble: Squared coefficient of variation of a statement's rate from minute to minute.
        spread: Standard deviation of the logarithm of a pod's rates.
        counts_requests: Whether anybody counts requests.
        new: Share of the canary's requests that print a new error; 0 for a release that changes nothing.
        starting: Share that print another new error in the canary's first two minutes, as while caches fill.
    """

    wobble: float = 0.3
    spread: float = 0.0
    counts_requests: bool = True
    new: float = 0.0
    starting: float = 0.0


CELLS = {
    "same": Cell(wobble=0.0),
    "same, bursty": Cell(),
    "same, bursty, requests unknown": Cell(counts_requests=False),
    "same, bursty, pods differ by 30 %": Cell(spread=0.3),
    "same, bursty, new errors while starting": Cell(starting=0.05),
    "new error at 1 %": Cell(new=0.01),
    "new error at 1 %, requests unknown": Cell(new=0.01, counts_requests=False),
    "new error at 0.5 %": Cell(new=0.005),
}


class Shop:
    """A service that is played minute by minute."""

    def __init__(self, cell: Cell, random: np.random.Generator) -> None:
        self.cell, self.random = cell, random
        self.rule, self.window = Rule(), ServiceWindow()
        self.rates = 0.02 / np.arange(1, STATEMENTS + 1)
        is_late = random.random(STATEMENTS) < 0.3
        self.born = np.where(is_late, random.integers(-QUIET, LIVE, STATEMENTS), -QUIET)
        self.own = {pod: np.exp(random.normal(0, cell.spread, STATEMENTS)) for pod in (*STABLE, CANARY)}

    def play(self, minute: int, pod: str) -> None:
        """Let a pod serve, and print, for one minute."""
        template = TemplateHash("new" if pod == CANARY else "old")
        begin, end = START + timedelta(minutes=minute), START + timedelta(minutes=minute + 1)
        requests = int(self.random.poisson(REQUESTS))
        if self.cell.counts_requests:
            self._serve(pod, template, requests, end)
        luck = (
            self.random.gamma(1 / self.cell.wobble, self.cell.wobble, STATEMENTS) if self.cell.wobble else 1.0
        )
        means = np.where(minute >= self.born, self.rates * self.own[pod] * luck * requests, 0.0)
        texts = [
            f"{text} {number}"
            for text, times in zip(TEXTS, self.random.poisson(means).tolist(), strict=True)
            for number in range(times)
        ]
        if pod == CANARY:
            starting = self.cell.starting if minute < 2 else 0.0
            for text, share in ((NEW, self.cell.new), (COLD, starting)):
                texts += [f"{text} {number}" for number in range(self.random.poisson(share * requests))]
        lines = tuple(
            LogLine(
                time_ms=to_ms(begin) + int(offset),
                severity=17,
                pod=pod,
                version="",
                template=template,
                text=redact(text),
            )
            for text, offset in zip(texts, self.random.integers(0, 59_000, len(texts)).tolist(), strict=True)
        )
        self.window.add_logs(LogBatch(environment=PROD, service=SHOP, lines=lines), self.rule, end)

    def _serve(self, pod: str, template: TemplateHash, requests: int, end: datetime) -> None:
        series = Series(
            metric="http.server.request.duration",
            field=Field.COUNT,
            temporality=Temporality.DELTA,
            pod=pod,
            template=template,
            attributes=(("http.response.status_code", "200"),),
        )
        batch = SampleBatch(
            environment=PROD,
            service=SHOP,
            series=(series,),
            series_ids=np.zeros(1, dtype=np.int32),
            times_ms=np.array([to_ms(end)], dtype=np.int64),
            values=np.array([requests], dtype=np.float64),
        )
        self.window.add_samples(batch, self.rule, end)


def convicted_minute(cell: Cell, random: np.random.Generator) -> int | None:
    """Return the minute of a release's watch in which it was judged harmful; None when it never was."""
    shop = Shop(cell, random)
    for minute in range(-QUIET, 0):
        for pod in STABLE:
            shop.play(minute, pod)
    release = Release(
        id=ReleaseId("prod-shop-2"),
        environment=PROD,
        service=SHOP,
        version="2",
        started_at=START,
        template=TemplateHash("new"),
    )
    watch = open_watch(release, shop.window, shop.rule, START)
    for minute in range(LIVE):
        for pod in (*STABLE, CANARY):
            shop.play(minute, pod)
        if minute % 2 == 0:
            continue
        now = START + timedelta(minutes=minute + 1) + shop.rule.judge.lateness
        seen = look(watch, shop.window, shop.rule, "settings", now)
        if seen is not None and seen.kind is VerdictKind.HARMFUL:
            return minute + 1
    return None


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40, help="releases a cell")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--verdicts", type=Path)
    given = parser.parse_args(arguments)
    started = Started()
    cells: dict[str, dict[str, float | int | None]] = {}
    said: list[str] = []
    for number, (name, cell) in enumerate(CELLS.items()):
        minutes = [
            convicted_minute(cell, np.random.default_rng([given.seed, number, run]))
            for run in range(given.runs)
        ]
        found = [minute for minute in minutes if minute is not None]
        cells[name] = {
            "rolled_back": len(found),
            "n": given.runs,
            "median_min": float(np.median(found)) if found else None,
        }
        said += [
            json.dumps({"cell": name, "run": run, "rolled_back": minute is not None, "minute": minute}) + "\n"
            for run, minute in enumerate(minutes)
        ]
        print(f"{name}: {cells[name]}", file=sys.stderr)
    if given.verdicts is not None:
        given.verdicts.write_text("".join(said))
    report({"cells": cells}, started, seed=given.seed)


if __name__ == "__main__":
    main()
