"""Requests to PagerDuty: as its documents have them, sent a bounded number of times, refused in our words."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actions.errors import ActionError, NotAllowedActionError, PermanentActionError, TransientActionError
from actions.people.channel import Done
from actions.people.pagerduty_api import PagerDutyApi, RefusedRequestError
from infra.dev.pagerduty_contract import read_contract
from infra.dev.pagerduty_server import ROUTING_KEY, SERVICE, TOKEN, Fault, PagerDuty
from schemas.keys import derived_id
from schemas.orders import Page
from tests.actions.orders import CART, NOW, PROD, a_release
from tests.actions.pagerduty_site import CONTRACTS, Pauses, a_channel, pagerduty, settings_of
from tests.actions.slack_stories import a_hold, a_page

__all__ = ["pagerduty"]


def an_api(server: PagerDuty, pauses: Pauses | None = None) -> PagerDutyApi:
    return PagerDutyApi(settings_of(server), pauses or Pauses())


def paths(server: PagerDuty) -> list[str]:
    return [f"{method} {path}" for method, path, _ in server.requests]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_request_is_repeated_while_pagerduty_is_busy(pagerduty: PagerDuty, status: int) -> None:
    pauses = Pauses()
    pagerduty.faults = [Fault(status=status), Fault(status=status)]
    assert an_api(pagerduty, pauses).get(f"/services/{SERVICE}")["service"]["name"] == "shop"
    # Without `ratelimit-reset` the pauses are our own.
    assert pauses.seconds == [0.5, 1.0]
    assert len(pagerduty.requests) == 3


def test_a_request_is_repeated_after_as_many_seconds_as_pagerduty_asks(pagerduty: PagerDuty) -> None:
    pauses = Pauses()
    pagerduty.faults = [Fault(status=429, headers={"ratelimit-reset": "2"})]
    an_api(pagerduty, pauses).get(f"/services/{SERVICE}")
    assert pauses.seconds == [2.0]


def test_a_longer_wait_is_left_to_the_caller_and_told(pagerduty: PagerDuty) -> None:
    pauses = Pauses()
    pagerduty.faults = [Fault(status=429, headers={"ratelimit-reset": "40"})]
    with pytest.raises(TransientActionError) as told:
        an_api(pagerduty, pauses).get(f"/services/{SERVICE}")
    assert told.value.retry_after_s == 40.0
    assert pauses.seconds == []


@pytest.mark.parametrize("said", ["-1", "nan", "1e9", "", "٣", "9999999"])
def test_a_wait_that_is_no_number_is_not_believed(pagerduty: PagerDuty, said: str) -> None:
    pauses = Pauses()
    headers = {"ratelimit-reset": said} if said.isascii() else {}
    pagerduty.faults = [Fault(status=429, headers=headers)]
    an_api(pagerduty, pauses).get(f"/services/{SERVICE}")
    assert pauses.seconds == [0.5]


@pytest.mark.parametrize("status", [429, 500, 0])
def test_a_request_is_given_up_after_three_attempts(pagerduty: PagerDuty, status: int) -> None:
    pagerduty.faults = [Fault(status=status)] * 5
    with pytest.raises(TransientActionError):
        an_api(pagerduty).get(f"/services/{SERVICE}")
    assert len(pagerduty.faults) == 2


@pytest.mark.parametrize("status", [500, 0, 408])
def test_a_note_that_may_have_been_written_is_not_written_again_at_once(
    pagerduty: PagerDuty, status: int
) -> None:
    pagerduty.faults = [Fault(status=status, method="POST")] * 2
    with pytest.raises(TransientActionError):
        an_api(pagerduty).post("/incidents/PINC0001/notes", {"note": {"content": "x"}})
    assert len(pagerduty.faults) == 1


def test_a_note_that_was_not_taken_is_sent_again(pagerduty: PagerDuty) -> None:
    pagerduty.faults = [Fault(status=429, method="POST")]
    with pytest.raises(RefusedRequestError, match="404"):
        an_api(pagerduty).post("/incidents/PINC0001/notes", {"note": {"content": "x"}})
    assert paths(pagerduty) == ["POST /incidents/PINC0001/notes"] * 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedRequestError),
        (401, NotAllowedActionError),
        (402, RefusedRequestError),
        (403, NotAllowedActionError),
        (404, RefusedRequestError),
        (408, TransientActionError),
        (409, TransientActionError),
        (422, RefusedRequestError),
        (301, TransientActionError),
    ],
)
def test_a_refusal_means_what_the_caller_should_do(
    pagerduty: PagerDuty, status: int, kind: type[ActionError]
) -> None:
    pauses = Pauses()
    pagerduty.faults = [Fault(status=status)]
    with pytest.raises(kind, match=f"{status} to GET /services/{SERVICE}") as told:
        an_api(pagerduty, pauses).get(f"/services/{SERVICE}")
    assert pauses.seconds == []
    assert isinstance(told.value, PermanentActionError) is issubclass(kind, PermanentActionError)


def test_no_key_is_told_with_a_refusal(pagerduty: PagerDuty) -> None:
    api = PagerDutyApi(replace(settings_of(pagerduty), token="u+AnotherSecretToken"), Pauses())
    with pytest.raises(NotAllowedActionError) as told:
        api.get(f"/services/{SERVICE}")
    assert "oken" not in str(told.value).replace("Invalid token", "")
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert "AnotherSecretToken" not in repr(settings_of(pagerduty))
    assert TOKEN not in repr(settings_of(pagerduty))


def test_no_log_line_holds_a_key_even_at_its_wordiest(
    pagerduty: PagerDuty, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel, held = a_channel(pagerduty), a_hold()
    pagerduty.faults = [Fault(status=429), Fault(status=500)]
    channel.poll(channel.ask(held), held)
    channel.notify(a_page())
    with pytest.raises(NotAllowedActionError):
        PagerDutyApi(replace(settings_of(pagerduty), token="u+AnotherSecretToken"), Pauses()).get("/users")
    assert caplog.records
    for secret in (TOKEN, ROUTING_KEY, "AnotherSecretToken"):
        assert secret not in caplog.text
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_a_server_with_another_certificate_is_told_nothing(pagerduty: PagerDuty) -> None:
    api = PagerDutyApi(replace(settings_of(pagerduty), authority=None), Pauses())
    with pytest.raises(TransientActionError, match="ConnectError"):
        api.get(f"/services/{SERVICE}")
    assert pagerduty.requests == []


def test_a_server_that_does_not_answer_is_given_up(pagerduty: PagerDuty) -> None:
    silence = threading.Event()
    pagerduty.faults = [Fault(status=500, waits=silence)] * 3
    try:
        with pytest.raises(TransientActionError, match="ReadTimeout"):
            PagerDutyApi(settings_of(pagerduty), Pauses(), timeout_s=0.2).get(f"/services/{SERVICE}")
    finally:
        silence.set()


def test_a_page_without_a_question_is_an_alert_that_joins_itself(pagerduty: PagerDuty) -> None:
    channel, page = a_channel(pagerduty), a_page()
    channel.notify(page)
    channel.notify(page)
    first, second = pagerduty.account.events
    assert first == second
    assert first["routing_key"] == ROUTING_KEY
    assert first["dedup_key"] == page.id
    assert first["event_action"] == "trigger"
    assert first["payload"]["summary"] == page.summary
    assert first["payload"]["source"] == "prod/cart"
    assert first["payload"]["timestamp"].endswith("Z")


@pytest.mark.parametrize("text", ["x" * 10_000, "\N{SKULL}" * 3000, "a\nb\0c", "", " "])
def test_pages_and_changes_fit_whatever_they_say(pagerduty: PagerDuty, text: str) -> None:
    channel = a_channel(pagerduty)
    channel.notify(replace(a_page(), summary=text))
    channel.started(replace(a_release(), version=f"v{text}", commit=text))
    channel.done(Done(id=derived_id("d", text), environment=PROD, service=CART, at=NOW, text=text, url=""))
    assert len(pagerduty.account.events) == 1
    assert len(pagerduty.account.changes) == 2
    for event in (*pagerduty.account.events, *pagerduty.account.changes):
        assert len(event["payload"]["summary"]) <= 1024
        assert event["payload"]["summary"].isprintable()


def test_every_release_and_every_rollback_is_a_change_on_the_timeline(pagerduty: PagerDuty) -> None:
    channel, release = a_channel(pagerduty), a_release()
    channel.started(release)
    text = "undo of shop/cart done"
    channel.done(
        Done(id="o1", environment=PROD, service=CART, at=NOW, text=text, url="https://suture.example/o1")
    )
    started, done = pagerduty.account.changes
    assert started["payload"]["summary"] == "cart 2 reaches prod"
    assert started["payload"]["custom_details"]["release"] == release.id
    assert done["payload"]["summary"] == text
    assert done["links"] == [{"href": "https://suture.example/o1", "text": "More"}]


def test_without_a_routing_key_nothing_but_questions_is_told(pagerduty: PagerDuty) -> None:
    channel = a_channel(pagerduty, routing_key="")
    channel.notify(a_page())
    channel.started(a_release())
    assert pagerduty.requests == []


@pytest.mark.parametrize(("status", "kind"), [(400, RefusedRequestError), (429, TransientActionError)])
def test_the_events_api_is_asked_as_patiently(
    pagerduty: PagerDuty, status: int, kind: type[ActionError]
) -> None:
    pauses = Pauses()
    pagerduty.faults = [Fault(status=status)] * 3
    with pytest.raises(kind, match=f"{status} to POST /v2/enqueue"):
        a_channel(pagerduty, pauses).notify(a_page())
    assert len(pauses.seconds) == (2 if status == 429 else 0)


def test_a_time_of_another_zone_is_told_in_utc(pagerduty: PagerDuty) -> None:
    page: Page = replace(a_page(), at=datetime(2026, 11, 1, 5, 0, tzinfo=UTC) + timedelta(microseconds=1))
    a_channel(pagerduty).notify(page)
    (event,) = pagerduty.account.events
    assert event["payload"]["timestamp"] == "2026-11-01T05:00:00.000Z"


def test_the_contract_finds_what_its_schemas_alone_let_pass() -> None:
    if not CONTRACTS.is_dir():
        pytest.skip(f"{CONTRACTS} is absent: it is kept beside the repository")
    contract = read_contract(CONTRACTS)
    headers = {
        "Accept": "application/vnd.pagerduty+json;version=2",
        "Content-Type": "application/json",
        "From": "suture@example.com",
    }
    service = {"id": SERVICE, "type": "service_reference"}
    good = {"incident": {"type": "incident", "title": "x", "service": service, "incident_key": "k"}}
    assert contract.faults("POST", "/incidents", [], headers, good) == []
    misspelt = {"incident": {**good["incident"], "incidnet_key": "k"}}
    wrong = {"incident": {**good["incident"], "service": {"id": SERVICE, "type": "service"}}}
    nameless = {"incident": {"type": "incident", "service": service}}
    for query, sent, body in (
        ([], headers, misspelt),
        ([], headers, wrong),
        ([], headers, nameless),
        ([], headers, None),
        ([("incident_kye", "k")], headers, good),
        ([], {**headers, "Accept": "application/json"}, good),
        ([], {name: value for name, value in headers.items() if name != "From"}, good),
    ):
        assert contract.faults("POST", "/incidents", query, sent, body) != []
    assert contract.faults("GET", "/incidents", [("statuses[]", "open")], headers, None) != []
    assert contract.faults("PATCH", "/incidents", [], headers, good) != []
    assert contract.faults("GET", "/no_such_place", [], headers, None) != []
    event = {"routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": "k"}
    payload = {"summary": "x", "source": "y", "severity": "error"}
    assert contract.faults("POST", "/v2/enqueue", [], {}, {**event, "payload": payload}) == []
    for bad in ({**payload, "summary": "x" * 1025}, {**payload, "severity": "bad"}):
        assert contract.faults("POST", "/v2/enqueue", [], {}, {**event, "payload": bad}) != []
    assert contract.faults("POST", "/v2/enqueue", [], {}, {**event, "routing_key": "short"}) != []
