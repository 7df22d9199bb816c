"""Listed requests against a real server on this machine, through the real executor."""

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.http_calls import HttpCalls
from actions.http_door import LARGEST_ANSWER
from actions.run_folders import RunFolder
from actions.runbook_list import Argument, HttpEntry, Poll, Source
from schemas.keys import CommandId
from schemas.orders import Command, CommandKind, Outcome, OutcomeKind
from tests.actions.orders import NOW
from tests.actions.runbook_orders import a_call, executed
from tests.actions.small_server import Reply, SmallServer, served


class Installation:
    """One listed request, and the server that it goes to."""

    def __init__(self, server: SmallServer, address: str, root: Path) -> None:
        self.server, self.address, self.root = server, address, root
        self.entry = HttpEntry(url=f"{address}/flush")

    def lists(self, path: str = "/flush", **said: Any) -> None:
        self.entry = HttpEntry(url=self.address + path, **said)

    def calls(self) -> HttpCalls:
        return HttpCalls({"flush": self.entry}, self.root / "runbooks", lambda: NOW)

    def run(self, arguments: dict[str, str] | None = None, **said: Any) -> Outcome:
        return executed(a_flush(arguments, **said), self.calls())


def a_flush(arguments: dict[str, str] | None = None, name: str = "flush", **said: Any) -> Command:
    return a_call(CommandKind.CALL_HTTP, name, arguments, **said)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    server = SmallServer(lambda _: Reply(200, {"status": "ok"}))
    with served(server) as address:
        yield Installation(server, address, tmp_path)


