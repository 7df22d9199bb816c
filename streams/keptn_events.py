"""Keptn's v1 events that ask for an evaluation, and the events that answer them. Pure.

Sources: keptn/spec 0.2.x, cloudevents.md: evaluation and get-sli, `triggered`, `started`, `finished`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.cloudevents import read_instant
from schemas.envelopes import iso
from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object, require_object
from schemas.keys import EnvironmentName, ServiceName, derived_id
from schemas.names import environment_name, service_name
from streams.release_verdicts import ReleaseVerdict, Standing
from streams.verdict_query import METRIC, VALUES

SOURCE = "suture"
_TYPE = "sh.keptn.event."
_LONGEST = 500
_MOST_LABELS = 50
_MOST_INDICATORS = 100


class Task(StrEnum):
    """What Keptn asks for."""

    EVALUATION = "evaluation"
    GET_SLI = "get-sli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """An event that asks.

    Attributes:
        id: Of the event.
        context: `shkeptncontext`: the sequence that it belongs to.
        environment: Its stage, or label `environment`.
        version: Label `version`; "" for the newest release of the service.
        start: From when on, as the event says; "" where it does not.
        indicators: Names of what get-sli asks for.
        echoed: What every answer repeats: project, stage, service and labels.
        git_commit: `gitcommitid`; "" for none.
    """

    task: Task
    id: str
    context: str
    environment: EnvironmentName
    service: ServiceName
    version: str
    start: str
    end: str
    indicators: tuple[str, ...]
    echoed: dict[str, Json] = field(hash=False)
    git_commit: str = ""


def read_triggered(body: bytes) -> Triggered:
    """Return what a `triggered` event asks for.

    Raises:
        SchemaError: it is no such event; never repeats it.
    """
    event = read_object(body, "event")
    if event.get("specversion") != "1.0":
        raise SchemaError("specversion is another than 1.0")
    task = _task(event.get("type"))
    data = require_object(event.get("data"), "data")
    labels = _object(data, "labels")
    if len(labels) > _MOST_LABELS or any(not _is_text(value) for value in labels.values()):
        raise SchemaError(f"data.labels are not at most {_MOST_LABELS} strings")
    asked = _object(data, task.value)
    stage, service = _text(data, "stage", "data."), _text(data, "service", "data.")
    given = asked.get("indicators") or []
    if (
        not isinstance(given, list)
        or len(given) > _MOST_INDICATORS
        or any(not _is_text(one) for one in given)
    ):
        raise SchemaError(f"data.{task}.indicators are not at most {_MOST_INDICATORS} strings")
    return Triggered(
        task=task,
        id=_text(event, "id", ""),
        context=_text(event, "shkeptncontext", ""),
        environment=environment_name(str(labels.get("environment") or stage)),
        service=service_name(service),
        version=str(labels.get("version") or "").strip(),
        start=_instant(asked, "start"),
        end=_instant(asked, "end"),
        indicators=tuple(str(one) for one in given),
        echoed={
            "project": _text(data, "project", "data."),
            "stage": stage,
            "service": service,
            "labels": labels,
        },
        git_commit=_text(event, "gitcommitid", "") if event.get("gitcommitid") else "",
    )


def started(asked: Triggered, now: datetime) -> dict[str, Any]:
    """Return the event that says that the work has begun."""
    data = {**asked.echoed, "status": "succeeded", "message": "Suture watches the release"}
    return _event(asked, "started", data, now)


def finished(asked: Triggered, answer: ReleaseVerdict, now: datetime) -> dict[str, Any]:
    """Return the event that says what came of it.

    Health passes, harm fails, and what is neither warns: not to know is no pass.

    Args:
        asked: What was asked.
        answer: What is held of the release, settled.
        now: When it is said.
    """
    result = {Standing.HEALTHY: "pass", Standing.HARMFUL: "fail"}.get(answer.verdict, "warning")
    message = f"{answer.verdict.value}: {'; '.join(answer.reasons)}"
    data: dict[str, Any] = {
        **asked.echoed,
        "status": "succeeded",
        "result": result,
        "message": message,
    }
    indicator = _indicator(METRIC, answer, message)
    if asked.task is Task.GET_SLI:
        wanted = asked.indicators or (METRIC,)
        data["get-sli"] = {
            "start": asked.start or iso(now),
            "end": asked.end or iso(now),
            "indicatorValues": [indicator if name == METRIC else _foreign(name) for name in wanted],
        }
        return _event(asked, "finished", data, now)
    score = {"pass": 100, "warning": 50}.get(result, 0)
    data["evaluation"] = {
        "timeStart": asked.start or iso(now),
        "timeEnd": asked.end or iso(now),
        "result": result,
        "score": score,
        "indicatorResults": [
            {
                "score": score / 100,
                "value": indicator,
                "displayName": "Suture's verdict",
                "passTargets": [{"criteria": ">=1", "targetValue": 1, "violated": result != "pass"}],
                "warningTargets": [],
                "keySli": True,
                "status": {"pass": "pass", "warning": "warning"}.get(result, "failed"),
            }
        ],
    }
    return _event(asked, "finished", data, now)


def _indicator(name: str, answer: ReleaseVerdict, message: str) -> dict[str, Any]:
    value = VALUES.get(answer.verdict)
    return {
        "metric": name,
        "value": 0.0 if value is None else float(value),
        "success": value is not None,
        "message": message,
    }


def _foreign(name: str) -> dict[str, Any]:
    because = f"Suture gives {METRIC} alone"
    return {"metric": name, "value": 0.0, "success": False, "message": because}


def _event(asked: Triggered, phase: str, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": derived_id("keptn", asked.context, asked.id, asked.task, phase),
        "source": SOURCE,
        "type": f"{_TYPE}{asked.task}.{phase}",
        "time": iso(now),
        "datacontenttype": "application/json",
        "data": data,
        "shkeptncontext": asked.context,
        "triggeredid": asked.id,
    }
    return {**event, "gitcommitid": asked.git_commit} if asked.git_commit else event


def _task(kind: Json) -> Task:
    for task in Task:
        if kind == f"{_TYPE}{task}.triggered":
            return task
    expected = " or ".join(f"{_TYPE}{task}.triggered" for task in Task)
    raise SchemaError(f"type is another, expected {expected}")


def _object(data: dict[str, Json], name: str) -> dict[str, Json]:
    """Return an object of the data; empty where there is none."""
    given = data.get(name)
    return {} if given is None else require_object(given, f"data.{name}")


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()


def _text(values: dict[str, Json], name: str, where: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value.strip() or not _is_text(value):
        raise SchemaError(f"{where}{name} is missing, expected a printable string of at most {_LONGEST}")
    return value


def _instant(asked: dict[str, Json], name: str) -> str:
    value = asked.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise SchemaError(f"{name} is no RFC 3339 timestamp")
    # Nanoseconds are Keptn's own, and go back as they came.
    read_instant(name, value)
    return value
