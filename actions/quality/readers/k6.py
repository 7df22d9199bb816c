"""k6's end-of-test summary, from `handleSummary` or from `--summary-export`.

Source: Grafana k6 documentation, "Custom summary" and "Summary export". The two differ in one trap: a
threshold's `true` means that it was broken in an export, and `ok: true` that it was met in the other.
"""

from actions.quality.readers.fields import clean, count_of, number_of, object_of, require_few
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.reports import LoadReport


def is_k6(top: dict[str, Json]) -> bool:
    """Return whether it is a summary of k6."""
    return isinstance(top.get("metrics"), dict) and "root_group" in top


def read_k6(top: dict[str, Json]) -> LoadReport:
    """Return requests, failures, duration percentiles and the thresholds that were not met.

    Raises:
        SchemaError: it tells of no HTTP requests, or a number is none.
    """
    metrics = object_of(top, "metrics", "the k6 summary")
    require_few(len(metrics), "metrics of the k6 summary")
    duration, requests = _values(metrics, "http_req_duration"), _values(metrics, "http_reqs")
    if "count" not in requests:
        raise SchemaError("the k6 summary has no http_reqs, expected a test of an HTTP service")
    count = count_of(requests["count"], "count of http_reqs")
    # Of a rate, `passes` counts how often it was true: here, how many requests failed.
    failed = _values(metrics, "http_req_failed")
    failures = count_of(failed.get("passes", 0), "passes of http_req_failed")
    if failures > count:
        raise SchemaError("the k6 summary counts more failed requests than requests")
    span = object_of(top, "state", "the k6 summary").get("testRunDurationMs")
    return LoadReport(
        requests=count,
        failed_requests=failures,
        p50_ms=_duration(duration, "med"),
        p90_ms=_duration(duration, "p(90)"),
        p95_ms=_duration(duration, "p(95)"),
        seconds=None if span is None else _positive(span, "testRunDurationMs") / 1000,
        broken_thresholds=_broken(metrics),
    )


def _values(metrics: dict[str, Json], name: str) -> dict[str, Json]:
    """Return a metric's numbers: under `values`, or flat in an export."""
    metric = object_of(metrics, name, "the k6 summary's metrics")
    return object_of(metric, "values", name) if "values" in metric else metric


def _duration(values: dict[str, Json], key: str) -> float | None:
    return _positive(values[key], f"{key} of http_req_duration") if values.get(key) is not None else None


def _positive(value: Json, what: str) -> float:
    number = number_of(value, what)
    if number < 0:
        raise SchemaError(f"{what} is negative, expected 0 or more")
    return number


def _broken(metrics: dict[str, Json]) -> tuple[str, ...]:
    broken = []
    for name, value in metrics.items():
        metric = require_object(value, "a metric of the k6 summary")
        for rule, state in object_of(metric, "thresholds", "a metric").items():
            if isinstance(state, bool):
                is_broken = state
            else:
                is_met = require_object(state, "a threshold").get("ok")
                if not isinstance(is_met, bool):
                    raise SchemaError("ok of a threshold is no boolean")
                is_broken = not is_met
            if is_broken:
                broken.append(clean(f"{name}: {rule}"))
    return tuple(sorted(broken))
