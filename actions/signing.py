"""Signatures of commands: who may order an action is who knows a key.

HMAC-SHA256 (RFC 2104) over the bytes of the value as they lie on the topic. The header reads
`v1=<key id>:<lower-case hex>`. Keys rotate in three steps: add the new one behind the old one
everywhere, put it first, take the old one away.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping

from actions.errors import SignatureError

HEADER = "suture-signature"
"""Name of the Kafka header."""

MIN_KEY_BYTES = 16
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class KeyRing:
    """Keys by id; the first one signs, all of them verify.

    Raises:
        SignatureError: there is no key, or one is shorter than 16 bytes.

    >>> ring = KeyRing.from_text("k1:MDEyMzQ1Njc4OWFiY2RlZg==")
    >>> ring.verify(b"value", ring.sign(b"value"))
    'k1'
    >>> ring
    KeyRing(k1)
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise SignatureError("key ring is empty, expected at least one key")
        for key_id, secret in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise SignatureError("a key id has characters outside A-Z a-z 0-9 . _ -, or is too long")
            if len(secret) < MIN_KEY_BYTES:
                raise SignatureError(
                    f"key {key_id} has {len(secret)} bytes, expected at least {MIN_KEY_BYTES}"
                )
        self._keys = dict(keys)

    @classmethod
    def from_text(cls, text: str) -> "KeyRing":
        """Return the ring that `k2:<base64>,k1:<base64>` describes.

        Raises:
            SignatureError: an entry is malformed, or an id stands twice; never repeats a secret.
        """
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.split(","), start=1):
            key_id, colon, encoded = entry.strip().partition(":")
            if not colon:
                raise SignatureError(f"entry {number} of the key ring has no colon, expected id:base64")
            if key_id in keys:
                raise SignatureError(f"entry {number} of the key ring names key {key_id} again")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                # Without the cause: its text may show part of the secret.
                raise SignatureError(f"entry {number} of the key ring is not base64") from None
        return cls(keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    def __reduce__(self) -> str:
        raise TypeError("a key ring is not pickled: it holds secrets")

    def sign(self, value: bytes) -> bytes:
        """Return the header of a value, signed with the first key."""
        key_id = next(iter(self._keys))
        return b"v1=" + key_id.encode() + b":" + self._digest(key_id, value)

    def verify(self, value: bytes, signature: bytes | None) -> str:
        """Return the id of the key that signed the value.

        Raises:
            SignatureError: the header is missing or malformed, its key is unknown, or it does not fit.
        """
        if not signature:
            raise SignatureError("the command is not signed")
        version, equals, rest = signature.partition(b"=")
        key_bytes, colon, digest = rest.partition(b":")
        if version != b"v1" or not equals or not colon:
            raise SignatureError("the signature is malformed, expected v1=<key id>:<hex>")
        key_id = key_bytes.decode("latin-1")
        if key_id not in self._keys:
            known = ", ".join(self._keys)
            shown = key_id if _KEY_ID.fullmatch(key_id) else "(unreadable)"
            raise SignatureError(f"the signature names key {shown}, known here are {known}")
        # Bytes, because compare_digest refuses text that is not ASCII with a TypeError.
        if not hmac.compare_digest(self._digest(key_id, value), digest):
            raise SignatureError(f"the signature by key {key_id} does not fit the command")
        return key_id

    def _digest(self, key_id: str, value: bytes) -> bytes:
        return hmac.digest(self._keys[key_id], value, "sha256").hex().encode()
