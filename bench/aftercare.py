"""Aftercare on production KPIs: releases that are pretended before real changes, and where nothing changed.

`python -m bench.aftercare --data DIR [--after M] [--pretended N]` prints one JSON object. Each of Kontrast's
series is one pod's level. A release is pretended `LEAD` minutes before its change, so that its watch is long
over and whatever the change did falls into the aftercare; and at further instants of the series' past, each
six hours earlier, after which nothing changed. No stable pod is left: only the hour before and the earlier
days can tell. Found and false are counted in the aftercare; releases that the watch itself convicted are left
out and counted beside.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.kontrast import minutes, read_series, read_starts
from bench.report import Started, report
from detectors.history_memory import PastMemory, learn
from detectors.watch import look, open_watch
from detectors.windows import ServiceWindow
from schemas.codec import digest
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, SignalName
from schemas.policy import JudgeSettings, Rule
from schemas.releases import Release
from schemas.samples import SampleBatch, Series
from schemas.signals import Selector, Signal, SignalKind

LEAD = 50
"""Minutes from the pretended release to the change: twenty after a watch of thirty."""

APART = 360
"""Minutes between two pretended releases of one series."""

_MINUTE = timedelta(minutes=1)
_MINUTE_MS = 60_000
_CHUNK = 10
_ENVIRONMENT, _SERVICE = EnvironmentName("bench"), ServiceName("kpi")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pretended release ended.

    Attributes:
        in_watch: Its watch convicted it.
        minute: Minutes from the release to the conviction in its aftercare; None without one.
    """

    in_watch: bool
    minute: int | None


def rule_of(after: int) -> Rule:
    """Return the rule: one level of which a fifth more is no damage, as of latency by default."""
    level = Signal(
        name=SignalName("level"),
        kind=SignalKind.LEVELS,
        events=Selector(metric="level"),
        margin_ratio=0.2,
        warm_up=0,
    )
    judge = JudgeSettings(after=timedelta(minutes=after))
    return Rule(judge=judge, signals=(level,), traffic=Selector(metric="requests"))


def judged(series: Floats, at: int, start_s: int, rule: Rule) -> Ended:
    """Return how a release ended that replaced the only pod.

    Args:
        series: A reading a minute, NaN where none was taken.
        at: Minute of the series in which the release began.
        start_s: Unix seconds of the series' first minute.
        rule: The rule; says how long it is watched.
    """
    window, past, rules = ServiceWindow(), PastMemory(), digest(rule)

    def instant(minute: int) -> datetime:
        return datetime.fromtimestamp(start_s, UTC) + minute * _MINUTE

    def tell(first: int, end: int, version: str) -> None:
        told = first + np.flatnonzero(np.isfinite(series[first:end]))
        batch = SampleBatch(
            environment=_ENVIRONMENT,
            service=_SERVICE,
            series=(Series(metric="level", pod=f"pod-{version}", version=version),),
            series_ids=np.zeros(len(told), dtype=np.int32),
            times_ms=start_s * 1000 + told.astype(np.int64) * _MINUTE_MS + _MINUTE_MS // 2,
            values=series[told],
        )
        window.add_samples(batch, rule, instant(end))

    for first in range(at % _CHUNK, at, _CHUNK):
        tell(first, first + _CHUNK, "1")
        learn(past, window, rule, instant(first + _CHUNK) + rule.judge.lateness, None)
    release = Release(
        id=ReleaseId("pretended"),
        environment=_ENVIRONMENT,
        service=_SERVICE,
        version="2",
        started_at=instant(at),
    )
    watch = open_watch(release, window, rule, instant(at))
    for minute in range(at, len(series)):
        tell(minute, minute + 1, "2")
        seen = look(watch, window, rule, rules, instant(minute + 1) + rule.judge.lateness, past)
        if seen is not None and seen.kind is VerdictKind.HARMFUL:
            is_after = watch.aftercare is not None
            return Ended(not is_after, minute + 1 - at if is_after else None)
        if watch.is_over:
            break
    return Ended(False, None)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def figures(ended: list[tuple[str, Ended]]) -> dict[str, Any]:
    """Return by kind of release how many were convicted in their aftercare, and how late after the change."""
    found: dict[str, Any] = {}
    for kind in ("bad", "good", "nothing"):
        ends = [end for told, end in ended if told == kind]
        healthy = [end for end in ends if not end.in_watch]
        late = [end.minute - LEAD for end in healthy if end.minute is not None]
        found[kind] = {
            "releases": len(ends),
            "convicted_in_watch": len(ends) - len(healthy),
            "convicted": len(late),
            "share": _share(len(late), len(healthy)),
        }
        if kind == "bad":
            found[kind]["before_the_change"] = sum(minute < 0 for minute in late)
            found[kind]["median_min"] = median(late) if late else None
    return found


def _pretended(folder: Path, rule: Rule, pretended: int) -> Iterator[tuple[str, Ended]]:
    series = read_series(folder / "series.parquet")
    changes = read_starts(folder)
    for number, change in enumerate(changes):
        before, live = minutes(series[change.id], change.start_s)
        known = np.concatenate((before, live))
        first_s = change.start_s - len(before) * 60
        if change.bad is not None:
            kind = "bad" if change.bad else "good"
            yield kind, judged(known, len(before) - LEAD, first_s, rule)
        for place in range(1, pretended + 1):
            at = len(before) - LEAD - place * APART
            # A day at least is known, and the change itself is out of reach.
            if at >= 1440:
                end = at + (rule.judge.watch + rule.judge.after) // _MINUTE + 2
                yield "nothing", judged(known[: min(end, len(before))], at, first_s, rule)
        print(f"{number + 1} of {len(changes)} series", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/kontrast"))
    parser.add_argument("--after", type=int, default=60, help="minutes of aftercare")
    parser.add_argument(
        "--pretended", type=int, default=3, help="releases a series after which nothing changed"
    )
    given = parser.parse_args(arguments)
    started = Started()
    ended = list(_pretended(given.data, rule_of(given.after), given.pretended))
    found = {"after_min": given.after} | figures(ended)
    report(found, started, given.data / "series.parquet", packages=("pyarrow", "numba"))


if __name__ == "__main__":
    main()
