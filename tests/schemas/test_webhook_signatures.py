"""Proofs of webhooks: the published vectors hold, and nothing that differs from them by a bit does."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SettingsError
from schemas.webhook_signatures import (
    SignatureError,
    check_hub_signature,
    check_shared_secret,
    check_standard_webhook,
    standard_webhook_key,
)

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
SECRET = b"a secret that nobody guesses"
OTHER = b"another secret that is not it"
KEY = standard_webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

bodies = st.binary(max_size=300)


def hub(body: bytes, secret: bytes = SECRET) -> bytes:
    return b"sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


def standard(message: bytes, timestamp: bytes, body: bytes, key: bytes = KEY) -> bytes:
    digest = hmac.digest(key, message + b"." + timestamp + b"." + body, "sha256")
    return b"v1," + base64.b64encode(digest)


def seconds(at: datetime) -> bytes:
    return str(int(at.timestamp())).encode()


def hub_accepts(body: bytes, signature: bytes | None, *secrets: bytes) -> bool:
    with suppress(SignatureError):
        check_hub_signature(body, signature, secrets or (SECRET,))
        return True
    return False


def standard_accepts(
    body: bytes,
    message: bytes | None,
    timestamp: bytes | None,
    signatures: bytes | None,
    *secrets: bytes,
    now: datetime = NOW,
) -> bool:
    with suppress(SignatureError):
        check_standard_webhook(
            body,
            message=message,
            timestamp=timestamp,
            signatures=signatures,
            secrets=secrets or (KEY,),
            now=now,
        )
        return True
    return False


@st.composite
def changed(draw: st.DrawFn, text: bytes) -> bytes:
    """Draw what differs from the text: a bit flipped, cut off, put in, or the text twice."""
    place = draw(st.integers(0, max(0, len(text) - 1)))
    ways = [text + draw(st.binary(min_size=1, max_size=5)), draw(st.binary(max_size=80))]
    if text:
        flipped = bytes([text[place] ^ 1 << draw(st.integers(0, 7))])
        ways += [text[:place] + flipped + text[place + 1 :], text[:place], text[place + 1 :], text + text]
    return draw(st.sampled_from(ways).filter(lambda way: way != text))


def other_key(key: bytes) -> st.SearchStrategy[bytes]:
    """Draw another key; HMAC fills keys up with zeros, by which alone two do not differ (RFC 2104, 2)."""
    return changed(key).filter(lambda other: other.rstrip(b"\0") != key and bool(other))


def vector(read_contract: Callable[[str, str], Any], scheme: str) -> dict[str, Any]:
    found = read_contract("authored", "signature-vectors.json")["vectors"]
    return next(one for one in found if one["scheme"] == scheme)


def test_the_vector_that_github_publishes_is_accepted(read_contract: Callable[[str, str], Any]) -> None:
    known = vector(read_contract, "github-sha256")
    signature = known["headers"]["X-Hub-Signature-256"].encode()
    assert hub_accepts(known["body"].encode(), signature, known["secret"].encode())
    assert not hub_accepts(known["body"].encode(), signature, OTHER)


def test_the_vector_of_standard_webhooks_is_accepted(read_contract: Callable[[str, str], Any]) -> None:
    known = vector(read_contract, "standard-webhooks")
    headers = [
        known["headers"][name].encode() for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    now = datetime.fromtimestamp(known["now"], UTC)
    key = standard_webhook_key(known["secret"])
    assert standard_accepts(known["body"].encode(), *headers, key, now=now)
    assert not standard_accepts(known["body"].encode(), *headers, OTHER, now=now)


@given(bodies)
def test_any_of_the_secrets_may_have_signed(body: bytes) -> None:
    signed = standard(b"id", seconds(NOW), body)
    assert hub_accepts(body, hub(body), OTHER, SECRET)
    assert standard_accepts(body, b"id", seconds(NOW), signed, OTHER, KEY)
    check_shared_secret(SECRET, (OTHER, SECRET))


@given(bodies, st.data())
def test_no_other_body_signature_or_key_is_accepted_from_github(body: bytes, data: st.DataObject) -> None:
    signature = hub(body)
    assert hub_accepts(body, signature)
    assert not hub_accepts(data.draw(changed(body)), signature)
    assert not hub_accepts(body, data.draw(changed(signature)))
    assert not hub_accepts(body, signature, data.draw(other_key(SECRET)))
    assert not hub_accepts(body, signature.upper())
    assert not hub_accepts(body, signature.removeprefix(b"sha256="))
    assert not hub_accepts(body, b"sha1=" + hmac.new(SECRET, body, hashlib.sha1).hexdigest().encode())
    assert not hub_accepts(body, None)


@given(bodies, st.data())
def test_no_other_body_id_time_signature_or_key_is_accepted_of_a_standard_webhook(
    body: bytes, data: st.DataObject
) -> None:
    message, timestamp = b"msg_1", seconds(NOW)
    signature = standard(message, timestamp, body)
    assert standard_accepts(body, message, timestamp, signature)
    assert not standard_accepts(data.draw(changed(body)), message, timestamp, signature)
    assert not standard_accepts(body, data.draw(changed(message)), timestamp, signature)
    assert not standard_accepts(body, message, data.draw(changed(timestamp)), signature)
    assert not standard_accepts(body, message, timestamp, signature, data.draw(other_key(KEY)))
    assert not standard_accepts(body, message, timestamp, signature.replace(b"v1,", b"v1a,"))


@given(bodies, st.data())
def test_a_changed_signature_of_a_standard_webhook_is_accepted_only_beside_the_right_one(
    body: bytes, data: st.DataObject
) -> None:
    signature = standard(b"id", seconds(NOW), body)
    wrong = data.draw(changed(signature).filter(lambda one: signature not in one.split(b" ")))
    assert not standard_accepts(body, b"id", seconds(NOW), wrong)
    assert standard_accepts(body, b"id", seconds(NOW), wrong + b" " + signature)


@given(st.integers(-10_000_000, 10_000_000))
def test_a_signed_time_is_taken_within_five_minutes_either_way(off_s: int) -> None:
    timestamp = seconds(NOW + timedelta(seconds=off_s))
    signed = standard(b"id", timestamp, b"{}")
    assert standard_accepts(b"{}", b"id", timestamp, signed) == (abs(off_s) <= 300)


@pytest.mark.parametrize(
    "timestamp",
    [b"nan", b"-1", b"+1795183205", b" 1795183205", b"1795183205.0", b"1e9", b"9" * 13, b"\xb2", b"0", b""],
)
def test_a_time_that_is_no_fresh_number_of_seconds_is_refused_though_it_is_signed(timestamp: bytes) -> None:
    assert not standard_accepts(b"{}", b"id", timestamp, standard(b"id", timestamp, b"{}"))


@pytest.mark.parametrize("missing", range(3))
def test_a_standard_webhook_without_one_of_its_headers_is_refused(missing: int) -> None:
    headers = (b"id", seconds(NOW), standard(b"id", seconds(NOW), b"{}"))
    assert standard_accepts(b"{}", *headers)
    message, timestamp, signatures = (
        None if place == missing else header for place, header in enumerate(headers)
    )
    assert not standard_accepts(b"{}", message, timestamp, signatures)


@given(st.binary(max_size=60) | st.none())
def test_only_the_secret_itself_is_taken_for_it(told: bytes | None) -> None:
    try:
        check_shared_secret(told, [SECRET])
    except SignatureError:
        assert told != SECRET
    else:
        assert told == SECRET


@given(bodies, st.binary(max_size=80))
def test_no_secret_at_all_proves_nothing(body: bytes, signature: bytes) -> None:
    with pytest.raises(SignatureError):
        check_hub_signature(body, signature, ())
    with pytest.raises(SignatureError):
        check_shared_secret(signature, ())


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_ünicode", "whsec_abc"])
def test_a_signing_secret_that_is_no_base64_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(SettingsError) as refused:
        standard_webhook_key(secret)
    assert secret.removeprefix("whsec_") not in str(refused.value)
