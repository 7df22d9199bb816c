"""Answers by PagerDuty's webhooks: proven by a signature, given by people, read from what they changed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SchemaError
from schemas.observations import Answer
from schemas.pagerduty_callbacks import NoteAnswer, read_note, read_pagerduty_callback
from schemas.replies import Reply
from schemas.webhook_signatures import SignatureError, check_pagerduty_signature

Json = dict[str, Any]
Read = Callable[[str, str], Any]

SECRET, OTHER = b"a secret that nobody guesses", b"another secret that is not it"
CODE = "3f9a0c"


def signed(body: bytes, secret: bytes = SECRET) -> bytes:
    return b"v1=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


def accepts(body: bytes, signatures: bytes | None, *secrets: bytes) -> bool:
    with suppress(SignatureError):
        check_pagerduty_signature(body, signatures, secrets or (SECRET,))
        return True
    return False


def an_event(read: Read, kind: str, data: Json) -> Json:
    """Return the documentation's envelope around other data."""
    whole: Json = read("pagerduty", "webhooks-v3/event.incident.priority_updated.json")
    whole["event"] |= {"event_type": kind, "data": data}
    return whole


def a_choice(read: Read, value: object = "approve", old: object = "pending") -> Json:
    data = read("pagerduty", "webhooks-v3/data.incident_field_values.json")
    for fields, this in ((data["custom_fields"], value), (data["changed_custom_fields"], old)):
        fields.append({**fields[0], "id": "PDECIDE", "name": "rollback_decision", "value": this})
    return an_event(read, "incident.custom_field_values.updated", data)


def a_note(read: Read, content: object) -> Json:
    data = read("pagerduty", "webhooks-v3/data.incident_note.json")
    return an_event(read, "incident.annotated", {**data, "content": content})


def heard(event: Json) -> Reply | None:
    return read_pagerduty_callback(json.dumps(event).encode())


def test_the_known_signature_holds_for_either_of_its_two_parts(read_contract: Read) -> None:
    vectors = read_contract("authored", "signature-vectors.json")["vectors"]
    (vector,) = [one for one in vectors if one["scheme"] == "pagerduty-v1"]
    body, secret = vector["body"].encode(), vector["secret"].encode()
    header = vector["headers"]["X-PagerDuty-Signature"].encode()
    assert accepts(body, header, secret)
    held = [part for part in header.split(b",") if accepts(body, part, secret)]
    assert len(held) >= 1
    assert accepts(body, header.replace(b",", b" ,\t "), OTHER, secret)


@given(body=st.binary(max_size=300), data=st.data())
def test_nothing_that_differs_by_a_bit_is_proven(body: bytes, data: st.DataObject) -> None:
    good = signed(body)
    assert accepts(body, good)
    assert accepts(body, signed(body, OTHER) + b", " + good)
    assert accepts(body, good, OTHER, SECRET)
    place = data.draw(st.integers(0, len(good) - 1))
    flipped = bytearray(good)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    assert not accepts(body, bytes(flipped).replace(b",", b"."))
    assert not accepts(body + b" ", good)
    assert not accepts(body, good, OTHER)
    if body:
        other = bytearray(body)
        other[data.draw(st.integers(0, len(body) - 1))] ^= 1
        assert not accepts(bytes(other), good)


@pytest.mark.parametrize(
    "header", [None, b"", b",", b"v1=", b"v1", b"v0=00", b"\xff\xfe", "v1=é".encode(), b" " * 4000]
)
def test_a_header_that_holds_no_signature_is_refused_in_words(header: bytes | None) -> None:
    assert not accepts(b"{}", header)


def test_a_signature_without_its_version_or_in_capitals_is_none() -> None:
    good = signed(b"{}")
    assert not accepts(b"{}", good.removeprefix(b"v1="))
    assert not accepts(b"{}", good.upper())


def test_without_a_secret_nothing_is_proven() -> None:
    with pytest.raises(SignatureError):
        check_pagerduty_signature(b"{}", signed(b"{}", b""), ())


def test_a_choice_in_the_field_is_an_answer_of_the_person_who_made_it(read_contract: Read) -> None:
    assert heard(a_choice(read_contract)) == Reply(
        channel="pagerduty",
        source="5ac64822-4adc-4fda-ade0-410becf0de4f",
        thread="PBAZLIU",
        by="PLH1HKV",
        answer=Answer.APPROVE,
        at=datetime(2020, 10, 2, 18, 45, 22, 169000, tzinfo=UTC),
    )
    rejected = heard(a_choice(read_contract, "reject", "approve"))
    assert rejected is not None
    assert rejected.answer is Answer.REJECT


@pytest.mark.parametrize("value", ["pending", "granted", "Approve", "", None, ["approve"], True, 1, {}])
def test_any_other_choice_is_no_answer(read_contract: Read, value: object) -> None:
    # What it was before does not matter: `changed_custom_fields` has the old values.
    assert heard(a_choice(read_contract, value, "approve")) is None


def test_a_choice_that_stood_there_before_is_not_of_who_changed_another_field(read_contract: Read) -> None:
    event = a_choice(read_contract)
    event["event"]["data"]["changed_custom_fields"].pop()
    assert heard(event) is None
    del event["event"]["data"]["changed_custom_fields"]
    assert heard(event) is None


def test_the_field_has_the_name_that_the_installation_gives_it(read_contract: Read) -> None:
    body = json.dumps(a_choice(read_contract)).encode()
    assert read_pagerduty_callback(body, "another_field") is None
    assert read_pagerduty_callback(body, "rollback_decision") is not None


