"""A stand-in for Datadog's query API, held to the models of the vendor's own client.

What it is asked and what it answers is read by `datadog_api_client`: a field that the vendor does not know,
or one of another type, fails the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from datadog_api_client.configuration import Configuration
from datadog_api_client.model_utils import (
    ModelComposed,
    ModelNormal,
    ModelSimple,
    validate_and_convert_types,
)
from datadog_api_client.v2.model.timeseries_formula_query_request import TimeseriesFormulaQueryRequest
from datadog_api_client.v2.model.timeseries_formula_query_response import TimeseriesFormulaQueryResponse

from tests.listening import QuietHandler, listening

API_KEY, APPLICATION_KEY = "api-key-of-a-test", "application-key-of-a-test"


def checked(kind: type[Any], value: object) -> Any:
    """Return a value as the vendor's client reads it, refusing what it does not know."""
    configuration = Configuration()  # type: ignore[no-untyped-call]  # the client leaves it untyped
    convert: Any = validate_and_convert_types
    model = convert(value, (kind,), ["body"], True, True, configuration)
    assert not (strange := list(_strange(model))), f"the vendor's client knows no {', '.join(strange)}"
    return model


def _strange(model: Any) -> Iterator[str]:
    """Yield the fields of a model, and of those in it, that the vendor's client does not know."""
    match model:
        case list():
            for one in model:
                yield from _strange(one)
        case ModelComposed():
            for one in model._composed_instances:
                yield from _strange(one)
        case ModelNormal():
            for name, value in model._data_store.items():
                if name not in model.openapi_types:
                    yield name
                yield from _strange(value)
        case ModelSimple():
            yield from _strange(model.value)
    if getattr(model, "_unparsed", False):
        yield type(model).__name__


@dataclass
class DatadogSite:
    """What it answers, and what it was asked.

    Attributes:
        status: Of the next answers.
        headers: Of the next answers.
        body: Of the next answers, where they are not built from `tags`.
        tags: Of each series.
        width_ms: Of an interval, whatever was asked for.
        asked: Attributes of each request.
    """

    address: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    tags: list[list[str]] = field(default_factory=lambda: [["service:cart", "env:prod", "version:2"]])
    width_ms: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and body of an answer."""
        try:
            assert path == "/api/v2/query/timeseries"
            assert headers["content-type"] == "application/json"
            request = json.loads(body)
            model = checked(TimeseriesFormulaQueryRequest, request)
            (query,) = model.data.attributes.queries.value
            assert str(query.data_source) == "metrics"
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a request is told by the test
            self.problems.append(repr(error))
            return 400, {"errors": ["not as the vendor's client writes it"]}
        if (headers.get("dd-api-key"), headers.get("dd-application-key")) != (API_KEY, APPLICATION_KEY):
            return 403, {"errors": ["Forbidden"]}
        attributes = request["data"]["attributes"]
        self.asked.append(attributes)
        return self.status, self._built(attributes) if self.body is None else self.body

    def _built(self, asked: dict[str, Any]) -> dict[str, Any]:
        width = self.width_ms or asked["interval"]
        # It gives the interval that is not over as well, as the vendor does.
        times = list(range(asked["from"] // width * width, asked["to"] + 1, width))
        built = {
            "data": {
                "type": "timeseries_response",
                "attributes": {
                    "series": [{"group_tags": tags, "query_index": 0, "unit": None} for tags in self.tags],
                    "times": times,
                    "values": [
                        [None if number == 1 else float(number) for number in range(len(times))]
                        for _ in self.tags
                    ],
                },
            }
        }
        checked(TimeseriesFormulaQueryResponse, built)
        return built


@contextmanager
def datadog() -> Iterator[DatadogSite]:
    """Run a stand-in for the length of a `with` block."""
    found: list[DatadogSite] = []

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            named = {name.lower(): text for name, text in self.headers.items()}
            status, answer = found[0].answer(self.path, named, body)
            self.tell(status, json.dumps(answer).encode(), found[0].headers)

    with listening(Handler) as address:
        found.append(DatadogSite(f"http://{address}"))
        yield found[0]
