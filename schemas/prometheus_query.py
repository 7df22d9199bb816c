"""Range queries of Prometheus' HTTP API: what is asked, and what an answer holds.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Range queries"; promql/engine.go, where
`timestamp` of a plain selector is the sample's own time and of anything else that of the evaluation.
"""

from dataclasses import dataclass, field
from typing import Literal

from schemas.codec import from_json
from schemas.pulled_series import PulledSeries, finite

MOST_STEPS = 11_000
"""Points of one series that Prometheus gives at most; it refuses to give more."""


@dataclass(frozen=True, slots=True)
class _Series:
    metric: dict[str, str]
    values: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Matrix:
    resultType: Literal["matrix"]  # noqa: N815  # Prometheus' spelling
    result: list[_Series]


@dataclass(frozen=True, slots=True)
class _RangeAnswer:
    status: Literal["success"]
    data: _Matrix


@dataclass(frozen=True, slots=True)
class _Failure:
    errorType: str = ""  # noqa: N815  # Prometheus' spelling
    error: str = ""


def fresh_only(query: str, step_s: float) -> str:
    """Return a query that gives a series only at steps in which it was read anew.

    Prometheus looks back five minutes for a value: a target whose source was lost reads for so long as if it
    stood still. Only plain selectors know when they were read; other expressions are given as they are.

    >>> print(fresh_only("up", 15))
    (
    up
    ) and (timestamp(
    up
    ) > time() - 15)
    """
    # Lines of their own: a query may end in a comment.
    return f"(\n{query}\n) and (timestamp(\n{query}\n) > time() - {step_s:g})"


def range_form(query: str, start_ms: int, end_ms: int, step_ms: int, timeout_s: float) -> dict[str, str]:
    """Return the form of a request for the steps from `start_ms` to `end_ms`, both included."""
    return {
        "query": query,
        "start": f"{start_ms / 1000:.3f}",
        "end": f"{end_ms / 1000:.3f}",
        "step": f"{step_ms / 1000:g}",
        "timeout": f"{timeout_s:g}s",
        # Thanos would leave out what a part of it cannot tell, and pods would seem silent.
        "partial_response": "false",
    }


def read_matrix(body: bytes) -> tuple[PulledSeries, ...]:
    """Return the series of an answer; native histograms, which it may hold as well, are left out.

    Raises:
        SchemaError: it is no matrix.
    """
    answer = from_json(_RangeAnswer, body)
    return tuple(
        PulledSeries(
            labels=series.metric,
            points=finite((round(at_s * 1000), float(text)) for at_s, text in series.values),
        )
        for series in answer.data.result
    )


def failure_text(body: bytes) -> str:
    """Return what an error's body says went wrong.

    Raises:
        SchemaError: it says nothing, as a proxy's page does.
    """
    failure = from_json(_Failure, body)
    return f"{failure.errorType}: {failure.error}".strip(": ")
