"""ChangeRCA's lines as observations: each case an environment, each pod-minute a few gauges."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from detectors.defaults import CPU, LATENCY, MEMORY, SUCCESS, pod_minute_rule
from schemas.codec import digest
from schemas.instants import from_ms
from schemas.keys import EnvironmentName, ServiceName, TemplateHash, release_id, service_key
from schemas.observations import (
    Body,
    LogPosition,
    Observation,
    PodChange,
    PodChanged,
    ReleaseStarted,
    SettingsChanged,
    Tick,
)
from schemas.policy import Autonomy, Policy
from schemas.releases import Release
from schemas.samples import SampleBatch, Series

Row = dict[str, Any]

_POD_GAUGES = {"latency": LATENCY, "cpu": CPU, "mem": MEMORY}
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Change:
    """One release of a case.

    Attributes:
        environment: The case, or a name of its own when a quiet pod poses as a canary.
        ready: When its canary was ready, unix seconds.
        next_step: When the rollout went on, unix seconds: too late to save anybody.
        pod: The pod that poses, for A/A; "" otherwise.
    """

    id: str
    case: str
    environment: str
    service: str
    ready: int
    next_step: int
    pod: str = ""


def read(source: Path) -> tuple[list[Row], list[Change]]:
    """Return the lines in the order of time, and the changes that their deploy events announce."""
    with gzip.open(source, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        row["environment"] = row["case"]
    rows.sort(key=lambda row: row["ts"])
    steps: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "deploy":
            steps[row["change"]].append(row)
    changes = []
    for name in sorted(steps):
        first = steps[name][0]
        later = [row["ts"] for row in steps[name] if row["step"] > 0]
        # A rollout that never went on is judged for as long as it is watched.
        next_step = min(later) if later else first["ts"] + 30 * _MINUTE
        case, service = first["case"], first["service"]
        changes.append(Change(name, case, case, service, first["ts"], next_step))
    return rows, changes


def posing(rows: list[Row], changes: list[Change]) -> tuple[list[Row], list[Change]]:
    """Return the A/A set: each stable pod as the canary of its service in its case's quiet minutes.

    It poses from half of the quiet time on, in an environment of its own beside its true twins; what
    it said before is left out, because a new pod has no past.
    """
    ends: dict[str, int] = {}
    for change in changes:
        ends[change.case] = min(ends.get(change.case, change.ready), change.ready)
    quiet: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "metric" and row["ts"] < ends.get(row["case"], 0):
            quiet[row["case"], row["service"]].append(row)
    posed: list[Row] = []
    changes = []
    for (case, service), known in sorted(quiet.items()):
        first, end = known[0]["ts"], ends[case]
        ready = first + (end - first) // 2 // _MINUTE * _MINUTE
        for pod in sorted({row["pod"] for row in known if row["version"] == "v1"}):
            environment = f"{case}~{pod}"
            changes.append(Change(environment, case, environment, service, ready, end, pod))
            here: Row = {"kind": "deploy", "case": case, "environment": environment, "service": service}
            here |= {"change": environment, "ts": ready, "pod": pod, "what": "ready", "step": 0}
            posed.append(here)
            for row in known:
                if row["pod"] != pod:
                    posed.append({**row, "environment": environment})
                elif row["ts"] >= ready:
                    posed.append({**row, "environment": environment, "version": "v2"})
    return sorted(posed, key=lambda row: row["ts"]), changes


def observations(rows: list[Row]) -> Iterator[Observation]:
    """Yield what the log would hold: settings, batches, deploy events and a tick a minute, in order."""
    rule = pod_minute_rule(Autonomy.ALONE)
    policy = Policy(rules={"*/*": rule})
    offset = 0

    def entry(key: str, body: Body) -> Observation:
        nonlocal offset
        offset += 1
        return Observation(
            key=key, body=body, position=LogPosition(topic="observations", partition=0, offset=offset)
        )

    if not rows:
        return
    yield entry("", SettingsChanged(policy=policy, digest=digest(policy), at=from_ms(rows[0]["ts"] * 1000)))
    opened: set[str] = set()
    # Ticks come when a minute's samples are in: a little after the full minute.
    late = rule.judge.lateness // timedelta(seconds=1)
    tick = rows[0]["ts"] // _MINUTE * _MINUTE + late
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and rows[end]["ts"] <= tick:
            end += 1
        for key, body in _bodies(rows[start:end], opened):
            yield entry(key, body)
        yield entry("", Tick(at=from_ms(tick * 1000)))
        start, tick = end, tick + _MINUTE
    for _ in range(rule.judge.watch // timedelta(minutes=1)):
        yield entry("", Tick(at=from_ms(tick * 1000)))
        tick += _MINUTE


def _bodies(rows: list[Row], opened: set[str]) -> Iterator[tuple[str, Body]]:
    """Yield one minute's deploy events, then its batches."""
    metrics: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        environment, service = EnvironmentName(row["environment"]), ServiceName(row["service"])
        key = service_key(environment, service)
        if row["kind"] == "metric":
            metrics.setdefault((environment, service), []).append(row)
            continue
        at = from_ms(row["ts"] * 1000)
        if row["change"] not in opened:
            opened.add(row["change"])
            yield (
                key,
                ReleaseStarted(
                    release=Release(
                        id=release_id(environment, service, "v2", "bench", row["change"]),
                        environment=environment,
                        service=service,
                        version="v2",
                        started_at=at,
                        template=_template(service, "v2"),
                        rollback_template=_template(service, "v1"),
                    )
                ),
            )
        version = "v1" if "-v1-" in row["pod"] and row["what"] == "deleted" else "v2"
        yield (
            key,
            PodChanged(
                environment=environment,
                service=service,
                pod=row["pod"],
                version=version,
                template=_template(service, version),
                change=PodChange(row["what"]),
                at=at,
            ),
        )
    for (environment_, service_), found in sorted(metrics.items()):
        environment, service = EnvironmentName(environment_), ServiceName(service_)
        yield service_key(environment, service), _batch(environment, service, found)


def _template(service: str, version: str) -> TemplateHash:
    return TemplateHash(f"{service}-{version}")


def _batch(environment: EnvironmentName, service: ServiceName, rows: list[Row]) -> SampleBatch:
    """Return one service's pod-minutes: success by caller, what is the pod's own once a minute."""
    table: dict[Series, int] = {}
    columns: dict[tuple[int, int], float] = {}

    def add(row: Row, metric: str, value: float | None, caller: str) -> None:
        if value is None:
            return
        series = Series(
            metric=metric,
            pod=row["pod"],
            version=row["version"],
            template=_template(service, row["version"]),
            attributes=(("suture.caller", caller),) if caller else (),
        )
        # A pod's first line comes within the minute after it is ready, so a line tells of the minute before.
        time_ms = (row["ts"] - _MINUTE) * 1000
        columns[table.setdefault(series, len(table)), time_ms] = float(value)

    for row in rows:
        caller, _, callee = row["edge"].partition("_")
        for name, metric in _POD_GAUGES.items():
            add(row, metric, row["values"].get(name), "")
        if callee == service:
            add(row, SUCCESS, row["values"].get("success"), caller)
    keys = list(columns)
    return SampleBatch(
        environment=environment,
        service=service,
        series=tuple(table),
        series_ids=np.array([number for number, _ in keys], dtype=np.int32),
        times_ms=np.array([time_ms for _, time_ms in keys], dtype=np.int64),
        values=np.array([columns[key] for key in keys], dtype=np.float64),
    )
