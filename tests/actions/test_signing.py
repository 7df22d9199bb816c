import hmac
import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import SignatureError
from actions.signing import KeyRing

OLD = "k1:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQ="
NEW = "k2:bmV3LW5ldy1uZXctbmV3LW5ldy1uZXc="
RING = KeyRing.from_text(f"{NEW},{OLD}")


def test_a_signature_is_hmac_sha256_over_the_bytes_as_they_lie_on_the_topic() -> None:
    expected = hmac.new(b"new-new-new-new-new-new", b"value", "sha256").hexdigest()
    assert RING.sign(b"value") == f"v1=k2:{expected}".encode()


def test_the_first_key_signs_and_every_key_verifies_while_keys_rotate() -> None:
    assert RING.verify(b"value", RING.sign(b"value")) == "k2"
    assert RING.verify(b"value", KeyRing.from_text(OLD).sign(b"value")) == "k1"
    with pytest.raises(SignatureError, match="names key k2, known here are k1"):
        KeyRing.from_text(OLD).verify(b"value", RING.sign(b"value"))


STEPS = (OLD, f"{OLD},{NEW}", f"{NEW},{OLD}", NEW)


@pytest.mark.parametrize(("before", "after"), list(pairwise(STEPS)))
@given(value=st.binary(max_size=50), data=st.data())
def test_no_step_of_a_rotation_refuses_what_another_process_signs_meanwhile(
    before: str, after: str, value: bytes, data: st.DataObject
) -> None:
    # In each step some processes have the rings of before it and some those of after it.
    signer, verifier = (data.draw(st.sampled_from((before, after))) for _ in range(2))
    KeyRing.from_text(verifier).verify(value, KeyRing.from_text(signer).sign(value))


def test_a_rotation_that_leaves_a_step_out_or_hurries_the_last_one_refuses_good_commands() -> None:
    for signer, verifier in ((STEPS[2], STEPS[0]), (STEPS[1], STEPS[3])):
        with pytest.raises(SignatureError, match="known here are"):
            KeyRing.from_text(verifier).verify(b"value", KeyRing.from_text(signer).sign(b"value"))


@given(value=st.binary(max_size=200), at=st.integers(min_value=0), bit=st.integers(0, 7), data=st.data())
def test_one_flipped_bit_of_value_or_signature_is_refused(
    value: bytes, at: int, bit: int, data: st.DataObject
) -> None:
    signature = RING.sign(value)
    flip_value = bool(value) and data.draw(st.booleans())
    flipped = bytearray(value if flip_value else signature)
    flipped[at % len(flipped)] ^= 1 << bit
    with pytest.raises(SignatureError):
        RING.verify(*((bytes(flipped), signature) if flip_value else (value, bytes(flipped))))


@given(st.none() | st.binary(max_size=100))
def test_whatever_stands_in_the_header_is_refused_and_never_breaks(signature: bytes | None) -> None:
    with pytest.raises(SignatureError):
        RING.verify(b"value", signature)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no colon"),
        ("k1", "has no colon"),
        ("k1:%%%", "is not base64"),
        ("k1:c2hvcnQ=", "key k1 has 5 bytes, expected at least 16"),
        (f"{OLD},{OLD}", "names key k1 again"),
        ("k 1:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQ=", "characters outside"),
    ],
)
def test_a_malformed_key_ring_is_explained_without_its_secrets(text: str, said: str) -> None:
    with pytest.raises(SignatureError, match=said) as caught:
        KeyRing.from_text(text)
    assert "b2xk" not in str(caught.value)
    assert "c2hvcnQ" not in str(caught.value)


def test_a_key_ring_shows_no_secret_and_is_not_pickled() -> None:
    assert repr(RING) == str(RING) == "KeyRing(k2, k1)"
    with pytest.raises(TypeError, match="holds secrets"):
        pickle.dumps(RING)
