"""Recorded canary releases as pod-minutes, turned into the messages that live senders would have sent.

The form is JSON lines, gzip-compressed, with `ts` in unix seconds. `deploy` lines say that a pod of a
rollout's step came or went; `metric` lines hold one pod's minute, `edge` being `caller_callee`. Each case
becomes an environment of its own. Metrics become OTLP, a change's first pod becomes a CDEvent, and pods
that come and go become the observations that a watcher of the cluster would make.

The form is that of G. Yu et al., "ChangeRCA: Finding Root Causes from Software Changes in Large Online
Systems", Proceedings of the ACM on Software Engineering 1 (FSE), 2024, as it is published for replay.
"""

import gzip
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from actions.playbook_files import load_playbooks
from detectors.defaults import CPU, LATENCY, MEMORY, SUCCESS, pod_minute_rule
from schemas.cdevents import read_deploy
from schemas.cloudevents import CloudEvent, write_record
from schemas.codec import digest
from schemas.envelopes import Message
from schemas.errors import SchemaError
from schemas.instants import from_ms
from schemas.keys import EnvironmentName, ServiceName, TemplateHash, service_key
from schemas.observation_messages import observation_message
from schemas.observations import PodChange, PodChanged, SettingsChanged
from schemas.policy import Autonomy, Policy, Rule
from schemas.topics import Topic

Row = dict[str, Any]

SOURCE = "/pod-minutes"
_POD_GAUGES = {"latency": LATENCY, "cpu": CPU, "mem": MEMORY}
_MINUTE = 60
# A live ticker ticks every few seconds. Of those ticks two say something: the one that closes the minute,
# and the next, by which all services have spoken about it.
_SECOND_TICK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What senders say within one minute, and the ticks that end it.

    Attributes:
        messages: In the order in which they were sent.
        ticks: Instants, rising.
    """

    messages: tuple[Message, ...]
    ticks: tuple[datetime, ...]


def read_rows(file: Path) -> list[Row]:
    """Return the lines of a recording in the order of time, each with its case as `environment`.

    Raises:
        SchemaError: a line is not of this form; says which.
    """
    rows: list[Row] = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                rows.append({**row, "ts": int(row["ts"]), "environment": str(row["case"])})
            except (KeyError, TypeError, ValueError) as error:
                raise SchemaError(f"{file.name}:{number}: not a line of pod-minutes") from error
    rows.sort(key=lambda row: row["ts"])
    return rows


def is_pod_minutes(file: Path) -> bool:
    """Return whether a file looks like a recording of pod-minutes."""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            first = json.loads(lines.readline())
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and first.get("kind") in ("deploy", "metric") and "case" in first


def settings_of(rows: list[Row]) -> SettingsChanged:
    """Return the policy under which pod-minutes are judged: the shipped default for them, acting alone.

    With the shipped playbooks, as live workers have them.
    """
    policy = _policy()
    return SettingsChanged(policy=policy, digest=digest(policy), at=from_ms(rows[0]["ts"] * 1000))


@cache
def _policy() -> Policy:
    return Policy(rules={"*/*": pod_minute_rule(Autonomy.ALONE)}, playbooks=load_playbooks(None))


def minutes(rows: list[Row], rule: Rule | None = None, only: str | None = None) -> Iterator[Minute]:
    """Yield what was sent minute by minute, and after it ticks for as long as a watch takes.

    Args:
        rows: In the order of time.
        rule: The rule that holds; says how late samples may be and how long a watch is.
        only: The environment whose messages are wanted, "" for none's; None for all. Time passes the same.
    """
    if not rows:
        return
    judge = (rule or pod_minute_rule()).judge
    opened: set[str] = set()
    # Ticks come when a minute's samples are in: a little after the full minute.
    end_s = rows[0]["ts"] // _MINUTE * _MINUTE + judge.lateness // timedelta(seconds=1)
    patience = judge.watch // timedelta(minutes=1)
    start = quiet = 0
    while start < len(rows):
        end = bisect_right(rows, end_s, lo=start, key=_time_s)
        told = [row for row in rows[start:end] if only is None or row["environment"] == only]
        yield Minute(messages=tuple(_messages(told, opened)), ticks=_ticks(end_s))
        quiet = 0 if end > start else quiet + 1
        start, end_s = end, end_s + _MINUTE
        if quiet > patience and start < len(rows):
            # Every watch is over: nothing happens until the next line.
            end_s += max(0, rows[start]["ts"] - end_s) // _MINUTE * _MINUTE
    for _ in range(patience):
        yield Minute(messages=(), ticks=_ticks(end_s))
        end_s += _MINUTE


def _time_s(row: Row) -> int:
    return int(row["ts"])


def template_of(service: str, version: str) -> TemplateHash:
    """Return what stands for the pod-template hash of a version, of which the recording has none."""
    return TemplateHash(f"{service}-{version}")


def deploy_event(row: Row) -> CloudEvent:
    """Return the CDEvent that announces a change, from the line of its first pod."""
    service, at = str(row["service"]), from_ms(row["ts"] * 1000)
    timestamp = at.isoformat().replace("+00:00", "Z")
    kind = "dev.cdevents.service.deployed.0.3.0"
    data = {
        "context": {
            "specversion": "0.5.1",
            "id": str(row["change"]),
            "source": SOURCE,
            "type": kind,
            "timestamp": timestamp,
        },
        "subject": {
            "id": service,
            "source": SOURCE,
            "content": {
                "environment": {"id": str(row["environment"])},
                "artifactId": f"pkg:generic/{service}@v2",
            },
        },
        "customData": {
            "suture": {
                "version": "v2",
                "template": template_of(service, "v2"),
                "rollbackTemplate": template_of(service, "v1"),
            }
        },
        "customDataContentType": "application/json",
    }
    return CloudEvent(id=str(row["change"]), source=SOURCE, type=kind, time=at, subject=service, data=data)


def _ticks(end_s: int) -> tuple[datetime, ...]:
    first = from_ms(end_s * 1000)
    return first, first + _SECOND_TICK


def _messages(rows: Iterable[Row], opened: set[str]) -> Iterator[Message]:
    """Yield one minute's deploy events, then its metrics."""
    metrics: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "metric":
            metrics.setdefault(row["environment"], []).append(row)
            continue
        if row["change"] not in opened:
            opened.add(row["change"])
            event = deploy_event(row)
            if read_deploy(event) is None:
                raise SchemaError(f"change {row['change']} announces no release")
            value, headers = write_record(event)
            yield Message(topic=Topic.CDEVENTS, key=None, value=value, headers=tuple(headers))
        yield _pod_changed(row)
    for environment in sorted(metrics):
        yield Message(topic=Topic.OTLP_METRICS, key=None, value=_otlp(metrics[environment]))