def test_a_request_is_sent_once_however_often_its_command_comes(here: Installation) -> None:
    first, second = here.run(), here.run()
    assert (first.kind, second.kind) == (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
    assert first.detail == "request flush: HTTP 200; request flush was taken"
    (request,) = here.server.requests
    assert (request.method, request.path) == ("POST", "/flush")
    assert request.headers["Idempotency-Key"] == "c1"


def test_arguments_are_quoted_in_the_address_and_are_data_in_the_body(here: Installation) -> None:
    here.lists(
        "/zones/{zone}/flush?by={suture_service}",
        arguments={"zone": Argument(), "why": Argument(required=False)},
        body={"zone": "{zone}", "said": ["because {why}"], "deep": {"count": 3, "all": True}},
    )
    assert here.run({"zone": 'a/../b?c="d"'}).kind is OutcomeKind.DONE
    (request,) = here.server.requests
    assert request.path == "/zones/a%2F..%2Fb%3Fc%3D%22d%22/flush?by=cart"
    assert request.body == {
        "zone": 'a/../b?c="d"',
        "said": ["because "],
        "deep": {"count": 3, "all": True},
    }
    assert here.run({"zone": ".."}, command="c2").kind is OutcomeKind.REFUSED
    assert len(here.server.requests) == 1


def test_what_is_not_listed_is_refused_with_what_is(here: Installation) -> None:
    outcome = here.run(name="explode")
    assert (outcome.kind, outcome.detail) == (
        OutcomeKind.REFUSED,
        "call_http explode: it is not listed, expected flush",
    )
    assert here.server.requests == []


@pytest.mark.parametrize("reply", [Reply(429), Reply(503), Reply(500, headers={"Retry-After": "7"})])
def test_a_server_that_asks_to_come_later_is_asked_again_under_the_same_key(
    here: Installation, reply: Reply
) -> None:
    here.server.next = [reply]
    outcome = here.run()
    assert outcome.kind is OutcomeKind.DONE, outcome.detail
    assert [request.headers["Idempotency-Key"] for request in here.server.requests] == ["c1", "c1"]
    assert (outcome.at - outcome.started_at).total_seconds() >= float(reply.headers.get("Retry-After", 0))


@pytest.mark.parametrize("reply", [Reply(0), Reply(502)])
@pytest.mark.parametrize(
    ("said", "is_sent_again"),
    [({}, False), ({"repeatable": True}, True), ({"method": "PUT"}, True)],
)
def test_a_request_whose_answer_was_lost_is_sent_again_only_if_that_does_no_harm(
    here: Installation, reply: Reply, said: dict[str, Any], is_sent_again: bool
) -> None:
    here.lists(**said)
    here.server.next = [reply]
    outcome = here.run()
    assert len(here.server.requests) == 1 + is_sent_again
    if is_sent_again:
        assert outcome.kind is OutcomeKind.DONE
    else:
        assert outcome.kind is OutcomeKind.FAILED
        assert "nobody knows whether it took effect" in outcome.detail
        assert here.run().detail == outcome.detail


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_request_whose_executor_died_before_the_answer_is_treated_as_one_that_was_lost(
    here: Installation, repeatable: bool
) -> None:
    here.lists(repeatable=repeatable)
    RunFolder(here.root / "runbooks", CommandId("c1")).begin("request flush", NOW)
    outcome = here.run()
    assert outcome.kind is (OutcomeKind.DONE if repeatable else OutcomeKind.FAILED)
    assert len(here.server.requests) == repeatable


def test_a_request_that_never_arrived_leaves_nothing_open(here: Installation) -> None:
    with served(SmallServer(lambda _: Reply())) as gone:
        pass
    here.entry = HttpEntry(url=f"{gone}/flush")
    outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert "ConnectError (after" in outcome.detail
    here.lists()
    assert here.run().kind is OutcomeKind.DONE


def test_an_answer_that_is_not_expected_is_a_failure_with_the_servers_words(here: Installation) -> None:
    here.server.next = [Reply(422, {"message": "zone 12 of ann@example.org is locked"})]
    outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.detail == (
        "request flush: HTTP 422: zone <n> of <email> is locked, expected 200 or 201 or 202 or 204"
    )


def test_a_redirect_is_not_followed_anywhere(here: Installation) -> None:
    stranger = SmallServer(lambda _: Reply())
    with served(stranger) as elsewhere:
        here.server.next = [Reply(307, headers={"Location": f"{elsewhere}/flush"})]
        outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert "HTTP 307 leads elsewhere" in outcome.detail
    assert stranger.requests == []


def test_a_proxy_from_the_environment_is_not_asked(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = SmallServer(lambda _: Reply(418))
    with served(proxy) as address:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert here.run().kind is OutcomeKind.DONE
    assert proxy.requests == []


def test_an_answer_that_does_not_end_is_not_read_to_its_end(here: Installation) -> None:
    here.server.next = [Reply(200, b"x" * (LARGEST_ANSWER + 1))]
    outcome = here.run()
    assert outcome.kind is OutcomeKind.FAILED
    assert f"the answer is above {LARGEST_ANSWER} bytes" in outcome.detail


def test_a_secret_goes_into_the_header_and_nowhere_else(here: Installation) -> None:
    secret = here.root / "token"
    secret.write_text("open-sesame\n")
    here.lists(headers={"Authorization": Source(file=str(secret), prefix="Bearer ")})
    outcome = here.run()
    assert here.server.requests[0].headers["Authorization"] == "Bearer open-sesame"
    kept = b"".join(path.read_bytes() for path in (here.root / "runbooks").rglob("*.json"))
    assert "sesame" not in outcome.detail
    assert b"sesame" not in kept
    secret.unlink()
    missing = here.run(command="c2")
    assert "Authorization from" in missing.detail
    assert missing.kind is OutcomeKind.FAILED


def test_tls_is_verified_against_the_authorities_that_the_list_names(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = SmallServer(lambda _: Reply())
    with served(server, context) as address:
        here = Installation(server, address, tmp_path)
        assert here.run().kind is OutcomeKind.FAILED
        assert server.requests == []
        here.lists(certificates=str(certificate))
        assert here.run(command="c2").kind is OutcomeKind.DONE


POLL = {"path": "job.state", "succeeded": ("done",), "failed": ("broken",), "every_s": 0.1}


@pytest.mark.parametrize(("last", "kind"), [("done", OutcomeKind.DONE), ("broken", OutcomeKind.FAILED)])
def test_work_that_a_request_begins_is_asked_after_until_it_ends(
    here: Installation, last: str, kind: OutcomeKind
) -> None:
    poll = Poll(url=f"{here.address}/jobs/{{id}}?for={{suture_command}}", id="job.id", **POLL)  # type: ignore[arg-type]  # by name
    here.lists(poll=poll, expect=(202,))
    jobs = [Reply(200, {"job": {"state": state}}) for state in ("queued", "running", last)]
    here.server.next = [Reply(202, {"job": {"id": 7}}), jobs[0], Reply(503), *jobs[1:]]
    outcome = here.run()
    assert outcome.kind is kind, outcome.detail
    assert f"request flush ended as {last}" in outcome.detail
    paths = [f"{request.method} {request.path}" for request in here.server.requests]
    assert paths == ["POST /flush", *["GET /jobs/7?for=c1"] * 4]
    assert here.run().kind is (OutcomeKind.ALREADY_DONE if kind is OutcomeKind.DONE else kind)
    assert len(here.server.requests) == 5


def test_work_that_does_not_end_in_time_has_failed(here: Installation) -> None:
    here.lists(poll=Poll(url=f"{here.address}/job", **POLL))  # type: ignore[arg-type]  # by name
    outcome = here.run(timeout_s=5)
    assert outcome.kind is OutcomeKind.FAILED
    assert "not complete after 0:00:05" in outcome.detail
    assert "says nothing, expected done or broken" in outcome.detail


def test_an_executor_that_comes_after_one_that_died_goes_on_asking(here: Installation) -> None:
    here.lists(poll=Poll(url=f"{here.address}/job", **POLL))  # type: ignore[arg-type]  # by name
    here.calls().carry_out(a_flush())
    here.server.next = [Reply(200, {"job": {"state": "done"}})]
    assert here.run().kind is OutcomeKind.ALREADY_DONE
    assert [request.method for request in here.server.requests] == ["POST", "GET"]


def test_a_rehearsal_checks_everything_and_sends_nothing(here: Installation) -> None:
    here.lists("/zones/{zone}", arguments={"zone": Argument(choices=("eu",))})
    outcome = here.run({"zone": "eu"}, is_rehearsal=True)
    assert outcome.kind is OutcomeKind.REHEARSED
    assert outcome.detail == f"would change: POST to {here.address}/zones/{{zone}} with zone"
    assert here.run({"zone": "us"}, is_rehearsal=True).kind is OutcomeKind.REFUSED
    here.entry = replace(here.entry, headers={"X-Key": Source(file="/nowhere")})
    assert here.run({"zone": "eu"}, is_rehearsal=True).kind is OutcomeKind.FAILED
    assert here.server.requests == []


def test_a_kill_switch_that_comes_on_between_retries_stops_them(here: Installation) -> None:
    here.server.next = [Reply(503)] * 100
    seen = here.server.requests
    outcome = executed(a_flush(), here.calls(), kill_switch=lambda: "stop" if len(seen) >= 2 else "")
    assert outcome.kind is OutcomeKind.REFUSED
    assert len(seen) == 2
