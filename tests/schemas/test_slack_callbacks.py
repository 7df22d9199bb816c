"""Slack's interactions: a click is read as it was made, and whatever else comes is refused in one way."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from schemas.approvals import hold_code
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, derived_id
from schemas.observations import Answer
from schemas.slack_callbacks import (
    hand_over_action,
    hold_block,
    hold_value,
    read_slack_callback,
    read_slack_payload,
)
from schemas.webhook_signatures import SignatureError, check_slack_signature

Json = dict[str, Any]

HOLD = derived_id("hold", "h1")
PROD = EnvironmentName("prod")
SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)

# The form of contracts/slack/block_actions.button.json, with one of our buttons.
CLICK: Json = {
    "type": "block_actions",
    "user": {"id": "W111", "username": "ada", "name": "ada", "team_id": "T111"},
    "api_app_id": "A111",
    "token": "verification_token",
    "container": {
        "type": "message",
        "message_ts": "1596530361.000200",
        "channel_id": "C111",
        "is_ephemeral": False,
    },
    "trigger_id": "111.222.valid",
    "team": {"id": "T111", "domain": "workspace-domain"},
    "channel": {"id": "C111", "name": "releases"},
    "response_url": "https://hooks.slack.com/actions/T111/111/random-value",
    "actions": [
        {
            "action_id": "approve",
            "block_id": hold_block(HOLD),
            "text": {"type": "plain_text", "text": "Roll back", "emoji": False},
            "value": hold_value(HOLD, PROD),
            "type": "button",
            "action_ts": "1596530385.194939",
        }
    ],
}


def form(payload: Json) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def clicked(**action: Any) -> Json:
    payload = copy.deepcopy(CLICK)
    payload["actions"][0].update(action)
    return payload


def test_a_click_on_approve_is_an_answer_by_whoever_clicked() -> None:
    reply = read_slack_callback(form(CLICK), ["T111"])
    assert reply is not None
    assert (reply.channel, reply.by, reply.answer) == ("slack", "W111", Answer.APPROVE)
    assert (reply.hold, reply.environment, reply.code) == (HOLD, "prod", hold_code(HOLD))
    assert reply.thread == "C111/1596530361.000200"
    assert reply.source == "1596530385.194939/1596530361.000200/W111"
    assert reply.at == datetime(2020, 8, 4, 8, 39, 45, 194939, tzinfo=UTC)


def test_a_click_on_reject_is_a_rejection() -> None:
    reply = read_slack_callback(form(clicked(action_id="reject")))
    assert reply is not None
    assert reply.answer is Answer.REJECT


def test_a_name_that_is_chosen_hands_the_question_over() -> None:
    payload = clicked(
        action_id=hand_over_action(PROD),
        type="static_select",
        selected_option={"text": {"type": "plain_text", "text": "bob"}, "value": "bob"},
    )
    del payload["actions"][0]["value"]
    reply = read_slack_callback(form(payload))
    assert reply is not None
    assert (reply.answer, reply.to, reply.hold, reply.environment) == (
        Answer.HAND_OVER,
        "bob",
        HOLD,
        "prod",
    )


@pytest.mark.parametrize("name", ["prod:eu", "prod eu", "a:b:c", "ünï", "x" * 200])
def test_an_environment_may_be_called_anything(name: str) -> None:
    environment = EnvironmentName(name)
    approved = read_slack_callback(form(clicked(value=hold_value(HOLD, environment))))
    chosen = {"value": "bob"}
    handed = read_slack_callback(
        form(clicked(action_id=hand_over_action(environment), selected_option=chosen))
    )
    assert approved is not None
    assert handed is not None
    assert approved.environment == handed.environment == name


def test_two_clicks_differ_and_one_click_delivered_twice_does_not() -> None:
    first = read_slack_callback(form(CLICK))
    again = read_slack_callback(form(CLICK))
    second = read_slack_callback(form(clicked(action_ts="1596530385.300000")))
    assert first is not None
    assert second is not None
    assert first == again
    assert first.source != second.source


@pytest.mark.parametrize(
    "file",
    [
        "block_actions.button.json",
        "org_install.block_actions.json",
        "org_install.view_closed.json",
        "org_install.view_submission.json",
        "view_submission.json",
    ],
)
def test_other_interactions_are_no_answers(read_contract: Callable[[str, str], Any], file: str) -> None:
    assert read_slack_callback(form(read_contract("slack", file))) is None


def test_a_click_in_an_installation_for_a_whole_organisation_is_read(
    read_contract: Callable[[str, str], Any],
) -> None:
    payload = read_contract("slack", "org_install.block_actions.json")
    payload["actions"][0].update(block_id=hold_block(HOLD), action_id="approve", value=hold_value(HOLD, PROD))
    reply = read_slack_callback(form(payload), ["T_expected"])
    assert reply is not None
    assert reply.by == "W111"


def test_a_user_of_another_workspace_is_refused() -> None:
    with pytest.raises(SchemaError, match="workspace that is not configured"):
        read_slack_callback(form(CLICK), ["T222"])


def test_a_value_of_another_hold_than_its_block_is_refused() -> None:
    with pytest.raises(SchemaError, match="another hold"):
        read_slack_callback(form(clicked(value=hold_value("other", PROD))))


def test_a_code_that_is_not_the_holds_is_refused() -> None:
    with pytest.raises(SchemaError, match="code"):
        read_slack_callback(form(clicked(value=f"{HOLD}:prod:000000")))


def test_a_refusal_never_repeats_what_came() -> None:
    payload = clicked(action_id="hunter2")
    with pytest.raises(SchemaError) as raised:
        read_slack_callback(form(payload))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=1&payload=2",
        b"payload=%ff",
        b"a=b",
        b"\xff",
        b"payload=[]",
        b"payload=%7B",
    ],
)
def test_a_body_that_is_no_such_form_is_refused(body: bytes) -> None:
    with pytest.raises(SchemaError):
        read_slack_callback(body)


def test_a_form_with_two_payloads_is_refused() -> None:
    with pytest.raises(SchemaError, match="2 payloads"):
        read_slack_callback(form(CLICK) + b"&" + form(clicked(action_id="reject")))


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("user", "id"),
        ("container", "channel_id"),
        ("container", "message_ts"),
        ("actions", "action_ts"),
        ("actions", "action_id"),
        ("actions", "value"),
    ],
)
@pytest.mark.parametrize("value", [None, 1, "", "a b", [], {}, "x" * 3000, "1e9", "nan", "-1.5", "\u0000"])
def test_a_field_of_another_form_is_refused(where: str, key: str, value: Any) -> None:
    payload = copy.deepcopy(CLICK)
    (payload[where][0] if where == "actions" else payload[where])[key] = value
    with pytest.raises(SchemaError):
        read_slack_payload(payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.data())
def test_whatever_stands_in_a_payload_is_read_or_refused(data: st.DataObject) -> None:
    payload = copy.deepcopy(CLICK)
    places = [payload, payload["user"], payload["container"], payload["actions"][0]]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    try:
        read_slack_payload(payload)
    except SchemaError:
        return


@given(st.binary(max_size=200))
def test_whatever_comes_as_a_body_is_read_or_refused(body: bytes) -> None:
    try:
        assert read_slack_callback(body) is None
    except SchemaError:
        return


@given(st.integers(min_value=0, max_value=len(form(CLICK)) - 1), st.integers(min_value=0, max_value=255))
def test_a_body_that_is_cut_or_changed_in_one_byte_is_read_or_refused(at: int, byte: int) -> None:
    body = form(CLICK)
    for changed in (body[:at], body[:at] + bytes([byte]) + body[at + 1 :]):
        try:
            read_slack_callback(changed)
        except SchemaError:
            continue


def sign(body: bytes, stamp: bytes, secret: bytes = SECRET) -> bytes:
    return b"v0=" + hmac.new(secret, b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest().encode()


def accepts(
    body: bytes,
    stamp: bytes | None,
    signature: bytes | None,
    secrets: tuple[bytes, ...] = (SECRET,),
    now: datetime = NOW,
) -> bool:
    try:
        check_slack_signature(body, timestamp=stamp, signature=signature, secrets=secrets, now=now)
    except SignatureError:
        return False
    return True


STAMP = str(int(NOW.timestamp())).encode()


def test_the_published_vector_is_accepted(read_contract: Callable[[str, str], Any]) -> None:
    vector = read_contract("authored", "signature-vectors.json")["vectors"][0]
    assert accepts(
        vector["body"].encode(),
        vector["headers"]["X-Slack-Request-Timestamp"].encode(),
        vector["headers"]["X-Slack-Signature"].encode(),
        (vector["secret"].encode(),),
        datetime.fromtimestamp(vector["now"], UTC),
    )


class _Fixed(Clock):
    def now(self) -> float:
        return NOW.timestamp()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=100), st.integers(-400, 400))
def test_what_the_vendors_own_verifier_accepts_is_accepted_and_nothing_else(text: str, off: int) -> None:
    stamp = str(int(NOW.timestamp()) + off).encode()
    signature = sign(text.encode(), stamp)
    verdict = SignatureVerifier(SECRET.decode(), _Fixed()).is_valid(text, stamp.decode(), signature.decode())
    assert accepts(text.encode(), stamp, signature) is verdict


@given(st.binary(max_size=100), st.data())
def test_one_byte_flipped_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    parts = [body or b"x", STAMP, sign(body or b"x", STAMP), SECRET]
    assert accepts(parts[0], parts[1], parts[2], (parts[3],))
    which = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    flipped = bytearray(parts[which])
    flipped[at] ^= data.draw(st.integers(1, 255))
    parts[which] = bytes(flipped)
    assert not accepts(parts[0], parts[1], parts[2], (parts[3],))


@pytest.mark.parametrize(
    "stamp", [None, b"", b"nan", b"-1", b"1.5", b"+1", b" 1", "\u0661".encode(), b"9" * 40]
)
def test_a_time_that_is_no_whole_number_of_seconds_is_refused(stamp: bytes | None) -> None:
    assert not accepts(b"x", stamp, b"v0=00")


@pytest.mark.parametrize("signature", [None, b"", b"v0=", b"\xff\xfe", "v0=é".encode(), b"v1=00"])
def test_a_signature_of_another_form_is_refused(signature: bytes | None) -> None:
    assert not accepts(b"x", STAMP, signature)


def test_an_upper_case_signature_is_refused() -> None:
    assert not accepts(b"x", STAMP, sign(b"x", STAMP).upper())


@pytest.mark.parametrize("off", [timedelta(seconds=301), timedelta(seconds=-301)])
def test_a_delivery_that_is_more_than_five_minutes_off_is_refused(off: timedelta) -> None:
    assert not accepts(b"x", STAMP, sign(b"x", STAMP), now=NOW + off)


def test_either_of_two_secrets_proves_a_delivery() -> None:
    other = b"another signing secret of the app"
    assert accepts(b"x", STAMP, sign(b"x", STAMP, other), (SECRET, other))


def test_no_secret_proves_nothing() -> None:
    assert not accepts(b"x", STAMP, sign(b"x", STAMP), ())


def test_a_body_that_is_not_text_is_proven_by_its_bytes() -> None:
    assert accepts(b"\xff\xfe", STAMP, sign(b"\xff\xfe", STAMP))
