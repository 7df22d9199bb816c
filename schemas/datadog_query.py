"""Timeseries queries of Datadog's API, version 2: what is asked, and what an answer holds.

Source: docs.datadoghq.com/api/latest/metrics, "Query timeseries data across multiple products", and the
models of datadog-api-client 2.62.0. A point stands for the interval that begins at its time.
"""

import json
from dataclasses import dataclass, field
from itertools import pairwise

from schemas.codec import from_json
from schemas.errors import SchemaError
from schemas.pulled_series import PulledKind, PulledSeries, finite


@dataclass(frozen=True, slots=True)
class _Series:
    group_tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Attributes:
    series: list[_Series] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[list[float | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Data:
    attributes: _Attributes = field(default_factory=_Attributes)


@dataclass(frozen=True, slots=True)
class _Answer:
    data: _Data | None = None
    errors: str | list[str] | None = None
    error: str | None = None
    status: str | None = None


def timeseries_body(query: str, start_ms: int, end_ms: int, step_ms: int) -> bytes:
    """Return the body of a request for the steps that end from `start_ms` to `end_ms`, both included."""
    attributes = {
        "from": start_ms - step_ms,
        "to": end_ms,
        "interval": step_ms,
        "formulas": [{"formula": "a"}],
        "queries": [{"data_source": "metrics", "query": query, "name": "a"}],
    }
    return json.dumps({"data": {"type": "timeseries_request", "attributes": attributes}}).encode()


def read_timeseries(
    body: bytes, kind: PulledKind, start_ms: int, end_ms: int, step_ms: int
) -> tuple[PulledSeries, ...]:
    """Return the series of an answer, without intervals that were not asked for: the newest is incomplete.

    What was added in an interval is given the time of its end, a level that of its beginning.

    Raises:
        SchemaError: it says that the query failed, which it does with status 200 as well; or it is of no
            known form, or in other intervals than were asked for.
    """
    answer = from_json(_Answer, body)
    if said := failure_of(answer):
        raise SchemaError(said)
    told = _Attributes() if answer.data is None else answer.data.attributes
    if len(told.series) != len(told.values) or any(len(row) != len(told.times) for row in told.values):
        raise SchemaError("answer has other numbers of series, times and values, expected one of each")
    # It may take larger intervals than it was asked for, of which the newest would be incomplete.
    width = min((after - before for before, after in pairwise(told.times)), default=step_ms)
    if width != step_ms:
        raise SchemaError(f"answer is in intervals of {width / 1000:g} s, expected {step_ms / 1000:g} s")
    shift = step_ms if kind is PulledKind.DELTA else 0
    wanted = [(place, at) for place, at in enumerate(told.times) if start_ms <= at + step_ms <= end_ms]
    return tuple(
        PulledSeries(
            labels=_labels(series.group_tags),
            points=finite((at + shift, value) for place, at in wanted if (value := row[place]) is not None),
        )
        for series, row in zip(told.series, told.values, strict=True)
    )


def failure_of(answer: _Answer) -> str:
    """Return what an answer says went wrong; "" when it went well."""
    said = answer.errors or answer.error or ""
    text = said if isinstance(said, str) else "; ".join(said)
    return text or ("status is error" if answer.status == "error" else "")


def failure_text(body: bytes) -> str:
    """Return what an error's body says went wrong.

    Raises:
        SchemaError: it says nothing, as a proxy's page does.
    """
    return failure_of(from_json(_Answer, body))


def _labels(tags: list[str]) -> dict[str, str]:
    """Return tags as labels; Datadog writes `N/A` for a tag that a series lacks."""
    pairs = (tag.partition(":") for tag in tags)
    return {name: text for name, colon, text in pairs if colon and text != "N/A"}