@pytest.mark.parametrize(
    "agent",
    [
        None,
        {"id": "PBOT", "type": "bot_user_reference"},
        {"id": "PSVC", "type": "service_reference"},
        {"id": "PINT", "type": "integration_reference"},
        {"id": "PWF", "type": "workflow_reference"},
        {"id": "PLH1HKV"},
        "PLH1HKV",
        [],
    ],
)
def test_who_is_no_person_gives_no_answer(read_contract: Read, agent: object) -> None:
    for event in (a_choice(read_contract), a_note(read_contract, f"approve {CODE}")):
        event["event"]["agent"] = agent
        assert heard(event) is None


def test_a_note_is_an_answer_with_its_code(read_contract: Read) -> None:
    reply = heard(a_note(read_contract, f"Approve {CODE}: seen it"))
    assert reply is not None
    assert (reply.thread, reply.answer, reply.code) == ("PGR0VU2", Answer.APPROVE, CODE)
    assert (reply.why, reply.hold, reply.to) == ("seen it", "", "")
    other = heard(a_note(read_contract, f"hand over {CODE} bob"))
    assert other is not None
    assert (other.answer, other.to) == (Answer.HAND_OVER, "bob")


def test_a_note_that_was_cut_is_no_answer(read_contract: Read) -> None:
    event = a_note(read_contract, f"approve {CODE}")
    event["event"]["data"]["trimmed"] = True
    assert heard(event) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (f"approve {CODE}", NoteAnswer(answer=Answer.APPROVE, code=CODE)),
        (f"  REJECT\t{CODE.upper()}\n", NoteAnswer(answer=Answer.REJECT, code=CODE)),
        (f"reject {CODE}: no\nnot now\0", NoteAnswer(answer=Answer.REJECT, code=CODE, why="no not now")),
        (f"approve {CODE}:", NoteAnswer(answer=Answer.APPROVE, code=CODE)),
        (f"handover {CODE} eve", NoteAnswer(answer=Answer.HAND_OVER, code=CODE, to="eve")),
        (
            f"Hand_Over {CODE} group.sre : x",
            NoteAnswer(answer=Answer.HAND_OVER, code=CODE, to="group.sre", why="x"),
        ),
    ],
)
def test_a_note_answers_in_exact_words(text: str, answer: NoteAnswer) -> None:
    assert read_note(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "approve",
        CODE,
        f"approve{CODE}",
        f"approve {CODE}0",
        f"approve {CODE[:5]}",
        f"approve {CODE[:5]}g",
        f"approve {CODE} now",
        f"do not approve {CODE}",
        f"approve {CODE} reject {CODE}",
        f"approved {CODE}",
        f"hand over {CODE}",
        f"hand over {CODE} two names",
        f"> approve {CODE}",
        f"approve {CODE}: " + "x" * 2000,
    ],
)
def test_any_other_note_is_talk(text: str) -> None:
    assert read_note(text) is None


@given(st.text(max_size=200))
def test_what_is_read_from_a_note_is_bounded_and_can_be_shown(text: str) -> None:
    found = read_note(f"reject {CODE}: {text}")
    assert found is not None
    assert len(found.why) <= 300
    assert found.why.isprintable()
    if (said := read_note(text)) is not None:
        assert said.code == said.code.lower()
        assert said.code.isascii()


def test_every_other_event_is_left_alone(read_contract: Read) -> None:
    kinds = read_contract("pagerduty", "webhooks-v3/event-types.json")
    assert len(kinds) > 20
    for kind in (*kinds, "pagey.ping", "incident.custom", "", None, 7):
        if kind not in ("incident.annotated", "incident.custom_field_values.updated"):
            event = an_event(
                read_contract, kind, read_contract("pagerduty", "webhooks-v3/data.incident.json")
            )
            assert heard(event) is None
    assert heard(read_contract("pagerduty", "webhooks-v3/event.service.updated.json")) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"event":null}', b'{"event":[]}', b"\xff"]
)
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(SchemaError):
        read_pagerduty_callback(body)


@pytest.mark.parametrize(
    "place", ["id", "occurred_at", "data", "data.incident", "data.incident.id", "agent.id"]
)
@pytest.mark.parametrize("value", [None, "", 7, [], "x" * 5000, "a\nb", "\N{SNOWMAN}"])
def test_an_answer_that_lacks_a_part_is_refused_without_repeating_it(
    read_contract: Read, place: str, value: object
) -> None:
    for event in (a_choice(read_contract), a_note(read_contract, f"approve {CODE}")):
        target = event["event"]
        *way, last = place.split(".")
        for step in way:
            target = target[step]
        target[last] = value
        with pytest.raises(SchemaError) as told:
            heard(event)
        assert not isinstance(value, str) or not value or value not in str(told.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
places = st.sampled_from(
    ["id", "event_type", "agent", "occurred_at", "data", "incident", "custom_fields", "changed_custom_fields"]
)


@given(st.dictionaries(places, anything), st.dictionaries(places, anything))
def test_whatever_stands_in_an_event_is_an_answer_nothing_or_refused(event: Json, data: Json) -> None:
    for kind in ("incident.annotated", "incident.custom_field_values.updated"):
        agent = {"type": "user_reference", "id": "P1"}
        whole = {"event": {"agent": agent, "event_type": kind, "data": data, **event}}
        try:
            found = heard(whole)
        except SchemaError:
            continue
        assert found is None or found.by == "P1"
