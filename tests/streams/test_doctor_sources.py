"""The doctor looks at the sources of metrics as the puller would."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from schemas.pulled_series import PulledKind
from streams import clock
from streams.doctor import Finding, Health
from streams.doctor_sources import sources
from streams.settings import Settings
from tests.listening import QuietHandler, listening

CART = {"service": "cart", "pod": "a"}
POLICY = "version: 1\ndefaults: {judge: {lateness: 30s}}\n"


@contextmanager
def prometheus(*labels: dict[str, str], status: int = 200, ahead: timedelta = timedelta(0)) -> Iterator[str]:
    """Serve one value of each series, or an error, from a server with a clock of its own."""
    result = [{"metric": one, "values": [[1_700_000_000, "1"]]} for one in labels]
    good = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    bad = {"status": "error", "errorType": "bad_data", "error": "parse error"}

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.tell(status, json.dumps(good if status == 200 else bad).encode())

        def date_time_string(self, *_: object) -> str:
            return format_datetime(clock.now() + ahead, usegmt=True)

    with listening(Handler) as address:
        yield f"http://{address}"


def look(folder: Path, address: str, policy: str = POLICY) -> list[Finding]:
    query = f"{{metric: requests, query: up, kind: {PulledKind.COUNTER}}}"
    file, rules = folder / "pull.yaml", folder / "policy.yaml"
    rules.write_text(policy)
    source = f"{{name: main, kind: prometheus, url: '{address}', queries: [{query}]}}"
    file.write_text(f"version: 1\nsources:\n  - {source}\n")
    return list(sources(Settings(pull=file, policy=rules)))


def test_sources_are_skipped_where_none_are_listed() -> None:
    (found,) = sources(Settings())
    assert found.health is Health.SKIPPED
    assert "SUTURE_PULL" in found.advice


def test_a_file_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "pull.yaml"
    file.write_text("version: 1\nsources:\n  - {name: main, kind: graphite, queries: []}\n")
    (found,) = sources(Settings(pull=file))
    assert found.health is Health.FAILED
    assert "pull.yaml:3" in found.seen


def test_a_source_that_answers_is_told_with_what_it_says(tmp_path: Path) -> None:
    with prometheus(CART, {**CART, "pod": "b"}, {"service": "mail"}) as address:
        (found,) = look(tmp_path, address)
    assert found.health is Health.OK
    assert found.seen == "answers with 3 series of 2 services"


def test_a_source_that_does_not_answer_fails(tmp_path: Path) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        (found,) = look(tmp_path, address)
    assert found.health is Health.FAILED
    assert found.seen == f"{address}: no answer: ConnectError"


def test_a_query_that_is_refused_fails_and_says_what_that_means(tmp_path: Path) -> None:
    with prometheus(status=400) as address:
        (found,) = look(tmp_path, address)
    assert found.health is Health.FAILED
    assert found.seen == "the query of requests is refused: HTTP 400: bad_data: parse error"
    assert "broken" in found.advice


def test_a_source_that_says_nothing_is_a_warning(tmp_path: Path) -> None:
    with prometheus() as address:
        (found,) = look(tmp_path, address)
    assert found.health is Health.WARNING
    assert "nothing anew" in found.seen


def test_series_that_name_no_service_are_counted(tmp_path: Path) -> None:
    with prometheus(CART, {"job": "cart"}) as address:
        (nameless, _) = look(tmp_path, address)
    assert nameless.health is Health.WARNING
    assert nameless.seen == "1 of 2 series of requests name no service"


@pytest.mark.parametrize(("hours", "side"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_is_not_ours_is_told(tmp_path: Path, hours: int, side: str) -> None:
    with prometheus(CART, ahead=timedelta(hours=hours)) as address:
        (apart, _) = look(tmp_path, address)
    assert apart.health is Health.WARNING
    assert f" s {side} ours" in apart.seen


def test_a_policy_that_looks_before_pulled_samples_are_there_is_a_warning(tmp_path: Path) -> None:
    with prometheus(CART) as address:
        (_, late) = look(tmp_path, address, "version: 1\ndefaults: {judge: {lateness: 29s}}\n")
    assert late.health is Health.WARNING
    assert "up to 30s late" in late.seen
