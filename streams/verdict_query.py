"""Verdicts as one Prometheus series, `suture_verdict`, for who asks Prometheus and nobody else: Keptn. Pure.

Understood is one instant selector with equality matchers, and nothing else of PromQL.

Sources: prometheus.io, "Querying basics" (selectors, string literals), "HTTP API" (instant queries, errors).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.cloudevents import read_instant
from schemas.errors import SchemaError
from streams.release_verdicts import ReleaseVerdict, Standing

METRIC = "suture_verdict"
"""1 for healthy, 0 for harmful; without a sample in between and where nothing is known."""

VALUES = {Standing.HEALTHY: "1", Standing.HARMFUL: "0"}
LONGEST_QUERY = 4096
FARTHEST = timedelta(minutes=5)
"""From now: what was held at another time is not known here. As far as Prometheus looks back."""

_SPACE = r"[ \t\r\n]*"
_NAME = re.compile(rf"{_SPACE}([a-zA-Z_:][a-zA-Z0-9_:]*){_SPACE}")
_LABEL = re.compile(rf"{_SPACE}([a-zA-Z_][a-zA-Z0-9_]*){_SPACE}(=~|!~|!=|=){_SPACE}")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`')
_AFTER = re.compile(rf"{_SPACE}([,}}])")
_END = re.compile(rf"{_SPACE}}}")
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which series are asked for.

    Attributes:
        labels: What each label must be; "" asks for series without it.
    """

    labels: tuple[tuple[str, str], ...] = ()

    def of(self, name: str) -> str:
        """Return what a label must be; "" where nothing is asked of it."""
        return next((value for label, value in self.labels if label == name), "")

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Return whether a series is asked for."""
        return all(labels.get(name, "") == value for name, value in self.labels)


def read_selector(query: str) -> Selector:
    """Return the selector that a query is.

    Raises:
        SchemaError: it is another query; says where.

    >>> read_selector('suture_verdict{service="cart", environment="prod"}').labels
    (('service', 'cart'), ('environment', 'prod'))
    >>> read_selector("suture_verdict").labels
    ()
    """
    if len(query) > LONGEST_QUERY:
        raise SchemaError(f"query has {len(query)} characters, expected at most {LONGEST_QUERY}")
    name = _NAME.match(query)
    if name is None or name[1] != METRIC:
        raise SchemaError(f'query asks for another metric, expected {METRIC}{{label="value",...}}')
    place = name.end()
    if place == len(query):
        return Selector()
    if query[place] != "{":
        raise _unexpected(place)
    place += 1
    labels: list[tuple[str, str]] = []
    while (end := _END.match(query, place)) is None:
        label = _LABEL.match(query, place)
        if label is None:
            raise _unexpected(place)
        if label[2] != "=":
            raise SchemaError(f"matcher at character {label.start(2)} is {label[2]}, expected =")
        text = _STRING.match(query, label.end())
        if text is None:
            raise _unexpected(label.end())
        labels.append((label[1], _unquoted(text[0], text.start())))
        after = _AFTER.match(query, text.end())
        if after is None:
            raise _unexpected(text.end())
        # A comma behind the last matcher is allowed.
        place = after.end() if after[1] == "," else after.start(1)
    if query[end.end() :].strip(" \t\r\n"):
        raise _unexpected(end.end())
    return Selector(labels=tuple(labels))


def read_time(text: str, now: datetime) -> float:
    """Return the instant that is asked about, in seconds of the epoch; "" for now.

    Raises:
        SchemaError: it is no instant, or too far from now.
    """
    if not text:
        return now.timestamp()
    try:
        seconds = float(text)
    except ValueError:
        seconds = read_instant("time", text).timestamp()
    # Written so that NaN is refused.
    if not abs(seconds - now.timestamp()) <= FARTHEST.total_seconds():
        raise SchemaError(f"time is farther than {FARTHEST} from now, which alone is known")
    return seconds


def vector(
    selector: Selector, answers: Iterable[ReleaseVerdict], at_s: float, most: int = 0
) -> dict[str, Any]:
    """Return the answer to an instant query.

    Args:
        selector: Which series are asked for.
        answers: What is held of releases.
        at_s: Seconds of the epoch that the samples are given for.
        most: How many series at most; 0 for all.
    """
    samples = []
    for answer in answers:
        labels = labels_of(answer)
        if answer.verdict in VALUES and selector.fits(labels):
            samples.append({"metric": labels, "value": [at_s, VALUES[answer.verdict]]})
    return {
        "status": "success",
        "data": {"resultType": "vector", "result": samples[:most] if most else samples},
    }


def labels_of(answer: ReleaseVerdict) -> dict[str, str]:
    """Return the labels of a release's series; an empty one is none."""
    labels = {
        "__name__": METRIC,
        "environment": answer.environment,
        "service": answer.service,
        "version": answer.version,
        "release": answer.release,
        "template": answer.template,
    }
    return {name: value for name, value in labels.items() if value}


def failure(kind: str, message: str) -> bytes:
    """Return an error as Prometheus writes it."""
    return json.dumps({"status": "error", "errorType": kind, "error": message}).encode()


def _unquoted(literal: str, place: int) -> str:
    body = literal[1:-1]
    if literal[0] == "`":
        return body
    parts = re.split(r"\\(.)", body, flags=re.DOTALL)
    for escaped in parts[1::2]:
        if escaped not in _ESCAPES:
            raise SchemaError(f"string at character {place} holds an escape that is not understood")
    return "".join(_ESCAPES[part] if odd % 2 else part for odd, part in enumerate(parts))


def _unexpected(place: int) -> SchemaError:
    return SchemaError(
        f'query is not understood from character {place} on, expected {METRIC}{{label="value",...}}'
    )