def _pod_changed(row: Row) -> Message:
    environment, service = EnvironmentName(row["environment"]), ServiceName(row["service"])
    version = "v1" if "-v1-" in row["pod"] and row["what"] == "deleted" else "v2"
    body = PodChanged(
        environment=environment,
        service=service,
        pod=row["pod"],
        version=version,
        template=template_of(service, version),
        change=PodChange(row["what"]),
        at=from_ms(row["ts"] * 1000),
    )
    return observation_message(Topic.OBSERVATIONS, service_key(environment, service), body)


def _otlp(rows: list[Row]) -> bytes:
    """Return one environment's pod-minutes: success by caller, what is the pod's own once a minute."""
    points: dict[tuple[str, str, str, str, str], dict[int, float]] = {}
    for row in rows:
        caller, _, callee = row["edge"].partition("_")
        # A pod's first line comes within the minute after it is ready: a line tells of the minute before.
        time_s = row["ts"] - _MINUTE
        pod = (row["service"], row["pod"], row["version"])
        for name, metric in _POD_GAUGES.items():
            if row["values"].get(name) is not None:
                points.setdefault((*pod, metric, ""), {})[time_s] = float(row["values"][name])
        if callee == row["service"] and row["values"].get("success") is not None:
            points.setdefault((*pod, SUCCESS, caller), {})[time_s] = float(row["values"]["success"])
    request = ExportMetricsServiceRequest()
    scopes: dict[tuple[str, str, str], Any] = {}
    for (service, name, version, metric, caller), values in points.items():
        scope = scopes.get((service, name, version))
        if scope is None:
            resource = request.resource_metrics.add()
            _attributes(
                resource.resource.attributes,
                {
                    "service.name": service,
                    "service.version": version,
                    "deployment.environment.name": rows[0]["environment"],
                    "k8s.pod.name": name,
                    "suture.template": template_of(service, version),
                },
            )
            scope = scopes[service, name, version] = resource.scope_metrics.add()
        found = scope.metrics.add()
        found.name = metric
        for time_s, value in values.items():
            point = found.gauge.data_points.add(time_unix_nano=time_s * 1_000_000_000, as_double=value)
            if caller:
                _attributes(point.attributes, {"suture.caller": caller})
    return request.SerializeToString(deterministic=True)


def _attributes(into: Any, named: dict[str, str]) -> None:
    for name, text in named.items():
        attribute = into.add()
        attribute.key = name
        attribute.value.string_value = text
