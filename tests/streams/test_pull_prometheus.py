"""Prometheus is asked by form over HTTP, and its errors are told apart by what the puller does next."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from actions.errors import PermanentActionError, TransientActionError
from schemas.prometheus_query import fresh_only, read_matrix
from schemas.pulled_series import Names, PulledKind, PulledMetric, PulledSeries, otlp_requests
from streams.pull_asking import Asker
from streams.pull_http import LARGEST_ANSWER
from streams.pull_progress import Window
from streams.pull_sources import Credential, PullQuery, PullSource, SourceKind
from tests.listening import QuietHandler, listening

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts" / "prometheus"
EMPTY = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
QUERY = PullQuery(metric="requests", query='requests_total{pod=~"a|b"}', kind=PulledKind.COUNTER)
WINDOW = Window(1_700_000_000_000, 1_700_000_030_000, 15_000)


@dataclass
class Server:
    """What it answers, and what it was asked."""

    address: str
    status: int = 200
    body: bytes = EMPTY
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, list[str]]]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Server]:
    found: list[Server] = []

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            found[0].asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, form))
            self.tell(found[0].status, found[0].body, found[0].headers)

    with listening(Handler) as address:
        found.append(Server(f"http://{address}"))
        yield found[0]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def ask(server: Server, **changes: object) -> PulledMetric:
    given = {
        "name": "main",
        "kind": SourceKind.PROMETHEUS,
        "url": server.address,
        "queries": (QUERY,),
        **changes,
    }
    source = PullSource(**given)  # type: ignore[arg-type]  # a test names its fields
    with Asker(source) as asker:
        return asker.ask(QUERY, WINDOW)


def test_a_window_is_asked_for_by_form_with_both_its_ends(server: Server) -> None:
    ask(server)
    ((path, headers, form),) = server.asked
    assert path == "/api/v1/query_range"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form == {
        "query": [fresh_only(QUERY.query, 15)],
        "start": ["1700000000.000"],
        "end": ["1700000030.000"],
        "step": ["15"],
        "timeout": ["10s"],
        "partial_response": ["false"],
    }


def test_tenant_token_and_password_go_along_as_headers(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "the-token")
    ask(server, tenant="shop", token=Credential(variable="A_TOKEN"))
    file = tmp_path / "password"
    file.write_text("the-password\n")
    ask(server, user="ann", password=Credential(file=str(file)))
    (_, first, _), (_, second, _) = server.asked
    assert first["x-scope-orgid"] == "shop"
    assert first["authorization"] == "Bearer the-token"
    assert base64.b64decode(second["authorization"].removeprefix("Basic ")) == b"ann:the-password"


@pytest.mark.parametrize(
    "file", ["query_range.empty.json", "query_range.no-labels.json", "query_range.with-labels.json"]
)
def test_the_answers_that_others_recorded_can_be_read(file: str) -> None:
    if not CONTRACTS.is_dir():
        pytest.skip("the folder of contracts is not beside the repository")
    series = read_matrix((CONTRACTS / file).read_bytes())
    assert len(series) == (0 if "empty" in file else 1)
    assert all(len(one.points) > 5 for one in series)


def test_values_that_are_no_numbers_are_left_out_and_times_are_rounded_to_milliseconds() -> None:
    body = (
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},'
        b'"values":[[1700000000.001,"1"],[1700000015,"NaN"],[1700000030,"+Inf"],[1700000045,"2.5"]]}]},'
        b'"warnings":["one"]}'
    )
    (series,) = read_matrix(body)
    assert series.points == ((1_700_000_000_001, 1.0), (1_700_000_045_000, 2.5))


@pytest.mark.parametrize("status", [400, 422])
def test_a_query_that_prometheus_cannot_do_is_refused_for_good(server: Server, status: int) -> None:
    server.status = status
    server.body = b'{"status":"error","errorType":"bad_data","error":"invalid parameter \\"query\\""}'
    with pytest.raises(PermanentActionError, match=f"HTTP {status}: bad_data: invalid parameter"):
        ask(server)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b'{"status":"error","errorType":"timeout","error":"query timed out"}'),
        (502, b"<html>Bad Gateway</html>"),
        (400, b"<html>the proxy's own</html>"),
        (401, b""),
        (404, b"404 page not found"),
        (302, b""),
        (200, b"<html>log in</html>"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[]}}'),
    ],
)
def test_what_may_pass_is_asked_again(server: Server, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    with pytest.raises(TransientActionError, match=f"HTTP {status}"):
        ask(server)


def test_a_pause_that_is_asked_for_is_told(server: Server) -> None:
    server.status, server.headers = 503, {"Retry-After": "7"}
    with pytest.raises(TransientActionError) as told:
        ask(server)
    assert told.value.retry_after_s == 7.0


def test_nobody_at_the_address_is_told_without_the_address() -> None:
    with serving() as gone:
        pass
    with pytest.raises(TransientActionError, match=r"^no answer: ConnectError$"):
        ask(gone)


def test_an_answer_without_end_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.pull_http.LARGEST_ANSWER", 10)
    with pytest.raises(TransientActionError, match="above 10 bytes"):
        ask(server)
    assert LARGEST_ANSWER == 64 * 1024 * 1024


def test_labels_become_a_resource_and_what_is_left_the_attributes_of_a_point() -> None:
    metric = PulledMetric(
        metric="requests",
        kind=PulledKind.COUNTER,
        labels=Names(service="app", pod="pod", template="pod_template_hash", environment="env"),
        fixed=Names(environment="prod"),
        series=(
            PulledSeries(
                labels={
                    "__name__": "requests_total",
                    "app": "cart",
                    "pod": "cart-1",
                    "pod_template_hash": "5d9c7b",
                    "env": "staging",
                    "code": "500",
                },
                points=((1_700_000_000_000, 4.0),),
            ),
            PulledSeries(labels={"pod": "nobody's"}, points=((1_700_000_000_000, 4.0),)),
        ),
    )
    (request,) = otlp_requests([metric])
    (resource,) = request.resource_metrics
    told = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert told == {
        "service.name": "cart",
        "deployment.environment.name": "prod",
        "k8s.pod.name": "cart-1",
        "suture.template": "5d9c7b",
    }
    (point,) = resource.scope_metrics[0].metrics[0].sum.data_points
    # What is fixed holds, and the label that would have said it is an attribute like any other.
    assert {one.key: one.value.string_value for one in point.attributes} == {"code": "500", "env": "staging"}
